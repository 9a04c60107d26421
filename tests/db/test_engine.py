"""Pooled connections: one that the server has ended is not handed out."""

from __future__ import annotations

import asyncio

import psycopg
from sqlalchemy import text

from gis_service.db.engine import make_async_engine
from gis_service.settings import Settings
from tests.conftest import Database


def test_a_connection_that_the_server_ended_is_replaced(database: Database) -> None:
    engine = make_async_engine(database.address, Settings(), size=1)
    backend = text("SELECT pg_backend_pid()")

    async def backends() -> tuple[int, int, int]:
        async with engine.connect() as connection:
            first = await connection.scalar(backend)
        async with engine.connect() as connection:
            again = await connection.scalar(backend)
        with psycopg.connect(database.address, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
        async with engine.connect() as connection:
            after = await connection.scalar(backend)
        await engine.dispose()
        return first, again, after

    first, again, after = asyncio.run(backends())
    assert first == again  # kept while it is alive
    assert after != first
