"""Patrol contracts over HTTP and from files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from gis_service.app import create_app
from gis_service.cli import app
from gis_service.errors import InvalidInput
from gis_service.hierarchy.importing import apply, prepare
from gis_service.reference.units import load_units
from gis_service.responsibility.contract_loading import load_contracts, load_officers
from tests.conftest import Database, token_headers
from tests.district import load_small_district
from tests.shapes import small_hierarchy, write_hierarchy

ROW = {"code": "H1", "officer": "D1", "grids": "S0C0G0;S0C0G1", "duties": "E-01;E-02",
       "promised_days": "3", "valid_from": "2026-01-01", "valid_to": "2026-12-31"}  # fmt: skip
BODY: dict[str, Any] = {
    "code": "H1", "officer": "D1", "grids": ["S0C0G0"], "duties": ["E-01"], "promised_days": 3,
    "valid_from": "2026-01-01", "valid_to": "2026-12-31",
}  # fmt: skip
OFFICERS = [
    {"code": "D1", "name": "陈一", "squad": "Q0"},
    {"code": "D2", "name": "林二", "squad": "Q0"},
    {"code": "D3", "name": "黄三", "squad": "Q1"},
    {"code": "X1", "name": "协一", "squad": "Q0", "certified": "否"},
]


@pytest.fixture
def district(database: Database) -> Database:
    """Two streets with a squad each, four officers."""
    squads = [
        {"kind": "squad", "code": f"Q{n}", "name": f"{n}中队", "parent": "JDZD", "streets": f"S{n}"}
        for n in range(2)
    ]
    load_small_district(database)
    with database.sessions.begin() as session:
        load_units(session, squads, "squads")
        load_officers(session, OFFICERS, "officers")
    return database


@pytest.fixture
def served(district: Database) -> Iterator[TestClient]:
    with TestClient(create_app(district.settings), headers={"accept-language": "en"}) as client:
        yield client


def load(database: Database, *rows: dict[str, str]) -> dict[str, int]:
    with database.sessions.begin() as session:
        return load_contracts(session, rows, "c.csv", "community", "test")


def test_faulty_rows_are_named_and_nothing_is_applied(district: Database) -> None:
    for change, said in (
        ({"officer": "D9"}, "no officer 'D9'"),
        ({"officer": "X1"}, "assists"),
        ({"members": "D2;D9"}, "no officer 'D9'"),
        ({"grids": "S9"}, "no grid 'S9'"),
        ({"grids": ""}, "a grid at least"),
        ({"communities": "S9C9"}, "no community 'S9C9'"),
        ({"duties": "E-01;Q-77"}, "no group of classes 'Q-77'"),
        ({"promised_days": "0"}, "is no number above 0"),
        ({"promised_days": "1.5"}, "no whole number"),
        ({"promised_days": ""}, "either promised_days or visits_per_week"),
        ({"visits_per_week": "2"}, "either promised_days or visits_per_week"),
        ({"promised_days": "", "visits_per_week": "6", "weekdays": "1-5"}, "than weekdays"),
        ({"weekdays": "8"}, "weekdays '8'"),
        ({"weekdays": "5-1"}, "weekdays '5-1'"),
        ({"hours": "8 to 6"}, "hours '8 to 6'"),
        ({"hours": "25:00-26:00"}, "hours"),
        ({"valid_to": "2025-12-31"}, "no earlier than it begins"),
        ({"valid_to": "soon"}, "is no day"),
        ({"valid_from": "0001-01-01"}, "lies outside"),
        ({"code": "H1"}, "stands in row 2 already"),
    ):
        with pytest.raises(InvalidInput) as refused:
            load(district, ROW, {**ROW, "code": "H2", **change})
        assert said in refused.value.message, change
        assert "row 3" in refused.value.message
    assert district.value("SELECT count(*) FROM patrol_contract") == 0


def test_a_file_loads_once_and_a_change_becomes_a_version(
    district: Database, tmp_path: Path
) -> None:
    table = tmp_path / "责任书.csv"
    head = (
        "责任书编号,责任人编号,责任人,中队代码,成员编号,社区编码,职责大类,"
        "每周次数,星期,时段,有效期起,有效期止"
    )
    row = "H1,D1,,,X1、D2,S0C0,,2,周一至周五,08:30-17:30,2026/1/1,2026/12/31"
    new = "H2,D8,新来,Q1,,S1C1,市容环境,3,,,2026-01-01,2026-12-31"
    table.write_text("\n".join([head, row, new]) + "\n")
    run = CliRunner().invoke
    assert '"read":2,"loaded":2,"already":0' in run(app, ["load", "contracts", str(table)]).stdout
    assert '"read":2,"loaded":0,"already":2' in run(app, ["load", "contracts", str(table)]).stdout
    assert district.value("SELECT name FROM officer WHERE code = 'D8'") == "新来"
    later = row.replace(",2,周一", ",3,周一").replace("2026/1/1", "2026/7/1")
    table.write_text("\n".join([head, later, new]) + "\n")
    assert '"read":2,"loaded":1,"already":1' in run(app, ["load", "contracts", str(table)]).stdout
    versions = district.rows(
        "SELECT version, visits_per_week, closed_from::text, weekdays, hours_from::text, "
        "(SELECT count(*) FROM patrol_contract_grid g WHERE g.contract_id = c.id), "
        "(SELECT string_agg(kind, ',' ORDER BY kind) FROM patrol_contract_member m "
        " WHERE m.contract_id = c.id) "
        "FROM patrol_contract c WHERE code = 'H1' ORDER BY version"
    )
    days = [1, 2, 3, 4, 5]
    assert versions == [
        (1, 2, "2026-07-01", days, "08:30:00", 2, "assisting,certified"),
        (2, 3, None, days, "08:30:00", 2, "assisting,certified"),
    ]


def test_a_contract_is_added_handed_over_and_withdrawn(
    served: TestClient, district: Database
) -> None:
    chief = token_headers(district, "duty_chief")
    made = served.post("/api/contracts", json=BODY, headers=chief)
    assert made.status_code == 201, made.text
    assert (made.json()["version"], made.json()["grids"]) == (1, ["S0C0G0"])
    assert served.post("/api/contracts", json=BODY, headers=chief).status_code == 409
    change = {key: value for key, value in BODY.items() if key != "code"}
    change |= {"officer": "D2", "valid_from": "2026-06-01", "version": 1}
    second = served.put("/api/contracts/H1", json=change, headers=chief)
    assert second.status_code == 200, second.text
    # somebody who did not see that version
    assert served.put("/api/contracts/H1", json=change, headers=chief).status_code == 409
    early = {**change, "valid_from": "2026-05-01", "version": 2}
    assert served.put("/api/contracts/H1", json=early, headers=chief).status_code == 400
    versions = served.get("/api/contracts/H1", headers=chief).json()["items"]
    assert [(one["version"], one["officer"], one["closed_from"]) for one in versions] == [
        (2, "D2", None), (1, "D1", "2026-06-01"),
    ]  # fmt: skip
    assert versions[1]["superseded_by"] == 2
    listed = served.get("/api/contracts", params={"officer": "D2"}, headers=chief).json()
    assert [one["code"] for one in listed["items"]] == ["H1"]
    gone = served.delete("/api/contracts/H1", params={"from": "2026-08-01"}, headers=chief)
    assert gone.status_code == 204
    assert served.delete("/api/contracts/H1", headers=chief).status_code == 409
    assert served.get("/api/contracts/H9", headers=chief).status_code == 404
    closed = served.get("/api/contracts", params={"state": "closed"}, headers=chief).json()
    assert [one["code"] for one in closed["items"]] == ["H1"]


def test_faulty_contracts_are_refused(served: TestClient, district: Database) -> None:
    chief = token_headers(district, "duty_chief")
    for change in (
        {"officer": "D9"}, {"grids": []}, {"grids": ["?"]}, {"promised_days": None},
        {"promised_days": 0}, {"promised_days": 2**40}, {"weekdays": []}, {"weekdays": [0]},
        {"hours_from": "08:00:30"}, {"valid_to": "2020-01-01"}, {"valid_to": "9999-12-31"},
        {"attachment_id": 5}, {"code": ""}, {"duties": ["Z"]}, {"other": 1}, {"note": "a\u0000"},
        {"min_stay_s": -1}, {"min_length_m": 1e9},
    ):  # fmt: skip
        answer = served.post("/api/contracts", json={**BODY, **change}, headers=chief)
        assert answer.status_code == 400, (change, answer.text)
    assert district.value("SELECT count(*) FROM patrol_contract") == 0


def test_leaders_change_the_contracts_of_their_own_squad(
    served: TestClient, district: Database
) -> None:
    leader = token_headers(district, "squad_leader", scopes=["squad=Q0"])
    assert served.post("/api/contracts", json=BODY, headers=leader).status_code == 201
    other = {**BODY, "code": "H2", "officer": "D3", "grids": ["S1C0G0"]}
    assert served.post("/api/contracts", json=other, headers=leader).status_code == 403
    beyond = {**BODY, "code": "H3", "grids": ["S0C0G0", "S1C0G0"]}
    assert served.post("/api/contracts", json=beyond, headers=leader).status_code == 403
    chief = token_headers(district, "duty_chief")
    assert served.post("/api/contracts", json=other, headers=chief).status_code == 201
    seen = served.get("/api/contracts", headers=leader).json()["items"]
    assert [one["code"] for one in seen] == ["H1"]
    assert served.delete("/api/contracts/H2", headers=leader).status_code == 404
    officer = {"name": "新", "squad": "Q0"}
    assert served.put("/api/officers/D5", json=officer, headers=leader).status_code == 200
    assert served.put("/api/officers/D3", json=officer, headers=leader).status_code == 403
    assert (
        served.get("/api/contracts", headers=token_headers(district, "viewer")).status_code == 403
    )


def test_an_account_is_one_officers(served: TestClient, district: Database) -> None:
    """Who signs in with it sends the officer's walks."""
    chief = token_headers(district, "duty_chief")
    own = token_headers(district, "officer", name="chen")
    token_headers(district, "officer", name="lin")
    token_headers(district, "planner")
    officer = {"name": "陈一", "squad": "Q0"}
    phone = {"kind": "owntracks", "label": "phone"}
    assert served.post("/api/devices", json=phone, headers=own).status_code == 400
    for name in ("nobody", "planner", "a\u0000"):
        answer = served.put("/api/officers/D1", json={**officer, "account": name}, headers=chief)
        assert answer.status_code == 400, (name, answer.text)
    linked = served.put("/api/officers/D1", json={**officer, "account": "chen"}, headers=chief)
    assert linked.json()["account"] == "chen"
    assert served.post("/api/devices", json=phone, headers=own).status_code == 201
    taken = served.put("/api/officers/D9", json={**officer, "account": "chen"}, headers=chief)
    assert taken.status_code == 400
    assert "D1" in taken.json()["detail"]
    # left out it stays, and in a file, too
    assert served.put("/api/officers/D1", json=officer, headers=chief).json()["account"] == "chen"
    with district.sessions.begin() as session:
        load_officers(session, OFFICERS, "officers")
    rows = [{**one, "account": ""} for one in OFFICERS]
    rows[0]["account"], rows[1]["account"] = "chen", "lin"
    with district.sessions.begin() as session:
        assert load_officers(session, rows, "officers")["loaded"] == 1
    listed = served.get("/api/officers", headers=chief).json()["items"]
    assert [one["account"] for one in listed] == ["chen", "lin", None, None]
    for account, said in (("chen", "is officer D1's"), ("nobody", "no account"), ("lin", "row 2")):
        wrong = [{**rows[1]}, {**rows[2], "account": account}]
        with pytest.raises(InvalidInput) as refused, district.sessions.begin() as session:
            load_officers(session, wrong, "officers")
        assert "row 3" in refused.value.message
        assert said in refused.value.message, account
    freed = served.put("/api/officers/D1", json={**officer, "account": None}, headers=chief)
    assert freed.json()["account"] is None
    assert served.post("/api/devices", json=phone, headers=own).status_code == 400


