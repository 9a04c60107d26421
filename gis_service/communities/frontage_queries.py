"""Frontage contracts as lists, with how they stand today. An async session runs these by
``run_sync``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.communities.queries import PLACE_COLUMNS, PLACES, Rows, in_places

EXPIRING_DAYS = 30
STATES = ("future", "in_force", "expiring", "expired", "ended")
# the last look decides; what failed and was not put right stays open whatever came after
STANDING = """
    CASE WHEN f.ended_on <= :today THEN 'ended' WHEN f.valid_to < :today THEN 'expired'
         WHEN f.valid_from > :today THEN 'future'
         WHEN f.valid_to < :today + :expiring THEN 'expiring' ELSE 'in_force' END AS state,
    i.last_on AS last_inspection_on, coalesce(i.times, 0) AS inspections,
    i.rectify_by, coalesce(i.rectify_by < :today, false) AS rectification_overdue,
    coalesce(f.ended_on > :today, true) AND :today BETWEEN f.valid_from AND f.valid_to
        AND coalesce(i.last_on, f.valid_from) < :today - :every AS inspection_overdue
"""
INSPECTED = """
    LEFT JOIN LATERAL (
        SELECT max(inspected_on) AS last_on, count(*) AS times,
               min(rectify_by) FILTER (WHERE rectified_on IS NULL) AS rectify_by
        FROM frontage_inspection WHERE contract_id = f.id
    ) i ON true
"""
_LIST = f"""
    SELECT * FROM (
        SELECT f.id, f.code, f.shop, f.address, f.community_id, {PLACE_COLUMNS},
               g.code AS grid_code, g.name AS grid_name,
               ST_X(f.position) AS lon, ST_Y(f.position) AS lat, f.measured, f.length_m, f.items,
               f.valid_from, f.valid_to, f.ended_on, f.attachment_id, f.note, f.version,
               f.updated_at, f.person_id IS NOT NULL AS has_signatory,
               ST_AsGeoJSON(f.geom, 7) AS geometry, {STANDING}
        FROM frontage_contract f {PLACES.format(alias="f")} {INSPECTED}
        LEFT JOIN LATERAL (
            SELECT code, name FROM grid WHERE valid_to IS NULL AND kind = :grid_kind
                AND ST_Covers(grid.geom, f.position) ORDER BY code LIMIT 1
        ) g ON true
        WHERE {" AND ".join(in_places("f"))}
          AND (CAST(:code AS text) IS NULL OR f.code = :code)
          AND (CAST(:after AS text) IS NULL OR f.code > :after)
          AND (CAST(:words AS text) IS NULL OR f.shop ILIKE :words OR f.address ILIKE :words
               OR f.code ILIKE :words)
    ) all_of
    WHERE (CAST(:state AS text) IS NULL OR state = :state
           OR (:state = 'in_force' AND state = 'expiring'))
      AND (CAST(:due AS text) IS NULL
           OR CASE :due WHEN 'inspection' THEN inspection_overdue
              WHEN 'rectification' THEN rectify_by IS NOT NULL
              ELSE rectification_overdue END)
    ORDER BY code LIMIT :limit
"""


@dataclass(frozen=True)
class FrontageFilter:
    """Which contracts; ``due`` is inspection (overdue), rectification (open) or
    rectification_overdue."""

    scope: list[int] | None = None
    street: str | None = None
    community: str | None = None
    code: str | None = None
    state: str | None = None
    due: str | None = None
    words: str | None = None


def list_frontages(
    session: Session, today: date, every_days: int, grid_kind: str, wanted: FrontageFilter,
    *, after: str | None = None, limit: int = 100_000,
) -> Rows:  # fmt: skip
    """Contracts by code, as they stand on ``today``; inspected every ``every_days``."""
    like = None
    if wanted.words:
        like = "%" + wanted.words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    rows = session.execute(
        text(_LIST),
        {**vars(wanted), "words": like, "today": today, "every": every_days, "after": after,
         "expiring": EXPIRING_DAYS, "grid_kind": grid_kind, "limit": limit},
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


_INSPECTIONS = text("""
    SELECT id, inspected_on, inspector, failed, rectify_by, rectified_on, attachment_id,
           rectified_attachment_id, note
    FROM frontage_inspection WHERE contract_id = :contract ORDER BY inspected_on DESC, id DESC
    LIMIT 200
""")


def list_inspections(session: Session, contract_id: int) -> Rows:
    """The inspections of a contract, the latest first."""
    return [
        dict(row) for row in session.execute(_INSPECTIONS, {"contract": contract_id}).mappings()
    ]


_BUILDING = text("""
    SELECT ST_AsBinary(geom) FROM building
    WHERE valid_to IS NULL AND ST_DWithin(geom, CAST(:at AS geometry), :degrees)
    ORDER BY geom <-> CAST(:at AS geometry) LIMIT 8
""")
_ROAD = text("""
    SELECT ST_AsBinary(ST_Transform(mercator, 4326)) FROM basemap_feature
    WHERE theme = 'road' AND ST_GeometryType(mercator) IN ('ST_LineString', 'ST_MultiLineString')
      AND ST_DWithin(mercator, ST_Transform(CAST(:at AS geometry), 3857), :metres)
    ORDER BY mercator <-> ST_Transform(CAST(:at AS geometry), 3857) LIMIT 4
""")


def shapes_near(session: Session, lon: float, lat: float, reach_m: float) -> tuple[Any, Any]:
    """Outlines of buildings and lines of streets (WKB, WGS84) that may lie within ``reach_m``
    metres of a position, the nearest first."""
    at = f"SRID=4326;POINT({lon!r} {lat!r})"
    degrees = reach_m / 50_000  # generous at any latitude with streets; metres are measured later
    buildings = session.scalars(_BUILDING, {"at": at, "degrees": degrees}).all()
    roads = session.scalars(_ROAD, {"at": at, "metres": reach_m * 2.5}).all()
    return buildings, roads
