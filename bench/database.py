"""A database of a bench's own, dropped at its end."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from bench.boston import DATA
from gis_service.db.engine import conninfo, make_engine, session_factory
from gis_service.db.migrate import migrate
from gis_service.hierarchy.importing import apply, prepare
from gis_service.reference.defaults import ensure_default_classes
from gis_service.settings import Settings


@dataclass
class BenchDatabase:
    """Address, settings and sessions of a migrated database."""

    address: str
    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]


@contextmanager
def bench_database() -> Iterator[BenchDatabase]:
    """A new database named ``gis_test_bench_*`` on the configured server (durable)."""
    server = conninfo()
    name = f"gis_test_bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    address = make_conninfo(server, dbname=name)
    engine = make_engine(address)
    try:
        with tempfile.TemporaryDirectory() as folder:
            migrate(engine)
            settings = Settings(database_url=address, data_dir=Path(folder))
            yield BenchDatabase(address, settings, engine, session_factory(engine))
    finally:
        engine.dispose()
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def load_boston(database: BenchDatabase) -> None:
    """The Boston hierarchy, with all checks, as the command loads it."""
    with database.sessions.begin() as session:
        ensure_default_classes(session)
        prepared = prepare(session, DATA / "boston_hierarchy.gpkg.zip", database.settings)
        apply(session, prepared, database.settings)
