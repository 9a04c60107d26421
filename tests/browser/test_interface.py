"""Panel, search and drawer: what people type, click and read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.map_page import MapPage

Open = Callable[..., MapPage]

HAN = re.compile(r"[\u3400-\u9fff]")
WRITTEN = """() => {
  const own = (element) => !element.closest("#language, [data-name], .maplibregl-map");
  const words = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const { parentElement: element, data } = walk.currentNode;
    if (data.trim() && own(element) && !["SCRIPT", "NOSCRIPT"].includes(element.tagName)) {
      words.push(data.trim());
    }
  }
  for (const element of document.querySelectorAll("[title], [aria-label], [placeholder]")) {
    if (!own(element)) continue;
    for (const name of ["title", "aria-label", "placeholder"]) {
      if (element.getAttribute(name)) words.push(element.getAttribute(name));
    }
  }
  return [...words, document.title, gisMap.getCanvas().getAttribute("aria-label")];
}"""


def some_grid(page: MapPage) -> dict[str, Any]:
    """A grid with incidents, and its middle."""
    counts = page.api("/api/areas/grid/series?steps=1")["items"]
    code = max(counts, key=lambda item: counts[item][0])
    grid: dict[str, Any] = page.api(f"/api/areas/grid/{code}?geometry=true")
    return grid


def inside(page: MapPage, grid: dict[str, Any]) -> tuple[float, float]:
    """A position inside a grid: the first of a raster of its box that the service places there."""
    west, south, east, north = grid["bbox"]
    for i in range(1, 8):
        for j in range(1, 8):
            lon, lat = west + (east - west) * i / 8, south + (north - south) * j / 8
            found = page.api(f"/api/locate?lon={lon}&lat={lat}")
            if found["grid"] and found["grid"]["code"] == grid["code"]:
                return lon, lat
    raise AssertionError(f"no position inside {grid['code']}")


def counted(page: MapPage, shown: int) -> str:
    """The counts' text once it says that ``shown`` incidents are."""
    text: str = page.until(
        "() => { const text = document.getElementById('counts').textContent;"
        f" return text.replaceAll(',', '').includes('显示 {shown} /') && text; }}"
    )
    return text


def test_language_changes_all_words_and_nothing_else(open_map: Open) -> None:
    page = open_map("#layers=street,incidents,grid_density&compare=1&time=1")
    page.until("() => document.querySelector('#timeline .bar')")
    page.find("summary").nth(2).click()
    page.find("summary").nth(3).click()
    page.find("#tool-export").click()
    before = page.ask("[location.hash, gisMap.getZoom(), JSON.stringify(gisApp.main.shown)]")
    chinese = page.ask(WRITTEN)
    page.find("#tool-export").click()
    page.find("#language").click()
    page.until("() => document.documentElement.lang === 'en'")
    page.find("#tool-export").click()
    page.idle()
    english = page.ask(WRITTEN)
    assert len(english) > 100
    # who is signed in has one name in both languages
    account = json.loads(page.ask("document.body.dataset.account"))
    names = re.compile("|".join(re.escape(account[key]) for key in ("display_name", "name")))
    assert [text for text in english if HAN.search(names.sub("", text))] == []
    latin = re.compile(r"[A-Za-z]{3,}")
    allowed = re.compile(r"WGS84|MapLibre|HTML|PNG|OSM|Getis-Ord Gi|CSV|Excel|GeoJSON|GeoPackage")
    chinese = [names.sub("", text) for text in chinese]
    assert [text for text in chinese if latin.search(allowed.sub("", text))] == []
    after = page.ask("[location.hash, gisMap.getZoom(), JSON.stringify(gisApp.main.shown)]")
    assert after == before
    assert "lang=en" in page.ask("location.search")


