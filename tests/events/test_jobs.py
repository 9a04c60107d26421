"""The queue of work: once committed, by one worker, again until it is given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gis_service.events import jobs
from tests.conftest import Database


def due_now(database: Database) -> None:
    """Let the time pass."""
    with database.sessions.begin() as session:
        session.connection().exec_driver_sql("UPDATE job SET run_at = now()")


def test_a_job_is_seen_once_it_is_committed_and_by_one_worker(database: Database) -> None:
    with database.sessions() as asking, database.sessions() as first:
        jobs.enqueue(asking, "k", {"n": 1})
        assert jobs.claim(first, "k", 5) == []
        asking.commit()
        with database.sessions() as second:
            assert [job.payload for job in jobs.claim(first, "k", 5)] == [{"n": 1}]
            assert jobs.claim(second, "k", 5) == []  # while the first one has not committed
            first.commit()
            assert jobs.claim(second, "k", 5) == []  # and after it has
        assert jobs.claim(first, "other", 5) == []


def test_no_plan_of_the_database_lends_more_than_asked_for(database: Database) -> None:
    with database.sessions.begin() as session:
        for n in range(10):
            jobs.enqueue(session, "k", {"n": n})
    with database.sessions.begin() as session:
        # what it may choose by itself, where its figures of the table are old
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"):
            session.connection().exec_driver_sql(f"SET LOCAL enable_{way} = off")
        assert [job.payload["n"] for job in jobs.claim(session, "k", 3)] == [0, 1, 2]


def test_a_worker_that_dies_loses_its_job(database: Database) -> None:
    with database.sessions.begin() as session:
        jobs.enqueue(session, "k", {})
    with database.sessions.begin() as session:
        assert jobs.claim(session, "k", 1)[0].attempt == 1
    assert database.value("SELECT run_at > now() + interval '90 s' FROM job")
    due_now(database)
    with database.sessions.begin() as session:
        again = jobs.claim(session, "k", 1)
        assert again[0].attempt == 2
        jobs.finish(session, again[0])
    assert database.value("SELECT count(*) FROM job") == 0


def test_it_waits_twice_as_long_each_time_and_is_given_up(database: Database) -> None:
    with database.sessions.begin() as session:
        jobs.enqueue(session, "k", {})
    waits = []
    for attempt in range(1, jobs.ATTEMPTS + 1):
        due_now(database)
        with database.sessions.begin() as session:
            job = jobs.claim(session, "k", 1)[0]
            assert job.attempt == attempt
            assert jobs.fail(session, job, "no") is (attempt == jobs.ATTEMPTS)
            wait = session.connection().exec_driver_sql("SELECT run_at - now() FROM job").scalar()
            assert isinstance(wait, timedelta)
            waits.append(wait.total_seconds())
    assert waits[:4] == pytest.approx([10, 20, 40, 80])
    assert waits[-1] == pytest.approx(3600)
    due_now(database)
    with database.sessions.begin() as session:
        assert jobs.claim(session, "k", 1) == []
    assert database.value("SELECT problem FROM job WHERE given_up_at IS NOT NULL") == "no"
    with database.sessions.begin() as session:
        session.connection().exec_driver_sql("UPDATE job SET given_up_at = now() - interval '31 d'")
        jobs.forget(session)
    assert database.value("SELECT count(*) FROM job") == 0
