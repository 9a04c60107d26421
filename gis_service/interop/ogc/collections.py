"""Which views are collections, what they are called, and who may read them."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import asyncpg
from fastapi import Depends, Path, Request
from psycopg.conninfo import conninfo_to_dict
from tipg.collections import Collection, CollectionList, pg_get_collection_index
from tipg.database import connection_factory
from tipg.dependencies import CollectionsParams
from tipg.settings import DatabaseSettings

from gis_service.accounts.dependencies import check_access, current_identity, signed_in
from gis_service.dependencies import locale_of
from gis_service.errors import Forbidden, NotFound
from gis_service.events.feed import Published
from gis_service.settings import Settings

SCHEMA = "ogc"
CONNECTIONS = 4


class Described(NamedTuple):
    """What a view is called; ``permission`` None: as public as the service is."""

    zh: str
    en: str
    permission: str | None = None


COLLECTIONS = {
    "street": Described("街道", "Streets"),
    "community": Described("社区", "Communities"),
    "grid": Described("网格", "Grids"),
    "building": Described("楼栋", "Buildings"),
    "incident": Described(
        "案件（不含描述、地址和个人信息）",
        "Incidents (without words, addresses and personal data)",
        "incident.read",
    ),
}


class BoundedPool:
    """A pool as tipg uses it, where nobody waits for a connection longer than ``wait_s``: a
    TimeoutError then."""

    def __init__(self, pool: asyncpg.Pool, wait_s: float) -> None:
        self.pool = pool
        self.wait_s = wait_s

    def acquire(self) -> Any:
        """A connection, as an asynchronous context."""
        return self.pool.acquire(timeout=self.wait_s)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()


class OgcCatalog:
    """The collections, and the connections tipg reads them with: read-only, four a process.

    Each collection states the extent it had when the areas last changed.
    """

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = address
        self.settings = settings
        # where tipg looks for it; changed in place
        self.catalog: dict[str, Any] = {"collections": {}}
        self.pool: BoundedPool | None = None

    @property
    def collections(self) -> dict[str, Collection]:
        """By name."""
        found: dict[str, Collection] = self.catalog["collections"]
        return found

    async def open(self) -> None:
        """Connect and read the catalogue."""
        given = conninfo_to_dict(self.address)
        wanted = {
            "host": given.get("host"), "port": given.get("port"), "user": given.get("user"),
            "password": given.get("password"), "database": given.get("dbname"),
            "ssl": given.get("sslmode"),
        }  # fmt: skip
        prepare = connection_factory([SCHEMA], "pg_temp")

        async def made(connection: Any) -> None:
            await prepare(connection)
            await connection.execute("SET default_transaction_read_only = on")

        async def kept(connection: Any) -> None:
            """RESET ALL, what a pool does otherwise, would take the search path away."""

        pool = await asyncpg.create_pool(
            **{name: value for name, value in wanted.items() if value is not None},
            min_size=1, max_size=CONNECTIONS, init=made, reset=kept,
            statement_cache_size=0,  # every statement holds its own values
            server_settings={
                "statement_timeout": str(self.settings.statement_timeout_s * 1000),
                "application_name": "gis_service ogc",
            },
        )  # fmt: skip
        self.pool = BoundedPool(pool, self.settings.pool_wait_s)
        await self.read()

    async def read(self) -> None:
        """The views of the schema as they are now."""
        assert self.pool is not None  # noqa: S101 - opened before
        async with self.pool.acquire() as connection:
            found = await pg_get_collection_index(
                connection, DatabaseSettings(schemas=[SCHEMA], application_schema="pg_temp")
            )
        self.catalog["collections"] = {
            one.table: one.model_copy(update={"id": one.table})
            for one in sorted(found, key=lambda one: [*COLLECTIONS, one.table].index(one.table))
            if one.table in COLLECTIONS
        }

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed: new boundaries, new extents."""
        if any(event.topic == "hierarchy" for event in events):
            await self.read()

    async def close(self) -> None:
        if self.pool is not None:
            await self.pool.close()


async def collection_of(
    request: Request, collectionId: Annotated[str, Path(max_length=50)]
) -> Collection:
    """The collection of a request. Raises NotFound, NotSignedIn or Forbidden."""
    catalog: OgcCatalog = request.app.state.ogc
    found = catalog.collections.get(collectionId)
    if found is None:
        raise NotFound(
            f"no collection {collectionId!r}; there are {', '.join(catalog.collections)}",
            f"没有数据集 {collectionId!r}；可用：{'、'.join(catalog.collections)}",
            where="collectionId",
        )
    permission = COLLECTIONS[collectionId].permission
    if permission is not None:
        await check_access(request, permission)
        if (await signed_in(request)).scopes:
            raise Forbidden(
                "this collection holds the whole district; your account sees a part of it",
                "该数据集包含全区数据，您的账号只能查看部分范围",
            )
    return _named(request, found)


async def collections_of(
    request: Request, every: Annotated[CollectionList, Depends(CollectionsParams)]
) -> CollectionList:
    """The collections that the asker may read."""
    identity = await current_identity(request)
    whole = identity is not None and not identity.scopes

    def readable(one: Collection) -> bool:
        permission = COLLECTIONS[one.id].permission
        return permission is None or bool(whole and identity and identity.may(permission))

    kept = [_named(request, one) for one in every["collections"] if readable(one)]
    return CollectionList(
        collections=kept,
        matched=(every["matched"] or 0) - len(every["collections"]) + len(kept),
        next=every["next"],
        prev=every["prev"],
    )


def _named(request: Request, collection: Collection) -> Collection:
    described = COLLECTIONS[collection.id]
    title = described.zh if locale_of(request) == "zh" else described.en
    return collection.model_copy(update={"title": title})