def test_english_is_asked_for_by_the_browser(open_map: Open) -> None:
    page = open_map(lang="en")
    assert page.ask("document.documentElement.lang") == "en"
    assert page.text("#title") == page.api("/api/district")["title"]["en"]
    assert page.text("#illustrative") == "Illustrative data"


def test_search_with_the_keyboard(open_map: Open) -> None:
    page = open_map()
    community = page.api("/api/areas/community?limit=5")["items"][2]
    page.page.keyboard.press("Tab")
    assert page.ask("document.activeElement.className") == "skip"
    page.page.keyboard.press("Enter")
    assert page.ask("document.activeElement.id") == "search-input"
    page.page.keyboard.type(community["name"][:2])
    page.until("() => document.querySelectorAll('#search-results [role=option]').length > 0")
    names = page.find(".hit-name").all_inner_texts()
    assert community["name"] in names
    for _ in range(names.index(community["name"])):
        page.page.keyboard.press("ArrowDown")
    chosen = page.find("#search-input").get_attribute("aria-activedescendant")
    assert community["name"] in page.text(f"#{chosen}")
    page.page.keyboard.press("Enter")
    page.until("() => document.querySelector('#drawer h2')")
    assert page.text("#drawer h2") == community["name"]
    assert page.find("#search-box").is_hidden()
    page.idle()
    west, south, east, north = community["bbox"]
    centre = page.ask("gisMap.getCenter()")
    box = page.ask("gisMap.getBounds().toArray()")
    assert box[0][0] < west < east < box[1][0]
    assert box[0][1] < south < north < box[1][1]
    assert centre
    page.page.keyboard.press("Escape")
    page.until("() => document.getElementById('drawer').hidden")


def test_search_by_code_position_and_address(open_map: Open) -> None:
    page = open_map()
    grid = some_grid(page)
    page.find("#search-input").fill(grid["code"])
    page.until("() => document.querySelector('.hit-name')")
    assert page.text(".hit-name") == grid["name"]
    lon, lat = inside(page, grid)
    page.find("#search-input").fill(f"{lon:.6f}, {lat:.6f}")
    page.until("() => document.querySelectorAll('.hit-name').length === 1")
    page.find("#search-results li").click()
    page.until("() => document.querySelector('#drawer .crumbs')")
    assert grid["name"] in page.text("#drawer .crumbs")
    doors = page.api("/api/locate?address=%E8%A1%97")["items"]
    door = next(item for item in doors if not item["code"])
    page.find("#search-input").fill(door["name"])
    page.find(".hit-name", door["name"]).first.wait_for()


def test_search_says_when_there_is_nothing(open_map: Open) -> None:
    page = open_map()
    page.find("#search-input").fill("qqqqzzzz")
    page.until("() => /没有找到/.test(document.getElementById('search-note').textContent)")
    assert page.find("#search-results li").count() == 0


def test_click_tells_where_it_is(open_map: Open) -> None:
    page = open_map("#layers=street,community,grid,building,basemap")
    grid = some_grid(page)
    lon, lat = inside(page, grid)
    page.ask("([lon, lat]) => gisMap.jumpTo({ center: [lon, lat], zoom: 15.5 })", [lon, lat])
    page.idle()
    page.click_map(lon, lat)
    page.until("() => document.querySelector('#drawer .facts')")
    assert page.text("#drawer h2") == grid["name"]
    path = grid["path"]
    for level in ("street", "community"):
        assert path[level]["name"] in page.text("#drawer .crumbs")
    assert "网格内" in page.text(".placement")
    total = page.api(f"/api/incidents/count?grid={grid['code']}")["count"]
    assert f"{total} 件" in page.text("#drawer .facts").replace(",", "")
    assert f"/ {grid['buildings']} 栋" in page.text("#drawer .facts")
    assert "km²" in page.text("#drawer .facts") or "m²" in page.text("#drawer .facts")
    outlined = page.ask(
        "gisMap.getSource('selection').serialize().data.geometry.geometries[0].type"
    )
    assert outlined in ("Polygon", "MultiPolygon")

    page.find("#drawer .crumb").nth(1).click()
    page.until(
        f"() => document.querySelector('#drawer h2').textContent === '{path['community']['name']}'"
    )
    assert f"selected=community/{path['community']['code']}" in page.until(
        "() => location.hash.includes('selected=community') && location.hash"
    )
    page.find("#drawer .fold summary").first.click()
    page.until("() => document.querySelectorAll('#drawer .children .link').length > 0")
    assert (
        page.find("#drawer .children .link").count()
        == page.api(f"/api/areas/community/{path['community']['code']}")["children"]["count"]
    )


