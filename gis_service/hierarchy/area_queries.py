"""Areas as the API lists them: async session and arguments to rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.errors import NotFound
from gis_service.hierarchy.gazetteer import find_statement
from gis_service.hierarchy.models import LEVELS

_COLUMNS = """
    a.code, a.name, parent.code AS parent_code, parent.level AS parent_level, a.area_m2,
    ST_XMin(a.geom) AS west, ST_YMin(a.geom) AS south, ST_XMax(a.geom) AS east,
    ST_YMax(a.geom) AS north, ST_X(a.inner_point) AS lon, ST_Y(a.inner_point) AS lat,
    a.attributes, a.valid_from, a.valid_to, a.revision_id, a.area_id, a.parent_id
"""


def _facts(row: Any) -> dict[str, Any]:
    out = dict(row)
    out["bbox"] = [round(out.pop(k), 6) for k in ("west", "south", "east", "north")]
    out["centre"] = [round(out.pop("lon"), 6), round(out.pop("lat"), 6)]
    out["area_m2"] = round(out["area_m2"], 1)
    return out


async def list_areas(
    session: AsyncSession, level: str, *, q: str | None, parent: str | None, after: str | None,
    limit: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Areas of ``level`` in force by code, after the code ``after``."""
    rows = await session.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM {level} a LEFT JOIN area parent ON parent.id = a.parent_id
            WHERE a.valid_to IS NULL
              AND (CAST(:after AS text) IS NULL OR a.code > :after)
              AND (CAST(:parent AS text) IS NULL OR parent.code = :parent)
              AND (CAST(:q AS text) IS NULL OR a.code LIKE :q || '%' OR strpos(a.name, :q) > 0)
            ORDER BY a.code LIMIT :limit
            """
        ),
        {"after": after, "parent": parent, "q": q, "limit": limit},
    )
    return [_facts(row) for row in rows.mappings()]


async def get_area(session: AsyncSession, level: str, code: str) -> dict[str, Any]:
    """One area in force. Raises NotFound, also where it was closed, and says when."""
    row = (
        (
            await session.execute(
                text(
                    f"SELECT {_COLUMNS} FROM {level} a "
                    "LEFT JOIN area parent ON parent.id = a.parent_id "
                    "WHERE a.code = :code ORDER BY a.valid_from DESC LIMIT 1"
                ),
                {"code": code},
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(f"no {level} has the code {code}", f"没有编码为 {code} 的{level}")
    if row["valid_to"] is not None:
        raise NotFound(
            f"{level} {code} was closed on {row['valid_to']:%Y-%m-%d}; see …/{code}/history",
            f"{level} {code} 已于 {row['valid_to']:%Y-%m-%d} 关闭；见 …/{code}/history",
        )
    return _facts(row)


async def area_geometry(session: AsyncSession, level: str, code: str) -> str:
    """GeoJSON geometry text of an area in force, EPSG:4326, 7 decimals."""
    return str(
        (
            await session.execute(
                text(
                    f"SELECT ST_AsGeoJSON(geom, 7) FROM {level} "
                    "WHERE valid_to IS NULL AND code = :code"
                ),
                {"code": code},
            )
        ).scalar_one()
    )


async def path_of(
    session: AsyncSession, level: str, area_id: int
) -> dict[str, dict[str, str] | None]:
    """The area and what it lies in, by parents: ``{street: {code, name} | None, …}``."""
    path: dict[str, dict[str, str] | None] = dict.fromkeys(LEVELS)
    current: int | None = area_id
    at: str | None = level
    while current is not None and at is not None:
        row = (
            await session.execute(
                text(
                    f"SELECT a.code, a.name, a.parent_id, parent.level AS parent_level "
                    f"FROM {at} a LEFT JOIN area parent ON parent.id = a.parent_id "
                    "WHERE a.valid_to IS NULL AND a.area_id = :id"
                ),
                {"id": current},
            )
        ).one_or_none()
        if row is None:
            break
        path[at] = {"code": row.code, "name": row.name}
        current, at = row.parent_id, row.parent_level
    return path


async def children_of(session: AsyncSession, level: str, area_id: int) -> tuple[str | None, int]:
    """The level of an area's children and how many are in force."""
    for below in LEVELS[LEVELS.index(level) + 1 :]:
        count = (
            await session.execute(
                text(f"SELECT count(*) FROM {below} WHERE valid_to IS NULL AND parent_id = :id"),
                {"id": area_id},
            )
        ).scalar_one()
        if count:
            return below, int(count)
    return None, 0


async def buildings_within(session: AsyncSession, level: str, area_id: int) -> int | None:
    """Buildings in force below an area, through the levels between; None where none are loaded."""
    any_building = (
        await session.execute(text("SELECT EXISTS (SELECT 1 FROM building WHERE valid_to IS NULL)"))
    ).scalar_one()
    if not any_building:
        return None
    ids = [area_id]
    for below in LEVELS[LEVELS.index(level) + 1 :]:
        found = list(
            (
                await session.execute(
                    text(
                        f"SELECT area_id FROM {below} "
                        "WHERE valid_to IS NULL AND parent_id = ANY(:ids)"
                    ),
                    {"ids": ids},
                )
            ).scalars()
        )
        if below == "building":
            return len(found)
        ids = [*ids, *found]
    return None


async def history_of(session: AsyncSession, level: str, code: str) -> list[dict[str, Any]]:
    """Every version of an area, newest first. Raises NotFound where there never was one."""
    rows = await session.execute(
        text(
            f"""
            SELECT a.code, a.name, parent.code AS parent_code, a.area_m2, a.valid_from,
                   a.valid_to, a.revision_id, r.label AS revision_label
            FROM {level} a JOIN boundary_revision r ON r.id = a.revision_id
            LEFT JOIN area parent ON parent.id = a.parent_id
            WHERE a.code = :code ORDER BY a.valid_from DESC
            """
        ),
        {"code": code},
    )
    out = [dict(row) for row in rows.mappings()]
    if not out:
        raise NotFound(f"no {level} ever had the code {code}", f"从未有编码为 {code} 的{level}")
    return out


async def find_places(session: AsyncSession, words: str, limit: int) -> list[dict[str, Any]]:
    """See :func:`gis_service.hierarchy.gazetteer.find_places`."""
    rows = await session.execute(*find_statement(words, limit))
    return [dict(row) for row in rows.mappings()]
