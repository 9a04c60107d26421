"""Fixtures: real databases on a real PostGIS. No database is a failure, not a skip."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from gis_service.accounts.service import Actor, add_account, add_token, parse_scopes
from gis_service.app import create_app
from gis_service.db.embedded import Cluster
from gis_service.db.engine import get_engine, make_engine, session_factory
from gis_service.db.migrate import migrate
from gis_service.settings import Settings, get_settings
from tests.seeds import VARIABLE, draw_run

ROOT = Path(__file__).parent.parent
PREFIX = "gis_test_"
LITTLE = 2**20  # bytes of a table


def pytest_configure() -> None:
    """Before any worker starts: all of them draw the same seeds."""
    draw_run()


def pytest_report_header() -> str:
    return f"seeds: {VARIABLE}={draw_run()}"


@dataclass
class Database:
    """A database of its own, migrated, with settings and sessions on it."""

    address: str
    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    environment: dict[str, str] = field(default_factory=dict)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a query, on a connection of its own."""
        with psycopg.connect(self.address) as connection:
            return connection.execute(query, parameters or None).fetchall()  # type: ignore[arg-type]

    def value(self, query: str, *parameters: Any) -> Any:
        """The one value of a query."""
        return self.rows(query, *parameters)[0][0]


def _beside(name: str) -> Path:
    """A folder of files beside the project; missing is a failure on CI and said elsewhere."""
    folder = ROOT.parent / "shared" / name
    if not folder.is_dir():
        reason = f"the files beside the project are not at {folder}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data files beside the project."""
    return _beside("data")


@pytest.fixture(scope="session")
def bureau_plan() -> str:
    """The bureau's plan as it was issued, with its letter and its page breaks."""
    (file,) = sorted(_beside("plan").glob("*.txt"))
    return file.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def server_address() -> str:
    """Address of the server on which test databases are made."""
    settings = Settings()
    if settings.database_url:
        return settings.database_url
    return Cluster(settings.data_dir / "test", durable=False).ensure()


@pytest.fixture(scope="session")
def create_database(
    server_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Database]]:
    """Makes databases named ``gis_test_*``, migrated unless told otherwise; all are dropped at the
    end."""
    run = secrets.token_hex(4)
    made: list[str] = []

    def admin(statement: str) -> None:
        with psycopg.connect(server_address, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def make(name: str, template: str | None = None) -> str:
        admin(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        made.append(name)
        return make_conninfo(server_address, dbname=name)

    template = f"{PREFIX}{run}_template"
    engine = make_engine(make(template))
    migrate(engine)
    engine.dispose()
    engines: list[Engine] = []

    def create(*, migrated: bool = True) -> Database:
        name = f"{PREFIX}{run}_{len(made)}"
        address = make(name, template if migrated else None)
        folder = tmp_path_factory.mktemp("data")
        environment = {"GIS_DATABASE_URL": address, "GIS_DATA_DIR": str(folder)}
        engine = make_engine(address)
        engines.append(engine)
        return Database(
            address,
            Settings(database_url=address, data_dir=folder),
            engine,
            session_factory(engine),
            environment,
        )

    yield create
    for engine in engines:
        engine.dispose()
    for name in reversed(made):
        admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _activate(database: Database, patch: pytest.MonkeyPatch) -> None:
    for name, value in database.environment.items():
        patch.setenv(name, value)
    get_settings.cache_clear()
    get_engine.cache_clear()


def filled_tables(database: Database) -> dict[str, int]:
    """The tables that hold any row, and their size in bytes."""
    tables = [
        name
        for (name,) in database.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename NOT IN ('spatial_ref_sys', 'alembic_version')"
        )
    ]
    asked = " UNION ALL ".join(
        f"SELECT '{t}', pg_relation_size('{t}') WHERE EXISTS (SELECT FROM {t})" for t in tables
    )
    return dict(database.rows(asked))


def empty(database: Database) -> None:
    """As after the migrations. What holds little is emptied row by row: truncating costs a new file
    for each table, for every index of it and for all that refers to it."""
    filled = filled_tables(database)
    with psycopg.connect(database.address) as connection:
        # no trigger sees this: neither those of references nor the audit log, which refuses it
        connection.execute("SET session_replication_role = replica")
        if any(size > LITTLE for size in filled.values()):
            connection.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_no_truncate")
            connection.execute(f"TRUNCATE {', '.join(filled)} CASCADE")  # type: ignore[arg-type]
            connection.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_no_truncate")
        else:
            for table in filled:
                connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
        connection.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, "
            "false) FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )
        connection.execute("REFRESH MATERIALIZED VIEW area_name")


@pytest.fixture(scope="session")
def reused_database(create_database: Callable[[], Database]) -> Database:
    """The database that single tests share; ``database`` empties it for each."""
    return create_database()


@pytest.fixture
def database(
    reused_database: Database,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Database]:
    """An empty database; the process's settings point at it while the test runs."""
    empty(reused_database)
    folder = tmp_path_factory.mktemp("data")
    made = replace(
        reused_database,
        settings=Settings(database_url=reused_database.address, data_dir=folder),
        environment={**reused_database.environment, "GIS_DATA_DIR": str(folder)},
    )
    _activate(made, monkeypatch)
    yield made
    monkeypatch.undo()
    get_settings.cache_clear()
    get_engine.cache_clear()
    # 5 MB a level that was placed on: a whole run left 8 GB behind
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def module_database(create_database: Callable[[], Database]) -> Iterator[Database]:
    """Like ``database``, shared by the tests of a module that only read."""
    made = create_database()
    with pytest.MonkeyPatch.context() as patch:
        _activate(made, patch)
        yield made
    get_settings.cache_clear()
    get_engine.cache_clear()


def token_headers(
    database: Database, role: str = "admin", *, name: str | None = None, scopes: Iterable[str] = ()
) -> dict[str, str]:
    """The header of a new token of a new account (``name`` or the role); ``scopes`` as
    ``level=code``."""
    actor = Actor(None, "test")
    with database.sessions.begin() as session:
        account = add_account(
            session, database.settings, actor, name=name or role, role=role, password=None,
            scopes=parse_scopes(scopes),
        )  # fmt: skip
        _, token = add_token(session, actor, account, label="test")
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    """The application on ``database``, started and stopped around the test; an administrator's
    token goes with every request."""
    headers = {"accept-language": "en", **token_headers(database)}
    with TestClient(create_app(database.settings), headers=headers) as client:
        yield client


@pytest.fixture
def anonymous_client(database: Database) -> Iterator[TestClient]:
    """The same for a visitor."""
    with TestClient(create_app(database.settings), headers={"accept-language": "en"}) as client:
        yield client