def test_click_outside_says_so(open_map: Open) -> None:
    page = open_map()
    west, south, _east, _north = page.api("/api/district")["bbox"]
    page.ask("([lon, lat]) => gisMap.jumpTo({ center: [lon, lat], zoom: 14 })", [west, south])
    page.idle()
    page.click_map(west - 0.002, south - 0.002)
    page.until("() => document.querySelector('#drawer h2')?.textContent === '不在已装载的区划内'")


def test_incidents_of_an_area_page_by_page(open_map: Open) -> None:
    page = open_map()
    street = page.api("/api/areas/street")["items"][0]
    page.find("#search-input").fill(street["code"])
    page.until("() => document.querySelector('.hit-name')")
    page.page.keyboard.press("Enter")
    page.until("() => document.querySelectorAll('.incident').length === 20")
    page.find(".incidents-foot .button").click()
    page.until("() => document.querySelectorAll('.incident').length === 40")
    listed = page.api(f"/api/incidents?street={street['code']}&limit=40")["items"]
    ended = {"closed", "not_accepted", "merged", "transferred", "cancelled"}
    for row, item in zip(page.find(".incident").all(), listed, strict=True):
        kind = "ended" if item["state"] in ended else "open"
        assert kind in (row.get_attribute("class") or "")
        assert item["class"]["name"] in row.inner_text()
    # told apart without colour: by a filled or an open mark, and in words
    looks = page.ask("""() => ["open", "ended"].map((kind) => {
      const mark = document.querySelector(`.incident.${kind} .mark`);
      return mark && [getComputedStyle(mark).backgroundColor, getComputedStyle(mark).borderWidth];
    })""")
    if all(looks):
        assert looks[0][1] == "0px"
        assert looks[1][1] != "0px"

    first = listed[0]
    page.find(".incident").first.click()
    page.until("() => document.querySelector('#drawer .log li')")
    assert first["code"] in page.text("#drawer .kind")
    log = page.api(f"/api/incidents/{first['id']}/log")["items"]
    assert page.find("#drawer .log li").count() == len(log)
    assert f"selected=incident/{first['id']}" in page.until(
        "() => location.hash.includes('selected=incident') && location.hash"
    )


def test_a_click_on_an_incident_opens_it(open_map: Open) -> None:
    page = open_map()
    item = next(
        item for item in page.api("/api/incidents?limit=100")["items"] if item["lon"] is not None
    )
    page.ask(
        "([lon, lat]) => gisMap.jumpTo({ center: [lon, lat], zoom: 18.5 })",
        [item["lon"], item["lat"]],
    )
    page.idle()
    page.click_map(item["lon"], item["lat"])
    page.until("() => document.querySelector('#drawer .log')")
    assert page.until("() => /selected=incident/.test(location.hash)")
    assert page.find("#drawer .state").count() == 1


def test_a_click_on_a_cluster_comes_closer(open_map: Open) -> None:
    page = open_map()
    zoom = page.ask("gisMap.getZoom()")
    at = page.ask("""() => {
      const size = gisMap.getContainer();
      return gisMap.queryRenderedFeatures({ layers: ["incidents-cluster"] })
        .map(({ geometry }) => geometry.coordinates)
        .find((place) => {
          const { x, y } = gisMap.project(place);
          return x > 450 && x < size.clientWidth - 150 && y > 100 && y < size.clientHeight - 100;
        });
    }""")
    page.click_map(*at)
    page.until(f"() => gisMap.getZoom() > {zoom} + 1.9 && !gisMap.isMoving()")
    assert page.find("#drawer").is_hidden()


