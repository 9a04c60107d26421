"""What the index of words has read once is not read again after a start, unless it may be wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gis_service.app import create_app
from gis_service.events.feed import publish
from gis_service.hierarchy.locating import load_locator
from gis_service.housekeeping import FEED_DAYS
from gis_service.incidents import kept_words, live
from gis_service.incidents.loading import load_incidents
from gis_service.incidents.mapping import read_mapping
from gis_service.incidents.words import EVERYTHING, Span
from tests.conftest import Database, token_headers
from tests.incidents.conftest import Bureau
from tests.incidents.test_loading import row as row_of
from tests.incidents.test_loading import write

WORDS = ("井盖", "西街", "12号", "暴露垃圾", "积水", "Wifi箱", "鹦鹉", "孔雀", "新华字典")


class Served:
    """A service on a bureau, begun and ended as often as wanted."""

    def __init__(self, bureau: Bureau) -> None:
        self.database = bureau.database
        self.headers = token_headers(self.database, "dispatcher")

    def run(self, then: Callable[[Any, TestClient], None] = lambda live, client: None) -> None:
        """Start, wait until all texts are known, do ``then``, wait again, stop."""
        with TestClient(create_app(self.database.settings), headers=self.headers) as client:
            live = client.app.state.incidents  # type: ignore[attr-defined]
            self.settled(live)
            then(live, client)
            self.settled(live)

    def settled(self, live: Any) -> None:
        until = time.monotonic() + 15
        while time.monotonic() < until:
            behind = self.database.value(
                "SELECT count(*) FROM event WHERE seq IS NULL OR seq > %s", live.current.version
            )
            if not behind and live.words.ready:
                return
            time.sleep(0.02)
        pytest.fail("memory did not get in step")

    def load(self, name: str, numbers: range, words: str) -> None:
        folder = self.database.settings.data_dir
        rows = [row_of(n, description=f"{words} {WORDS[n % len(WORDS)]}") for n in numbers]
        with self.database.sessions() as session:
            locator = load_locator(session, self.database.settings)
        load_incidents(
            self.database.sessions, write(folder / name, rows), read_mapping(Path("standard")),
            locator, self.database.settings,
        )  # fmt: skip

    def say(self, number: int, words: str) -> None:
        with self.database.sessions.begin() as session:
            session.execute(
                text("UPDATE incident SET description = :said WHERE id = :id"),
                {"said": words, "id": number},
            )
            publish(session, "incidents", ids=[number])


@pytest.fixture
def served(bureau: Bureau) -> Served:
    one = Served(bureau)
    one.load("first.csv", range(60), "路面")
    return one


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    """The spans of incidents whose texts were read because nothing was known of them."""
    spans: list[Span] = []
    batches = live.batches

    def noting(connection: Any, span: Span) -> list[Span]:
        spans.append(span)
        return batches(connection, span)

    monkeypatch.setattr(live, "batches", noting)
    return spans


def check_words(served: Served, live: Any) -> None:
    """Whoever holds a word is named, and not everybody."""
    ids = np.array([n for (n,) in rows(served.database, "SELECT id FROM incident ORDER BY id")])
    for word in WORDS:
        held = set(ids[live.words.may_hold(word, int(ids.max())).of(ids)].tolist())
        said = "SELECT id FROM incident WHERE concat_ws(' ', description, address, class_name) "
        holders = {n for (n,) in rows(served.database, f"{said} ILIKE '%{word}%'")}
        assert holders <= held
    assert not live.words.may_hold("无人提及", int(ids.max())).of(ids).any()


def rows(database: Database, statement: str) -> list[Any]:
    with database.sessions() as session:
        return list(session.execute(text(statement)).all())


def test_a_second_start_reads_what_was_said_since_and_nothing_else(
    served: Served, read: list[Span]
) -> None:
    served.run(lambda live, client: check_words(served, live))
    assert read == [EVERYTHING]
    read.clear()
    served.run(lambda live, client: check_words(served, live))
    assert read == []
    # while nobody serves, and without anybody having numbered it yet
    served.say(7, "孔雀在桥上")
    served.load("second.csv", range(100, 130), "鹦鹉飞走")
    last = served.database.value("SELECT max(id) FROM incident")

    def heard(live: Any, client: TestClient) -> None:
        check_words(served, live)
        items = client.get("/api/incidents", params={"q": "孔雀在"}).json()["items"]
        assert [one["id"] for one in items] == [7]
        served.say(8, "新华字典封面")  # heard while it serves

    served.run(heard)
    assert EVERYTHING not in read
    assert {first for first, _ in read} >= {7, last - 29}
    read.clear()
    served.run(lambda live, client: check_words(served, live))
    assert read == []


def test_a_service_that_was_killed_goes_on_from_what_was_kept_before(
    served: Served, read: list[Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    served.run()
    with monkeypatch.context() as killed:
        killed.setattr(live.LiveIncidents, "_keep_words", lambda self: None)
        served.run(lambda live, client: served.say(9, "鹦鹉"))
    read.clear()
    served.run(lambda live, client: check_words(served, live))
    assert read == [(9, 9)]


@pytest.mark.parametrize(
    "spoil",
    [
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event WHERE seq IS NOT NULL)",
        # a restored database whose feed has come as far again
        "UPDATE event SET at = at + interval '1 second'",
    ],
)
def test_the_index_of_another_history_is_not_used(
    served: Served, read: list[Span], spoil: str
) -> None:
    served.run()
    with served.database.sessions.begin() as session:
        session.execute(text(spoil))
    read.clear()
    served.run(lambda live, client: check_words(served, live))
    assert read == [EVERYTHING]


@pytest.mark.parametrize("harm", ["cut", "emptied", "missing", "words", "version"])
def test_a_damaged_index_is_read_anew(
    served: Served, read: list[Span], harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    served.run()
    (folder,) = (served.database.settings.data_dir / "words").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    blocks = folder / "blocks-0.npy"
    about = folder / "about.json"
    if harm == "cut":
        blocks.write_bytes(blocks.read_bytes()[:-40])
    elif harm == "emptied":
        blocks.write_bytes(b"")
    elif harm == "missing":
        blocks.unlink()
    elif harm == "words":
        about.write_text('{"version": 1, "parts": "many"}')
    else:
        about.write_text('{"version": 0}')
    read.clear()
    with caplog.at_level(logging.WARNING):
        served.run(lambda live, client: check_words(served, live))
    assert read == [EVERYTHING]
    assert "reading the texts of all incidents again" in caplog.text
    read.clear()
    served.run()
    assert read == []  # it was written anew


def test_it_is_read_anew_after_days_and_before_changes_are_forgotten(
    served: Served, read: list[Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(days=FEED_DAYS) > kept_words.LONGEST + timedelta(days=1)
    served.run()
    monkeypatch.setattr(kept_words, "LONGEST", timedelta(0))
    read.clear()
    served.run()
    assert read == [EVERYTHING]


def test_a_folder_that_cannot_be_written_is_told_and_the_service_goes_on(
    served: Served, read: list[Span], caplog: pytest.LogCaptureFixture
) -> None:
    (served.database.settings.data_dir / "words").write_text("a file, no folder")
    with caplog.at_level(logging.WARNING):
        served.run(lambda live, client: check_words(served, live))
    assert "the index of words was not kept" in caplog.text
    served.run(lambda live, client: check_words(served, live))
    assert read == [EVERYTHING, EVERYTHING]


@pytest.mark.parametrize(("late_s", "waits"), [(5.0, 1), (live.LATE_S, live.WAITS)])
def test_reading_gives_way_to_requests_that_wait(
    late_s: float, waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the time is theirs, and more while the event loop comes round late."""
    took = 0.101  # what nothing else in the process waits
    waited, over, sleep = [], [], asyncio.sleep

    async def counted(delay: float) -> None:
        waited.append(delay)
        await sleep(delay)

    async def requests() -> None:
        while not over:
            time.sleep(0.13)  # longer than what is waited: the loop is never in time
            await sleep(0)

    async def read() -> None:
        others = asyncio.create_task(requests())
        await live._give_way(took)
        over.append(1)
        await others

    monkeypatch.setattr(live, "LATE_S", late_s)
    monkeypatch.setattr(live.asyncio, "sleep", counted)
    asyncio.run(read())
    assert waited.count(took) == waits
