"""Publishing changes and numbering them.

A writer inserts an event in its own transaction and notifies; the sequencer numbers events only
once they are committed, so ``seq`` rises in the order in which readers can see them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Session

from gis_service.db.rows import run

CHANNEL = "gis_events"
SEQUENCER_LOCK = 4_711_002

_PUBLISH = """
    WITH kept AS (
        INSERT INTO event (topic, payload) VALUES (:topic, CAST(:payload AS jsonb))
    )
    SELECT pg_notify(:channel, '')
"""
_NUMBER = text("""
    WITH unnumbered AS (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM event WHERE seq IS NULL
    ), last AS (
        SELECT coalesce(max(seq), 0) AS seq FROM event
    )
    UPDATE event SET seq = last.seq + unnumbered.place
    FROM unnumbered, last WHERE event.id = unnumbered.id
""")
_SINCE = text("SELECT seq, topic, payload FROM event WHERE seq > :seq ORDER BY seq")
_LAST = text("SELECT coalesce(max(seq), 0) FROM event")


@dataclass(frozen=True)
class Published:
    """A numbered event as readers see it."""

    seq: int
    topic: str
    payload: dict[str, Any]


def publish(session: Session, topic: str, **payload: Any) -> None:
    """Add an event to the session's transaction and wake the listeners at its commit.

    ``payload`` holds ids only, never rows.
    """
    values = {"topic": topic, "payload": orjson.dumps(payload).decode(), "channel": CHANNEL}
    run(session, _PUBLISH, values)


async def number_and_read(connection: AsyncConnection, after: int) -> list[Published]:
    """Number what is committed and return the events after ``after``; the caller commits.

    Any number of workers may run this at once: they take turns.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SEQUENCER_LOCK})
    await connection.execute(_NUMBER)
    rows = await connection.execute(_SINCE, {"seq": after})
    return [Published(row.seq, row.topic, row.payload) for row in rows]


async def last_seq(connection: AsyncConnection) -> int:
    """The highest number given so far."""
    return int((await connection.execute(_LAST)).scalar_one())


def forget(session: Session, days: int, heard: int) -> int:
    """Remove changes that everybody has heard: older than ``days`` and not after ``heard``; how
    many. The last one stays, the numbers go on from it. The caller commits."""
    gone = session.execute(
        text(
            "DELETE FROM event WHERE at < now() - make_interval(days => :days) AND seq <= :heard "
            "AND seq < (SELECT max(seq) FROM event) RETURNING id"
        ),
        {"days": days, "heard": heard},
    )
    return len(gone.all())
