"""Connections: one address, a sync engine for commands, an async one for requests."""

from __future__ import annotations

import select
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import ConnStatus
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from gis_service.db.embedded import Cluster
from gis_service.engines import PROCESSORS
from gis_service.errors import NotReady
from gis_service.settings import Settings, get_settings

CONNECT_S = 10  # longest wait for a connection to be made
SILENCE_S = 30  # longest silence of the network before a connection counts as lost

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


class Base(DeclarativeBase):
    """Base of every table."""


def conninfo(settings: Settings | None = None) -> str:
    """The libpq address in force; starts the private cluster where none is configured."""
    settings = settings or get_settings()
    return settings.database_url or Cluster(settings.data_dir).ensure()


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def patient(address: str) -> str:
    """``address`` with a bound on the wait for a server that does not answer, unless it has one:
    libpq alone waits as long as the network does, minutes."""
    bounds = {"connect_timeout": CONNECT_S, "tcp_user_timeout": SILENCE_S * 1000}
    given = conninfo_to_dict(address)
    return make_conninfo(address, **{k: v for k, v in bounds.items() if k not in given})


def make_engine(address: str) -> Engine:
    """A sync engine on any libpq address, key=value form included.

    Its connections raise NotReady where the database does not answer.
    """

    def connect() -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(patient(address))
        except psycopg.OperationalError as problem:
            raise NotReady(
                f"the database does not answer: {problem}", f"数据库没有响应：{problem}"
            ) from problem

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_pre_ping=True,
        json_serializer=_json,
        json_deserializer=orjson.loads,
    )


def make_async_engine(address: str, settings: Settings, size: int | None = None) -> AsyncEngine:
    """An async engine with ``size`` connections (``settings.database_pool``) and a statement
    time-out; who waits for a connection longer than ``pool_wait_s`` gets a TimeoutError."""

    async def connect() -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            patient(address), options=f"-c statement_timeout={settings.statement_timeout_s * 1000}"
        )

    engine = create_async_engine(
        "postgresql+psycopg://",
        async_creator=connect,
        pool_size=size or settings.database_pool,
        max_overflow=0,
        pool_timeout=settings.pool_wait_s,
        pool_use_lifo=True,  # those that know their tables and plans, rather than all in turn
        json_serializer=_json,
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_ended)
    return engine


def _refuse_ended(connection: Any, _record: Any, _proxy: Any) -> None:
    """The pool makes another connection for one that the server has ended.

    Such a one has something to read, its end or a last message, where an idle one has nothing:
    seen without the round trip, a tenth of a short request, that the pool's own ping takes.
    """
    inner = connection.driver_connection.pgconn
    poll = select.poll()
    poll.register(inner.socket, select.POLLIN)
    if inner.status != ConnStatus.OK or poll.poll(0):
        raise DisconnectionError


def make_tile_connections(address: str, settings: Settings) -> AsyncConnectionPool[Any]:
    """A pool of connections without transactions, for single statements that are asked for by
    the thousand; opened and closed by the application. As many as the server has processors: more
    would only wait for each other."""
    return AsyncConnectionPool(
        patient(address),
        min_size=1,
        max_size=PROCESSORS,
        open=False,
        timeout=settings.pool_wait_s,
        kwargs={
            "autocommit": True,
            "application_name": "gis_service tiles",
            "options": f"-c statement_timeout={settings.statement_timeout_s * 1000}",
        },
    )


@lru_cache
def get_engine() -> Engine:
    """The command line's engine."""
    return make_engine(conninfo())


def session_factory(engine: Engine | None = None) -> sessionmaker[Session]:
    """Sessions for commands; the command boundary commits."""
    return sessionmaker(engine or get_engine(), expire_on_commit=False)


def async_session_factory(engine: AsyncEngine) -> async_sessionmaker[Any]:
    """Sessions for requests; the request boundary commits."""
    return async_sessionmaker(engine, expire_on_commit=False)


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection under ``session``, inside its transaction (for COPY)."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - our engines use no other
    return connection
