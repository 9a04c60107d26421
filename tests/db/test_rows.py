"""Statements that go to the driver behave as SQLAlchemy's do."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from gis_service.db.rows import run
from gis_service.events.feed import publish
from gis_service.events.models import Event
from tests.conftest import Database


def test_names_and_casts_reach_the_database_and_nothing_is_left_behind(database: Database) -> None:
    with database.sessions() as session:
        session.add(Event(topic="kept", payload={"says": "100 % :odd"}))
        statement = "SELECT payload->>'says' AS words, :n + 1 AS more FROM event WHERE topic = :t"
        row = run(session, statement, {"t": "kept", "n": 1}).one()  # what was added is seen
        assert (row.words, row.more) == ("100 % :odd", 2)
        session.rollback()
    assert database.value("SELECT count(*) FROM event WHERE topic = 'kept'") == 0


def test_errors_are_those_that_callers_catch(database: Database) -> None:
    with database.sessions() as session, pytest.raises(IntegrityError):
        run(session, "INSERT INTO event (topic, payload) VALUES (:t, '{}')", {"t": None})
    with database.sessions() as session:
        backend = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        database.value("SELECT pg_terminate_backend(%s, 5000)", backend)
        with pytest.raises(OperationalError):
            publish(session, "incidents", ids=[1])
    with database.sessions.begin() as session:
        publish(session, "incidents", ids=[1])
    assert database.value("SELECT count(*) FROM event WHERE payload->'ids' = '[1]'") == 1
