"""What is done again and again: once, by whoever is free, and never given up."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from gis_service import housekeeping
from gis_service.accounts.audit import verify
from gis_service.cli import app
from gis_service.events import jobs
from gis_service.events.feed import publish
from gis_service.housekeeping import DUTIES, KIND, do_all, turn
from tests.conftest import Database, token_headers
from tests.incidents.conftest import Bureau, bureau

__all__ = ["bureau"]
NAMES = [duty.name for duty in DUTIES]


def put_in(database: Database) -> None:
    with database.sessions.begin() as session:
        jobs.schedule(session, KIND, NAMES)


def test_each_duty_is_done_once_and_is_due_again_after_its_time(database: Database) -> None:
    put_in(database)
    put_in(database)  # a second process
    assert database.value("SELECT count(*) FROM job") == len(DUTIES)
    done = 0
    while turn(database.sessions, database.settings):
        done += 1
    assert done == len(DUTIES)
    rows = database.rows(
        "SELECT payload->>'name', run_at - now(), payload ? 'done_at', problem, attempts FROM job"
    )
    every = {duty.name: duty.every for duty in DUTIES}
    for name, wait, told, problem, attempts in rows:
        assert every[name] - timedelta(minutes=1) < wait <= every[name]
        assert (told, problem, attempts) == (True, None, 0)


def test_one_that_fails_is_told_and_tried_again_for_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in(database)
    while turn(database.sessions, database.settings):
        pass
    with database.sessions.begin() as session:  # a fault that really exists: the table is away
        session.connection().exec_driver_sql("ALTER TABLE notice RENAME TO elsewhere")
    try:
        for _ in range(jobs.ATTEMPTS + 2):
            with database.sessions.begin() as session:
                session.connection().exec_driver_sql(
                    "UPDATE job SET run_at = now() WHERE payload->>'name' = 'notices'"
                )
            assert turn(database.sessions, database.settings)
        ((problem, given_up, wait, done),) = database.rows(
            "SELECT problem, given_up_at, run_at - now(), payload ? 'done_at' FROM job "
            "WHERE payload->>'name' = 'notices'"
        )
        assert 'relation "notice" does not exist' in problem
        assert (given_up, done) == (None, True)
        assert timedelta(minutes=59) < wait <= housekeeping.AGAIN
    finally:
        with database.sessions.begin() as session:
            session.connection().exec_driver_sql("ALTER TABLE elsewhere RENAME TO notice")
            session.connection().exec_driver_sql("UPDATE job SET run_at = now()")
    while turn(database.sessions, database.settings):
        pass
    assert database.value("SELECT count(*) FROM job WHERE problem IS NOT NULL") == 0


def test_what_is_over_goes_and_what_is_not_stays(bureau: Bureau) -> None:
    database = bureau.database
    token_headers(database)
    for age in (3, 400):
        taken = bureau.report(key=f"k{age}", reporter={"name": "林", "phone": "1380000"})
        with database.sessions.begin() as session:
            to = {"age": timedelta(days=age), "id": taken.incident_id}
            for statement in (
                "UPDATE reporter SET created_at = now() - %(age)s WHERE id = "
                "(SELECT reporter_id FROM report WHERE incident_id = %(id)s)",
                "UPDATE idempotency_key SET at = now() - %(age)s WHERE incident_id = %(id)s",
                "INSERT INTO login_session (token_hash, account_id, created_at) "
                "SELECT sha256(%(id)s::text::bytea), id, now() - %(age)s FROM account LIMIT 1",
                "INSERT INTO event (seq, topic, payload, at) SELECT coalesce(max(seq), 0) + 1, "
                "'incidents', '{}', now() - %(age)s FROM event",
            ):
                session.connection().exec_driver_sql(statement, to)
    with database.sessions.begin() as session:
        session.connection().exec_driver_sql("INSERT INTO watch_cursor VALUES (1, 1)")
        session.connection().exec_driver_sql("UPDATE event SET at = now() - interval '50 d'")
        publish(session, "incidents", ids=[1])
    before = database.value("SELECT count(*) FROM event")
    done = do_all(database.sessions, database.settings)
    told = {name: done[name] for name in ("reporters", "keys", "sessions", "audit")}
    assert told == {"reporters": 1, "keys": 1, "sessions": 1 + 1, "audit": 0}
    # the watches have only heard of the first; the rest waits for them
    assert done["feed"] == 1
    assert database.value("SELECT count(*) FROM event") == before - 1
    assert database.value("SELECT count(*) FROM incident") == 2
    with database.sessions.begin() as session:
        session.connection().exec_driver_sql("UPDATE watch_cursor SET seq = 1000000")
    do_all(database.sessions, database.settings)
    # the last number stays, however old: the next goes on from it
    assert database.value("SELECT max(seq) FROM event") == 2
    with database.sessions() as session:
        assert verify(session).broken is None


def test_the_command(database: Database) -> None:
    answer = CliRunner().invoke(app, ["housekeeping"])
    assert answer.exit_code == 0, answer.output
    assert set(json.loads(answer.stdout)) == set(NAMES)
