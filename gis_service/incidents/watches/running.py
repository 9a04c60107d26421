"""The background work of a worker: notices are written, webhooks delivered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.accounts.identity import Identity
from gis_service.accounts.personal import open_sealed
from gis_service.errors import ConfigurationError, Conflict, NotDelivered, NotFound
from gis_service.events import jobs
from gis_service.events.background import Background
from gis_service.events.feed import Published
from gis_service.incidents.models import STATE_NAMES
from gis_service.incidents.watches import webhooks
from gis_service.incidents.watches.matching import KIND, match
from gis_service.settings import Settings

log = logging.getLogger(__name__)

TURN_S = 2.0
TOGETHER_S = 0.3
AT_ONCE = 5  # deliveries that a worker borrows together

_WATCH = text("""
    SELECT w.id, w.name, w.language, w.webhook_kind, w.webhook_sealed
    FROM watch w JOIN account a ON a.id = w.account_id AND a.active WHERE w.id = :id
""")
_OWN = text("""
    SELECT id, name, language, webhook_kind, webhook_sealed FROM watch
    WHERE id = :id AND account_id = :account
""")
_NOTICES = text("""
    SELECT n.id, n.kind, n.action, n.state, n.at, i.code, c.code AS class_code, c.name AS class,
           c.name_en AS class_en,
           (SELECT string_agg(v.name, ' ' ORDER BY v.step) FROM (
               SELECT s.name, 1 AS step FROM street s
                   WHERE s.area_id = i.street_id AND s.valid_to IS NULL
               UNION ALL SELECT m.name, 2 FROM community m
                   WHERE m.area_id = i.community_id AND m.valid_to IS NULL) v) AS place
    FROM notice n
    JOIN incident i ON i.id = n.incident_id
    JOIN incident_class c ON c.id = i.class_id
    WHERE n.id = ANY(:ids) ORDER BY n.id
""")


class Watching(Background):
    """Runs beside the requests; several workers share the work. What was borrowed and not
    delivered at the end comes due again by itself."""

    name = "watches"

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings
        self._woken = asyncio.Event()

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed."""
        if any(event.topic == "incidents" for event in events):
            self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                more = await asyncio.shield(asyncio.to_thread(self.turn))
            except Exception:
                # the next turn begins where this one did
                log.warning("watches: trying again", exc_info=True)
                more = False
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), TURN_S)
                    # changes come in bursts: one look for all of a burst
                    await asyncio.sleep(TOGETHER_S)

    def turn(self) -> bool:
        """Match what happened and deliver what is due; whether there is more to do at once."""
        with self.sessions.begin() as session:
            more = match(session)
        with self.sessions.begin() as session:
            claimed = jobs.claim(session, KIND, AT_ONCE)
        for job in claimed:
            self._deliver(job)
        return more or len(claimed) == AT_ONCE

    def _deliver(self, job: jobs.Claimed) -> None:
        with self.sessions.begin() as session:
            found = session.execute(_WATCH, {"id": job.payload["watch"]}).mappings().one_or_none()
            rows = session.execute(_NOTICES, {"ids": job.payload["notices"]}).mappings().all()
        watch = dict(found) if found else None
        notices = [{**row, "state_words": STATE_NAMES[row["state"]]} for row in rows]
        problem: webhooks.Undelivered | None = None
        if watch and watch["webhook_kind"] and notices:
            # no transaction waits for another machine
            problem = _send(watch, notices, self.settings)
        with self.sessions.begin() as session:
            if problem is None:
                jobs.finish(session, job)
            else:
                given_up = jobs.fail(session, job, str(problem), final=problem.final)
                log.warning("watch %s: %s%s", job.payload["watch"], problem,
                            ", given up" if given_up else "")  # fmt: skip
            if watch:
                _remember(session, watch["id"], problem)


def try_out(
    sessions: sessionmaker[Session], settings: Settings, identity: Identity, watch_id: int
) -> None:
    """Send a test message to the webhook of an own watch and keep how it went. Raises NotFound,
    Conflict where the watch has none, NotDelivered with the reason."""
    with sessions() as session:
        found = session.execute(_OWN, {"id": watch_id, "account": identity.account_id})
        watch = found.mappings().one_or_none()
    if watch is None:
        raise NotFound(f"no watch {watch_id}", f"没有关注 {watch_id}")
    if not watch["webhook_kind"]:
        raise Conflict("this watch sends nowhere", "该关注没有设置推送地址", where="webhook")
    # no transaction waits for another machine
    problem = _send(dict(watch), [], settings)
    with sessions.begin() as session:
        _remember(session, watch_id, problem)
    if problem is not None:
        raise NotDelivered(f"not delivered: {problem}", f"未送达：{problem}", where="webhook")


def _remember(session: Session, watch_id: int, problem: webhooks.Undelivered | None) -> None:
    session.execute(
        text(
            "UPDATE watch SET problem = :problem, delivered_at = CASE "
            "WHEN CAST(:problem AS text) IS NULL THEN now() ELSE delivered_at END WHERE id = :id"
        ),
        {"id": watch_id, "problem": str(problem)[:300] if problem else None},
    )


def _send(
    watch: dict[str, Any], notices: list[dict[str, Any]], settings: Settings
) -> webhooks.Undelivered | None:
    try:
        address = open_sealed(bytes(watch["webhook_sealed"]))
        message = webhooks.compose(
            watch["webhook_kind"], address["url"], address.get("secret"), watch, notices,
            datetime.now(UTC),
        )  # fmt: skip
        webhooks.send(message, settings)
    except webhooks.Undelivered as problem:
        return problem
    except ConfigurationError as problem:
        return webhooks.Undelivered(problem.message)
    return None
