"""The map page while incidents come in and change: it shows them without being asked to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.map_page import MapPage

Open = Callable[..., MapPage]

LIVE = "#live[data-state='live']"


def _send(page: MapPage, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = page.context.request.post(
        f"{page.address}{path}", data=body, headers={"Origin": page.address}
    )
    assert answer.ok, f"{path}: {answer.status} {answer.text()}"
    found: dict[str, Any] = answer.json()
    return found


def _report(page: MapPage, kind: str, lon: float, lat: float) -> dict[str, Any]:
    return _send(page, "/api/incidents", {"class": kind, "lon": lon, "lat": lat, "crs": "wgs84"})


def _shown(page: MapPage) -> int:
    """How many incidents the foot of the panel counts."""
    return int(page.text("#counts").split("/")[0].removeprefix("显示").strip().replace(",", ""))


def _points(page: MapPage) -> set[int]:
    return {feature["id"] for feature in page.drawn("incidents-open")}


def _draws(incident: dict[str, Any]) -> str:
    """A script that says whether the map draws the incident."""
    return f"""gisMap.queryRenderedFeatures({{ layers: ["incidents-open"] }})
      .some(({{ properties }}) => properties.id === {incident["id"]})"""


@pytest.fixture(scope="module")
def kind(dispatcher: dict[str, Any], served: str, browser: Any) -> str:
    """Code of a class that the district has."""
    context = browser.new_context(storage_state=dispatcher)
    found: str = context.request.get(f"{served}/api/classes").json()["items"][0]["code"]
    context.close()
    return found


@pytest.fixture
def spot(open_map: Open) -> Callable[[int], tuple[MapPage, float, float]]:
    """Opens the map close above the middle of a grid, the first, second …, as a dispatcher."""

    def open_above(number: int) -> tuple[MapPage, float, float]:
        page = open_map()
        grid = page.api("/api/areas/grid")["items"][number]
        west, south, east, north = page.api(f"/api/areas/grid/{grid['code']}")["bbox"]
        lon, lat = (west + east) / 2, (south + north) / 2
        page.page.goto("about:blank")
        page.open(f"#map=19/{lat}/{lon}")
        page.find(LIVE).wait_for()
        return page, lon, lat

    return open_above


def test_a_report_is_drawn_and_counted_by_itself(spot: Any, kind: str) -> None:
    page, lon, lat = spot(0)
    before, was = _points(page), _shown(page)
    made = _report(page, kind, lon, lat)
    page.until(f"() => {_draws(made)}", 10)
    assert _points(page) == before | {made["id"]}
    page.until(f"""() => document.getElementById('counts').textContent
      .replaceAll(',', '').includes('{was + 1} / {was + 1}')""")


def test_where_a_moved_incident_was_it_is_no_longer_drawn(spot: Any, kind: str) -> None:
    page, lon, lat = spot(1)
    made = _report(page, kind, lon, lat)
    page.until(f"() => {_draws(made)}", 10)
    far = page.api("/api/areas/grid")["items"][-1]
    west, south, east, north = page.api(f"/api/areas/grid/{far['code']}")["bbox"]
    _send(page, f"/api/incidents/{made['id']}/place",
          {"lon": (west + east) / 2, "lat": (south + north) / 2, "crs": "wgs84",
           "version": page.api(f"/api/incidents/{made['id']}")["version"]})  # fmt: skip
    page.until(f"() => !{_draws(made)}", 20)


def test_the_drawer_tells_what_changes_meanwhile(spot: Any, kind: str) -> None:
    page, lon, lat = spot(2)
    page.click_map(lon, lat)
    page.until("() => document.querySelector('#drawer .incident-list h3')?.textContent"
               ".match(/[0-9]/)")  # fmt: skip
    facts = page.text("#drawer .facts")
    made = _report(page, kind, lon, lat)
    # the newest stands first in the list of the place, and its numbers count it
    page.until(f"""() => document.querySelector('#drawer .incidents .incident')
      ?.dataset.incident === '{made["id"]}'""")
    page.until(f"() => document.querySelector('#drawer .facts').innerText !== {json.dumps(facts)}")
    # and an incident that is looked at says what was done to it
    page.find(f"[data-incident='{made['id']}']").click()
    page.until("() => document.querySelector('#drawer .state')?.textContent")
    was = page.text("#drawer .state")
    found = page.api(f"/api/incidents/{made['id']}")
    _send(page, f"/api/incidents/{made['id']}/verify", {"version": found["version"]})
    page.until(f"() => document.querySelector('#drawer .state')?.textContent !== '{was}'")


def test_a_page_that_nobody_sees_keeps_no_stream_and_misses_nothing(spot: Any, kind: str) -> None:
    page, lon, lat = spot(3)
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.ask(hide, True)
    streams = len([url for url in page.requests if "/events?" in url])
    made = _report(page, kind, lon, lat)
    page.page.wait_for_timeout(1000)
    assert made["id"] not in _points(page)
    page.ask(hide, False)
    page.until(f"() => {_draws(made)}", 10)
    again = [url for url in page.requests if "/events?" in url][streams:]
    assert len(again) == 1
    assert "after=" in again[0]


def test_a_visitor_has_no_stream(open_map: Open) -> None:
    page = open_map(signed_in=False)
    assert not page.find("#live").is_visible()
    assert not [url for url in page.requests if "/events" in url]
