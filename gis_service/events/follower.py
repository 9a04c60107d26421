"""Keeps what a worker holds in memory in step with the database.

One connection outside the pool listens; every notification, or every second without one, the
committed events are numbered and handed to the subscribers in order. After a lost connection the
follower catches up from the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from gis_service.db.engine import patient
from gis_service.events.feed import CHANNEL, Published, last_seq, number_and_read

log = logging.getLogger(__name__)

POLL_S = 1.0
RETRY_S = 1.0
TOGETHER_S = 0.2  # what follows a change more quickly is heard together with the next

Subscriber = Callable[[list[Published]], Awaitable[None]]


class Follower:
    """``seq`` is the number up to which the subscribers have heard everything."""

    def __init__(
        self, address: str, engine: AsyncEngine, revive: Callable[[], object] | None = None
    ) -> None:
        """``engine`` is the follower's own: it must not wait behind requests. ``revive`` is called
        beside the event loop where the database has gone."""
        self.address = address
        self.engine = engine
        self.revive = revive
        self.seq = 0
        self.problem: str | None = "starting"
        self._subscribers: list[Subscriber] = []
        self._task: asyncio.Task[None] | None = None
        self._advanced = asyncio.Event()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call ``subscriber`` with every batch of events, in the order of subscription."""
        self._subscribers.append(subscriber)

    async def start(self, load: Callable[[], Awaitable[None]]) -> None:
        """Note where the log stands, ``load`` the state (which may be newer), then follow.

        Events between the two are heard again: subscribers must bear hearing one twice.
        """
        async with self.engine.begin() as connection:
            await number_and_read(connection, 2**62)
            self.seq = await last_seq(connection)
        await load()
        self.problem = None
        self._task = asyncio.create_task(self._follow(), name="feed follower")

    async def stop(self) -> None:
        """End following."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.engine.dispose()

    async def next_change(self, timeout_s: float) -> None:
        """Wait until the subscribers have heard of something new, at most ``timeout_s``."""
        try:
            await asyncio.wait_for(self._advanced.wait(), timeout_s)
        except TimeoutError:
            return

    async def _follow(self) -> None:
        while True:
            try:
                await self._listen()
            except asyncio.CancelledError:
                raise
            except Exception as problem:
                # whatever it was, the state in memory is stale until the log was read again
                self.problem = f"{type(problem).__name__}: {problem}"
                log.warning("the event feed was lost, trying again: %s", self.problem)
                await asyncio.sleep(RETRY_S)
                await self._revive()

    async def _revive(self) -> None:
        if self.revive is None:
            return
        try:
            await asyncio.to_thread(self.revive)
        except Exception as problem:
            log.warning("the database does not start yet: %s", problem)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            patient(self.address), autocommit=True, application_name="gis_service feed"
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            while True:
                begun = time.monotonic()
                await self._advance()
                self.problem = None
                await asyncio.sleep(begun + TOGETHER_S - time.monotonic())
                async for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                    pass

    async def _advance(self) -> None:
        async with self.engine.begin() as connection:
            events = await number_and_read(connection, self.seq)
        if not events:
            return
        for subscriber in self._subscribers:
            await subscriber(events)
        self.seq = events[-1].seq
        self._advanced.set()
        self._advanced = asyncio.Event()
