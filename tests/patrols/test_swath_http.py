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
            assert (answer["buildings"], answer["buildings_seen"]) == (4, 0)  # of the own street
            squads = client.get(f"{path}&level=squad", headers=headers).json()["items"]
            assert [one["squad"]["code"] for one in squads] == ["Z1"]
            assert squads[0]["streets_seen_m"] == pytest.approx(answer["streets_seen_m"], abs=1)
            assert client.get(path, headers=other).json()["streets_seen_m"] == 0
            assert client.get(path, headers=officer).status_code == 403
        for bad in ("0", "4.9", "50", "-1", "wide"):
            refused = client.get(f"/api/coverage/swath?swath_m={bad}", headers=headers)
            assert refused.status_code == 400, bad
        widths = client.get("/api/coverage/swath/widths", headers=headers).json()["items"]
        at_40 = next(one for one in widths if one["swath_m"] == 40)
        assert at_40["streets_seen_m"] == pytest.approx(
            client.get(path, headers=headers).json()["streets_seen_m"], abs=0.2
        )
        seen = [one["streets_seen_m"] for one in widths]
        assert seen == sorted(seen)
        below = [one["below"] for one in widths]
        assert below == sorted(below, reverse=True)
        assert all(0 <= one["below"] <= one["grids"] for one in widths)
        before = f"&to={START.date()}"
        assert client.get(path + before, headers=headers).json()["streets_seen_m"] == 0
        load = client.get("/api/coverage/load", headers=headers).json()["items"]
        assert {one["streets_m"] for one in load} == {0}  # nobody leads a contract here


def test_walks_are_played_from_one_answer(patrol: Patrol) -> None:
    walk = stroll(START, 20)
    patrol.upload(gpx(walk), now=datetime.now(UTC))
    patrol.upload(gpx(stroll(START, 5, lat=24.915)), officer="T2", now=datetime.now(UTC))
    headers = token_headers(patrol.database, "squad_leader", name="own", scopes=["squad=Z1"])
    other = token_headers(patrol.database, "squad_leader", name="other", scopes=["squad=Z9"])
    path = f"/api/coverage/replay?from={START.date() - timedelta(days=1)}"
    with TestClient(create_app(patrol.database.settings)) as client:
        found = client.get(path, headers=headers).json()
        one = next(one for one in found["items"] if one["officer"] == "T1")
        assert one["at"][0] == int(START.timestamp())
        assert one["at"] == sorted(one["at"])
        assert one["lon"][0] == pytest.approx(walk[0][1], abs=1e-5)
        assert one["lon"][-1] == pytest.approx(walk[-1][1], abs=1e-5)
        assert len(one["at"]) == len(one["lon"]) == len(one["lat"])
        assert {two["officer"] for two in found["items"]} == {"T1", "T2"}
        # cut to the period asked for
        half = (START + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
        cut = client.get(f"{path}&to={half}&officer=T1", headers=headers).json()["items"]
        assert cut[0]["at"][0] == int(START.timestamp())
        assert cut[0]["at"][-1] < int((START + timedelta(minutes=10)).timestamp())
        assert client.get(path, headers=other).json()["items"] == []
        for role in ("officer", "planner", "viewer"):
            refused = client.get(path, headers=token_headers(patrol.database, role))
            assert refused.status_code == 403
        month = f"/api/coverage/replay?from={START.date() - timedelta(days=30)}"
        assert client.get(month, headers=headers).json()["where"] == "from"
