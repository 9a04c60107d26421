"""What walks came near, per grid, for several widths, against PostGIS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gis_service.app import create_app
from tests.conftest import token_headers
from tests.patrols.conftest import METRE_LAT, Patrol, gpx, stroll

START = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=2)

EXACT = """
    SELECT g.code, coalesce(sum(ST_Length(ST_Intersection(g.geom, ST_Intersection(
        ST_Transform(b.mercator, 4326),
        ST_Buffer(ST_Transform(ST_Force2D(t.mercator), 4326)::geography, %s, 64)::geometry
    ))::geography)), 0)
    FROM grid g, basemap_feature b, track t WHERE g.valid_to IS NULL GROUP BY g.code
"""


def test_streets_and_buildings_within_the_swath(patrol: Patrol) -> None:
    now = datetime.now(UTC)
    patrol.upload(gpx(stroll(START, 20, lat=24.905)), now=now)
    with patrol.database.sessions.begin() as session:
        for lat in (24.905 + 8 * METRE_LAT, 24.905 + 30 * METRE_LAT):
            session.execute(
                text(
                    "INSERT INTO basemap_feature (theme, kind, name, rank, source, mercator) "
                    "VALUES ('road', 'street', '', 1, 'test', ST_Transform(ST_SetSRID(ST_MakeLine("
                    "ST_MakePoint(118.602, :lat), ST_MakePoint(118.625, :lat)), 4326), 3857))"
                ),
                {"lat": lat},
            )
    headers = token_headers(patrol.database, "squad_leader", name="own", scopes=["squad=Z1"])
    other = token_headers(patrol.database, "squad_leader", name="other", scopes=["squad=Z9"])
    officer = token_headers(patrol.database, "officer")
    with TestClient(create_app(patrol.database.settings)) as client:
        for width in (5, 10, 40):
            path = f"/api/coverage/swath?swath_m={width}"
            answer = client.get(path, headers=headers).json()
            exact = dict(patrol.database.rows(EXACT, width))
            for item in answer["items"]:
                wanted = exact[item["grid"]["code"]]
                assert item["streets_seen_m"] == pytest.approx(wanted, rel=0.01, abs=1), width
            assert answer["streets_m"] == pytest.approx(2 * 0.023 * 100_950, rel=0.01)
            assert (answer["buildings"], answer["buildings_seen"]) == (8, 0)
            assert client.get(path, headers=other).json()["streets_seen_m"] == 0
            assert client.get(path, headers=officer).status_code == 403
        for bad in ("0", "50", "-1", "wide"):
            refused = client.get(f"/api/coverage/swath?swath_m={bad}", headers=headers)
            assert refused.status_code == 400, bad
        before = f"&to={START.date()}"
        assert client.get(path + before, headers=headers).json()["streets_seen_m"] == 0
