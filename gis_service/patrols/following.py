"""Visits follow live positions: days that received fixes are derived again, a few seconds later."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.hierarchy.live import LiveLocator
from gis_service.hierarchy.locating import Locator, load_locator
from gis_service.hierarchy.queries import last_revision
from gis_service.patrols.deriving import rebuild_visits
from gis_service.patrols.duty import EPOCH_DAY, day_start
from gis_service.settings import Settings

log = logging.getLogger(__name__)

EVERY_S = 5.0
REST = 4.0  # times what the last turn took: intake and map come first
OFFICERS_A_TRANSACTION = 20

_PENDING = text("""
    SELECT officer_id, day, fixes FROM received_day
    WHERE pending AND (officer_id, day) > (:officer, :day) ORDER BY officer_id, day LIMIT :most
""")
# a day that received more since it was read stays pending
_SETTLED = text("""
    UPDATE received_day SET pending = false
    WHERE officer_id = :officer AND day = :day AND fixes = :fixes
""")


def derive_pending(
    sessions: sessionmaker[Session],
    settings: Settings,
    locator: Locator | None = None,
    after: tuple[int, date] = (0, date.min),
    most: int = OFFICERS_A_TRANSACTION,
) -> tuple[int, date] | None:
    """Derive the visits of up to ``most`` officer-days that wait for it and come after ``after``,
    in one transaction; the last of them, None where there may be no more.

    ``locator`` is used where it is that of the revision in force.
    """
    zone = ZoneInfo(settings.timezone)
    with sessions.begin() as session:
        rows = session.execute(_PENDING, {"officer": after[0], "day": after[1], "most": most}).all()
        if rows:
            revision = last_revision(session)
            if locator is None or revision is None or locator.revision_id != revision["id"]:
                locator = load_locator(session, settings)
        for row in rows:
            day = (row.day - EPOCH_DAY).days
            rebuild_visits(
                session, settings, officers=[row.officer_id], since=day_start(day, zone),
                until=day_start(day + 1, zone), locator=locator,
            )  # fmt: skip
        for row in rows:  # last: intake counts in these rows
            session.execute(
                _SETTLED, {"officer": row.officer_id, "day": row.day, "fixes": row.fixes}
            )
    return (rows[-1].officer_id, rows[-1].day) if len(rows) == most else None


class VisitFollower:
    """Derives what waits as long as the process serves."""

    def __init__(
        self, sessions: sessionmaker[Session], settings: Settings, locator: LiveLocator
    ) -> None:
        self.sessions = sessions
        self.locator = locator
        self.settings = settings
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, once what is under way is done."""
        self._stopping.set()
        if self._task:
            await self._task

    async def _run(self) -> None:
        took = 0.0
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), max(EVERY_S, REST * took))
            if self._stopping.is_set():
                return
            begin = time.monotonic()
            try:
                await asyncio.to_thread(self._turn)
            except Exception as problem:
                log.warning("visits wait: %s", problem)
            took = time.monotonic() - begin

    def _turn(self) -> None:
        after: tuple[int, date] | None = (0, date.min)
        while (
            after and not self._stopping.is_set()
        ):  # once through: a day that goes on receiving has its next turn later
            after = derive_pending(self.sessions, self.settings, self.locator.current, after)
