"""What the page says when something is missing or goes wrong, and what can be done then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.map_page import MapPage

Open = Callable[..., MapPage]


@pytest.fixture
def broken(
    browser: Browser, served: str, dispatcher: dict[str, Any]
) -> Iterator[Callable[..., MapPage]]:
    """Makes a page, not yet opened and signed in, on which something will be broken."""
    pages: list[MapPage] = []

    def make(address: str = served, **options: Any) -> MapPage:
        page = MapPage(browser, address, storage_state=dispatcher, **options)
        page.errors_allowed = True
        pages.append(page)
        return page

    yield make
    for page in pages:
        page.close()


def test_service_down_is_said_and_retried(broken: Callable[..., MapPage]) -> None:
    page = broken()
    page.page.route("**/api/district", lambda route: route.abort())
    page.open()
    page.until("() => document.querySelector('#notice h2')?.textContent === '地图未能打开'")
    assert "连接不到服务" in page.text("#notice")
    page.page.unroute("**/api/district")
    page.find("#notice .button").click()
    page.until("() => document.body.classList.contains('ready')")
    expect(page.find("#notice")).to_have_count(0)


def test_a_problem_is_shown_in_the_services_words(broken: Callable[..., MapPage]) -> None:
    page = broken()
    page.page.route(
        "**/api/district",
        lambda route: route.fulfill(
            status=503,
            content_type="application/problem+json",
            body='{"title": "尚未就绪", "status": 503, "detail": "数据库正在启动"}',
        ),
    )
    page.open()
    page.until("() => document.querySelector('#notice')")
    assert "数据库正在启动" in page.text("#notice")


def test_missing_tiles_are_said_and_retried(broken: Callable[..., MapPage]) -> None:
    page = broken()
    pattern = re.compile(r"/tiles/grid/\d")
    page.context.route(pattern, lambda route: route.fulfill(status=500, body="no"))
    page.open()
    page.until("() => document.querySelector('.message.error')")
    title = page.api("/api/layers")["items"]
    grid = next(item for item in title if item["id"] == "grid")["title"]["zh"]
    assert grid in page.text(".message.error")
    assert page.drawn("street-line"), "the other layers are there"
    page.context.unroute(pattern)
    page.find(".message.error .link").click()
    page.idle()
    assert page.drawn("grid-line")
    expect(page.find(".message.error")).to_have_count(0)


def test_a_failed_count_or_series_is_said(broken: Callable[..., MapPage]) -> None:
    page = broken()
    page.context.route("**/api/incidents/count*", lambda route: route.abort())
    page.context.route("**/api/heat/series*", lambda route: route.abort())
    page.open()
    page.find(".message.error", "案件计数").wait_for()
    page.find("#tool-time").click()
    page.find(".message.error", "时间序列").wait_for()
    assert page.find("#timeline").is_hidden()
    page.context.unroute("**/api/heat/series*")
    page.find("#tool-time").click()
    page.until("() => document.querySelector('#timeline .bar')")


def test_a_selection_that_is_gone(broken: Callable[..., MapPage]) -> None:
    page = broken()
    page.open("#selected=grid/nothing-of-this-code")
    page.until("() => document.querySelector('#drawer .button')")
    assert "读取失败" in page.text("#drawer")
    page.find("#drawer .close").click()
    page.until("() => !location.hash.includes('selected')")


def test_empty_database_tells_how_to_load(
    broken: Callable[..., MapPage], served_empty: str
) -> None:
    page = broken(served_empty)
    page.open()
    page.until("() => document.querySelector('#notice h2')")
    assert "还没有区划" in page.text("#notice")
    assert "gis-service load hierarchy" in page.text("#notice")
    page.find("#language").click()
    page.until("() => /no areas/.test(document.getElementById('notice').textContent)")
    assert page.errors == []


def test_no_webgl_is_told(broken: Callable[..., MapPage]) -> None:
    page = broken()
    page.context.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        " return kind.startsWith('webgl') ? null : get.call(this, kind, ...rest); };"
    )
    page.open()
    page.until("() => document.querySelector('#notice h2')")
    assert "WebGL" in page.text("#notice h2")
    assert "硬件加速" in page.text("#notice")
    assert page.errors == []


def test_position_refused_is_told(broken: Callable[..., MapPage]) -> None:
    page = broken(permissions=[])
    page.open()
    page.until("() => document.body.classList.contains('ready')")
    page.find("#tool-locate").click()
    page.find(".message.error", "位置").wait_for()


def test_position_is_found(open_map: Open) -> None:
    page = open_map()
    west, south, east, north = page.api("/api/district")["bbox"]
    place = {"longitude": (west + east) / 2, "latitude": (south + north) / 2}
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation(place)
    page.find("#tool-locate").click()
    page.until("() => document.querySelector('#drawer h2')")
    page.idle()
    expect(page.find(".maplibregl-marker")).to_have_count(1)
    expect(page.page).to_have_url(re.compile(f"point/{place['longitude']:.6f}"))


def test_filters_bring_back_tiles_that_failed(broken: Callable[..., MapPage]) -> None:
    page = broken()
    pattern = re.compile(r"/tiles/incidents/\d")
    page.context.route(pattern, lambda route: route.fulfill(status=500, body="no"))
    page.open()
    page.until("() => document.querySelector('.message.error')")
    page.context.unroute(pattern)
    page.find("#time-365").click()
    page.idle()
    assert page.drawn("incidents-cluster")
