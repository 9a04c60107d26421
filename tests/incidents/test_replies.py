"""What goes back to who reported; deadlines that follow the calendar; owners of components."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from typer.testing import CliRunner

from gis_service.app import create_app
from gis_service.cli import app
from gis_service.errors import InvalidInput, NotFound
from gis_service.incidents.desk import read_reference
from gis_service.incidents.recomputing import follow_calendar
from gis_service.incidents.replies import answer
from gis_service.reference.calendar import set_calendar
from tests.conftest import token_headers
from tests.incidents.conftest import MANHOLE, NOON, Bureau
from tests.incidents.people import somebody

DESK = somebody("dispatcher")


def reply(bureau: Bureau, incident: int, report: int, **fields: Any) -> None:
    with bureau.database.sessions.begin() as session:
        answer(session, DESK, incident, report, fields, NOON)


def closed(bureau: Bureau, **fields: Any) -> tuple[int, int]:
    """(incident, report) of a case that was refused: ended, in one step."""
    taken = bureau.report(DESK, source="hotline", **fields)
    bureau.act(DESK, taken.incident_id, "decline", reason="不在职责范围")
    report = bureau.database.value(
        "SELECT id FROM report WHERE incident_id = %s", taken.incident_id
    )
    return taken.incident_id, report


@pytest.mark.parametrize(
    ("fields", "where"),
    [({}, "reply"), ({"reply": ""}, "reply"), ({"rating": 5}, "called_back")],
)
def test_a_bad_reply_changes_nothing(bureau: Bureau, fields: dict[str, Any], where: str) -> None:
    incident, report = closed(bureau)
    before = bureau.row(incident)
    with pytest.raises(InvalidInput) as refused:
        reply(bureau, incident, report, **fields)
    assert refused.value.where == where
    assert bureau.row(incident) == before


def test_a_report_of_another_incident_is_not_found(bureau: Bureau) -> None:
    (first, _), (_, other) = closed(bureau), closed(bureau)
    with pytest.raises(NotFound):
        reply(bureau, first, other, reply="x")


def test_reply_call_back_and_rating_are_kept_and_logged(bureau: Bureau) -> None:
    incident, report = closed(bureau)
    reply(bureau, incident, report, reply="已转相关部门")
    reply(bureau, incident, report, called_back=True, rating=4, rating_text="满意")
    row = bureau.database.rows(
        "SELECT reply, called_back_at, returned_at, rating, rating_text FROM report WHERE id = %s",
        report,
    )[0]
    assert row == ("已转相关部门", NOON, None, 4, "满意")
    assert [action for _, action, _ in bureau.log(incident)][-2:] == ["reply", "reply"]


@pytest.fixture
def client(bureau: Bureau) -> Iterator[TestClient]:
    headers = {"accept-language": "en", **token_headers(bureau.database, "dispatcher")}
    with TestClient(create_app(bureau.database.settings), headers=headers) as client:
        yield client


def test_the_list_to_reply_to_and_its_csv(bureau: Bureau, client: TestClient) -> None:
    made = [closed(bureau, external_id=f"12345-{n}", description=f"=1+{n}") for n in range(3)]
    client.post(
        f"/api/incidents/{made[0][0]}/reports/{made[0][1]}", json={"reply": "答复"}
    ).raise_for_status()
    waiting = client.get("/api/reports?waiting=reply&limit=1").json()
    assert [one["external_id"] for one in waiting["items"]] == ["12345-2"]
    rest = client.get(f"/api/reports?waiting=reply&cursor={waiting['next']}").json()
    assert [one["external_id"] for one in rest["items"]] == ["12345-1"]
    assert rest["next"] is None
    answer = client.get("/api/reports?format=csv&source=hotline")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 3
    # what somebody wrote never becomes a formula
    assert {row["what was said"][0] for row in rows} == {"'"}
    assert client.get("/api/reports?waiting=money").status_code == 400


# -- the working calendar ------------------------------------------------------------------


def filed(bureau: Bureau) -> int:
    incident = bureau.report(DESK, source="patrol").incident_id
    bureau.act(DESK, incident, "file")
    return incident


def test_open_deadlines_follow_the_calendar(bureau: Bureau) -> None:
    bureau.at(datetime.fromisoformat("2026-11-25T17:00:00+08:00"))  # one hour before the evening
    still_open, ended = filed(bureau), filed(bureau)
    bureau.act(DESK, ended, "cancel", reason="x")
    before = {one: bureau.row(one) for one in (still_open, ended)}
    with bureau.database.sessions.begin() as session:
        set_calendar(
            session,
            [{"day": date(2026, 11, 26), "kind": "off", "note": "test", "source": "test"}], [],
        )  # fmt: skip
        assert follow_calendar(session, bureau.database.settings) == 1
    row = bureau.row(still_open)
    assert (row["due_at"] - before[still_open]["due_at"]).days == 1
    assert row["version"] == before[still_open]["version"] + 1
    assert bureau.row(ended) == before[ended]
    assert bureau.log(still_open)[-1][:2] == ("calendar", "deadline")
    # the same calendar again moves nothing
    with bureau.database.sessions.begin() as session:
        assert follow_calendar(session, bureau.database.settings) == 0


def test_a_change_over_http_moves_them_in_the_same_transaction(bureau: Bureau) -> None:
    bureau.at(datetime.fromisoformat("2026-11-25T17:00:00+08:00"))
    incident = filed(bureau)
    before = bureau.row(incident)["due_at"]
    headers = token_headers(bureau.database, "duty_chief")
    with TestClient(create_app(bureau.database.settings), headers=headers) as client:
        answer = client.put(
            "/api/calendar", json={"days": [{"day": "2026-11-26", "kind": "off", "note": "t"}]}
        )
        assert answer.status_code == 200, answer.text
    assert bureau.row(incident)["due_at"] > before


# -- components ----------------------------------------------------------------------------


def test_the_owner_of_the_component_answers(bureau: Bureau) -> None:
    incident = bureau.report(DESK, **{"class": MANHOLE, "source": "patrol"}).incident_id
    row = bureau.row(incident)
    with bureau.database.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO component (code, name, class_id, unit_id, geom, attributes) "
                "SELECT 'B' || n, '井盖', :class, (SELECT id FROM unit WHERE code = 'U' || n), "
                "ST_Translate(CAST(:geom AS geometry), n * 4e-5, 0), '{}' "
                "FROM generate_series(2, 3) n"
            ),
            {"class": row["class_id"], "geom": str(row["geom"])},
        )
    with bureau.database.sessions() as session:
        bureau.desk = bureau.desk.__class__(
            bureau.desk.locator, read_reference(session, bureau.database.settings),
            bureau.desk.settings, bureau.desk.now,
        )  # fmt: skip
    bureau.act(DESK, incident, "file", condition=1)
    bureau.act(DESK, incident, "dispatch")
    unit = bureau.database.value(
        "SELECT u.code FROM incident i JOIN unit u ON u.id = i.unit_id WHERE i.id = %s", incident
    )
    assert unit == "U2"  # the nearest one's, 9 m away; the other lies 13 m away


def test_people_on_duty_are_named_to_those_who_may_know(bureau: Bureau) -> None:
    incident = bureau.report(DESK).incident_id
    with bureau.database.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO duty_shift (starts_at, ends_at, person, phone) VALUES "
                "(now() - interval '1 day', now() + interval '1 day', '值班员甲', '8000')"
            )
        )
        # whatever the hour of the test: no working time
        session.execute(text("UPDATE calendar_day SET kind = 'off'"))
    for role, named in (("dispatcher", True), ("viewer", False)):
        headers = token_headers(bureau.database, role)
        with TestClient(create_app(bureau.database.settings), headers=headers) as client:
            told = client.get(f"/api/incidents/{incident}").json()["responsible"]
        assert ("值班员甲" in str(told)) == named, role


def test_reporters_are_deleted_when_their_time_is_over(bureau: Bureau) -> None:
    old, new = (
        bureau.report(DESK, source="resident", reporter={"name": "陈", "phone": "138"}).incident_id
        for _ in range(2)
    )
    with bureau.database.sessions.begin() as session:
        session.execute(
            text(
                "UPDATE reporter SET created_at = now() - interval '366 days' "
                "WHERE id = (SELECT reporter_id FROM report WHERE incident_id = :id)"
            ),
            {"id": old},
        )
    result = CliRunner().invoke(app, ["purge"])
    assert result.exit_code == 0
    assert '{"reporters":1,' in result.stdout.replace(" ", "")
    kept = dict(bureau.database.rows("SELECT incident_id, reporter_id IS NOT NULL FROM report"))
    assert kept == {old: False, new: True}
