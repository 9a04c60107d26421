"""Tracks and visits on the map: of one's own squads only, by period, never for visitors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import mapbox_vector_tile
import pytest
from fastapi.testclient import TestClient

from gis_service.app import create_app
from tests.conftest import token_headers
from tests.patrols.conftest import Patrol, gpx, stroll
from tests.test_http import tile_of

START = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture
def served(patrol: Patrol) -> TestClient:
    now = datetime.now(UTC)
    patrol.upload(gpx(stroll(START, 20)), now=now)
    patrol.upload(gpx(stroll(START + timedelta(days=1), 5)), officer="T2", now=now)
    return TestClient(create_app(patrol.database.settings))


def features(client: TestClient, layer: str, headers: dict[str, str], **query: Any) -> list[Any]:
    x, y = tile_of(118.605, 24.905, 12)
    answer = client.get(f"/tiles/{layer}/12/{x}/{y}.mvt", headers=headers, params=query)
    assert answer.status_code in (200, 204), answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    tile = mapbox_vector_tile.decode(answer.content) if answer.content else {}
    return tile.get(layer, {}).get("features", [])


def test_layers_of_persons(patrol: Patrol, served: TestClient) -> None:
    chief = token_headers(patrol.database, "duty_chief")
    own = token_headers(patrol.database, "squad_leader", name="own", scopes=["squad=Z1"])
    other = token_headers(patrol.database, "squad_leader", name="other", scopes=["squad=Z9"])
    with served as client:
        for headers in (chief, own):
            tracks = [one["properties"] for one in features(client, "tracks", headers)]
            assert sorted(one["officer"] for one in tracks) == ["T1", "T2"]
            assert tracks[0]["ended"] - tracks[0]["started"] in (300, 1200)
            visits = {
                one["properties"]["code"]: one["properties"]
                for one in features(client, "visits", headers)
            }
            assert (visits["S0C0G0"]["visits"], visits["S0C0G0"]["officers"]) == (2, 2)
            assert visits["S0C0G1"]["visits"] == 1
        assert features(client, "tracks", other) == features(client, "visits", other) == []
        day = (START + timedelta(days=1)).date()
        period = {"from": day, "to": day + timedelta(days=1)}
        assert len(features(client, "tracks", chief, **period)) == 1
        (only,) = features(client, "visits", chief, **period)
        assert only["properties"]["stay_min"] == 5
        x, y = tile_of(118.605, 24.905, 12)
        for layer in ("tracks", "visits"):
            assert client.get(f"/tiles/{layer}/12/{x}/{y}.mvt").status_code == 401
            officer = token_headers(patrol.database, "officer", name=f"officer-{layer}")
            path = f"/tiles/{layer}/12/{x}/{y}.mvt"
            assert client.get(path, headers=officer).status_code == 403


def test_a_track_is_its_cleaned_line(patrol: Patrol) -> None:
    points = stroll(START, 20)
    points.insert(30, (START + timedelta(seconds=440), 118.7, 24.9))
    patrol.upload(gpx(points), now=datetime.now(UTC))
    ((wkt, first, last, metres, length),) = patrol.database.rows(
        "SELECT ST_GeometryType(mercator), ST_M(ST_StartPoint(mercator)), "
        "ST_M(ST_EndPoint(mercator)), "
        "ST_Length(ST_Transform(ST_Force2D(mercator), 4326)::geography), length_m FROM track"
    )
    assert wkt == "ST_LineString"
    assert (first, last) == (START.timestamp(), START.timestamp() + 1200)
    assert metres == pytest.approx(length, rel=1e-4)
