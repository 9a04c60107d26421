"""The page of watches: follow something, hear of it, read it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from gis_service.accounts.dependencies import COOKIE
from tests.browser.map_page import MapPage

Open = Callable[..., MapPage]
Accounts = dict[str, dict[str, str]]


def ask(address: str, account: dict[str, str], path: str, body: Any) -> Any:
    """Post as ``account``."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{address}{path}", json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {account['token']}"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


@pytest.fixture
def watches(browser: Browser, served: str, dispatcher: dict[str, Any]) -> Iterator[Open]:
    """Opens the page, signed in as dispatcher."""
    pages: list[MapPage] = []

    def make(*, lang: str = "zh", path: str = "/watches", **options: Any) -> MapPage:
        page = MapPage(browser, served, lang=lang, storage_state=dispatcher, **options)
        pages.append(page)
        page.page.goto(f"{served}{path}")
        page.page.wait_for_selector("body.ready", timeout=60_000)
        return page

    yield make
    for page in pages:
        page.close()


def test_the_session_is_a_cookie(dispatcher: dict[str, Any]) -> None:
    assert dispatcher["cookies"][0]["name"] == COOKIE


@pytest.mark.parametrize(("lang", "word"), [("zh", "新案件"), ("en", "new incident")])
def test_follow_a_street_hear_and_read(
    watches: Open, served: str, demo_accounts: Accounts, lang: str, word: str
) -> None:
    page = watches(lang=lang)
    district = page.api("/api/district")
    middle = [(district["bbox"][n] + district["bbox"][n + 2]) / 2 for n in (0, 1)]
    place = page.api(f"/api/locate?lon={middle[0]}&lat={middle[1]}")
    name = f"街道 {lang}"
    page.find("#watch-name").fill(name)
    page.find("#watch-level").select_option("street")
    # people know the name; the code is offered for it
    page.find("#watch-code").fill(place["street"]["name"])
    code = place["street"]["code"]
    page.until(f"() => document.querySelector('#watch-areas option[value=\"{code}\"]') !== null")
    page.find("#watch-code").fill(code)
    page.find("#follow").click()
    page.until(f"() => document.getElementById('watches').textContent.includes('{name}')")
    made = ask(
        served, demo_accounts["officer"], "/api/incidents",
        {"class": "E-01-12", "lon": middle[0], "lat": middle[1], "crs": "wgs84"},
    )  # fmt: skip
    for _ in range(60):
        page.page.reload()
        page.page.wait_for_selector("body.ready")
        if made["code"] in page.text("#notices"):
            break
    row = page.find("#notices li", made["code"]).first
    assert word in row.inner_text()
    assert "new-notice" in (row.get_attribute("class") or "")
    assert page.text("#unread")
    console = watches(lang=lang, path="/dispatch")
    console.page.wait_for_selector("[data-unread]:not([hidden])")
    page.find("#read-all").click()
    page.until("() => !document.querySelector('.new-notice')")
    assert page.text("#unread") == ""
    page.find("#watches li", name).locator("button").click()
    page.until(f"() => !document.getElementById('watches').textContent.includes('{name}')")
    page.until(f"() => !document.getElementById('notices').textContent.includes('{made['code']}')")


def corner(page: MapPage, x: float, y: float) -> None:
    """Click the small map at a share of its width and height."""
    where = page.find("#draw-map")
    box = where.bounding_box()
    assert box
    where.click(position={"x": box["width"] * x, "y": box["height"] * y})


def test_draw_what_to_follow(watches: Open) -> None:
    page = watches(lang="en")
    page.find("#watch-name").fill("drawn by hand")
    page.find("#draw").click()
    page.page.wait_for_selector("#draw-map[data-ready]")
    corner(page, 0.3, 0.3)
    corner(page, 0.7, 0.3)
    page.until("() => document.getElementById('draw-note').textContent.startsWith('2 ')")
    page.find("#follow").click()
    page.page.wait_for_selector(".message.error")
    corner(page, 0.5, 0.7)
    page.until("() => document.getElementById('draw-note').textContent.startsWith('3 ')")
    page.find("#follow").click()
    page.until("() => document.getElementById('watches').textContent.includes('drawn by hand')")
    rows = page.api("/api/watches")["items"]
    made = next(row for row in rows if row["name"] == "drawn by hand")
    district = page.api("/api/district")["bbox"]
    for lon, lat in made["polygon"]["coordinates"][0][0]:
        assert district[0] - 0.1 < lon < district[2] + 0.1
        assert district[1] - 0.1 < lat < district[3] + 0.1
    page.find("#watches li", "drawn by hand").locator("button").click()
    page.until("() => !document.getElementById('watches').textContent.includes('drawn by hand')")


def test_what_is_wrong_is_said(watches: Open) -> None:
    page = watches(lang="en")
    page.errors_allowed = True  # the browser complains of the 400
    page.find("#watch-name").fill("nothing")
    page.find("#follow").click()
    page.page.wait_for_selector(".message.error")
    assert "say what to follow" in page.text(".message.error")
    page.find("#watch-hook").select_option("wecom")
    page.find("#watch-class").select_option("E-01-12")
    page.find("#watch-url").fill("https://example.org/x")
    page.find("#follow").click()
    page.until("() => document.getElementById('messages').textContent.includes('WEBHOOK_HOSTS')")


def test_a_narrow_screen(watches: Open) -> None:
    page = watches(size=(390, 844))
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")
