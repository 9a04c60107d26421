"""The pages of the inbox are those the database would give alone, whatever memory knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from gis_service.app import create_app
from gis_service.db.engine import (
    async_session_factory,
    driver_connection,
    make_async_engine,
    make_engine,
    session_factory,
)
from gis_service.events.feed import publish
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents import arrays, ordered
from gis_service.incidents import live as live_incidents
from gis_service.incidents.arrays import Snapshot, read_snapshot
from gis_service.incidents.filters import IncidentFilter, to_sql
from gis_service.incidents.live import LiveIncidents
from gis_service.incidents.loading import load_incidents
from gis_service.incidents.mapping import read_mapping
from gis_service.incidents.models import SOURCES, STATES
from gis_service.incidents.queries import SORTS, list_incidents
from gis_service.incidents.words import EVERYTHING, Words, read_texts
from tests.conftest import Database, token_headers
from tests.incidents.conftest import Bureau
from tests.incidents.test_loading import row as row_of
from tests.incidents.test_loading import write

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 700
PIECES = (
    "井盖", "积水", "桥", "西街", "12号", "暴露垃圾", "垃", "100%", "a_b", "c\\d", "%", "_", "\\",
    "Straße", "ÉCOLE", "école", "İstanbul", "\u212aelvin", "kelvin", "ПРИВЕТ", "привет", "Wifi",
    "WIFI箱", "\U00020bb7野家", "e\u0301", " ", "\n", "\t", "'", "🚧", "ǅ", "ﬁ",
)  # fmt: skip
_INSERT = text("""
    INSERT INTO incident (code, state, class_id, class_name, source, origin, external_id,
        reported_at, due_at, updated_at, address, description, crs, geom, street_id,
        placement_method, filed_path, urgent)
    VALUES (:code, :state, 1, :class_name, :source, 't', :external, :at, :due, :changed, :address,
        :description, 'wgs84', ST_SetSRID(ST_MakePoint(:lon, 24.5), 4326), :street, 'inside', '{}',
        :urgent)
    RETURNING id
