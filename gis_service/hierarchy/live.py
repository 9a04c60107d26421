"""The locator of a serving process, kept in step with the boundary revision in force."""

from __future__ import annotations

import asyncio

from sqlalchemy.orm import Session, sessionmaker

from gis_service.events.feed import Published
from gis_service.hierarchy.locating import Locator, load_locator
from gis_service.settings import Settings


class LiveLocator:
    """``current`` is replaced as a whole, so a request that took it sees one revision only."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings
        self.current = Locator(None, {}, None, None)

    async def load(self) -> None:
        """Read the revision in force; its structures are built where no worker has yet."""
        current = await asyncio.to_thread(self._load)
        # kernels are opened and projections made when they are first used: here, and not while the
        # first report waits, and everybody else behind it
        current.place_one(0.0, 0.0, accuracy_m=1.0)
        self.current = current

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed."""
        if any(event.topic == "hierarchy" for event in events):
            await self.load()

    def _load(self) -> Locator:
        with self.sessions() as session:
            return load_locator(session, self.settings)
