"""The page of coverage in a browser: gaps first, told apart without colour, filters, one grid,
the printed sheets."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from shapely.geometry import shape

from tests.patrols.conftest import gpx


@pytest.fixture
def open_coverage(open_as: Callable[..., Page]) -> Callable[..., Page]:
    def open_page(
        name: str = "duty_chief", lang: str = "zh", hash_: str = "", **options: Any
    ) -> Page:
        return open_as(name, f"/coverage?lang={lang}{hash_}", lang=lang, **options)

    return open_page


def asked(served: str, token: str, path: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{served}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found


def test_gaps_stand_first_and_a_grid_tells_its_promise(
    open_coverage: Callable[..., Page], served: str, demo_accounts: dict[str, dict[str, str]]
) -> None:
    page = open_coverage()
    token = demo_accounts["duty_chief"]["token"]
    window = page.evaluate("location.hash")
    assert window == ""
    gaps = asked(served, token, "/api/coverage/gaps")["items"]
    expect(page.locator(".gap").first).to_contain_text(gaps[0]["grid"]["name"])
    # seven states, each with a letter and a pattern of its own
    letters = page.locator("#states .state-mark").all_text_contents()
    assert len(set(letters)) == 7
    marks = page.locator("#states .state-mark")
    looks = {marks.nth(n).evaluate("e => getComputedStyle(e).backgroundImage") for n in range(5)}
    assert len(looks) == 5
    page.locator("#states [data-state=never_visited]").click()
    states = page.locator(".gap").evaluate_all("all => all.map((e) => e.dataset.state)")
    assert set(states) == {"never_visited"}
    page.locator(".gap").first.click()
    card = page.locator("#grid-card")
    expect(card).to_be_visible()
    expect(card).to_contain_text("从未到访")
    expect(card).to_contain_text(re.compile("BG\\d+"))
    expect(card.locator("h3")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_filters_narrow_and_stay_in_the_address(open_coverage: Callable[..., Page]) -> None:
    page = open_coverage(lang="en")
    everything = page.locator("#summary").text_content() or ""
    assert re.search(r"\d+ of \d+ grids are gaps", everything)
    squad = page.locator("#squad option").nth(1).get_attribute("value")
    page.select_option("#squad", squad)
    expect(page.locator("#summary")).not_to_have_text(everything)
    expect(page).to_have_url(re.compile(rf"#.*squad={squad}"))
    own = page.locator("#summary").text_content()
    officers = page.locator("#officer option").count()
    page.reload()
    page.wait_for_selector("body.ready")
    expect(page.locator("#summary")).to_have_text(own or "")
    expect(page.locator("#officer option")).to_have_count(officers)
    with page.expect_download() as waiting:
        page.click("#export")
    assert waiting.value.suggested_filename == "coverage-gaps.csv"


def test_a_sheet_of_one_page_is_printed_for_each_squad_and_officer(
    open_coverage: Callable[..., Page],
) -> None:
    page = open_coverage()
    # in braces: what evaluates to a function is called at once
    page.evaluate("() => { window.print = () => { document.body.dataset.printed = 'yes'; }; }")
    page.check("#print-officers")
    page.click("#print")
    page.wait_for_selector("body[data-printed]", timeout=60_000)
    sheets = page.locator(".squad-sheet")
    count = sheets.count()
    officers = page.locator(".squad-sheet[data-officer]").count()
    assert count - officers >= 2
    assert officers > count - officers
    page.emulate_media(media="print")
    assert sheets.locator("img").count() == count - officers
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == count


def test_a_leader_sees_the_own_squad_and_a_viewer_nothing(
    open_coverage: Callable[..., Page], served: str, demo_accounts: dict[str, dict[str, str]]
) -> None:
    page = open_coverage("squad_leader")
    token = demo_accounts["squad_leader"]["token"]
    streets = {row["street"] for row in asked(served, token, "/api/coverage")["items"]}
    assert len(streets) == 1
    assert page.locator(".gap").count() > 0
    answer = page.request.post(
        f"{served}/api/session", headers={"Sec-Fetch-Site": "same-origin"},
        data={"name": "viewer", "password": demo_accounts["viewer"]["password"]},
    )  # fmt: skip
    assert answer.ok
    assert page.request.get(f"{served}/coverage").status == 403


def test_a_leader_draws_up_a_contract_on_the_map_and_hands_it_over(
    open_coverage: Callable[..., Page], served: str, demo_accounts: dict[str, dict[str, str]]
) -> None:
    page = open_coverage("squad_leader", lang="en")
    token = demo_accounts["squad_leader"]["token"]
    bare = {
        row["grid"]["code"]
        for row in asked(served, token, "/api/coverage")["items"]
        if row["state"] == "no_contract"
    }
    page.locator("#states [data-state=no_contract]").click()
    code = page.locator(".gap").first.get_attribute("data-grid")
    assert code in bare
    page.locator(".gap").first.click()
    page.get_by_role("button", name="New contract").click()
    expect(page.locator("#picked")).to_contain_text("1 grid chosen")
    # the map moves, so that the grid lies in what the form leaves; out of the contract, and back
    place = page.wait_for_function(PLACE_OF_THE_GRID, arg=code).json_value()
    for words in ("0 grids chosen", "1 grid chosen"):
        page.mouse.click(*place)
        expect(page.locator("#picked")).to_contain_text(words)
    page.fill("[name=code]", "BROWSER-1")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#messages")).to_contain_text("BROWSER-1, version 1, is saved")
    expect(page.locator(f".gap[data-grid='{code}']")).to_have_count(0, timeout=10_000)
    # another lead from tomorrow on
    version = asked(served, token, "/api/contracts/BROWSER-1")["items"][0]
    assert version["grids"] == [code]
    page.locator("#states [data-state=no_contract]").click()
    page.goto(f"{served}/coverage?lang=en#officer={version['officer']}")
    page.reload()
    page.wait_for_selector("body.ready")
    page.locator("#states [data-state=no_track], #states [data-state=never_visited]").nth(0)
    row = page.locator(f".gap[data-grid='{code}']").first
    row.click()
    page.get_by_role("button", name="Change the contract").first.click()
    expect(page.locator("#editor h2")).to_have_text("BROWSER-1, version 2")
    page.locator("#editor [name=amount]").fill("5")
    page.select_option("#add-community", index=1)
    expect(page.locator("#picked")).not_to_contain_text("1 grid chosen")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#messages")).to_contain_text("BROWSER-1, version 2, is saved")
    versions = asked(served, token, "/api/contracts/BROWSER-1")["items"]
    assert [(one["version"], one["promised_days"]) for one in versions] == [(2, 5), (1, 3)]
    assert set(versions[0]["grids"]) > {code}


# where the map rests: a place well inside a grid, left of the form
PLACE_OF_THE_GRID = """(code) => {
    if (gisMap.isMoving() || !gisMap.loaded()) return false;
    const map = document.getElementById("map").getBoundingClientRect();
    const free = map.width - document.getElementById("grid-card").offsetWidth;
    const there = (x, y) => gisMap.queryRenderedFeatures([x, y], { layers: ["coverage-fill"] })[0]
        ?.properties.code === code;
    const around = [[0, 0], [8, 0], [-8, 0], [0, 8], [0, -8]];
    for (let y = 40; y < map.height - 40; y += 12)
        for (let x = 40; x < free - 40; x += 12)
            if (around.every(([dx, dy]) => there(x + dx, y + dy))) return [map.x + x, map.y + y];
    return false;
}"""


def test_the_other_views_of_a_period(
    open_coverage: Callable[..., Page], served: str, demo_accounts: dict[str, dict[str, str]]
) -> None:
    page = open_coverage(lang="en")
    # two weeks beside each other
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="Last two weeks").click()
    expect(page.locator("#view-compare .sums tbody tr").first).to_contain_text("–")
    page.wait_for_function("() => location.hash.includes('view=compare')")
    counts = page.locator("#view-compare .states b").all_text_contents()
    grids = re.search(r"(\d+) of (\d+) grids", page.locator("#compare-summary").inner_text())
    assert grids
    assert sum(map(int, counts)) == int(grids[2])
    page.locator("#view-compare [data-change=unknown]").click()
    changes = page.locator("#view-compare .gap").evaluate_all(
        "all => all.map(e => e.dataset.change)"
    )
    assert set(changes) == {"unknown"}
    page.evaluate("() => { window.print = () => { document.body.dataset.printed = 'yes'; }; }")
    page.click("#compare-print")
    page.wait_for_selector("body[data-printed]")
    assert page.locator(".squad-sheet tbody tr").count() > len(set(changes))
    # a wider swath sees more
    page.get_by_role("tab", name="Seen").click()
    page.wait_for_selector("#swath-list tbody tr", timeout=60_000)
    page.wait_for_selector("#swath-chart polyline")
    streets = page.locator("#swath-sums dd").first
    narrow = streets.inner_text()
    page.locator("#swath-width").fill("40")
    expect(streets).not_to_have_text(narrow)
    share = [float(re.match(r"[\d.]+", text)[0]) for text in (narrow, streets.inner_text())]  # type: ignore[index]
    assert share[1] > share[0]
    # walks move without another request
    page.get_by_role("tab", name="Replay").click()
    page.wait_for_selector("#replay-play:not([disabled])")
    asked_for: list[str] = []
    page.on("request", lambda one: asked_for.append(one.url) if "/api/" in one.url else None)
    before = page.locator("#replay-now").inner_text()
    page.click("#replay-play")
    expect(page.locator("#replay-now")).not_to_have_text(before)
    page.get_by_role("button", name="Pause").click()
    assert asked_for == []
    assert page.evaluate("() => Number(document.getElementById('replay-time').value)") > 0
    # sums with their denominators
    page.get_by_role("tab", name="Sums").click()
    expect(page.locator("#rhythm tbody tr")).to_have_count(7)
    token = demo_accounts["duty_chief"]["token"]
    assert page.locator("#sums tbody tr").count() == len(
        asked(served, token, "/api/coverage?level=squad")["items"]
    )


def test_areas_are_proposed_beside_todays_and_checked_before_they_are_applied(
    open_coverage: Callable[..., Page], served: str, demo_accounts: dict[str, dict[str, str]]
) -> None:
    token = demo_accounts["duty_chief"]["token"]
    squad = asked(served, token, "/api/squads")["items"][0]["code"]
    page = open_coverage(lang="en", hash_=f"#view=load&squad={squad}")
    page.click("#propose")
    officers = page.locator("#areas tbody tr")
    expect(page.locator("#balance")).to_contain_text("Largest / smallest", timeout=60_000)
    today, proposed = page.locator("#balance tbody tr").first.locator("td").all_text_contents()
    assert float(proposed) < float(today)
    contract = page.locator("#areas tbody th").first.inner_text().split()[-1]
    versions = asked(served, token, f"/api/contracts/{contract}")["items"]
    page.locator("#apply button[type=submit]").click()
    expect(page.locator("#checked")).to_contain_text(f"{officers.count()} new versions")
    # looked at, not applied
    assert asked(served, token, f"/api/contracts/{contract}")["items"] == versions


def test_whoever_may_not_see_tracks_has_no_replay(open_coverage: Callable[..., Page]) -> None:
    page = open_coverage("planner", lang="en")
    assert page.get_by_role("tab").all_text_contents() == ["Gaps", "Compare", "Sums", "Load"]


SOON = 30_000  # ms: a page asks no more often than every ten to fifteen seconds


def a_walk(grid: dict[str, Any]) -> bytes:
    """GPX: twenty minutes of yesterday forenoon to and fro in the middle of a grid."""
    middle = shape(grid["geometry"]).representative_point()
    zone = ZoneInfo("Asia/Shanghai")
    day = datetime.now(zone).date() - timedelta(days=1)
    start = datetime.combine(day, time(10), zone).astimezone(UTC)
    return gpx([
        (start + timedelta(seconds=20 * n), middle.x + 1e-5 * (n % 6), middle.y)
        for n in range(60)
    ])  # fmt: skip


def test_an_uploaded_walk_is_seen_on_every_open_page(
    open_coverage: Callable[..., Page], served: str, demo_accounts: dict[str, dict[str, str]],
    tmp_path: Path,
) -> None:  # fmt: skip
    token = demo_accounts["squad_leader"]["token"]
    items = asked(served, token, "/api/coverage")["items"]
    promises = Counter(one["grid"]["code"] for one in items)
    item = next(
        one for one in items if one["state"] == "no_track" and promises[one["grid"]["code"]] == 1
    )
    code = item["grid"]["code"]
    good, broken = tmp_path / "早班.gpx", tmp_path / "坏.gpx"
    grid = asked(served, token, f"/api/areas/grid/{code}?geometry=true")
    good.write_bytes(a_walk(grid))
    broken.write_bytes(good.read_bytes()[:-8])

    watcher = open_coverage("duty_chief")
    expect(watcher.locator("#live")).to_have_text("实时")
    watcher.locator("#states [data-state=no_track]").click()
    row = watcher.locator(f".gap[data-grid='{code}']")
    row.click()
    expect(watcher.locator("#grid-card .promise")).to_contain_text("未收到轨迹")
    expect(watcher.locator("#grid-card")).to_contain_text("期内没有到访记录")
    watcher.locator("#card-close").focus()

    leader = open_coverage("squad_leader", refusals=True)
    leader.click("#upload")
    leader.select_option("#walk [name=officer]", item["officer"])
    leader.set_input_files("#walk [type=file]", [broken, good])
    leader.click("#walk [type=submit]")
    refused, kept = leader.locator(".walks li").nth(0), leader.locator(".walks li").nth(1)
    expect(refused).to_contain_text("坏.gpx")
    expect(refused.locator(".flag")).to_contain_text("XML")
    expect(kept).to_contain_text("共 60 个位置，新保存 60 个，计算到访 1 次")

    # another page shows it without being asked: map, list and the open card, where the focus stays
    expect(watcher.locator("#grid-card td").first).to_contain_text("10:00", timeout=SOON)
    expect(row).to_have_count(0)
    assert watcher.evaluate("document.activeElement.id") == "card-close"
    # the state that is shown alone is no longer its own
    watcher.wait_for_function(
        """(code) => !JSON.stringify(gisMap.getPaintProperty("coverage-fill", "fill-pattern"))
          .includes(code)""",
        arg=code,
    )
    # what stands in the form's place waits until it is closed
    expect(leader.locator("#grid-card .walks")).to_be_visible()


def test_an_officer_uploads_for_nobody_else(
    open_coverage: Callable[..., Page], served: str, demo_accounts: dict[str, dict[str, str]],
    tmp_path: Path,
) -> None:  # fmt: skip
    token = demo_accounts["squad_leader"]["token"]
    code = asked(served, token, "/api/coverage")["items"][0]["grid"]["code"]
    file = tmp_path / "walk.gpx"
    file.write_bytes(a_walk(asked(served, token, f"/api/areas/grid/{code}?geometry=true")))
    page = open_coverage("officer", lang="en", phone=True, size=(390, 844))
    page.click("#upload")
    assert page.locator("#walk [name=officer]").count() == 0
    page.set_input_files("#walk [type=file]", file)
    page.select_option("#walk [name=crs]", "gcj02")
    page.click("#walk [type=submit]")
    expect(page.locator(".walks li")).to_contain_text("60 positions, 60 of them new and kept")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_input_files("#walk [type=file]", file)
    page.click("#walk [type=submit]")
    expect(page.locator(".walks li")).to_contain_text("0 of them new and kept")
    assert open_coverage("planner", lang="en").locator("#upload").count() == 0
