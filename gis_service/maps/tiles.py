"""Answer tiles: from the cache, from the arrays, or from one SQL statement."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.ext.asyncio import async_sessionmaker

from gis_service.db.copy import literal
from gis_service.errors import NotReady
from gis_service.events.feed import Published
from gis_service.events.follower import Follower
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter, this_minute
from gis_service.incidents.live import LiveIncidents
from gis_service.maps.area_inputs import AreaInputs
from gis_service.maps.density import density_tile
from gis_service.maps.registry import Layer, Registry, setting_parameters, statement
from gis_service.settings import Settings

_NAMED = re.compile(r"(?<!:):([a-z_]+)\b")


def for_driver(sql: str) -> str:
    """A statement with ``:name`` parameters as the driver takes it, without another layer."""
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))


async def _value(cursor: psycopg.AsyncCursor[Any], sql: str, parameters: Any = None) -> Any:
    row = await (await cursor.execute(literal(sql), parameters)).fetchone()
    assert row is not None  # noqa: S101 - both statements answer with one row
    return row[0]


TOPICS = ("hierarchy", "incidents", "basemap")
RETRIES = 20


@dataclass(frozen=True)
class Tile:
    """Bytes of a tile, its ETag, the version of the data it shows, and the one minute for which
    it is true where it depends on the time."""

    body: bytes
    etag: str
    version: int
    minute: datetime | None = None


class TileCache:
    """Least recently used tiles up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._tiles: OrderedDict[Any, Tile] = OrderedDict()

    def get(self, key: Any) -> Tile | None:
        tile = self._tiles.get(key)
        if tile is not None:
            self._tiles.move_to_end(key)
        return tile

    def put(self, key: Any, tile: Tile) -> None:
        old = self._tiles.pop(key, None)
        if old is not None:
            self.bytes -= len(old.body) + 300
        self._tiles[key] = tile
        self.bytes += len(tile.body) + 300
        while self.bytes > self.most_bytes and self._tiles:
            _, old = self._tiles.popitem(last=False)
            self.bytes -= len(old.body) + 300

    def forget(self, layers: set[str]) -> None:
        """Drop the tiles of ``layers``: what the key begins with."""
        for key in [key for key in self._tiles if key[0] in layers]:
            self.bytes -= len(self._tiles.pop(key).body) + 300


class Tiles:
    """The tiles of a serving process. ``versions`` counts the changes heard per topic."""

    def __init__(
        self,
        registry: Registry,
        connections: AsyncConnectionPool[Any],
        sessions: async_sessionmaker[Any],
        incidents: LiveIncidents,
        follower: Follower,
        settings: Settings,
    ) -> None:
        self.registry = registry
        self.connections = connections
        self.incidents = incidents
        self.follower = follower
        self.settings = settings
        self.cache = TileCache(settings.tile_cache_bytes)
        self.versions = dict.fromkeys([*TOPICS, *(t for one in registry for t in one.topics)], 0)
        self.inputs = AreaInputs(sessions, settings)
        self._making: dict[Any, asyncio.Task[Tile]] = {}
        self._statements = {
            layer.id: for_driver(statement(layer)) for layer in registry if layer.source == "sql"
        }

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed, behind those that refresh the arrays."""
        topics = {event.topic for event in events}
        for topic in topics & self.versions.keys():
            self.versions[topic] = events[-1].seq
        self.cache.forget({layer.id for layer in self.registry if topics & set(layer.topics)})

    def version_of(self, layer: Layer) -> int:
        """The last change that concerns a layer."""
        return max(self.versions[topic] for topic in layer.topics)

    def cached(self, layer: Layer, key: Any) -> Tile | None:
        """The tile for ``key`` if it is still true."""
        tile = self.cache.get((layer.id, self.version_of(layer), key))
        if tile is None or tile.minute is None or tile.minute == this_minute():
            return tile
        return None

    async def tile(
        self, layer: Layer, z: int, x: int, y: int, wanted: IncidentFilter, key: Any
    ) -> Tile:
        """Make a tile and keep it under ``key``. Whoever asks for one that is being made, as
        every page does after a change, waits for it."""
        kept = (layer.id, self.version_of(layer), key)
        making = self._making.get(kept)
        if making is None:
            making = asyncio.ensure_future(self._make(layer, z, x, y, wanted, kept))
            self._making[kept] = making
            making.add_done_callback(lambda _: self._making.pop(kept, None))
        return await asyncio.shield(making)

    async def _make(
        self, layer: Layer, z: int, x: int, y: int, wanted: IncidentFilter, kept: Any
    ) -> Tile:
        # asked before the statement is: the tile may be truer than it says
        minute = wanted.now or (this_minute() if layer.asks_the_time else None)
        if layer.source == "density":
            snapshot = self.incidents.current
            body = await asyncio.to_thread(
                density_tile, layer, snapshot, wanted, self.incidents.class_codes, z, x, y
            )
            shown = snapshot.version
        else:
            body, shown = await self._from_sql(layer, z, x, y, wanted)
        digest = hashlib.blake2b(body, digest_size=8).hexdigest()
        tile = Tile(body, f'"{digest}"', shown, minute)
        if kept[1] == self.version_of(layer):
            self.cache.put(kept, tile)
        return tile

    async def _from_sql(
        self, layer: Layer, z: int, x: int, y: int, wanted: IncidentFilter
    ) -> tuple[bytes, int]:
        """One statement; joined with numbers of the same boundary revision, or tried again."""
        for _ in range(RETRIES):
            snapshot = self.incidents.current
            parameters = {
                "z": z, "x": x, "y": y, **await self.parameters(layer, snapshot, wanted)
            }  # fmt: skip
            async with self._cursor() as cursor:
                body = await _value(cursor, self._statements[layer.id], parameters)
                if not layer.inputs.counts:
                    return body, self.follower.seq
                revision = await _value(cursor, "SELECT max(id) FROM boundary_revision")
            if revision == snapshot.revision_id:
                return body, snapshot.version
            await self.follower.next_change(0.2)
        raise NotReady(
            "the boundaries are just being revised; try again in a moment",
            "区划正在更新，请稍后重试",
        )

    @asynccontextmanager
    async def _cursor(self) -> AsyncIterator[psycopg.AsyncCursor[Any]]:
        """One statement is all a tile takes: no transaction around it, the bytes as they are."""
        try:
            async with (
                self.connections.connection() as connection,
                connection.cursor(binary=True) as cursor,
            ):
                yield cursor
        except (psycopg.OperationalError, PoolTimeout) as problem:
            raise NotReady(
                f"the database does not answer in time ({problem})",
                "数据库暂时没有响应，请稍后重试",
            ) from problem

    async def parameters(
        self, layer: Layer, snapshot: Snapshot, wanted: IncidentFilter
    ) -> dict[str, Any]:
        if not layer.inputs.counts:
            seen = wanted.visible
            return {
                "since": wanted.since, "until": wanted.until, "everybody": seen is None,
                "squads": list(seen.squads) if seen else [],
                "everywhere": seen is None or not seen.placed,
                "streets": list(seen.streets) if seen else [],
                "communities": list(seen.communities) if seen else [],
                **setting_parameters(layer, self.settings),
            }  # fmt: skip
        return {
            "grid_kind": self.settings.grid_kind,
            **({} if layer.inputs.hotspots else {"minimum_count": self.settings.minimum_count}),
            **await self.inputs.parameters(
                snapshot, wanted, layer.inputs.counts, hotspots=layer.inputs.hotspots
            ),
        }
