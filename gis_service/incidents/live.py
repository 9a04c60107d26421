"""The incidents of a serving process in memory, kept in step with what is committed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.db.engine import driver_connection
from gis_service.events.feed import Published
from gis_service.hierarchy.models import LEVELS
from gis_service.incidents.arrays import Snapshot, empty_table, read_table
from gis_service.incidents.beside import Calls, read_calls, read_moved
from gis_service.incidents.day_counts import count_days
from gis_service.incidents.filters import Vocabulary
from gis_service.incidents.words import EVERYTHING, Words, batches, read_texts

log = logging.getLogger(__name__)

# events of these topics change what a code in a request means
NAMING_TOPICS = {"classes", "units"}
RETRY_S = 5.0


class LiveIncidents:
    """``current`` and ``vocabulary`` are replaced as a whole: who took them sees one version."""

    def __init__(self, sessions: sessionmaker[Session], zone: ZoneInfo) -> None:
        self.sessions = sessions
        self.zone = zone
        self.words = Words()
        self.current = Snapshot((empty_table(),), 0, None, words=self.words)
        self.vocabulary = Vocabulary({}, {})
        self.class_codes: dict[int, str] = {}
        self._unread: list[tuple[int, int]] = []
        self._reading: asyncio.Task[None] | None = None

    async def load(self, version: int) -> None:
        """Read everything; the texts, which lists can do without, while requests are answered."""
        await asyncio.to_thread(self._load, version)
        self._read_later(EVERYTHING)

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed."""
        version = events[-1].seq
        topics = {event.topic for event in events}
        changes = [event.payload for event in events if event.topic == "incidents"]
        spans = [(change["first"], change["last"]) for change in changes if "first" in change]
        single = sorted({number for change in changes for number in change.get("ids", ())})
        for span in spans:
            self.words.expect(span)
        everything = any("placed_again" in payload for payload in changes)
        if "hierarchy" in topics or everything:
            await asyncio.to_thread(self._load, version, single)
        elif changes or topics & NAMING_TOPICS:
            named = bool(topics & NAMING_TOPICS)
            await asyncio.to_thread(self._read_changes, spans, single, version, named)
        else:
            self.current = replace(self.current, version=version)
        self._read_later(*spans)

    def _read_later(self, *spans: tuple[int, int]) -> None:
        self._unread += spans
        if self._unread and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_unread(), name="texts of incidents")

    async def _read_unread(self) -> None:
        while self._unread:
            span = self._unread[0]
            try:
                for part in await asyncio.to_thread(self._batches, span):
                    begun = time.monotonic()
                    await asyncio.to_thread(self._read_span, part)
                    # half of the interpreter's time is the requests'
                    await asyncio.sleep(time.monotonic() - begun)
            except Exception:
                # the database is away, say; until then words are looked for without the index
                log.exception("texts of incidents were not read, trying again")
                await asyncio.sleep(RETRY_S)
                continue
            self.words.arrived(span)
            self._unread.pop(0)

    async def stop(self) -> None:
        """End reading."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _batches(self, span: tuple[int, int]) -> list[tuple[int, int]]:
        with self.sessions() as session:
            return batches(driver_connection(session), span)

    def _read_span(self, span: tuple[int, int]) -> None:
        with self.sessions() as session:
            read_texts(driver_connection(session), self.words, "i.id BETWEEN %s AND %s", span)

    def _load(self, version: int, changed: Sequence[int] = ()) -> None:
        with self.sessions() as session:
            # one snapshot of the database for the areas and the incidents that name them
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            revision = session.execute(text("SELECT max(id) FROM boundary_revision")).scalar()
            areas: dict[str, dict[str, int]] = {level: {} for level in LEVELS}
            for row in session.execute(text("SELECT level, code, id FROM area")):
                areas[row.level][row.code] = row.id
            calls, moved = read_calls(session), read_moved(session)
            self._read_vocabulary(session, areas, calls)
            table = read_table(driver_connection(session))
            if changed:
                self._read_texts(session, changed)
        days = count_days(table, self.zone)
        self.current = Snapshot((table,), version, revision, calls, moved, self.words, days)

    def _read_texts(self, session: Session, changed: Sequence[int]) -> None:
        connection = driver_connection(session)
        read_texts(connection, self.words, "i.id = ANY(%s)", (list(changed),))

    def _read_changes(
        self, spans: list[tuple[int, int]], single: list[int], version: int, named: bool
    ) -> None:
        snapshot, calls = self.current, self.current.calls
        with self.sessions() as session:
            if single:
                calls = calls.with_changes(single, read_calls(session, single))
            if named:
                self._read_vocabulary(session, self.vocabulary.areas, calls)
            elif single:
                self.vocabulary = replace(self.vocabulary, called=calls.by_unit())
            connection = driver_connection(session)
            for span in spans:
                rows = read_table(connection, "i.id BETWEEN %s AND %s", span)
                snapshot = snapshot.with_changes(rows, version)
            if single:
                rows = read_table(connection, "i.id = ANY(%s)", (single,))
                self._read_texts(session, single)
                moved = snapshot.moved.with_changes(read_moved(session, single))
                snapshot = replace(snapshot.with_changes(rows, version), moved=moved)
        if len(snapshot.tables) == 1 and snapshot.tables is not self.current.tables:
            # what came since has just become part of the base
            snapshot = replace(snapshot, days=count_days(snapshot.tables[0], self.zone))
        self.current = replace(snapshot, version=version, calls=calls)

    def _read_vocabulary(
        self, session: Session, areas: Mapping[str, Mapping[str, int]], calls: Calls
    ) -> None:
        classes: dict[str, list[int]] = defaultdict(list)
        class_codes: dict[int, str] = {}
        for row in session.execute(text("SELECT id, code FROM incident_class ORDER BY id")):
            classes[row.code].append(row.id)
            class_codes[row.id] = row.code
        self.vocabulary = Vocabulary(
            {code: tuple(ids) for code, ids in classes.items()},
            areas,
            {row.code: row.id for row in session.execute(text("SELECT code, id FROM unit"))},
            {row.code: row.id for row in session.execute(text("SELECT code, id FROM squad"))},
            calls.by_unit(),
        )
        self.class_codes = class_codes
