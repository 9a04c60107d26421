"""A database that commands can use: migrated, with what comes along."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from gis_service.db.engine import get_engine, session_factory
from gis_service.db.migrate import migrate, pending
from gis_service.reference.calendar import ensure_default_calendar


def ready_engine() -> Engine:
    """The engine of a migrated database."""
    engine = get_engine()
    if pending(engine):
        bring_up_to_date(engine)
    return engine


def bring_up_to_date(engine: Engine) -> None:
    """Migrate, and seed the working calendar where there is none."""
    migrate(engine)
    with session_factory(engine).begin() as session:
        ensure_default_calendar(session)


def ready_sessions() -> sessionmaker[Session]:
    """Sessions on the migrated database."""
    return session_factory(ready_engine())
