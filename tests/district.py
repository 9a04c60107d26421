"""The small district in a database: loaded once, its rows copied from then on."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gis_service.db.engine import driver_connection
from gis_service.events.feed import publish
from gis_service.hierarchy.importing import apply, prepare
from gis_service.reference.defaults import ensure_default_classes
from tests.conftest import Database, filled_tables
from tests.shapes import small_hierarchy, write_hierarchy


@dataclass
class _Rows:
    """What the loaders left: rows by table and columns, sequences, and what they published."""

    tables: dict[str, tuple[list[str], bytes]]
    sequences: set[tuple[str, int]]
    events: list[tuple[Any, ...]]
    # what places are found by, as the service keeps it for its areas
    placement: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)


_remembered: list[_Rows] = []


def load_small_district(database: Database, *, anew: bool = False) -> None:
    """The areas of ``small_hierarchy`` and the default classes, as their loaders leave them in a
    database without any.

    The loaders run once in a process; then their rows are copied, and published as they did: most
    tests begin with this, and what it does is tested by others. ``anew``: they run again.
    """
    if anew:
        _remembered.clear()
    if _remembered:
        _copy(database, _remembered[0])
        return
    tables, sequences = filled_tables(database).keys(), _sequences(database)
    assert not tables & {"area", "incident_class", "unit"}
    event = database.value("SELECT coalesce(max(id), 0) FROM event")
    with tempfile.TemporaryDirectory() as folder:
        path = write_hierarchy(Path(folder) / "district.gpkg", small_hierarchy())
        with database.sessions.begin() as session:
            ensure_default_classes(session)
            apply(session, prepare(session, path, database.settings), database.settings)
    _remembered.append(
        _Rows(
            {
                one: _rows(database, one)
                for one in filled_tables(database).keys() - tables - {"event"}
            },
            _sequences(database) - sequences,
            database.rows("SELECT topic, payload FROM event WHERE id > %s ORDER BY id", event),
        )
    )


def _sequences(database: Database) -> set[tuple[str, int]]:
    """(name, last number) of those that gave any; changes number themselves."""
    return set(
        database.rows(
            "SELECT sequencename, last_value FROM pg_sequences "
            "WHERE last_value IS NOT NULL AND sequencename <> 'event_id_seq'"
        )
    )


def _rows(database: Database, table: str) -> tuple[list[str], bytes]:
    """The columns that are not computed, and the rows as COPY gives them."""
    columns = [
        name
        for (name,) in database.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND NOT attisdropped AND attgenerated = ''",
            table,
        )
    ]
    with (
        psycopg.connect(database.address) as connection,
        connection.cursor().copy(_statement(table, columns, "TO STDOUT")) as copy,
    ):
        return columns, b"".join(bytes(part) for part in copy)


def _copy(database: Database, rows: _Rows) -> None:
    with database.sessions.begin() as session:
        connection = driver_connection(session)
        # rows that refer to each other come in any order
        connection.execute("SET LOCAL session_replication_role = replica")
        for table, (columns, data) in rows.tables.items():
            with connection.cursor().copy(_statement(table, columns, "FROM STDIN")) as copy:
                copy.write(data)
        for name, value in rows.sequences:
            connection.execute("SELECT setval(%s::regclass, %s)", [name, value])
        connection.execute("SET LOCAL session_replication_role = origin")
        connection.execute("REFRESH MATERIALIZED VIEW area_name")
        for topic, payload in rows.events:
            publish(session, topic, **payload)
    kept = database.settings.data_dir / "placement"
    if not kept.exists():
        kept.symlink_to(rows.placement.name)


def _statement(table: str, columns: list[str], way: str) -> sql.Composed:
    return sql.SQL("COPY {} ({}) " + way + " (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
