"""A queue of work in the database: put in with the transaction that asks for it, done once it is
committed, by whichever worker comes first.

A job is lent out for a while: a worker that dies with it loses it to the next one, so work must
bear being done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.events.models import Job

LEASE = timedelta(minutes=2)  # longer than any attempt takes
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
ATTEMPTS = 10  # over some three hours
KEPT_DAYS = 30  # how long one that was given up stays to be looked at

_CLAIM = text("""
    UPDATE job SET attempts = attempts + 1, run_at = now() + :lease
    WHERE id IN (
        SELECT id FROM job WHERE kind = :kind AND run_at <= now() AND given_up_at IS NULL
        ORDER BY run_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, payload, attempts
""")
_FAIL = text("""
    UPDATE job SET problem = :problem, run_at = now() + :wait,
        given_up_at = CASE WHEN :last THEN now() END
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


def claim(session: Session, kind: str, limit: int) -> Sequence[Claimed]:
    """Borrow jobs that are due, oldest first; the caller commits before it works on them."""
    rows = session.execute(_CLAIM, {"kind": kind, "limit": limit, "lease": LEASE})
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


def forget(session: Session) -> None:
    """Remove what was given up long ago."""
    session.execute(
        text("DELETE FROM job WHERE given_up_at < now() - make_interval(days => :days)"),
        {"days": KEPT_DAYS},
    )