def test_filters_mean_the_same_everywhere(open_map: Open) -> None:
    page = open_map()
    classes = [item for item in page.api("/api/classes")["items"] if item["count"]]
    picked = max(classes, key=lambda item: item["count"])
    page.find("summary").nth(2).click()
    page.find("#class-search").fill(picked["name"])
    page.find(f"[data-focus='class-{picked['code']}']").check()
    page.find("#time-365").click()
    page.find("summary").nth(3).click()
    page.find("[data-focus='states-ended']").click()
    page.idle()
    source = page.ask("gisMap.getSource('incidents').tiles[0]")
    query = source.split("?", 1)[1]
    expected = page.api(f"/api/incidents/count?{query}")["count"]
    assert expected > 0
    assert counted(page, expected).startswith("筛选后")
    total = page.api("/api/district")["incidents"]["count"]
    assert f"/ {total} 件" in page.text("#counts").replace(",", "")
    assert page.find(".chip").count() == 3
    page.find("#active-filters .link").click()
    page.until("() => document.getElementById('active-filters').hidden")
    page.idle()
    assert "?" not in page.ask("gisMap.getSource('incidents').tiles[0]")


def test_majors_choose_all_their_classes(open_map: Open) -> None:
    page = open_map()
    page.find("summary").nth(2).click()
    major = page.find(".major").first
    key = major.locator("input").get_attribute("data-focus")
    assert key
    major.locator("input").first.check()
    codes = page.until(
        "() => new URLSearchParams(location.hash.slice(1)).getAll('class').length > 0"
        " && new URLSearchParams(location.hash.slice(1)).getAll('class')"
    )
    kind, number = key.removeprefix("major-").split("/")
    assert set(codes) == {
        item["code"]
        for item in page.api("/api/classes")["items"]
        if item["kind"] == kind and item["major"] == number
    }
    page.find("#class-list .fold").first.click()
    page.find("#class-list .checks input").first.uncheck()
    page.until("() => document.querySelector('#class-list input').indeterminate")


def test_only_this_area(open_map: Open) -> None:
    page = open_map()
    community = page.api("/api/areas/community?limit=2")["items"][1]
    page.find("#search-input").fill(community["code"])
    page.until("() => document.querySelector('.hit-name')")
    page.page.keyboard.press("Enter")
    page.until("() => document.querySelector('#drawer .actions [aria-pressed]')")
    page.find("#drawer .actions [aria-pressed]").click()
    page.until("() => !document.getElementById('active-filters').hidden")
    assert community["name"] in page.text(".chip")
    expected = page.api(f"/api/incidents/count?community={community['code']}")["count"]
    counted(page, expected)
    assert community["code"] in page.ask("gisMap.getSource('incidents').tiles[0]")


def test_reversed_days_are_refused_with_words(open_map: Open) -> None:
    page = open_map()
    page.find("#time-from").fill("2026-06-10")
    page.find("#time-to").fill("2026-06-01")
    page.until("() => /早于/.test(document.getElementById('messages').textContent)")
    assert "to=" not in page.ask("location.hash")


