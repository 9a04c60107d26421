"""A queue of work in the database: put in with the transaction that asks for it, done once it is
committed, by whichever worker comes first.

A job is lent out for a while: a worker that dies with it loses it to the next one, so work must
bear being done twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.events.models import Job

LEASE = timedelta(minutes=2)  # longer than any attempt takes
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
ATTEMPTS = 10  # over some three hours
SCHEDULE_LOCK = 4_711_013
KEPT_DAYS = 30  # how long one that was given up stays to be looked at

# MATERIALIZED: the planner may ask a subquery once per row, and each time LIMIT gives other rows
_CLAIM = text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM job WHERE kind = :kind AND run_at <= now() AND given_up_at IS NULL
        ORDER BY run_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE job SET attempts = attempts + 1, run_at = now() + :lease
    FROM due WHERE job.id = due.id
    RETURNING job.id, payload, attempts
""")
_FAIL = text("""
    UPDATE job SET problem = :problem, run_at = now() + :wait,
        given_up_at = CASE WHEN :last THEN now() END
    WHERE id = :id
""")


_UNWANTED = text("""
    DELETE FROM job WHERE kind = :kind AND payload->>'name' <> ALL(CAST(:names AS text[]))
""")
_WANTED = text("""
    INSERT INTO job (kind, payload)
    SELECT :kind, jsonb_build_object('name', n) FROM unnest(CAST(:names AS text[])) n
    WHERE NOT EXISTS (SELECT FROM job WHERE kind = :kind AND payload->>'name' = n)
""")
_REPEAT = text("""
    UPDATE job SET run_at = now() + :wait, attempts = 0, problem = :problem,
        payload = CASE WHEN CAST(:problem AS text) IS NULL THEN payload || jsonb_build_object(
            'done_at', now(), 'result', CAST(:result AS jsonb)) ELSE payload END
    WHERE id = :id
""")


@dataclass(frozen=True)
class Claimed:
    """A job lent to this worker, at its ``attempt``-th attempt."""

    id: int
    payload: dict[str, Any]
    attempt: int


def enqueue(session: Session, kind: str, payload: dict[str, Any]) -> None:
    """Put a job in; it is seen once the caller commits."""
    session.add(Job(kind=kind, payload=payload))
    session.flush()


def claim(session: Session, kind: str, limit: int, lease: timedelta = LEASE) -> Sequence[Claimed]:
    """Borrow jobs that are due, oldest first, for ``lease``; the caller commits before it works on
    them."""
    rows = session.execute(_CLAIM, {"kind": kind, "limit": limit, "lease": lease})
    return sorted((Claimed(*row) for row in rows), key=lambda job: job.id)


def finish(session: Session, job: Claimed) -> None:
    """The job is done."""
    session.execute(text("DELETE FROM job WHERE id = :id"), {"id": job.id})


def fail(session: Session, job: Claimed, problem: str, *, final: bool = False) -> bool:
    """Try again later, waiting twice as long each time; after ``ATTEMPTS``, or when ``final``, give
    up, which is answered with True."""
    wait = min(FIRST_WAIT * 2 ** (job.attempt - 1), LONGEST_WAIT)
    last = final or job.attempt >= ATTEMPTS
    session.execute(
        _FAIL, {"id": job.id, "problem": problem[:500], "wait": wait, "last": last}
    )  # fmt: skip
    return last


def schedule(session: Session, kind: str, names: Collection[str]) -> None:
    """Put in one job each for work that comes again and again (see :func:`repeat`), where it is
    missing; what is no longer wanted goes. The caller commits."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEDULE_LOCK})
    known = {"kind": kind, "names": list(names)}
    session.execute(_UNWANTED, known)
    session.execute(_WANTED, known)


def repeat(
    session: Session, job: Claimed, wait: timedelta, result: Any, problem: str | None = None
) -> None:
    """The job is done, or failed by ``problem``, and is due again after ``wait``: it is never given
    up. Its payload tells when it was last done and with what ``result``."""
    session.execute(
        _REPEAT,
        {"id": job.id, "wait": wait, "result": orjson.dumps(result).decode(),
         "problem": problem[:500] if problem else None},
    )  # fmt: skip


def forget(session: Session) -> int:
    """Remove what was given up long ago; how many."""
    gone = session.execute(
        text(
            "DELETE FROM job WHERE given_up_at < now() - make_interval(days => :days) RETURNING id"
        ),
        {"days": KEPT_DAYS},
    )
    return len(gone.all())
