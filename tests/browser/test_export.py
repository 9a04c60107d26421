"""What leaves the page: a link, files, paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

from PIL import Image

from tests.browser.map_page import MapPage

Open = Callable[..., MapPage]


def test_link_goes_to_the_clipboard(open_map: Open) -> None:
    page = open_map("#layers=street&state=closed", lang="en")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.find("#tool-link").click()
    page.find(".message", "Link copied").wait_for()
    link = page.ask("navigator.clipboard.readText()")
    assert link.startswith(f"{page.address}/?lang=en#map=")
    assert "state=closed" in link


def test_link_is_shown_where_there_is_no_clipboard(open_map: Open) -> None:
    page = open_map()
    page.ask("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.find("#tool-link").click()
    field = page.find(".message input")
    field.wait_for()
    assert field.input_value().startswith(f"{page.address}/?lang=zh#map=")
    assert page.ask("getSelection().toString() || document.activeElement.value").startswith("http")


def test_heatmap_picture_is_of_this_extent_and_these_filters(open_map: Open) -> None:
    page = open_map("#layers=street,incidents&state=closed&from=2026-01-01&to=2026-07-01")
    page.find("#tool-export").click()
    address = page.find("#export-menu a").nth(1).get_attribute("href")
    assert address
    assert "state=closed" in address
    assert "from=2026-01-01" in address
    west, south, east, north = (
        float(value)
        for value in re.search(r"bbox=([^&]+)", address)[1].split("%2C")  # type: ignore[index]
    )
    bounds = page.ask("gisMap.getBounds().toArray().flat()")
    assert [round(value, 4) for value in bounds] == [
        round(value, 4) for value in (west, south, east, north)
    ]
    answer = page.context.request.get(f"{page.address}{address}")
    assert answer.ok, answer.text()
    picture = Image.open(io.BytesIO(answer.body()))
    assert picture.size == (1280, 800)
    assert len(picture.convert("RGB").getcolors(1 << 24)) > 50


def test_snapshot_holds_what_is_in_sight(open_map: Open) -> None:
    page = open_map("#layers=street,community,building,basemap,grid_density,incidents")
    page.until("() => gisMap.getLayoutProperty('grid_density-fill', 'visibility') === 'visible'")
    page.ask("gisMap.zoomTo(12.5, { duration: 0 })")
    page.idle()
    page.find("#tool-export").click()
    link = page.find("#export-menu a").first
    address = link.get_attribute("href")
    assert address
    layers = re.search(r"layers=([^&]+)", address)[1].split("%2C")  # type: ignore[index]
    assert set(layers) == {"street", "community", "grid_density", "incident_heat"}
    with page.page.expect_download(timeout=60_000) as download:
        link.click()
    text = download.value.path().read_text(encoding="utf-8")
    assert "L.map(" in text
    assert "示意数据" in text


def test_picture_is_what_the_map_shows(open_map: Open) -> None:
    page = open_map()
    page.find("#tool-export").click()
    with page.page.expect_download() as download:
        page.find("#export-menu button").click()
    picture = Image.open(download.value.path()).convert("RGB")
    assert picture.size == (1280, 800)
    assert len(picture.getcolors(1 << 24)) > 200


def test_print_sheet(open_map: Open) -> None:
    page = open_map("#layers=street,grid,grid_density&state=closed&compare=1", lang="en")
    page.until("() => document.querySelector('#view-second .legend-card .classes')")
    page.idle()
    paper = page.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1, "all on one sheet"
    page.ask("() => window.dispatchEvent(new Event('beforeprint'))")
    page.page.emulate_media(media="print")
    assert page.find("#panel").is_hidden()
    sheet = page.text("#print-sheet")
    assert "Illustrative data" in sheet
    assert "Filtered:" in sheet
    assert "Closed" in sheet
    images = page.ask("""async () => Promise.all([...document.querySelectorAll("#print-sheet img")]
      .map(async (image) => { await image.decode(); return [image.naturalWidth, image.src]; }))""")
    assert len(images) == 2
    for width, source in images:
        assert width > 300
        assert source.startswith("data:image/png;base64,")
        assert len(source) > 20_000, "a drawn map, not a blank"
