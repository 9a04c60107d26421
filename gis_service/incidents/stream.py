"""Server-sent events: what changed, to everybody who may see it, as soon as it is committed.

A message carries the number of the last change it holds. A browser that comes back with it gets
all it missed, read from the log; one that does not read fast enough is let go and comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker
from sse_starlette import ServerSentEvent

from gis_service.accounts.identity import Identity
from gis_service.events.feed import Published
from gis_service.incidents import queries
from gis_service.incidents.arrays import HOLE, Snapshot
from gis_service.incidents.live import LiveIncidents
from gis_service.incidents.presenting import LEVELS, present
from gis_service.incidents.visibility import Visible

BACKLOG = 200  # messages a stream may be behind before it is let go
TOGETHER = 500  # more changes than this are told as one: load the list again

_EVENTS = text(
    "SELECT seq, topic, payload FROM event WHERE seq > :seq AND seq <= :until "
    "AND topic = ANY(:topics) ORDER BY seq LIMIT :limit"
)
_TOPICS_BETWEEN = text("SELECT DISTINCT topic FROM event WHERE seq > :seq AND seq <= :until")
_OLDEST = text("SELECT min(seq) FROM event")
_TOPICS = {"incidents", "hierarchy", "calendar", "classes", "units"}


@dataclass(frozen=True)
class Message:
    """One server-sent event. Without an ``id`` it does not count as the last one that a page has:
    more of the same changes follow."""

    id: int | None
    event: str
    data: str

    @cached_property
    def encoded(self) -> bytes:
        """As it is sent, made once however many pages it goes to."""
        number = None if self.id is None else str(self.id)
        return ServerSentEvent(self.data, event=self.event, id=number, retry=1000).encode()


@dataclass(frozen=True)
class Subject:
    """Something beside incidents whose changes are told by its ``name`` alone, to those who may
    read it: what changed they ask for themselves."""

    name: str
    topics: frozenset[str]
    permission: str

    @cached_property
    def message(self) -> Message:
        """What is sent, made once however often."""
        return Message(None, self.name, "{}")


@dataclass(eq=False)
class Stream:
    """An open page. ``None`` in the queue ends it."""

    identity: Identity
    locale: str
    queue: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    ended: bool = False

    def put(self, message: Message | None) -> None:
        """Hand on; a stream that is too far behind ends instead of holding memory."""
        if self.ended:
            return
        if message is None or self.queue.full():
            self.ended = True
            while not self.queue.empty():
                self.queue.get_nowait()
            message = None
        self.queue.put_nowait(message)


class Ending:
    """What the server sets when it is told to stop: streams are ended, not torn."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def set(self) -> None:
        """End every stream of this process."""
        self.hub.close()


