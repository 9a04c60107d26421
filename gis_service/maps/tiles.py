"""Answer tiles: from the cache, from the arrays, or from one SQL statement."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.ext.asyncio import async_sessionmaker

from gis_service.db.copy import literal
from gis_service.errors import NotReady
from gis_service.events.feed import Published
from gis_service.events.follower import Follower
from gis_service.incidents.arrays import Snapshot, joined
from gis_service.incidents.filters import IncidentFilter, this_minute
from gis_service.incidents.live import LiveIncidents
from gis_service.maps.area_inputs import AreaInputs
from gis_service.maps.density import density_tile
from gis_service.maps.registry import Layer, Registry, setting_parameters, statement
from gis_service.maps.tile_cache import Address, Key, Tile, TileCache
from gis_service.maps.touched import (
    Boxes,
    boxes_of_areas,
    boxes_of_points,
    few_incidents,
    touched,
)
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
        self.sessions = sessions
        self._incidents_shown: Snapshot | None = None  # by the tiles that are kept
        self._making: dict[Key, asyncio.Task[Tile]] = {}
        self._statements = {
            layer.id: for_driver(statement(layer)) for layer in registry if layer.source == "sql"
        }

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed, behind those that refresh the arrays. Tiles that show what
        changed are no longer kept; where some incidents did, those of their places."""
        topics = {event.topic for event in events}
        stale = {layer.id for layer in self.registry if topics & set(layer.topics)}
        now = self.incidents.current
        addresses: set[Address] = set()
        for layer, boxes in await self._places(events, now):
            found = touched(layer, boxes)
            if found is not None:
                addresses.update(found)
                stale.discard(layer.id)
        # from here on nothing else runs: what is kept is as new as the versions say
        self._incidents_shown = now
        self.cache.forget_layers(stale)
        self.cache.forget(addresses)
        for key in list(self._making):
            if key[0][0] in stale or key[0] in addresses:
                del self._making[key]
        for topic in topics & self.versions.keys():
            self.versions[topic] = events[-1].seq

    async def _places(self, events: list[Published], now: Snapshot) -> list[tuple[Layer, Boxes]]:
        """The layers of which no more has changed than some incidents, and where."""
        ids, before = few_incidents(events), self._incidents_shown
        if not ids or before is None:
            return []
        topics = {event.topic for event in events}
        rows = joined(
            await asyncio.gather(
                *(asyncio.to_thread(snapshot.having, ids) for snapshot in (before, now))
            )
        )
        return [
            (
                layer,
                await boxes_of_areas(self.sessions, layer.inputs.counts, rows)
                if layer.inputs.counts
                else boxes_of_points(rows),
            )
            for layer in self.registry
            # one incident more or less moves the hot spots of the whole district
            if topics & set(layer.topics) == {"incidents"} and not layer.inputs.hotspots
        ]

    def version_of(self, layer: Layer) -> int:
        """The last change that concerns a layer."""
        return max(self.versions[topic] for topic in layer.topics)

    def cached(self, layer: Layer, z: int, x: int, y: int, asked: Hashable) -> Tile | None:
        """The tile of what was ``asked`` for, if it is still true: it is, of all that was heard
        since it was made."""
        tile = self.cache.get(((layer.id, z, x, y), asked))
        if tile is None or (tile.minute is not None and tile.minute != this_minute()):
            return None
        version = self.version_of(layer)
        return tile if tile.version >= version else replace(tile, version=version)

    async def tile(
        self, layer: Layer, z: int, x: int, y: int, wanted: IncidentFilter, asked: Hashable
    ) -> Tile:
        """Make a tile and keep it for whoever asks the same. Whoever asks for one that is being
        made, as every page does after a change, waits for it."""
        key = ((layer.id, z, x, y), asked)
        making = self._making.get(key)
        if making is None:
            making = asyncio.ensure_future(self._make(layer, z, x, y, wanted, key))
            self._making[key] = making
        return await asyncio.shield(making)

    async def _make(
        self, layer: Layer, z: int, x: int, y: int, wanted: IncidentFilter, key: Key
    ) -> Tile:
        try:
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
            if self._making.get(key) is asyncio.current_task():
                self.cache.put(key, tile)  # else its place has changed meanwhile
            return tile
        finally:
            if self._making.get(key) is asyncio.current_task():
                del self._making[key]

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
