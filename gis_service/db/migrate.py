"""Bring a database up to date: extensions, tables (Alembic), then views and functions (db/sql)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, text

import gis_service
from gis_service.db.engine import Base

HERE = Path(__file__).parent
EXTENSIONS = ("postgis", "pg_trgm")
MIGRATION_LOCK = 4_711_001  # any number of our own: two migrations never run at once

# what an extension brought along is not ours
VIEWS = """
SELECT format('DROP %s IF EXISTS %s CASCADE',
              CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, c.oid::regclass)
FROM pg_class c
WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""


def metadata() -> MetaData:
    """The tables of every domain."""
    for path in sorted(Path(gis_service.__file__).parent.glob("*/models.py")):
        import_module(f"gis_service.{path.parent.name}.models")
    return Base.metadata


def config() -> Config:
    """Alembic's configuration; there is no ini file."""
    settings = Config()
    settings.set_main_option("script_location", str(HERE / "migrations"))
    settings.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    return settings


def migrate(engine: Engine, revision: str = "head") -> None:
    """Apply what is missing, in one transaction; safe to repeat and to run twice at once."""
    alembic = config()
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        for extension in EXTENSIONS:
            connection.execute(text(f"CREATE EXTENSION IF NOT EXISTS {extension}"))
        drop_views(connection)
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, revision)
        if revision == "head":
            for path in sorted((HERE / "sql").glob("*.sql")):
                connection.exec_driver_sql(path.read_text())


def drop_views(connection: Connection) -> None:
    """Drop our views: they stand on columns that a migration may change. ``db/sql`` makes them
    again."""
    connection.execute(text("DROP SCHEMA IF EXISTS ogc CASCADE"))
    for (statement,) in connection.execute(text(VIEWS)).all():
        connection.execute(text(statement))


def pending(engine: Engine) -> bool:
    """Whether the database is behind this version's tables."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() != head