def test_absences_name_who_stands_in(served: TestClient, district: Database) -> None:
    chief = token_headers(district, "duty_chief")
    away = {"officer": "D1", "from_day": "2026-10-01", "to_day": "2026-10-05", "stand_in": "D2"}
    made = served.post("/api/absences", json=away, headers=chief)
    assert made.status_code == 201, made.text
    for change in ({"stand_in": "D1"}, {"to_day": "2026-09-01"}, {"officer": "D9"}, {"kind": "?"}):
        answer = served.post("/api/absences", json={**away, **change}, headers=chief)
        assert answer.status_code == 400, change
    items = served.get("/api/absences", params={"from": "2026-10-05"}, headers=chief).json()[
        "items"
    ]
    assert [(one["officer"], one["stand_in"]) for one in items] == [("D1", "D2")]
    path = f"/api/absences/{made.json()['id']}"
    assert served.delete(path, headers=chief).status_code == 204
    assert served.delete(path, headers=chief).status_code == 404


def test_a_grid_that_a_revision_removed_is_told(
    served: TestClient, district: Database, tmp_path: Path
) -> None:
    chief = token_headers(district, "duty_chief")
    both = {**BODY, "grids": ["S0C0G0", "S0C0G1"]}
    assert served.post("/api/contracts", json=both, headers=chief).status_code == 201
    whole = small_hierarchy()
    levels = {
        "grid": whole["grid"].query("code != 'S0C0G1'"),
        "building": whole["building"].query("parent_code != 'S0C0G1'"),
    }
    path = write_hierarchy(tmp_path / "less.gpkg", levels)
    with district.sessions.begin() as session:
        prepared = prepare(session, path, district.settings)
        apply(session, prepared, district.settings, confirmed=True)
    row = served.get("/api/contracts/H1", headers=chief).json()["items"][0]
    assert row["removed_grids"] == ["S0C0G1"]
    again = {key: value for key, value in both.items() if key != "code"} | {"version": 1}
    refused = served.put("/api/contracts/H1", json=again, headers=chief)
    assert refused.status_code == 400
    assert "boundary revision" in refused.json()["detail"]


def test_the_responsible_officer_is_told_to_those_who_may_know(
    served: TestClient, district: Database
) -> None:
    chief, viewer = token_headers(district, "duty_chief"), token_headers(district, "viewer")
    assert served.post("/api/contracts", json=BODY, headers=chief).status_code == 201
    asked = {"lon": 118.605, "lat": 24.905, "class": "E-01-12", "at": "2026-11-25T10:00:00+08:00"}
    until = time.monotonic() + 5
    while True:
        found = served.get("/api/responsibility", params=asked, headers=chief).json()
        if found["officer"] or time.monotonic() > until:
            break
        time.sleep(0.05)
    assert found["officer"] == {"code": "D1", "name": "陈一"}
    assert (found["squad"]["code"], found["steps"][0]["step"]) == ("Q0", "contract")
    hidden = served.get("/api/responsibility", params=asked, headers=viewer).json()
    assert hidden["officer"] is None
    assert "陈一" not in str(hidden)
    assert hidden["squad"]["code"] == "Q0"
