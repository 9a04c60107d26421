"""What the map says of the district: async session and arguments to rows."""

from __future__ import annotations

from typing import Any

import shapely
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.hierarchy.models import LEVELS

# the label of generated data: the loader of the demo writes it into its revision
ILLUSTRATIVE = "illustrative"


async def district_facts(session: AsyncSession) -> dict[str, Any]:
    """``bbox`` (WGS84) of the coarsest level, ``levels`` with their numbers of areas, the last
    ``revision``, and whether the data is ``illustrative``."""
    levels: dict[str, int] = {}
    bbox: list[float] | None = None
    for level in LEVELS:
        count = text(f"SELECT count(*) FROM {level} WHERE valid_to IS NULL")
        levels[level] = (await session.execute(count)).scalar_one()
    coarsest = next((level for level in LEVELS if levels[level]), None)
    if coarsest:
        # of the few alone: outlines of three hundred thousand buildings take long to read
        row = await session.execute(
            text(
                "SELECT min(ST_XMin(geom)), min(ST_YMin(geom)), max(ST_XMax(geom)), "
                f"max(ST_YMax(geom)) FROM {coarsest} WHERE valid_to IS NULL"
            )
        )
        bbox = [round(value, 6) for value in row.one()]
    levels = {level: areas for level, areas in levels.items() if areas}
    revision = (
        (
            await session.execute(
                text(
                    "SELECT id, label, applied_at, source FROM boundary_revision "
                    "ORDER BY id DESC LIMIT 1"
                )
            )
        )
        .mappings()
        .one_or_none()
    )
    return {
        "bbox": bbox,
        "levels": levels,
        "revision": {k: v for k, v in revision.items() if k != "source"} if revision else None,
        "illustrative": bool(revision and revision["source"].startswith(ILLUSTRATIVE)),
    }


async def unplaced_count(session: AsyncSession) -> int:
    """Incidents in the unplaced queue."""
    query = text("SELECT count(*) FROM incident WHERE placement_method = 'none'")
    return int((await session.execute(query)).scalar_one())


async def denominators(session: AsyncSession, level: str) -> list[dict[str, Any]]:
    """Areas of a level in force with km² and, for grids, buildings (null where none are loaded)."""
    buildings = "b.buildings" if level == "grid" else "NULL::bigint"
    join = "LEFT JOIN building_count b ON b.area_id = a.area_id" if level == "grid" else ""
    rows = await session.execute(
        text(
            f"SELECT a.code, a.area_id, round((a.area_m2 / 1e6)::numeric, 6)::float8 AS area_km2, "
            f"{buildings} AS buildings FROM {level} a {join} WHERE a.valid_to IS NULL"
        )
    )
    return [dict(row) for row in rows.mappings()]


async def outlines(session: AsyncSession, bbox: tuple[float, ...]) -> list[Any]:
    """Shapely outlines (EPSG:4326) of the coarsest two levels in force that meet a box."""
    found: list[Any] = []
    for level in LEVELS[:2]:
        rows = await session.execute(
            text(
                f"SELECT ST_AsBinary(geom) FROM {level} WHERE valid_to IS NULL "
                "AND geom && ST_MakeEnvelope(:west, :south, :east, :north, 4326)"
            ),
            dict(zip(("west", "south", "east", "north"), bbox, strict=True)),
        )
        found += [shapely.from_wkb(bytes(row[0])) for row in rows]
    return found
