"""A snapshot opens in a browser that has no network, and shows what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import sync_playwright

from gis_service.app import create_app
from gis_service.errors import InvalidInput, NotFound
from gis_service.incidents.arrays import read_snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.maps.snapshots import DRAWN, make_snapshot
from gis_service.settings import Settings
from tests.conftest import Database, token_headers
from tests.incidents.test_loading import row
from tests.test_http import fill

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def make(database: Database, layers: list[str]) -> str:
    with database.sessions() as session:
        return make_snapshot(
            session, read_snapshot(session), IncidentFilter(), layers, database.settings
        )


def test_a_layer_that_is_not_drawn_is_named(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        make(database, ["street"])
    fill(database, tmp_path)
    with pytest.raises(InvalidInput, match=r"a snapshot draws street.*not basemap"):
        make(database, ["street", "basemap"])
    with pytest.raises(InvalidInput, match="not nothing"):
        make(database, [])


def test_it_opens_without_a_network(database: Database, tmp_path: Path) -> None:
    rows = [
        row(i, lon=118.605 + (i % 6) * 0.01, reported_at=f"2026-0{1 + i % 9}-01 10:00:00")
        for i in range(60)
    ]
    fill(database, tmp_path, rows)
    path = tmp_path / "map.html"
    path.write_text(make(database, list(DRAWN)), encoding="utf-8")
    asked: list[str] = []
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(Settings().browser), args=FLAGS)
        context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.goto(path.as_uri())
        page.wait_for_selector(".leaflet-overlay-pane canvas")
        words: Any = page.inner_text(".gis-title")
        names = page.inner_text(".leaflet-control-layers")
        legend = page.inner_text(".gis-legend")
        letters = page.locator(".leaflet-marker-icon").all_inner_texts()
        page.check("text=热力随时间")
        before = page.inner_text(".timecontrol-date")
        page.click(".timecontrol-forward")
        page.wait_for_function(
            "before => document.querySelector('.timecontrol-date').innerText !== before",
            arg=before,
        )
        browser.close()
    assert "60 / 60 件" in words
    # nobody promised a grid here: each is a gap, said by its letter too
    assert "8 / 8 个网格为盲区" in legend
    assert letters == ["无"] * 8
    assert {
        "街道", "社区", "网格", "楼栋", "网格案件密度", "热点（Gi*）", "案件热力", "巡查覆盖",
    } <= {line.strip() for line in names.splitlines()}  # fmt: skip
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert problems == []


def test_a_file_shows_nobody_what_the_map_would_not(database: Database, tmp_path: Path) -> None:
    fill(database, tmp_path)
    worker = token_headers(database, "community_worker")
    with TestClient(create_app(database.settings)) as client:
        path = "/snapshot.html?layers=grid,coverage"
        assert client.get(path, headers=worker).status_code == 403
        assert client.get("/snapshot.html?layers=grid", headers=worker).status_code == 200
        chief = token_headers(database, "duty_chief")
        answer = client.get(path + "&from=2026-11-01&to=2026-11-08", headers=chief)
        assert "巡查覆盖 11-01 – 11-08" in answer.text
        late = client.get(path + "&from=2020-01-01&to=2026-11-08", headers=chief)
        assert (late.status_code, late.json()["where"]) == (400, "from")
