"""The monthly partitions of ``fix``: made when a fix wants one, dropped when they are too old."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.settings import Settings

Month = tuple[int, int]
_LOCK = 4_711_010  # two connections never make the same partition at once
_NAMES = text("""
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'fix'::regclass ORDER BY 1
""")


def month_of(at_us: int) -> Month:
    """Year and month (UTC) of microseconds since 1970."""
    moment = datetime.fromtimestamp(at_us // 1_000_000, UTC)
    return moment.year, moment.month


def statements(months: Iterable[Month]) -> list[str]:
    """What makes the partitions of ``months``, where they are missing."""
    out = [f"SELECT pg_advisory_xact_lock({_LOCK})"]
    for year, month in sorted(set(months)):
        until = (year + 1, 1) if month == 12 else (year, month + 1)
        out.append(
            f"CREATE TABLE IF NOT EXISTS {_name((year, month))} PARTITION OF fix "
            f"FOR VALUES FROM ('{year:04d}-{month:02d}-01 00:00+00') "
            f"TO ('{until[0]:04d}-{until[1]:02d}-01 00:00+00')"
        )
    return out


def ensure_partitions(session: Session, months: Iterable[Month]) -> None:
    """Make the partitions of ``months`` in the session's transaction."""
    wanted = set(months)
    if wanted - set(partitions(session)):
        for statement in statements(wanted):
            session.execute(text(statement.replace(":00+00", r"\:00+00")))


def partitions(session: Session) -> list[Month]:
    """The months there are partitions of."""
    names = session.execute(_NAMES).scalars()
    found = [re.fullmatch(r"fix_(\d{4})_(\d\d)", name) for name in names]
    return [(int(match[1]), int(match[2])) for match in found if match]


def drop_old_partitions(session: Session, settings: Settings, now: datetime) -> list[str]:
    """Drop the months that ended more than ``fix_days`` ago; their names. The caller commits.

    Tracks, visits and received days stay; moments of fixes that were dropped off duty go as well.
    """
    oldest = now.astimezone(UTC) - timedelta(days=settings.fix_days)
    session.execute(text("DELETE FROM dropped_moment WHERE at < :oldest"), {"oldest": oldest})
    dropped = []
    for month in partitions(session):
        if month < (oldest.year, oldest.month):
            session.execute(text(f"DROP TABLE {_name(month)}"))
            dropped.append(_name(month))
    return dropped


def _name(month: Month) -> str:
    return f"fix_{month[0]:04d}_{month[1]:02d}"
