"""Pins that people correct: they place, are logged, and teach the address."""

from __future__ import annotations

from pathlib import Path

import pytest

from gis_service.errors import InvalidInput, NotFound
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents.pinning import pin_incident
from tests.conftest import Database
from tests.incidents.test_loading import row
from tests.test_http import fill, load


def pin(database: Database, number: int, lon: float, lat: float, crs: str = "wgs84") -> None:
    with database.sessions.begin() as session:
        locator = load_locator(session, database.settings)
        pin_incident(session, locator, number, lon, lat, crs=crs, actor="zhang")


def test_a_pin_in_the_ocean_or_on_nobody_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    fill(database, tmp_path, [row(1, lon="", lat="")])
    with pytest.raises(InvalidInput, match="in no area"):
        pin(database, 1, 140, -20)
    with pytest.raises(NotFound):
        pin(database, 99, 118.605, 24.905)
    assert database.value("SELECT placement_method FROM incident") == "none"


def test_a_pin_places_is_logged_and_teaches_the_address(database: Database, tmp_path: Path) -> None:
    fill(database, tmp_path, [row(1, lon="", lat="", address="榕树下大石头旁")])
    x, y = from_wgs84(118.605, 24.905, "gcj02")
    pin(database, 1, x, y, "gcj02")
    assert database.rows(
        "SELECT placement_method, a.code, lon FROM incident i JOIN area a ON a.id = i.grid_id"
    ) == [("manual", "S0C0G0", None)]
    action, actor, detail = database.rows(
        "SELECT action, actor, detail FROM incident_log ORDER BY id DESC LIMIT 1"
    )[0]
    assert (action, actor, detail["from"]) == ("place", "zhang", [None, None, "none"])
    load(database, tmp_path, [row(2, lon="", lat="", address="榕树下大石头旁")])
    assert database.value(
        "SELECT placement_method FROM incident WHERE external_id = 'A2'"
    ) == "address"  # fmt: skip
