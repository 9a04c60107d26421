"""The incidents of a serving process in memory, kept in step with what is committed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from gis_service.db.engine import driver_connection
from gis_service.errors import NotReady
from gis_service.events.feed import Published
from gis_service.hierarchy.models import LEVELS
from gis_service.incidents.arrays import Snapshot, empty_table, read_table
from gis_service.incidents.beside import Calls, read_calls, read_moved
from gis_service.incidents.day_counts import count_days
from gis_service.incidents.filters import Vocabulary
from gis_service.incidents.kept_words import keep_words, kept_words, words_folder
from gis_service.incidents.words import EVERYTHING, Part, Span, Words, batches, read_texts

log = logging.getLogger(__name__)

# events of these topics change what a code in a request means
NAMING_TOPICS = {"classes", "units"}
RETRY_S = 5.0
# while requests wait, which the event loop shows by coming round later than this, they have the
# interpreter up to so many times as long as texts are read; else half of the time is theirs
LATE_S = 0.005
WAITS = 4


class LiveIncidents:
    """``current`` and ``vocabulary`` are replaced as a whole: who took them sees one version."""

    def __init__(self, sessions: sessionmaker[Session], zone: ZoneInfo, data_dir: Path) -> None:
        """``data_dir`` keeps the index of words from one start to the next."""
        self.sessions = sessions
        self.zone = zone
        self.data_dir = data_dir
        self.words = Words()
        self._kept: tuple[Part, ...] = ()  # what the disk has of it
        self.current = Snapshot((empty_table(),), 0, None, words=self.words)
        self.vocabulary = Vocabulary({}, {})
        self.class_codes: dict[int, str] = {}
        self._unread: list[Span] = []
        self._reading: asyncio.Task[None] | None = None

    async def load(self, version: int) -> None:
        """Read everything; the texts that the disk does not have, which lists can do without,
        while requests are answered."""
        spans = await asyncio.to_thread(self._open_words)
        await asyncio.to_thread(self._load, version)
        self._read_later(*spans)

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

    def _read_later(self, *spans: Span) -> None:
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
                    await _give_way(time.monotonic() - begun)
            except Exception:
                # the database is away, say; until then words are looked for without the index
                log.exception("texts of incidents were not read, trying again")
                await asyncio.sleep(RETRY_S)
                continue
            self.words.arrived(span)
            self._unread.pop(0)
        if not self._kept:
            await asyncio.to_thread(self._keep_words)

    async def stop(self) -> None:
        """End reading, and keep what was read."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self.words.parts is not self._kept:
            await asyncio.to_thread(self._keep_words)

    def _open_words(self) -> list[Span]:
        with self.sessions() as session:
            known = kept_words(session, words_folder(session, self.data_dir))
        if known is None:
            return [EVERYTHING]
        self.words, spans = known
        self._kept = self.words.parts
        for span in spans:
            self.words.expect(span)
        return spans

    def _keep_words(self) -> None:
        version = self.current.version  # asked before the words: what they say of later is no harm
        if not self.words.ready:
            return
        try:
            with self.sessions() as session:
                kept = self.words.parts
                if keep_words(session, self.words, version, words_folder(session, self.data_dir)):
                    self._kept = kept
        except (OSError, SQLAlchemyError, NotReady) as problem:
            log.warning("the index of words was not kept: %s", problem)

    def _batches(self, span: Span) -> list[Span]:
        with self.sessions() as session:
            return batches(driver_connection(session), span)

    def _read_span(self, span: Span) -> None:
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
        self, spans: list[Span], single: list[int], version: int, named: bool
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


async def _give_way(took: float) -> None:
    """Leave the interpreter to requests as long as something ``took`` it (s), and while they wait
    up to ``WAITS`` times as long."""
    for _ in range(WAITS):
        due = time.monotonic() + took
        await asyncio.sleep(took)
        if time.monotonic() - due < LATE_S:
            return