""")


def words(rng: np.random.Generator) -> str | None:
    if rng.random() < 0.1:
        return None
    return "".join(PIECES[n] for n in rng.integers(0, len(PIECES), rng.integers(0, 5)))


def row(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """Many moments are equal, so that ids decide the order."""
    at = START + timedelta(hours=int(rng.integers(0, 40)), microseconds=int(rng.integers(0, 2)))
    return {
        "code": f"{at:%Y%m%d}-{number}", "state": STATES[rng.integers(len(STATES))],
        "class_name": ("暴露垃圾", "井盖破损", "Wifi")[rng.integers(3)],
        "source": SOURCES[rng.integers(len(SOURCES))], "external": f"A{number}", "at": at,
        "due": at + timedelta(hours=int(rng.integers(5))) if rng.random() < 0.6 else None,
        "changed": START + timedelta(days=int(rng.integers(0, 5))),
        "address": words(rng), "description": words(rng), "lon": 118 + rng.random(),
        "street": int(rng.integers(1, 4)), "urgent": bool(rng.random() < 0.2),
    }  # fmt: skip


class Inbox:
    """The lists of a database, asked for on one connection."""

    def __init__(self, database: Database, runner: asyncio.Runner) -> None:
        self.database = database
        self.runner = runner
        engine = make_async_engine(database.address, database.settings)
        self.session: AsyncSession = async_session_factory(engine)()
        with database.sessions() as session:
            self.snapshot = read_snapshot(session, texts=True)

    def walk(
        self, wanted: IncidentFilter, sort: str, limit: int, snapshot: Snapshot | None
    ) -> list[int]:
        """The ids of all pages, one after the other."""

        async def pages() -> list[int]:
            found: list[int] = []
            cursor: str | None = None
            while True:
                rows, cursor = await list_incidents(
                    self.session, wanted, sort=sort, cursor=cursor, limit=limit, snapshot=snapshot
                )
                assert len(rows) <= limit
                found += [one["id"] for one in rows]
                if cursor is None:
                    await self.session.rollback()
                    return found

        return self.runner.run(pages())


@pytest.fixture(scope="module")
def inbox(module_database: Database) -> Iterator[Inbox]:
    rng = np.random.default_rng(11)
    with module_database.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO incident_class (scheme, scheme_version, code, kind, major, major_name,"
                " major_name_en, name, name_en)"
                " VALUES ('s', '', 'C', 'event', '', '', '', 'n', 'n')"
            )
        )
        for number in range(ROWS):
            session.execute(_INSERT, row(rng, number))
    with asyncio.Runner() as runner:
        made = Inbox(module_database, runner)
        yield made
        runner.run(made.session.close())


def plain(database: Database, wanted: IncidentFilter, sort: str) -> list[int]:
    """What SQL without anything of ours around it finds."""
    key, direction, _ = SORTS[sort]
    condition, values = to_sql(wanted)
    with database.sessions() as session:
        rows = session.execute(
            text(
                f"SELECT i.id FROM incident i WHERE {condition} "
                f"ORDER BY {key} {direction}, i.id {direction}"
            ),
            values,
        )
        return list(rows.scalars())


pieces = st.lists(st.sampled_from(PIECES), min_size=1, max_size=2).map("".join)
queries = (
    pieces
    | st.tuples(pieces, st.integers(0, 3), st.integers(1, 5)).map(lambda t: t[0][t[1] :][: t[2]])
    | pieces.map(str.swapcase)
    | st.sampled_from(("2", "2026", "202601", "20260101", "20260102-", "20260102-1", "A1", "A12"))
    | st.text(min_size=1, max_size=3).filter(lambda q: "\0" not in q)
)


@st.composite
def filters(draw: st.DrawFn) -> IncidentFilter:
    return IncidentFilter(
        q=draw(st.none() | queries) or None,
        states=tuple(draw(st.lists(st.sampled_from(STATES), max_size=3))),
        streets=tuple(draw(st.lists(st.integers(1, 4), max_size=1))),
        sources=tuple(draw(st.lists(st.sampled_from((*SOURCES, "nowhere")), max_size=2))),
        urgent=draw(st.none() | st.none() | st.booleans()),
        bbox=draw(st.none() | st.none() | st.just((118.2, 24.0, 118.5, 25.0))),
        since=draw(st.none() | st.none() | st.just(START + timedelta(hours=20))),
    )


# how an order is walked: (rows a table has that is not looked at as a whole, one row in so many is
# looked at before all are, rows at first, numbers that are looked up one by one)
WALKS = ((50_000, 50, 1_000, 20_000), (0, 1, 10, 0), (0, 7, 10, 0), (0, 3, 5, 400))


@settings(max_examples=200, deadline=None)
@given(wanted=filters(), sort=st.sampled_from(list(SORTS)), limit=st.integers(40, 400),
       how=st.sampled_from(WALKS))  # fmt: skip
def test_memory_changes_nothing_but_the_time_it_takes(
    inbox: Inbox, wanted: IncidentFilter, sort: str, limit: int, how: tuple[int, int, int, int]
) -> None:
    expected = plain(inbox.database, wanted, sort)
    with pytest.MonkeyPatch.context() as patched:
        for (module, name), value in zip(
            ((arrays, "WALKED_ROWS"), (ordered, "WALKED"), (ordered, "FIRST_STEP"),
             (arrays, "FEW")), how, strict=True,
        ):  # fmt: skip
            patched.setattr(module, name, value)
        assert inbox.walk(wanted, sort, limit, inbox.snapshot) == expected


@pytest.fixture
def changed(inbox: Inbox) -> Iterator[Inbox]:
    """Incidents came and were changed in every respect; memory has not heard of it."""
    rng = np.random.default_rng(12)
    with inbox.database.sessions.begin() as session:
        ids = [int(one) for one in rng.choice(np.arange(1, ROWS + 1), 60, replace=False)]
        for one in ids:
            new = row(rng, one)
            session.execute(
                text(
                    "UPDATE incident SET state = :state, source = :source, reported_at = :at, "
                    "due_at = :due, updated_at = :changed, address = :address, street_id = :street,"
                    " description = :description WHERE id = :id"
                ),
                {**new, "id": one},
            )
            publish(session, "incidents", ids=[one])
        first, *_, last = (
            session.execute(_INSERT, row(rng, ROWS + number)).scalar_one() for number in range(30)
        )
        publish(session, "incidents", first=first, last=last)
        # some of it is numbered already
        session.execute(text("UPDATE event SET seq = id WHERE id < 30"))
    yield inbox
    with inbox.database.sessions() as session:
        inbox.snapshot = read_snapshot(session, texts=True)
        version = session.execute(text("SELECT max(seq) FROM event")).scalar_one()
        session.execute(text("DELETE FROM event WHERE seq IS NULL"))
        session.commit()
    inbox.snapshot = Snapshot(inbox.snapshot.tables, version, None, words=inbox.snapshot.words)


def test_what_changed_since_is_found_where_it_is_now(changed: Inbox) -> None:
    for sort, q in product(SORTS, (None, "井盖", "桥", "没有", "wifi", "2026", "_")):
        for wanted in (
            IncidentFilter(q=q),
            IncidentFilter(q=q, states=("reported", "filed", "closed")),
            IncidentFilter(q=q, sources=("patrol", "hotline"), since=START + timedelta(hours=9)),
        ):
            expected = plain(changed.database, wanted, sort)
            assert changed.walk(wanted, sort, 50, changed.snapshot) == expected
            assert len(expected) == len(set(expected))


def test_an_edit_that_is_heard_of_is_found_by_its_new_words_and_the_index_only_grows(
    inbox: Inbox,
) -> None:
    shown = "新华字典路口"
    with inbox.database.sessions.begin() as session:
        session.execute(text("UPDATE incident SET address = :a WHERE id = 5"), {"a": shown})
    try:
        ids = inbox.snapshot.tables[0].id
        index = Words()
        with inbox.database.sessions() as session:
            connection = driver_connection(session)
            read_texts(connection, index, "true", ())
            assert index.may_hold(shown, int(ids.max())) is None  # not all of it has arrived
            index.arrived(EVERYTHING)
            holding = index.may_hold(shown, int(ids.max()))
            assert holding is not None
            held = holding.of(ids)
            assert 5 in ids[held].tolist()
            assert np.count_nonzero(held) <= 64
            session.execute(text("UPDATE incident SET address = '' WHERE id = 5"))
            read_texts(connection, index, "i.id = ANY(%s)", ([5],))
            holding = index.may_hold(shown, int(ids.max()))
            assert holding is not None
            held = holding.of(ids)
            assert 5 in ids[held].tolist()  # asked again, the database says no
    finally:
        with inbox.database.sessions.begin() as session:
            session.execute(text("UPDATE incident SET address = NULL WHERE id = 5"))


def test_many_changes_unheard_of_leave_it_to_the_database(inbox: Inbox) -> None:
    wanted = IncidentFilter(states=("closed",))
    for payload in ({"first": 1, "last": 10**6}, {"placed_again": 5}):
        with inbox.database.sessions.begin() as session:
            session.execute(text("UPDATE incident SET state = 'closed' WHERE id % 7 = 0"))
            publish(session, "incidents", **payload)
        try:
            expected = plain(inbox.database, wanted, "due_at")
            assert inbox.walk(wanted, "due_at", 100, inbox.snapshot) == expected
        finally:
            with inbox.database.sessions.begin() as session:
                session.execute(text("DELETE FROM event WHERE seq IS NULL"))


def test_a_service_finds_words_of_what_comes_is_loaded_and_is_edited(
    bureau: Bureau, tmp_path: Path
) -> None:
    database = bureau.database
    headers = token_headers(database, "dispatcher")
    with TestClient(create_app(database.settings), headers=headers) as client:
        live = client.app.state.incidents  # type: ignore[attr-defined]

        def found(q: str) -> set[int]:
            items = client.get("/api/incidents", params={"q": q}).json()["items"]
            return {one["id"] for one in items}

        def heard() -> None:
            """Memory knows of everything that is committed, texts included."""
            until = time.monotonic() + 10
            while time.monotonic() < until:
                behind = database.value(
                    "SELECT count(*) FROM event WHERE seq IS NULL OR seq > %s", live.current.version
                )
                if not behind and live.words.ready:
                    return
                time.sleep(0.02)
            pytest.fail("memory did not get in step")

        heard()
        one = bureau.report(description="树上有只鹦鹉").incident_id
        assert found("鹦鹉") == {one}  # at once, whether or not memory has heard of it
        heard()
        assert found("鹦鹉") == {one}
        path = write(tmp_path / "cases.csv", [row_of(n, description="鹦鹉飞走") for n in range(3)])
        with database.sessions() as session:
            locator = load_locator(session, database.settings)
        load_incidents(
            database.sessions, path, read_mapping(Path("standard")), locator, database.settings
        )
        assert len(found("鹦鹉")) == 4
        heard()
        assert len(found("鹦鹉")) == 4
        assert np.count_nonzero(live.words.may_hold("鹦鹉", 4).of(np.arange(1, 5))) == 4
        assert not live.words.may_hold("孔雀", 4).of(np.arange(1, 5)).any()
        with database.sessions.begin() as session:
            session.execute(
                text("UPDATE incident SET description = '孔雀' WHERE id = :id"), {"id": one}
            )
            publish(session, "incidents", ids=[one])
        for _ in range(2):
            assert found("孔雀") == {one}
            assert len(found("鹦鹉")) == 3
            heard()


def test_texts_that_could_not_be_read_are_read_once_the_table_is_free(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(live_incidents, "RETRY_S", 0.1)
    engine = make_engine(make_conninfo(inbox.database.address, options="-c lock_timeout=50"))
    live = LiveIncidents(session_factory(engine), ZoneInfo("Asia/Shanghai"), tmp_path)

    async def read(blocker: Session) -> None:
        # the texts are read by a task, which has not begun when this returns
        await live.load(0)
        blocker.execute(text("LOCK TABLE incident IN ACCESS EXCLUSIVE MODE"))
        await asyncio.sleep(0.3)
        assert not live.words.ready  # refused again and again meanwhile
        blocker.rollback()
        for _ in range(100):
            if live.words.ready:
                break
            await asyncio.sleep(0.05)
        await live.stop()

    with inbox.database.sessions() as blocker:
        asyncio.run(read(blocker))
    assert live.words.ready
    engine.dispose()
