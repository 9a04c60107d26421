"""The calendar as a table: seeding, files, editing over HTTP."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from gis_service.cli import app
from gis_service.errors import InvalidInput
from gis_service.reference.calendar import ensure_default_calendar, load_days, seed_calendar
from gis_service.reference.deadlines import deadline
from gis_service.reference.defaults import ensure_default_classes
from gis_service.reference.queries import load_calendar
from tests.conftest import Database
from tests.reference.calendars import at


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"date": "2026-13-01", "kind": "off"}, "is no day such as"),
        ({"date": "1066-10-14", "kind": "off"}, "lies outside"),
        ({"date": "2026-10-01", "kind": "holiday"}, "kind 'holiday' is none of"),
        ({"date": "", "kind": "off"}, "no date"),
        ({"date": "2026-06-01", "kind": "hours", "periods": ""}, "no working period"),
        ({"date": "2026-06-01", "kind": "hours", "periods": "18:00-08:00"}, "working periods must"),
        ({"date": "2026-06-01", "kind": "hours", "periods": "8am-6pm"}, "is no HH:MM"),
    ],
)
def test_faulty_rows_are_named_and_nothing_is_set(
    database: Database, row: dict[str, str], said: str
) -> None:
    good = {"date": "2027-01-01", "kind": "off", "note": "元旦"}
    with pytest.raises(InvalidInput, match="row 3: ") as refused, (
        database.sessions.begin()
    ) as session:  # fmt: skip
        load_days(session, [good, row], "c.csv")
    assert said in refused.value.message
    assert database.value("SELECT count(*) FROM calendar_day") == 0


def test_a_day_that_stands_twice_is_refused(database: Database) -> None:
    rows = [{"date": "2027-01-01", "kind": "off"}, {"date": "2027/1/1", "kind": "上班"}]
    with pytest.raises(InvalidInput, match="2027-01-01 stands twice"), (
        database.sessions.begin()
    ) as session:  # fmt: skip
        load_days(session, rows, "c.csv")


def test_seeding_keeps_what_a_person_set(database: Database) -> None:
    with database.sessions.begin() as session:
        first = seed_calendar(session, [2026])
        assert first == {"read": 39, "loaded": 39, "already": 0, "rejected": 0}
        load_days(session, [{"date": "2026-10-01", "kind": "working", "note": "值守"}], "own.csv")
        assert seed_calendar(session, [2026])["loaded"] == 0
        ensure_default_calendar(session)
    own = "SELECT kind, note, source FROM calendar_day WHERE day = '2026-10-01'"
    assert database.rows(own) == [("working", "值守", "own.csv")]
    assert database.value("SELECT count(*) FROM calendar_day") == 39
    assert database.value("SELECT count(*) FROM event WHERE topic = 'calendar'") == 2


def test_the_command_seeds_reads_files_and_refuses_a_year_nobody_published(
    database: Database, tmp_path: Path
) -> None:
    run = CliRunner().invoke
    assert run(app, ["load", "calendar"]).exit_code == 2
    assert run(app, ["load", "calendar", "--seed", "--year", "2031"]).exit_code == 1
    assert database.value("SELECT count(*) FROM calendar_day") == 0
    answer = run(app, ["load", "calendar", "--seed", "--year", "2026"])
    assert '"read":39,"loaded":39,"already":0,"rejected":0' in answer.stdout
    table = tmp_path / "日历.csv"
    table.write_text("日期,类型,说明,工作时段\n2027-01-01,休息,元旦,\n"
                     "2026-06-01,工作时段,夏令时段,08:00-12:00；15:00至18:30\n")  # fmt: skip
    assert run(app, ["load", "calendar", str(table)]).exit_code == 0
    with database.sessions() as session:
        calendar = load_calendar(session, database.settings)
    summer = deadline(at("2026-06-01T12:30"), 3.5, "working_hour", calendar)
    assert summer.due_at == at("2026-06-01T18:30")
    assert 2027 in calendar.known_years


def test_a_year_is_read_and_edited_over_http(client: TestClient, database: Database) -> None:
    with database.sessions.begin() as session:
        seed_calendar(session, [2026])
    year = client.get("/api/calendar", params={"year": 2026}).json()
    assert year["known"]
    assert len(year["days"]) == 39
    assert year["hours"][0] == {
        "valid_from": None, "periods": [["08:00", "12:00"], ["14:00", "18:00"]], "note": "",
    }  # fmt: skip
    assert not client.get("/api/calendar", params={"year": 2027}).json()["known"]
    body: dict[str, Any] = {
        "days": [{"day": "2027-01-01", "kind": "off", "note": "元旦"},
                 {"day": "2026-10-10", "kind": None}],
        "hours": [{"valid_from": "2026-06-01", "periods": [["08:00", "12:00"], ["15:00", "18:30"]],
                   "note": "夏"}],
    }  # fmt: skip
    changed = client.put("/api/calendar", params={"year": 2027}, json=body).json()
    assert changed["known"]
    assert changed["days"] == [
        {"day": "2027-01-01", "kind": "off", "note": "元旦", "source": "admin"}
    ]
    assert changed["hours"][1]["valid_from"] == "2026-06-01"
    with database.sessions() as session:
        calendar = load_calendar(session, database.settings)
    assert not calendar.works_on(date(2026, 10, 10))
    assert database.value("SELECT count(*) FROM event WHERE topic = 'calendar'") == 2
    body["hours"][0]["periods"] = None
    assert len(client.put("/api/calendar", json=body).json()["hours"]) == 1


def test_a_faulty_edit_is_refused(client: TestClient, database: Database) -> None:
    day = "2026-02-03"
    bodies: list[dict[str, Any]] = [
        {"days": [{"day": "2026-02-30", "kind": "off"}]},
        {"days": [{"day": day, "kind": "maybe"}]},
        {"days": [{"day": "1966-02-03", "kind": "off"}]},
        {"days": [{"day": day, "kind": "off"}, {"day": day, "kind": None}]},
        {"hours": [{"valid_from": day, "periods": []}]},
        {"hours": [{"valid_from": day, "periods": [["18:00", "08:00"]]}]},
        {"hours": [{"valid_from": day, "periods": [["08:00"]]}]},
        {"dayz": []},
    ]
    for body in bodies:
        answer = client.put("/api/calendar", json=body)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert database.value("SELECT count(*) FROM calendar_day") == 0
    assert database.value("SELECT count(*) FROM working_hours") == 0


def test_lists_tell_visitors_names_only(
    client: TestClient, anonymous_client: TestClient, database: Database
) -> None:
    with database.sessions.begin() as session:
        ensure_default_classes(session)
    units = anonymous_client.get("/api/units").json()["items"]
    assert len(units) == 17
    assert units[0].keys() == {"code", "name", "name_en", "outside"}
    assert anonymous_client.get("/api/squads").json() == {"items": [], "next": None}
    path = "/api/classes/E-01-99/conditions"
    assert anonymous_client.get(path).json()["items"][0] == {
        "number": 1, "name": "正在搭建", "name_en": "Being built",
    }  # fmt: skip
    full = client.get(path).json()["items"][0]
    assert full["limit"] == {"amount": 2, "unit": "urgent_day"}
    assert full["unit"] == "JDZD"
    assert client.get("/api/classes/X-1/conditions").status_code == 404
