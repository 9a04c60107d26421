"""The duty roster and the question who answers, over HTTP and from files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from typer.testing import CliRunner

from gis_service.app import create_app
from gis_service.cli import app
from gis_service.errors import InvalidInput
from gis_service.reference.calendar import seed_calendar
from gis_service.reference.components import load_components
from gis_service.reference.defaults import ensure_default_classes
from gis_service.reference.units import load_units
from gis_service.responsibility.queries import component_at, load_responsibilities
from gis_service.responsibility.roster import load_roster
from tests.conftest import Database, token_headers
from tests.district import load_small_district

ZONE = ZoneInfo("Asia/Shanghai")
SHIFT = {"starts_at": "2026-11-25 18:00", "ends_at": "2026-11-26 08:00", "street": "S0",
         "squad": "Q0", "person": "张三", "phone": "8001"}  # fmt: skip
BODY = {**SHIFT, "starts_at": "2026-11-25T18:00:00+08:00", "ends_at": "2026-11-26T08:00:00+08:00"}
IN_S0, IN_S1 = {"lon": 118.605, "lat": 24.905}, {"lon": 118.645, "lat": 24.905}
WORKDAY, EVENING = "2026-11-25T10:00:00+08:00", "2026-11-25T22:00:00+08:00"


@pytest.fixture
def district(database: Database) -> Database:
    """Two streets; Q0 serves the first, nobody the second."""
    squad = {"kind": "squad", "code": "Q0", "name": "零街中队", "parent": "JDZD", "streets": "S0"}
    load_small_district(database)
    with database.sessions.begin() as session:
        load_units(session, [squad], "squads")
        seed_calendar(session, [2026])
    return database


@pytest.fixture
def served(district: Database) -> Iterator[TestClient]:
    """The application, for requests that bring their own token."""
    with TestClient(create_app(district.settings), headers={"accept-language": "en"}) as client:
        yield client


def as_role(database: Database, role: str, *scopes: str) -> dict[str, str]:
    name = "-".join([role, *scopes]).replace("=", "")
    return token_headers(database, role, name=name, scopes=scopes)


def test_faulty_rows_are_named_and_no_shift_is_added(district: Database) -> None:
    for change, said in (
        ({"starts_at": "tonight"}, "is no time such as"),
        ({"starts_at": ""}, "no starts_at"),
        ({"ends_at": "2026-11-25 18:00"}, "a shift ends after it begins"),
        ({"ends_at": "2027-11-25 18:00"}, "no longer than 31 days"),
        ({"street": "S9"}, "unknown street 'S9'"),
        ({"squad": "Q9"}, "unknown squad 'Q9'"),
        ({"unit": "nobody"}, "unknown unit 'nobody'"),
        ({"person": " "}, "no person"),
        ({"person": "x" * 101}, "longer than 100"),
    ):
        with pytest.raises(InvalidInput) as refused, district.sessions.begin() as session:
            load_roster(session, [SHIFT, {**SHIFT, **change}], "r.csv", ZONE)
        assert said in refused.value.message
        assert "row 3" in refused.value.message
    assert district.value("SELECT count(*) FROM duty_shift") == 0


def test_a_roster_loads_once(district: Database, tmp_path: Path) -> None:
    table = tmp_path / "值班表.csv"
    table.write_text(
        "开始时间,结束时间,街道代码,中队代码,值班人,电话\n"
        "2026/11/25 18:00,2026/11/26 08:00,S0,Q0,张三,8001\n"
        "2026-11-25T00:00:00+08:00,2026-11-26T00:00:00+08:00,,,李四,\n"
    )
    run = CliRunner().invoke
    assert '"read":2,"loaded":2,"already":0' in run(app, ["load", "roster", str(table)]).stdout
    assert '"read":2,"loaded":0,"already":2' in run(app, ["load", "roster", str(table)]).stdout
    assert district.rows(
        "SELECT starts_at AT TIME ZONE 'UTC', street_code, person FROM duty_shift ORDER BY id"
    )[0][1:] == ("S0", "张三")  # fmt: skip
    assert district.value("SELECT count(*) FROM event WHERE topic = 'roster'") == 1
    with district.sessions() as session:
        r = load_responsibilities(session)
        assert set(r.streets.values()) == {"S0", "S1"}


def test_a_faulty_shift_is_refused(served: TestClient, district: Database) -> None:
    headers = as_role(district, "duty_chief")
    for change in (
        {"starts_at": "2026-11-25T18:00:00"}, {"ends_at": BODY["starts_at"]}, {"person": ""},
        {"person": "  "}, {"street": "S9"}, {"unit": "X"}, {"squad": "X"}, {"phone": "1" * 101},
        {"ends_at": "2027-12-01T00:00:00+08:00"}, {"note": "?"}, {"person": "a\u0000b"},
        {"starts_at": "9999-12-31T20:00:00-12:00", "ends_at": "9999-12-31T23:00:00-12:00"},
        {"starts_at": "0001-01-01T00:00:00+12:00", "ends_at": "0001-01-01T01:00:00+12:00"},
    ):  # fmt: skip
        answer = served.post("/api/roster", json={**BODY, **change}, headers=headers)
        assert answer.status_code == 400, (change, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert district.value("SELECT count(*) FROM duty_shift") == 0


def test_shifts_are_added_changed_listed_and_taken_away(
    served: TestClient, district: Database
) -> None:
    chief = as_role(district, "duty_chief")
    made = served.post("/api/roster", json=BODY, headers=chief)
    assert made.status_code == 201, made.text
    shift = made.json()
    assert {**shift, "id": 0} == {
        "id": 0, "starts_at": "2026-11-25T10:00:00Z", "ends_at": "2026-11-26T00:00:00Z",
        "street": "S0", "unit": None, "squad": "Q0", "person": "张三", "phone": "8001",
    }  # fmt: skip
    for day in ("26", "27"):
        more = {**BODY, "starts_at": f"2026-11-{day}T18:00:00+08:00",
                "ends_at": f"2026-11-{day}T23:00:00+08:00"}  # fmt: skip
        assert served.post("/api/roster", json=more, headers=chief).status_code == 201
    seen, cursor = [], None
    while True:
        asked = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = served.get("/api/roster", params=asked, headers=chief).json()
        seen += [one["starts_at"][:10] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["2026-11-25", "2026-11-26", "2026-11-27"]
    day = served.get("/api/roster", params={"from": "2026-11-27", "to": "2026-11-28"},
                     headers=chief).json()["items"]  # fmt: skip
    assert len(day) == 1
    path = f"/api/roster/{shift['id']}"
    changed = served.put(
        path, json={**BODY, "person": "李四", "unit": "SZZX"}, headers=chief
    ).json()
    assert (changed["person"], changed["unit"], changed["id"]) == ("李四", "SZZX", shift["id"])
    assert served.delete(path, headers=chief).status_code == 204
    assert served.delete(path, headers=chief).status_code == 404
    assert served.put(path, json=BODY, headers=chief).status_code == 404
    far = served.get("/api/roster", params={"from": "0001-01-01T00:00:00+12:00"}, headers=chief)
    assert far.status_code < 500
    for bad in ({"cursor": "x"}, {"from": "soon"}, {"limit": 0}, {"streat": "S0"}):
        assert served.get("/api/roster", params=bad, headers=chief).status_code == 400


def test_who_may_see_and_change_what(served: TestClient, district: Database) -> None:
    chief = as_role(district, "duty_chief")
    bodies = {
        "own": BODY,
        "other": {**BODY, "street": "S1", "squad": None, "person": "王五"},
        "all": {**BODY, "street": None, "squad": None, "person": "李四"},
    }
    ids = {
        key: served.post("/api/roster", json=body, headers=chief).json()["id"]
        for key, body in bodies.items()
    }
    assert served.get("/api/roster").status_code == 401
    assert served.get("/api/roster", headers=as_role(district, "viewer")).status_code == 403
    for role, scope in (
        ("squad_leader", "squad=Q0"), ("officer", "squad=Q0"), ("street_office", "street=S0"),
        ("community_worker", "community=S0C1"),
    ):  # fmt: skip
        headers = as_role(district, role, scope)
        seen = {one["id"] for one in served.get("/api/roster", headers=headers).json()["items"]}
        assert seen == {ids["own"], ids["all"]}, role
    officer = as_role(district, "officer", "street=S0")
    assert served.post("/api/roster", json=BODY, headers=officer).status_code == 403
    leader = as_role(district, "squad_leader", "squad=Q0", "street=S0")
    assert served.post("/api/roster", json=BODY, headers=leader).status_code == 201
    for key, body in bodies.items():
        path = f"/api/roster/{ids[key]}"
        allowed = 200 if key == "own" else 403
        assert served.put(path, json=BODY, headers=leader).status_code == allowed, key
        # nor may a shift be moved out of one's part
        assert served.put(f"/api/roster/{ids['own']}", json=body, headers=leader).status_code == (
            allowed
        ), key
    assert served.delete(f"/api/roster/{ids['other']}", headers=leader).status_code == 403
    unit = as_role(district, "duty_chief", "unit=JDZD")
    assert served.put(f"/api/roster/{ids['own']}", json=BODY, headers=unit).status_code == 200


def ask(client: TestClient, headers: dict[str, str], **asked: Any) -> dict[str, Any]:
    answer = client.get("/api/responsibility", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_who_answers_is_told_step_by_step(district: Database) -> None:
    manhole = {"code": "B1", "name": "通信井", "class": "C-01-23", "owner": "TXQY",
               "lon": "118.605", "lat": "24.905"}  # fmt: skip
    with district.sessions.begin() as session:
        load_components(session, [manhole], "b.csv")
        load_roster(session, [SHIFT], "r.csv", ZONE)
    dispatcher, viewer = as_role(district, "dispatcher"), as_role(district, "viewer")
    with TestClient(create_app(district.settings), headers={"accept-language": "en"}) as client:
        day = ask(client, dispatcher, **IN_S0, **{"class": "E-01-12"}, at=WORKDAY)
        assert day["unit"]["code"] == "HWZX"
        assert day["squad"]["code"] == "Q0"
        assert (day["working"], day["duty"], day["gap"]) == (True, None, False)
        assert [one["step"] for one in day["steps"]] == ["class", "squad"]
        night = ask(client, dispatcher, **IN_S0, **{"class": "E-01-12"}, at=EVENING)
        assert night["duty"]["person"] == "张三"
        hidden = ask(client, viewer, **IN_S0, **{"class": "E-01-12"}, at=EVENING)
        assert "张三" not in str(hidden)
        assert hidden["unit"] == night["unit"]
        owned = ask(client, dispatcher, **IN_S0, **{"class": "C-01-23"}, at=WORKDAY)
        assert (owned["unit"]["code"], owned["component"]["code"]) == ("TXQY", "B1")
        # its neighbour 11 m on is another manhole, of nobody
        beside = {"lon": 118.605, "lat": 24.9051}
        assert ask(client, dispatcher, **beside, **{"class": "C-01-23"}, at=WORKDAY)["unit"] is None
        second = ask(client, dispatcher, **IN_S0, **{"class": "E-01-99"}, condition=2, at=WORKDAY)
        assert second["unit"]["code"] == "ZFDD"
        first = ask(client, dispatcher, **IN_S0, **{"class": "E-01-99"}, condition=1, at=WORKDAY)
        assert first["unit"]["code"] == "JDZD"
        gap = ask(client, dispatcher, **IN_S1, **{"class": "C-01-23"}, at=WORKDAY)
        assert gap["gap"]
        for bad in (
            {**IN_S0}, {**IN_S0, "class": "X"}, {"class": "E-01-12", "lon": 24.9, "lat": 118.6},
            {**IN_S0, "class": "E-01-12", "at": "2026-11-25"}, {"class": "E-01-12", "lon": 1},
            {**IN_S0, "class": "E-01-12", "condition": 99},
            {"lon": "nan", "lat": 1, "class": "E-01-12"},
            {**IN_S0, "class": "E-01-12", "at": "0001-01-01T00:00:00+12:00"},
            {**IN_S0, "class": "E-01-12", "at": "9999-12-31T23:00:00-12:00"},
        ):  # fmt: skip
            answer = client.get("/api/responsibility", params=bad, headers=dispatcher)  # type: ignore[arg-type]
            assert answer.status_code == 400, (bad, answer.text)


def test_what_nobody_answers_for_is_listed(served: TestClient, district: Database) -> None:
    headers = as_role(district, "viewer")
    found = served.get("/api/responsibility/gaps", headers=headers).json()
    assert [one["code"] for one in found["classes"]] == ["C-01-23", "C-02-94", "E-05-93", "E-06-98"]
    assert found["streets"] == [{"code": "S1", "name": "1街"}]
    assert found["shared_streets"] == []
    with district.sessions.begin() as session:
        both = {"kind": "squad", "code": "Q1", "name": "二中队", "parent": "JDZD",
                "streets": "S0、S1"}  # fmt: skip
        load_units(session, [both], "u")
        session.execute(text("UPDATE unit SET active = false WHERE code = 'GJQY'"))
    found = served.get("/api/responsibility/gaps", headers=headers).json()
    assert "C-02-99" in [one["code"] for one in found["classes"]]
    assert found["streets"] == []
    assert found["shared_streets"] == [{"code": "S0", "name": "0街", "squads": ["Q0", "Q1"]}]


def test_the_reach_of_a_component_is_metres_in_every_direction(database: Database) -> None:
    """Also far north, where a degree of longitude is half as long."""
    for lat in (0.0, 24.9, 60.0):
        with database.sessions.begin() as session:
            ensure_default_classes(session)
            row = {"code": "B1", "class": "C-01-23", "lon": "118.6", "lat": str(lat)}
            load_components(session, [row], "b.csv")
            lamp = session.execute(
                text("SELECT id FROM incident_class WHERE code = 'C-01-23'")
            ).scalar_one()
            for metres, inside in ((4.9, True), (5.2, False)):
                for angle in range(0, 360, 30):
                    lon, y = session.execute(
                        text("SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Project("
                             "ST_Point(118.6, :lat)::geography, :m, radians(:a))::geometry p) q"),
                        {"lat": lat, "m": metres, "a": angle},
                    ).one()  # fmt: skip
                    found = component_at(session, lamp, lon, y)
                    assert (found is not None) is inside, (lat, metres, angle)
