"""Coverage and gaps over HTTP, from the tables to the answer."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.app import create_app
from gis_service.events.feed import publish
from gis_service.patrols.coverage_live import read_patrols
from gis_service.patrols.coverage_table import refresh_coverage
from gis_service.reference.units import load_units
from gis_service.responsibility.contract_loading import load_contracts, load_officers
from tests.conftest import Database, token_headers
from tests.district import load_small_district
from tests.test_http import features, tile_of

ZONE = ZoneInfo("Asia/Shanghai")
TO = datetime(2026, 11, 1, tzinfo=ZONE)
ASKED = {"to": "2026-11-01"}
PROMISE = {"duties": "E-01", "promised_days": "3", "valid_from": "2026-01-01",
           "valid_to": "2026-12-31"}  # fmt: skip


def add_visit(session: Session, officer: str, grid: str, days_ago: int, hour: int = 10) -> None:
    """A visit of ten minutes, with its day received."""
    entered = TO - timedelta(days=days_ago) + timedelta(hours=hour)
    session.execute(
        text("""
            INSERT INTO visit
                (officer_id, area_id, grid_code, entered_at, left_at, stay_s, length_m)
            SELECT o.id, a.id, a.code, :entered, :left, 600, 300
            FROM officer o, area a WHERE o.code = :officer AND a.code = :grid AND a.level = 'grid'
        """),
        {"officer": officer, "grid": grid, "entered": entered,
         "left": entered + timedelta(minutes=10)},
    )  # fmt: skip
    receive(session, officer, days_ago)


def receive(session: Session, officer: str, days_ago: int) -> None:
    session.execute(
        text("""
            INSERT INTO received_day (officer_id, day, fixes)
            SELECT id, :day, 100 FROM officer WHERE code = :officer ON CONFLICT DO NOTHING
        """),
        {"officer": officer, "day": (TO - timedelta(days=days_ago)).date()},
    )


@pytest.fixture
def district(database: Database) -> Database:
    """Eight grids in every state but 'due', by four officers of two squads."""
    squads = [
        {"kind": "squad", "code": f"Q{n}", "name": f"{n}中队", "parent": "JDZD", "streets": f"S{n}"}
        for n in range(2)
    ]
    officers = [
        {"code": code, "name": name, "squad": squad}
        for code, name, squad in (
            ("D1", "陈一", "Q0"), ("D2", "=林二", "Q0"), ("D3", "黄三", "Q1"), ("D4", "闲人", "Q1"),
        )
    ]  # fmt: skip
    contracts = [
        {**PROMISE, "code": "H1", "officer": "D1", "grids": "S0C0G0;S0C0G1;S0C1G0"},
        {**PROMISE, "code": "H2", "officer": "D2", "grids": "S0C1G0;S0C1G1"},
        {**PROMISE, "code": "H3", "officer": "D3", "grids": "S1C0G0", "valid_to": "2026-09-30"},
        {**PROMISE, "code": "H4", "officer": "D3", "grids": "S1C0G1", "hours": "08:00-18:00"},
    ]
    load_small_district(database)
    with database.sessions.begin() as session:
        load_units(session, squads, "squads")
        load_officers(session, officers, "officers")
        load_contracts(session, contracts, "contracts", "community", "test")
        add_visit(session, "D1", "S0C0G0", 1)
        add_visit(session, "D1", "S0C0G1", 9)
        add_visit(session, "D1", "S1C1G0", 2)
        add_visit(session, "D3", "S1C0G1", 2, hour=20)
        publish(session, "visits")
    return database


@pytest.fixture
def served(district: Database) -> Iterator[TestClient]:
    headers = {"accept-language": "en", **token_headers(district, "duty_chief")}
    with TestClient(create_app(district.settings), headers=headers) as client:
        yield client


def ask(client: TestClient, path: str = "/api/coverage", **asked: Any) -> dict[str, Any]:
    answer = client.get(path, params={**ASKED, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def by_row(found: dict[str, Any]) -> dict[tuple[str, str | None], dict[str, Any]]:
    return {(row["grid"]["code"], row["contract"]): row for row in found["items"]}


def test_every_grid_and_contract_has_its_state(served: TestClient) -> None:
    found = ask(served)
    rows = by_row(found)
    assert {key: row["state"] for key, row in rows.items()} == {
        ("S0C0G0", "H1"): "on_time", ("S0C0G1", "H1"): "overdue",
        ("S0C1G0", "H1"): "never_visited", ("S0C1G0", "H2"): "no_track",
        ("S0C1G1", "H2"): "no_track", ("S1C0G0", "H3"): "expired",
        ("S1C0G1", "H4"): "never_visited", ("S1C1G0", None): "no_contract",
        ("S1C1G1", None): "no_contract",
    }  # fmt: skip
    assert (found["grids"], found["days"]) == (8, 30)
    assert found["counts"]["no_contract"] == 2
    late = rows["S0C0G1", "H1"]
    assert (late["overdue_days"], late["promised_days"], late["officer"]) == (5, 3, "D1")
    assert late["last_visit_at"] == "2026-10-23T10:00:00+08:00"
    assert [key for key, row in rows.items() if row["overlapping"]] == [
        ("S0C1G0", "H1"), ("S0C1G0", "H2"),
    ]  # fmt: skip
    assert [key for key, row in rows.items() if row["out_of_hours"]] == [("S1C0G1", "H4")]
    assert [key for key, row in rows.items() if row["outside_area"]] == [("S1C1G0", None)]


def test_gaps_come_by_risk_and_idle_officers_are_named(served: TestClient) -> None:
    found = ask(served, "/api/coverage/gaps")
    risks = [row["risk"] for row in found["items"]]
    assert risks == sorted(risks, reverse=True)
    assert len(risks) == 8
    assert {row["code"] for row in found["officers_without_contract"]} == {"D4"}
    late = by_row(found)["S0C0G1", "H1"]
    assert (late["gap_days"], late["incidents"], late["open_cases"]) == (8, 0, 0)


def test_filters_narrow_and_unknown_names_are_refused(served: TestClient) -> None:
    own = ask(served, squad="Q0")["items"]
    assert {row["grid"]["code"][:2] for row in own} == {"S0"}
    # a squad's street without a contract is its gap
    assert ("S1C1G0", None) in by_row(ask(served, squad="Q1"))
    assert {row["contract"] for row in ask(served, officer="D1")["items"]} == {"H1"}
    earlier = by_row(ask(served, to="2026-09-15"))
    assert earlier["S1C0G0", "H3"]["state"] == "no_track"
    for bad in ({"squad": "Q9"}, {"officer": "D9"}, {"from": "2026-11-02"}, {"to": "soon"},
                {"from": "2020-01-01"}, {"level": "city"}, {"swad": "Q0"},
                {"to": "0001-01-02"}):  # fmt: skip
        for path in ("/api/coverage", "/api/coverage/gaps"):
            answer = served.get(path, params={**ASKED, **bad})
            assert answer.status_code == 400, (bad, answer.text)


def test_a_leader_sees_what_is_the_squads(served: TestClient, district: Database) -> None:
    leader = token_headers(district, "squad_leader", scopes=["squad=Q1"])
    found = served.get("/api/coverage", params=ASKED, headers=leader).json()
    assert {row["grid"]["code"][:2] for row in found["items"]} == {"S1"}
    viewer = token_headers(district, "viewer")
    assert served.get("/api/coverage", headers=viewer).status_code == 403


def test_the_export_begins_no_cell_as_a_formula(served: TestClient) -> None:
    answer = served.get("/api/coverage/gaps", params={**ASKED, "format": "csv", "lang": "zh"})
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 8
    assert {row["队员"] for row in rows} >= {"'=林二"}
    assert {row["状态"] for row in rows} >= {"未收到轨迹", "无责任人"}


def test_a_visit_shows_within_seconds(served: TestClient, district: Database) -> None:
    with district.sessions.begin() as session:
        officer = session.execute(text("SELECT id FROM officer WHERE code = 'D2'")).scalar_one()
        add_visit(session, "D2", "S0C1G1", 1)
        publish(session, "visits", officers=[officer])
    until = time.monotonic() + 5
    while time.monotonic() < until:
        rows = by_row(ask(served))
        if rows["S0C1G1", "H2"]["state"] == "on_time":
            break
        time.sleep(0.05)
    assert rows["S0C1G1", "H2"]["state"] == "on_time"
    # the others' visits are as they were
    assert rows["S0C0G0", "H1"]["state"] == "on_time"
    assert rows["S0C1G0", "H2"]["state"] == "never_visited"


def test_the_last_visits_of_a_grid(served: TestClient, district: Database) -> None:
    found = ask(served, "/api/coverage/visits", grid="S0C0G0")["items"]
    assert [(one["officer"], one["stay_s"]) for one in found] == [("D1", 600)]
    assert found[0]["entered_at"] == "2026-10-31T10:00:00+08:00"
    assert ask(served, "/api/coverage/visits", grid="S0C0G0", officer="D2")["items"] == []
    assert ask(served, "/api/coverage/visits", grid="S0C0G0", to="2026-10-31")["items"] == []
    assert served.get("/api/coverage/visits", params={"grid": "S9"}).status_code == 404
    leader = token_headers(district, "squad_leader", scopes=["squad=Q1"])
    refused = served.get("/api/coverage/visits", params={"grid": "S0C0G0"}, headers=leader)
    assert refused.status_code == 403


def test_the_layers_draw_what_coverage_says(served: TestClient, district: Database) -> None:
    with district.sessions.begin() as session:
        patrols = read_patrols(session, district.settings)
        assert refresh_coverage(session, district.settings, patrols, TO)
    with district.sessions.begin() as session:
        assert not refresh_coverage(session, district.settings, patrols, TO)
    drawn = {
        layer: {
            one["properties"]["code"]: one["properties"]
            for one in features(served.get(f"/tiles/{layer}/{tile}.mvt").content, layer)
        }
        for layer in ("coverage", "contracts", "officer_load")
        for tile in ["9/{}/{}".format(*tile_of(118.64, 24.91, 9))]
    }
    coverage = drawn["coverage"]
    assert coverage["S0C1G0"] == {
        "code": "S0C1G0", "name": "网格S0C1G0", "state": "no_track", "contract": "H2",
        "contracts": 2, "overlapping": True, "out_of_hours": False, "outside_area": False,
    }  # fmt: skip
    assert (coverage["S0C0G1"]["state"], coverage["S0C0G1"]["overdue_days"]) == ("overdue", 5)
    assert {code: one["kind"] for code, one in drawn["contracts"].items()} == {
        "S0C0G0": "one", "S0C0G1": "one", "S0C1G0": "overlapping", "S0C1G1": "one",
        "S1C0G0": "none", "S1C0G1": "one", "S1C1G0": "none", "S1C1G1": "none",
    }  # fmt: skip
    load = drawn["officer_load"]
    assert load["S0C0G0"]["officer"] == "D1"
    assert (load["S0C0G0"]["grids"], load["S0C0G0"]["visits_per_week"]) == (3, 7.0)
    assert set(load) == {"S0C0G0", "S0C0G1", "S0C1G0", "S0C1G1", "S1C0G1"}


def test_the_load_of_each_officer(served: TestClient, district: Database) -> None:
    found = {one["officer"]: one for one in ask(served, "/api/coverage/load")["items"]}
    assert list(found) == ["D1", "D2", "D3", "D4"]
    one = found["D1"]
    assert (one["contracts"], one["grids"], one["buildings"]) == (1, 3, 3)
    assert one["visits_per_week"] == 7.0
    area = district.value("SELECT sum(area_m2) / 1e6 FROM grid WHERE code LIKE 'S0C0%'")
    assert one["area_km2"] == pytest.approx(1.5 * area, rel=1e-3)
    # an expired contract is no load
    assert (found["D3"]["contracts"], found["D3"]["grids"]) == (1, 1)
    assert found["D4"]["visits_per_week"] == 0
    assert [one["officer"] for one in ask(served, "/api/coverage/load", squad="Q0")["items"]] == [
        "D1", "D2",
    ]  # fmt: skip
    leader = token_headers(district, "squad_leader", scopes=["squad=Q1"])
    own = served.get("/api/coverage/load", headers=leader).json()["items"]
    assert {one["squad"] for one in own} == {"Q1"}


def test_summed_up_by_level_with_denominators(served: TestClient) -> None:
    grids = ask(served)["items"]
    for level in ("street", "community", "squad"):
        found = ask(served, level=level)
        assert sum(one["grids"] for one in found["items"]) == 8, level
        for one in found["items"]:
            assert sum(one["counts"].values()) == one["grids"]
            assert one["told"] == one["grids"] - one["counts"]["no_track"]
    streets = {one["street"]["code"]: one for one in ask(served, level="street")["items"]}
    # a grid of two contracts counts once, in the graver of its states
    assert streets["S0"]["counts"] == {
        "no_contract": 0, "expired": 0, "no_track": 2, "never_visited": 0, "overdue": 1, "due": 0,
        "on_time": 1,
    }  # fmt: skip
    assert (streets["S0"]["gaps"], streets["S0"]["told"], streets["S0"]["grids"]) == (1, 2, 4)
    officers = {(one["officer"] or {}).get("code"): one for one in
                ask(served, level="officer")["items"]}  # fmt: skip
    assert officers["D1"]["grids"] == 3
    assert officers[None]["counts"]["no_contract"] == 2
    assert officers["D1"]["visits"] == sum(row["visits"] for row in grids if row["officer"] == "D1")


def test_two_periods_are_compared_grid_by_grid(served: TestClient) -> None:
    found = ask(served, "/api/coverage/compare", **{"from": "2026-10-25"})
    assert (found["then"]["from"][:10], found["then"]["to"][:10]) == ("2026-10-18", "2026-10-25")
    changes = {one["grid"]["code"]: one["change"] for one in found["items"]}
    # D1 sent a track in both weeks, D3 and D2 not in the earlier one
    assert changes["S0C0G0"] == "cured"
    assert changes["S0C0G1"] == "new_gap"
    assert changes["S1C1G0"] == "same_gap"
    assert changes["S0C1G1"] == changes["S1C0G1"] == "unknown"
    assert found["comparable"] == 8 - found["counts"]["unknown"]
    assert sum(found["counts"].values()) == found["grids"] == 8
    for bad in ({"before_from": "2026-10-20", "before_to": "2026-10-20"},
                {"before_from": "1999-01-01"}, {"before_to": "soon"}):  # fmt: skip
        answer = served.get("/api/coverage/compare", params={**ASKED, **bad})
        assert answer.status_code == 400
        assert answer.json()["where"] in bad


def test_when_visits_fall(served: TestClient, district: Database) -> None:
    found = ask(served, "/api/coverage/rhythm")
    assert found["total"] == sum(map(sum, found["visits"])) == 4
    # 30 October 2026, when D3 came at eight in the evening, was a Friday
    assert found["visits"][4][20] == 1
    assert found["minutes"][4][20] == 10
    assert sum(found["days"]) == 30
    assert sum(found["tracked"]) == 3
    assert ask(served, "/api/coverage/rhythm", squad="Q1")["total"] == 1
    leader = token_headers(district, "squad_leader", scopes=["squad=Q1"])
    own = served.get("/api/coverage/rhythm", params=ASKED, headers=leader).json()
    assert (own["total"], own["officers"]) == (1, 2)


def test_balanced_areas_are_proposed_and_applied_by_a_person(
    served: TestClient, district: Database
) -> None:
    assert served.get("/api/coverage/areas", params=ASKED).json()["where"] == "squad"
    found = ask(served, "/api/coverage/areas", squad="Q0")
    assert (found["grids"], found["shared"], found["unheld"]) == (4, 1, 0)
    assert [(one["officer"], one["contract"]) for one in found["items"]] == [
        ("D1", "H1"), ("D2", "H2"),
    ]  # fmt: skip
    proposed = [set(one["proposed"]["grids"]) for one in found["items"]]
    assert [len(one) for one in proposed] == [2, 2]
    assert proposed[0] | proposed[1] == {"S0C0G0", "S0C0G1", "S0C1G0", "S0C1G1"}
    balance = found["balance"]
    assert balance["proposed"]["contiguous"] == 2
    assert balance["proposed"]["cv"] <= balance["today"]["cv"]
    # no streets and no incidents are loaded: they are named, not counted as none
    assert found["missing"] == ["streets", "incidents"]
    nothing = {"squad": "Q0", "visits": 0, "buildings": 0}
    assert served.get("/api/coverage/areas", params=ASKED | nothing).json()["where"] == "weights"
    for bad in ({"visits": -1}, {"streets": "nan"}, {"seed": 1}):
        assert served.get("/api/coverage/areas", params=ASKED | bad).status_code == 400

    body = {
        "contracts": [
            {"contract": one["contract"], "version": one["version"],
             "grids": one["proposed"]["grids"]}
            for one in found["items"]
        ],
        "valid_from": "2026-11-10", "note": "balanced",
    }  # fmt: skip
    versions = "SELECT code, max(version) FROM patrol_contract GROUP BY code ORDER BY code"
    before = dict(district.rows(versions))
    tried = served.post("/api/contracts/redraw", params={"dry_run": True}, json=body)
    assert (tried.status_code, tried.json()["applied"]) == (200, False)
    assert dict(district.rows(versions)) == before
    # nothing is applied by halves
    twice = {**body, "contracts": [body["contracts"][0], {**body["contracts"][1],
             "grids": body["contracts"][0]["grids"]}]}  # fmt: skip
    stale = {**body, "contracts": [body["contracts"][0], {**body["contracts"][1], "version": 7}]}
    late = {**body, "valid_from": "2027-01-01"}
    leader = token_headers(district, "squad_leader", scopes=["squad=Q1"])
    for wrong, status, headers in (
        (twice, 400, {}), (stale, 409, {}), (late, 400, {}), (body, 404, leader),
    ):  # fmt: skip
        answer = served.post("/api/contracts/redraw", json=wrong, headers=headers)
        assert answer.status_code in (status, 403 if status == 404 else status), answer.text
        assert dict(district.rows(versions)) == before
    done = served.post("/api/contracts/redraw", json=body).json()
    assert done["applied"]
    assert set(done["changed"]) == set(tried.json()["changed"])
    for code in done["changed"]:
        last, first = served.get(f"/api/contracts/{code}").json()["items"]
        wanted = next(one["grids"] for one in body["contracts"] if one["contract"] == code)
        assert sorted(last["grids"]) == sorted(wanted)
        assert (last["version"], last["note"], last["valid_from"]) == (2, "balanced", "2026-11-10")
        assert first["closed_from"] == "2026-11-10"
        assert last["promised_days"] == first["promised_days"]


def test_the_signed_scan_of_a_version_is_seen(served: TestClient, district: Database) -> None:
    out = io.BytesIO()
    Image.new("RGB", (80, 60), "white").save(out, "JPEG")
    files = {"photo": ("scan.jpg", out.getvalue(), "image/jpeg")}
    number = served.post("/api/attachments", files=files).json()["id"]
    last = served.get("/api/contracts/H1").json()["items"][0]
    names = ("officer", "grids", "duties", "promised_days", "version", "valid_to")
    change = {name: last[name] for name in names}
    change |= {"valid_from": "2026-11-10", "attachment_id": number}
    assert served.put("/api/contracts/H1", json=change).is_success
    seen = served.get("/api/contracts/H1/scan", params={"version": 2})
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert served.get("/api/contracts/H1/scan", params={"version": 1}).status_code == 404
    leader = token_headers(district, "squad_leader", scopes=["squad=Q1"])
    other = served.get("/api/contracts/H1/scan", params={"version": 2}, headers=leader)
    assert other.status_code in (403, 404)
