"""What has to be done again and again for a district to stay small, lawful and fast.

Each duty is one job of the queue in the database that comes again after its time: done by whichever
process is free, once, however many serve; one that fails is tried again after an hour and its
problem is told by ``gis-service check``. ``gis-service housekeeping`` does all at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from gis_service.accounts import audit
from gis_service.accounts.service import forget_sessions
from gis_service.campaigns.measurement import measure_again
from gis_service.communities.people import purge_people
from gis_service.events import feed, jobs
from gis_service.events.background import Background
from gis_service.incidents import people
from gis_service.incidents.intake import forget_keys
from gis_service.incidents.watches.matching import forget_notices, heard_up_to
from gis_service.patrols.partitions import drop_old_partitions
from gis_service.settings import Settings

log = logging.getLogger(__name__)

KIND = "housekeeping"
LOOK_S = 60.0
AGAIN = timedelta(hours=1)  # after a failure
LEASE = timedelta(hours=2)  # of a worker that dies with it
FEED_DAYS = 30


@dataclass(frozen=True)
class Duty:
    """``work`` does it in the session's transaction and says how much there was to do."""

    name: str
    every: timedelta
    work: Callable[[Session, Settings], Any]


DAILY = timedelta(days=1)
HOURLY = timedelta(hours=1)
DUTIES = (
    Duty("fixes", timedelta(hours=6),
         lambda session, settings: drop_old_partitions(session, settings, datetime.now(UTC))),
    Duty("campaigns", HOURLY,
         lambda session, settings: measure_again(session, settings, datetime.now(UTC))),
    Duty("reporters", DAILY, people.purge),
    Duty("residents", DAILY, purge_people),
    Duty("audit", DAILY, audit.purge),
    Duty("sessions", DAILY, forget_sessions),
    Duty("keys", DAILY, lambda session, settings: forget_keys(session)),
    Duty("notices", DAILY, lambda session, settings: forget_notices(session)),
    Duty("jobs", DAILY, lambda session, settings: jobs.forget(session)),
    Duty("feed", DAILY,
         lambda session, settings: feed.forget(session, FEED_DAYS, heard_up_to(session))),
)  # fmt: skip
_BY_NAME = {duty.name: duty for duty in DUTIES}


def do_all(sessions: sessionmaker[Session], settings: Settings) -> dict[str, Any]:
    """Do every duty now, each in a transaction of its own; what was done by name."""
    done = {}
    for duty in DUTIES:
        with sessions.begin() as session:
            done[duty.name] = duty.work(session, settings)
    return done


def turn(sessions: sessionmaker[Session], settings: Settings) -> bool:
    """Do one duty that is due; whether there was one."""
    with sessions.begin() as session:
        claimed = jobs.claim(session, KIND, 1, LEASE)
    for job in claimed:
        duty = _BY_NAME.get(job.payload["name"])
        if duty is None:  # of another version that serves the same database
            continue
        try:
            with sessions.begin() as session:
                result = duty.work(session, settings)
                jobs.repeat(session, job, duty.every, result)
        except Exception as problem:
            log.warning("housekeeping, %s: %s", duty.name, problem, exc_info=True)
            with sessions.begin() as session:
                words = f"{type(problem).__name__}: {problem}"
                jobs.repeat(session, job, AGAIN, None, words)
        else:
            if result:
                log.info("housekeeping, %s: %s", duty.name, result)
    return bool(claimed)


class Housekeeping(Background):
    """Does what is due as long as the process serves."""

    name = "housekeeping"

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings

    async def _run(self) -> None:
        while True:
            # not among the first things after a start: requests come first
            await asyncio.sleep(LOOK_S)
            try:
                await asyncio.shield(asyncio.to_thread(self._look))
            except Exception as problem:
                log.warning("housekeeping waits: %s", problem)

    def _look(self) -> None:
        with self.sessions.begin() as session:
            jobs.schedule(session, KIND, [duty.name for duty in DUTIES])
        while turn(self.sessions, self.settings):
            pass
