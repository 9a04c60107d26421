"""The audit log: append-only, chained, purged from the front only."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from gis_service.accounts.audit import link, purge, record, verify
from gis_service.accounts.models import AuditEntry
from tests.conftest import Database

# what an intruder with the owner's rights can do; the chain shows it all the same
UNGUARDED = "ALTER TABLE audit_entry DISABLE TRIGGER ALL"


def write(database: Database, count: int) -> None:
    for number in range(count):
        with database.sessions.begin() as session:
            record(session, action="login", actor=f"account{number}", success=number % 2 == 0,
                   address="192.0.2.7", detail={"n": number, "zh": "登录", "f": 0.25})  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry",
     "SET gis_service.audit_purge = 'on'; DELETE FROM audit_entry"],
)  # fmt: skip
def test_the_database_refuses_to_change_entries(database: Database, statement: str) -> None:
    write(database, 2)
    with (
        psycopg.connect(database.address) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        connection.execute(statement)  # type: ignore[arg-type]
    assert database.value("SELECT count(*) FROM audit_entry") == 2


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [("UPDATE audit_entry SET success = NOT success WHERE id = 3", 3),
     ("UPDATE audit_entry SET detail = '{}' WHERE id = 2", 2),
     ("DELETE FROM audit_entry WHERE id = 2", 3), ("DELETE FROM audit_entry WHERE id = 1", 2),
     ("UPDATE audit_entry SET at = at + interval '1 s' WHERE id = 5", 5)],
)  # fmt: skip
def test_tampering_shows(database: Database, tampering: str, broken: int) -> None:
    write(database, 5)
    with database.sessions() as session:
        whole = verify(session)
    assert (whole.entries, whole.broken, whole.last) == (5, None, 5)
    with psycopg.connect(database.address) as connection:
        connection.execute(UNGUARDED)
        connection.execute(tampering)  # type: ignore[arg-type]
        connection.execute("ALTER TABLE audit_entry ENABLE TRIGGER ALL")
    with database.sessions() as session:
        assert verify(session).broken == broken


def test_a_cut_off_end_differs_from_what_was_noted(database: Database) -> None:
    write(database, 3)
    with database.sessions() as session:
        noted = verify(session)
    with psycopg.connect(database.address) as connection:
        connection.execute(UNGUARDED)
        connection.execute("DELETE FROM audit_entry WHERE id = 3")
        connection.execute("ALTER TABLE audit_entry ENABLE TRIGGER ALL")
    with database.sessions() as session:
        now = verify(session)
    assert now.broken is None
    assert (now.last, now.chain) != (noted.last, noted.chain)


def test_writers_at_once_make_one_chain(database: Database) -> None:
    threads = [threading.Thread(target=write, args=(database, 10)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.sessions() as session:
        verdict = verify(session)
    assert (verdict.entries, verdict.broken) == (60, None)


def test_only_old_entries_are_purged_and_the_chain_goes_on(database: Database) -> None:
    old = datetime.now(UTC) - timedelta(days=200)
    before = b""
    with database.sessions.begin() as session:
        for number in range(4):
            entry = AuditEntry(at=old + timedelta(days=number), account_id=None, actor="a",
                               action="login", subject="", success=True, address="",
                               detail=None)  # fmt: skip
            entry.chain = before = link(before, entry)
            session.add(entry)
            session.flush()
    write(database, 2)
    with database.sessions.begin() as session:
        assert purge(session, database.settings) == 4
    assert database.rows("SELECT action FROM audit_entry ORDER BY id") == [
        ("login",), ("login",), ("audit.purge",),
    ]  # fmt: skip
    with database.sessions.begin() as session:
        verdict = verify(session)
        assert (verdict.entries, verdict.broken) == (3, None)
        assert purge(session, database.settings) == 0
    # what was purged is noted with its chain: taking one more from the front shows
    with psycopg.connect(database.address) as connection:
        connection.execute(UNGUARDED)
        connection.execute("DELETE FROM audit_entry WHERE id = 5")
        connection.execute("ALTER TABLE audit_entry ENABLE TRIGGER ALL")
    with database.sessions() as session:
        assert verify(session).broken == 6


def test_a_purge_takes_nothing_young_whatever_it_is_told(database: Database) -> None:
    write(database, 3)
    with database.sessions() as session, pytest.raises(Exception, match="append-only"):
        session.execute(text("SELECT * FROM audit_purge(now() + interval '1 day')"))
    assert database.value("SELECT count(*) FROM audit_entry") == 3
