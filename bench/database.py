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
def bench_database(keep: str | None = None) -> Iterator[BenchDatabase]:
    """A new database named ``gis_test_bench_*`` on the configured server (durable). One to
    ``keep`` is called so, taken up where it is there already, and not dropped."""
    server = conninfo()
    name = f"gis_test_bench_{keep or secrets.token_hex(4)}"
    if not name.replace("_", "").isalnum():
        raise SystemExit(f"{keep}: letters, digits and _ only")
    with psycopg.connect(server, autocommit=True) as admin:
        known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if not known:
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
            if keep is None:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def load_boston(database: BenchDatabase) -> None:
    """The Boston hierarchy, with all checks, as the command loads it."""
    with database.sessions.begin() as session:
        ensure_default_classes(session)
        prepared = prepare(session, DATA / "boston_hierarchy.gpkg.zip", database.settings)
        apply(session, prepared, database.settings)