def test_names_that_look_like_markup_stay_text(open_map: Open) -> None:
    page = open_map()
    evil = "<img src=x onerror=window.hacked=1><b>东门</b>"

    def rename(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        body["name"] = evil
        route.fulfill(response=answer, json=body)

    page.page.route(re.compile(r"/api/areas/street/\d+\?"), rename)
    street = page.api("/api/areas/street")["items"][0]
    page.find("#search-input").fill(street["code"])
    page.until("() => document.querySelector('.hit-name')")
    page.page.keyboard.press("Enter")
    page.until("() => document.querySelector('#drawer h2')")
    assert page.text("#drawer h2") == evil
    assert page.find("#drawer img").count() == 0
    assert page.ask("window.hacked") is None


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_fits_a_phone(open_map: Open, lang: str) -> None:
    page = open_map(lang=lang, size=(375, 812), phone=True)
    assert page.ask("document.documentElement.scrollWidth") <= 375
    small = page.ask("""() => [...document.querySelectorAll("button, input, a, summary")]
      .filter((element) => element.checkVisibility() && element.offsetWidth > 1)
      .map((element) => [element.id || element.className, element.getBoundingClientRect()])
      .filter(([, box]) => box.right > 376 || box.left < -1 || box.height < 20)
      .map(([name]) => name)""")
    assert small == ["skip"] or small == []
    page.find("#panel-handle").click()
    page.until("() => document.querySelector('#panel-body').offsetHeight > 200")
    page.switch("grid")
    page.page.touchscreen.tap(180, 60)
    page.until("() => document.querySelector('#panel-body').offsetHeight === 0")
    page.until("() => document.querySelector('#drawer h2')")
    drawer = page.find("#drawer").bounding_box()
    assert drawer
    assert drawer["width"] == 375
    assert drawer["y"] > 300, "the map stays in sight"
    page.find("#drawer .close").click()
    page.find("#tool-time").click()
    page.until("() => document.querySelector('#timeline .bar')")
    assert page.ask("document.documentElement.scrollWidth") <= 375


def test_focus_is_seen_and_every_control_has_a_name(open_map: Open) -> None:
    page = open_map("#time=0")
    page.until("() => document.querySelector('#timeline .bar')")
    nameless = page.ask("""() => [...document.querySelectorAll("button, input, select, a")]
      .filter((element) => !(element.textContent.trim() || element.getAttribute("aria-label")
        || element.labels?.length)).map((element) => element.outerHTML)""")
    assert nameless == []
    for _ in range(12):
        page.page.keyboard.press("Tab")
        outline = page.ask("""() => {
          const element = document.activeElement;
          const inSearch = element.id === "search-input";
          const style = getComputedStyle(inSearch ? element.parentElement : element);
          return style.outlineStyle !== "none" || style.boxShadow !== "none";
        }""")
        assert outline, page.ask("document.activeElement.outerHTML")


def test_enter_on_the_map_reads_its_middle(open_map: Open) -> None:
    page = open_map()
    page.ask("gisMap.getCanvas().focus()")
    page.page.keyboard.press("Enter")
    page.until("() => document.querySelector('#drawer h2')")
    assert page.until("() => /selected=point/.test(location.hash)")


def test_panel_hides_and_returns(open_map: Open) -> None:
    page = open_map()
    page.find("#panel-collapse").click()
    assert page.find("#panel").is_hidden()
    assert page.ask("document.activeElement.id") == "panel-open"
    page.find("#panel-open").click()
    assert page.find("#panel").is_visible()


def test_an_ambiguous_place_names_what_else_it_may_be(open_map: Open) -> None:
    page = open_map()
    levels = ("street", "community", "grid", "building")
    for item in page.api("/api/incidents?limit=1000")["items"]:
        others = {
            candidate["name"]
            for candidate in item["placement"]["candidates"]
            if candidate["code"] != (item[candidate["level"]] or {}).get("code")
        }
        if others:
            break
    else:
        pytest.fail("the demo district has places near borders")
    page.ask(f"location.hash = location.hash + '&selected=incident/{item['id']}'")
    page.until("() => document.querySelector('#drawer .candidates')")
    said = page.find("#drawer .candidates .link").all_inner_texts()
    assert {text.split(" ", 1)[1] for text in said} == others
    path = [item[level]["name"] for level in levels if item[level]]
    assert all(name in page.text("#drawer .crumbs") for name in path)
