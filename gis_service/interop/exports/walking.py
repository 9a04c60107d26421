"""A list as a file holds exactly what it holds on screen: its own route is asked, page by page,
as whoever asked for the file, so filters, scope and refusals are the list's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import orjson
import pyarrow as pa
import shapely
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from shapely.geometry import shape

from gis_service.errors import Forbidden, InvalidInput, NotFound, TooLarge
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.interop.exports.catalog import Above, ExportedList
from gis_service.interop.exports.rows import GEOMETRY, Rows

MOST_ROWS = 200_000
OURS = ("format", "crs", "lang")
Asked = list[tuple[str, str]]


async def walk(
    request: Request, listed: ExportedList, dependant_of: Callable[[str], Dependant]
) -> list[dict[str, Any]]:
    """Every item of the list. Raises what its route raises, and TooLarge rather than leave some
    out."""
    asked = [(k, v) for k, v in request.query_params.multi_items() if k not in OURS]
    items = (
        await _of_each(request, listed, listed.of, asked, dependant_of)
        if listed.of
        else await _pages(request, listed.path, asked, dependant_of(listed.path), listed.rows)
    )
    if listed.each is None:
        return items
    # an item with nothing in its list is a row, too
    return [{**item, listed.each: one} for item in items for one in item[listed.each] or [None]]


async def _of_each(
    request: Request, listed: ExportedList, above: Above, asked: Asked,
    dependant_of: Callable[[str], Dependant],
) -> list[dict[str, Any]]:  # fmt: skip
    """The items of the list for every item of the one above, or for those asked for by code."""
    own, theirs = (
        {field.alias for field in get_flat_params(dependant_of(path))} - {"code", above.name}
        for path in (listed.path, above.path)
    )
    unknown = [k for k, _ in asked if k not in own | theirs | {above.name}]
    if unknown:
        raise InvalidInput("unknown parameter", "未知参数", where=unknown[0])
    chosen = {v for k, v in asked if k == above.name}
    known: dict[str, dict[str, Any]] = {}
    query = [(k, v) for k, v in asked if k in theirs]
    for item in await _pages(request, above.path, query, dependant_of(above.path), "items"):
        one = value_of(item, above.item) if above.item else item
        if one:
            known.setdefault(one["code"], {"code": one["code"], "name": one["name"]})
    for code in sorted(chosen - known.keys()):
        raise NotFound(f"no {above.name} {code!r}", f"没有编码为 {code!r} 的条目", where=above.name)
    items: list[dict[str, Any]] = []
    for code, one in known.items():
        if chosen and code not in chosen:
            continue
        path = listed.path.replace("{code}", code)
        query = [(k, v) for k, v in asked if k in own]
        if path == listed.path:
            query.append((above.name, code))
        try:
            found = await _pages(request, path, query, dependant_of(listed.path), listed.rows)
        except Forbidden:
            if chosen:
                raise
            continue  # the list above shows more than the asker's own
        if listed.most and len(found) >= listed.most:
            raise _too_many(listed.most)
        items += [{**item, above.name: one} for item in found]
        if len(items) > MOST_ROWS:
            raise _too_many(MOST_ROWS)
    return items


async def _pages(
    request: Request, path: str, asked: Asked, dependant: Dependant, rows: str
) -> list[dict[str, Any]]:
    """Every item that a route answers with."""
    page = largest_page(dependant)
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = [(k, v) for k, v in asked if page is None or k not in ("limit", "cursor")]
        if page:
            query += [("limit", str(page))] + ([("cursor", cursor)] if cursor else [])
        body = await _ask(request, path, urlencode(query).encode())
        items += body[rows]
        if len(items) > MOST_ROWS:
            raise _too_many(MOST_ROWS)
        cursor = body.get("next")
        if not cursor:
            return items
        cursor = str(cursor)


def _too_many(most: int) -> TooLarge:
    return TooLarge(f"more than {most} rows: ask for less at once", f"超过 {most} 行，请缩小范围")


def largest_page(dependant: Dependant) -> int | None:
    """The most items that a route answers at once; None where it answers with all of them."""
    for field in get_flat_params(dependant):
        if field.alias == "limit":
            most = [
                one.le for one in getattr(field.field_info, "metadata", ()) if hasattr(one, "le")
            ]
            return int(most[0]) if most else 1000
    return None


async def _ask(request: Request, path: str, query: bytes) -> dict[str, Any]:
    """The answer of another GET route to whoever asks this one."""
    kept = {
        name: value for name, value in request.scope.items()
        # without handlers a refusal is raised here, and answered once
        if name not in ("route", "endpoint", "path_params", "router",
                        "starlette.exception_handlers")
    }  # fmt: skip
    scope = {**kept, "path": path, "raw_path": quote(path).encode(), "query_string": query}
    parts: list[bytes] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await request.app.router(scope, request.receive, send)
    body: dict[str, Any] = orjson.loads(b"".join(parts))
    return body


def to_rows(
    listed: ExportedList, items: list[dict[str, Any]], srid: int,
    area_shapes: Callable[[str], dict[str, bytes]],
) -> Rows:  # fmt: skip
    """The items as one batch of Arrow; ``area_shapes`` tells WKB by code of a level."""
    columns: dict[str, pa.Array] = {}
    for path in [*_present(listed.some, items), *listed.columns]:
        for name in _expanded(path, items):
            columns[name] = _array([value_of(item, name) for item in items])
    if listed.has_geometry:
        columns[GEOMETRY] = pa.array(_shapes(listed, items, srid, area_shapes), pa.binary())
    batch = pa.record_batch(columns)
    return Rows(batch.schema, iter([batch]), srid if listed.has_geometry else None)


def value_of(item: dict[str, Any], path: str) -> Any:
    """The value at ``a/b/c``; None where any part is missing."""
    value: Any = item
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _present(paths: Iterable[str], items: list[dict[str, Any]]) -> list[str]:
    return [path for path in paths if any(value_of(item, path) is not None for item in items)]


def _expanded(path: str, items: list[dict[str, Any]]) -> list[str]:
    before, star, after = path.partition("/*/")
    if not star:
        return [path]
    keys = {key: None for item in items for key in (value_of(item, before) or {})}
    return [f"{before}/{key}/{after}" for key in keys]


def _array(values: list[Any]) -> pa.Array:
    """Typed where all values agree, text otherwise; lists of words are one cell."""
    flat = [_plain(value) for value in values]
    kinds = {type(value) for value in flat if value is not None}
    if kinds == {bool}:
        return pa.array(flat, pa.bool_())
    if kinds == {int} and all(v is None or abs(v) < 2**63 for v in flat):
        return pa.array(flat, pa.int64())
    if kinds and kinds <= {int, float}:
        return pa.array(flat, pa.float64())
    return pa.array([v if v is None or isinstance(v, str) else str(v) for v in flat], pa.string())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(str(_plain(one)) for one in value) or None
    if isinstance(value, dict):
        return value.get("code") or orjson.dumps(value).decode()
    return value


def _shapes(
    listed: ExportedList, items: list[dict[str, Any]], srid: int,
    area_shapes: Callable[[str], dict[str, bytes]],
) -> list[bytes | None]:  # fmt: skip
    if listed.areas:
        by_level = {
            level: (path, area_shapes(level)) for level, path in listed.areas.items()
            if any(value_of(item, path) is not None for item in items)
        }  # fmt: skip
        return [
            next((shapes[code] for path, shapes in by_level.values()
                  if (code := value_of(item, path)) in shapes), None)
            for item in items
        ]  # fmt: skip
    found: list[Any] = []
    for item in items:
        if listed.shape:
            value = value_of(item, listed.shape)
            found.append(shape(value) if value else None)
        elif listed.point:
            lon, lat = (value_of(item, part) for part in listed.point)
            found.append(None if lon is None or lat is None else shapely.Point(lon, lat))

    def move(points: Any) -> Any:
        return np.column_stack(from_wgs84(points[:, 0], points[:, 1], f"EPSG:{srid}"))

    moved = [one if one is None else shapely.transform(one, move) for one in found]
    return [None if one is None else shapely.to_wkb(one) for one in moved]
