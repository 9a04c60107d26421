"""Keeps ``grid_coverage``, which the layers draw, equal to what coverage says now."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from gis_service.events.background import Background
from gis_service.events.feed import publish
from gis_service.patrols.arrays import make_window
from gis_service.patrols.coverage import NEVER, STATES
from gis_service.patrols.coverage_live import LivePatrols, Patrols, read_patrols
from gis_service.patrols.coverage_service import LOOK_BACK
from gis_service.settings import Settings

log = logging.getLogger(__name__)

TOPIC = "coverage"
FIRST_WAIT_S, WAIT_S = 15.0, 15.0
_LOCK = 4_711_012  # of several workers one writes
_COLUMNS = (
    "area_id, contract_id, state, overlapping, out_of_hours, outside_area, last_visit_at, "
    "overdue_days"
)
_INSERT = text(f"""
    INSERT INTO grid_coverage ({_COLUMNS}, as_of)
    SELECT *, :as_of FROM unnest(
        CAST(:area AS int[]), CAST(:contract AS int[]), CAST(:state AS text[]),
        CAST(:overlapping AS bool[]), CAST(:out_of_hours AS bool[]),
        CAST(:outside_area AS bool[]), CAST(:last_visit AS timestamptz[]),
        CAST(:overdue AS int[]))
""")  # fmt: skip


def refresh_coverage(
    session: Session, settings: Settings, patrols: Patrols, as_of: datetime
) -> bool:
    """Write the state of every grid and contract as of ``as_of``, looking back 30 days; whether
    anything differs from what is there. Nothing is done while another worker does it."""
    mine = session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK})
    if not mine:
        return False
    rows = _rows(patrols, settings, as_of)
    held = session.execute(text(f"SELECT {_COLUMNS} FROM grid_coverage ORDER BY id")).all()
    if [tuple(row) for row in held] == rows:
        return False
    session.execute(text("DELETE FROM grid_coverage"))
    names = (
        "area", "contract", "state", "overlapping", "out_of_hours", "outside_area", "last_visit",
        "overdue",
    )  # fmt: skip
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    session.execute(_INSERT, {"as_of": as_of, **dict(zip(names, map(list, columns), strict=True))})
    publish(session, TOPIC)
    return True


def refresh_now(session: Session, settings: Settings) -> bool:
    """:func:`refresh_coverage` from the database, as of now: for commands."""
    return refresh_coverage(session, settings, read_patrols(session, settings), datetime.now(UTC))


def _rows(patrols: Patrols, settings: Settings, as_of: datetime) -> list[tuple[Any, ...]]:
    window = make_window(as_of - LOOK_BACK, as_of, ZoneInfo(settings.timezone))
    found = patrols.coverage(window)
    return [
        (
            area, found.contracts[contract].id if contract >= 0 else None, STATES[state],
            overlapping, out_of_hours, outside_area,
            None if last == NEVER else datetime.fromtimestamp(last / 1e6, UTC),
            overdue if overdue >= 0 else None,
        )
        for area, contract, state, overlapping, out_of_hours, outside_area, last, overdue in zip(
            *(
                column.tolist()
                for column in (
                    found.area, found.contract, found.state, found.overlapping,
                    found.out_of_hours, found.outside_area, found.last_visit, found.overdue_days,
                )
            ),
            strict=True,
        )
    ]  # fmt: skip


class CoverageTable(Background):
    """Refreshes the table: a while after the start, after changes, and as the days pass."""

    name = "coverage table"

    def __init__(
        self, sessions: sessionmaker[Session], patrols: LivePatrols, settings: Settings
    ) -> None:
        self.sessions = sessions
        self.patrols = patrols
        self.settings = settings

    async def _run(self) -> None:
        wait, seen = FIRST_WAIT_S, None
        zone = ZoneInfo(self.settings.timezone)
        while True:
            await asyncio.sleep(wait)
            wait = WAIT_S
            now = datetime.now(UTC)
            current = (self.patrols.current, now.astimezone(zone).date())
            if seen is not None and current[0] is seen[0] and current[1] == seen[1]:
                continue
            try:
                await asyncio.to_thread(self._refresh, current[0], now)
                seen = current
            except SQLAlchemyError as problem:
                log.warning("the table of coverage is not refreshed: %s", problem)

    def _refresh(self, patrols: Patrols, now: datetime) -> None:
        with self.sessions.begin() as session:
            refresh_coverage(session, self.settings, patrols, now)