class Hub:
    """All open streams of a worker; one query a batch of changes, however many streams."""

    def __init__(
        self,
        sessions: async_sessionmaker[Any],
        feed_sessions: async_sessionmaker[Any],
        live: LiveIncidents,
        names: queries.AreaNames,
        subjects: Sequence[Subject] = (),
    ) -> None:
        """``feed_sessions`` do not wait behind requests: all pages are told through them.
        ``subjects`` are told of beside the incidents."""
        self.sessions = sessions
        self.feed_sessions = feed_sessions
        self.live = live
        self.names = names
        self.subjects = subjects
        self.streams: set[Stream] = set()
        self.before: Snapshot | None = None
        self.seq = 0

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed; stands behind the arrays, which decide what was seen before."""
        events = [event for event in events if event.seq > self.seq]
        if not events:  # heard before the feed was lost
            return
        # whoever comes from here on reads these changes from the log
        self.seq, streams = events[-1].seq, list(self.streams)
        try:
            if any(event.topic == "accounts" for event in events):
                # whoever may go on comes back at once and is asked again who they are
                self.close()
            elif streams:
                topics = {event.topic for event in events}
                for stream in streams:
                    for message in self._subjects(stream, topics):
                        stream.put(message)
                changed, everything = _changed(events)
                if everything:
                    for stream in streams:
                        stream.put(Message(self.seq, "reload", "{}"))
                # a report that came while many were loaded need not wait for the list
                if 0 < len(changed) <= TOGETHER:
                    await self._tell(changed, streams)
        except Exception:
            self.close()  # pages come back and are told from the log
            raise
        finally:
            self.before = self.live.current

    def begin(self, seq: int) -> None:
        """What the arrays hold at ``seq`` is what pages see first."""
        self.seq = seq
        self.before = self.live.current

    def close(self) -> None:
        """End every stream."""
        for stream in list(self.streams):
            stream.put(None)

    async def follow(
        self, identity: Identity, locale: str, last: int | None
    ) -> AsyncIterator[Message]:
        """The messages of one page; ``last`` is the number it has seen (None: it has just loaded
        its list)."""
        stream = Stream(identity, locale)
        self.streams.add(stream)
        try:
            seq = self.seq
            if last is not None and last < seq:
                for missed in await self._missed(stream, last, seq):
                    yield missed
            yield Message(seq, "hello", "{}")
            while (message := await stream.queue.get()) is not None:
                yield message
        finally:
            self.streams.discard(stream)

    # -- what is told ------------------------------------------------------------------------

    async def _tell(self, changed: set[int], streams: list[Stream]) -> None:
        rows, names = await self._rows(self.feed_sessions, changed)
        told: dict[tuple[Any, str], Message | None] = {}
        for stream in streams:
            visible = self.live.vocabulary.visible(stream.identity)
            key = (visible, stream.locale)
            if key not in told:
                told[key] = self._message(rows, names, visible, stream.locale, self.before)
            message = told[key]
            if message:
                stream.put(message)

    def _subjects(self, stream: Stream, topics: set[str]) -> list[Message]:
        return [
            one.message
            for one in self.subjects
            if one.topics & topics and stream.identity.may(one.permission)
        ]

    async def _missed(self, stream: Stream, last: int, seq: int) -> list[Message]:
        between = {"seq": last, "until": seq}
        async with self.sessions() as session:
            found = await session.execute(
                _EVENTS, {**between, "topics": sorted(_TOPICS), "limit": TOGETHER + 1}
            )
            events = [Published(row.seq, row.topic, row.payload) for row in found]
            topics = set((await session.execute(_TOPICS_BETWEEN, between)).scalars())
            oldest = (await session.execute(_OLDEST)).scalar() or 0
        changed, everything = _changed(events)
        if everything or len(events) > TOGETHER or last + 1 < oldest:
            return [Message(seq, "reload", "{}")]
        rows, names = await self._rows(self.sessions, changed)
        visible = self.live.vocabulary.visible(stream.identity)
        # nobody knows any more what the page saw: what it may not see now is told as gone
        gone = [row["id"] for row in rows if not _sees(visible, row)]
        items = [present(row, names, stream.locale) for row in rows if _sees(visible, row)]
        told = Message(seq, "incidents", _json({"items": items, "gone": gone}))
        return [*self._subjects(stream, topics), told]

    async def _rows(
        self, sessions: async_sessionmaker[Any], changed: Iterable[int]
    ) -> tuple[list[dict[str, Any]], dict[int, dict[str, str]]]:
        async with sessions() as session:
            rows = await queries.incidents_by_id(session, sorted(changed))
            areas = {row[f"{level}_id"] for row in rows for level in LEVELS} - {None}
            return rows, await self.names.of(session, areas)

    def _message(
        self,
        rows: list[dict[str, Any]],
        names: dict[int, dict[str, str]],
        visible: Visible | None,
        locale: str,
        before: Snapshot | None,
    ) -> Message | None:
        items, gone = [], []
        for row in rows:
            if _sees(visible, row):
                items.append(present(row, names, locale))
            elif before is not None and _saw(visible, before, row["id"]):
                gone.append(row["id"])
        if not items and not gone:
            return None
        return Message(self.seq, "incidents", _json({"items": items, "gone": gone}))


def _changed(events: list[Published]) -> tuple[set[int], bool]:
    """(ids of changed incidents, whether there are too many or too unclear to name)."""
    changed: set[int] = set()
    everything = False
    for event in events:
        if event.topic == "incidents" and "ids" in event.payload:
            changed.update(event.payload["ids"])
        elif event.topic in _TOPICS:
            everything = True
    return changed, everything or len(changed) > TOGETHER


def _sees(visible: Visible | None, row: dict[str, Any]) -> bool:
    return visible is None or (
        row["reported_by"] == visible.account_id
        or row["street_id"] in visible.streets
        or row["community_id"] in visible.communities
        or row["unit_id"] in visible.units
        or row["squad_id"] in visible.squads
        or row["id"] in visible.incidents
    )


def _saw(visible: Visible | None, before: Snapshot, incident_id: int) -> bool:
    for table in before.tables:
        for at in np.flatnonzero(table.id == incident_id):
            if table.state[at] == HOLE:
                continue
            row = {
                "id": incident_id,
                **{
                    name: int(getattr(table, name)[at])
                    for name in ("street_id", "community_id", "unit_id", "squad_id", "reported_by")
                },
            }
            if _sees(visible, row):
                return True
    return False


def _json(body: Any) -> str:
    return orjson.dumps(body).decode()
