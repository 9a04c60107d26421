"""Rows of planning: candidates, own indicators, rounds with what belongs to them, experience notes.

An async session runs these by ``run_sync``.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import NotFound
from gis_service.planning.figures import Community, OwnFigures
from gis_service.planning.registry import Indicator, list_address

_COMMUNITIES = text("""
    SELECT c.area_id, c.code, c.name, s.code AS street, coalesce(s.name, '') AS street_name,
           c.area_m2, coalesce(b.buildings, 0) AS buildings
    FROM community c
    JOIN street s ON s.area_id = c.parent_id AND s.valid_to IS NULL
    LEFT JOIN (SELECT g.parent_id, count(*) AS buildings
               FROM building b JOIN grid g ON g.area_id = b.parent_id AND g.valid_to IS NULL
               WHERE b.valid_to IS NULL AND g.kind = :kind GROUP BY g.parent_id) b
           ON b.parent_id = c.area_id
    WHERE c.valid_to IS NULL AND EXISTS (
        SELECT 1 FROM grid g
        WHERE g.parent_id = c.area_id AND g.valid_to IS NULL AND g.kind = :kind)
    ORDER BY c.code
""")
_GRIDS = text("""
    SELECT ST_AsBinary(geom) AS wkb FROM grid WHERE valid_to IS NULL AND kind = :kind ORDER BY code
""")
_OWN = text("""
    SELECT i.code, i.name, i.name_en, i.group_name, i.unit, i.rising, i.source, i.least,
           i.first_day, i.last_day,
           coalesce(jsonb_object_agg(v.area_id, jsonb_build_array(v.value, coalesce(v.sample, 1)))
               FILTER (WHERE v.area_id IS NOT NULL), '{}') AS values
    FROM planning_indicator i LEFT JOIN planning_value v ON v.indicator_id = i.id
    GROUP BY i.id ORDER BY i.code
""")
_ROUNDS = text("""
    SELECT r.id, r.name, r.state, r.question, r.digest, r.library, r.created_by, r.created_at,
           r.decided_by, r.decided_at, r.override_reason, r.approval,
           coalesce((SELECT jsonb_agg(jsonb_build_object(
                         'community', jsonb_build_object('code', a.code, 'name', n.name),
                         'rank', c.rank, 'reason', c.reason) ORDER BY c.rank NULLS LAST, a.code)
                     FROM round_choice c JOIN area a ON a.id = c.area_id
                     LEFT JOIN area_name n ON n.area_id = a.id
                     WHERE c.round_id = r.id), '[]') AS choices
    FROM selection_round r
    WHERE CAST(:id AS int) IS NULL OR r.id = :id
    ORDER BY r.id DESC
""")
_NOMINATIONS = text("""
    SELECT m.id, a.code, n.name, m.reason, m.created_by, m.created_at
    FROM round_nomination m JOIN area a ON a.id = m.area_id
    LEFT JOIN area_name n ON n.area_id = a.id
    WHERE m.round_id = :id ORDER BY m.id
""")
_VISITS = text("""
    SELECT m.id, a.code, n.name, m.visited_on, m.visitors, m.findings, m.verdict, m.created_by,
           m.created_at
    FROM round_visit m JOIN area a ON a.id = m.area_id LEFT JOIN area_name n ON n.area_id = a.id
    WHERE m.round_id = :id ORDER BY m.visited_on, m.id
""")
_NOTES = text("""
    SELECT e.id, a.code, n.name, e.title, e.body, e.created_by, e.created_at, e.proposed,
           e.changed_by, e.changed_at
    FROM experience_note e JOIN area a ON a.id = e.area_id
    LEFT JOIN area_name n ON n.area_id = a.id
    WHERE CAST(:code AS text) IS NULL OR a.code = :code ORDER BY e.id DESC
""")
_INCIDENTS = text("""
    SELECT id, code, class_name, address, state, reported_at FROM incident WHERE id = ANY(:ids)
""")
_BUILDINGS = text("""
    SELECT b.code, b.name, g.name AS grid
    FROM building b JOIN grid g ON g.area_id = b.parent_id AND g.valid_to IS NULL
    WHERE b.valid_to IS NULL AND g.kind = :kind AND g.parent_id = :area ORDER BY b.code
""")


def read_communities(session: Session, kind: str) -> list[Community]:
    """The candidates by code: communities in force that have grids of the working kind."""
    rows = session.execute(_COMMUNITIES, {"kind": kind})
    return [Community(**row) for row in rows.mappings()]


def read_grid_shapes(session: Session, kind: str) -> gpd.GeoDataFrame:
    """The grids in force by code, EPSG:4326."""
    rows = session.execute(_GRIDS, {"kind": kind}).all()
    return gpd.GeoDataFrame(
        geometry=gpd.GeoSeries.from_wkb([bytes(row.wkb) for row in rows], crs="EPSG:4326")
    )


def read_own(session: Session) -> list[tuple[Indicator, OwnFigures]]:
    """Own indicators with their values and sample sizes by area id, by code."""
    out = []
    for row in session.execute(_OWN).mappings():
        days = f"{row['first_day']} – {row['last_day']}" if row["first_day"] else ""
        indicator = Indicator(
            id=row["code"], group=row["group_name"], kind="known",
            unit={"zh": row["unit"], "en": row["unit"]}, rising=row["rising"], weight=0.0,
            least=row["least"],
            title={"zh": row["name"], "en": row["name_en"] or row["name"]},
            of={"zh": f"自有指标：{row['source']}" + (f"；统计期 {days}" if days else ""),
                "en": f"own indicator: {row['source']}" + (f"; {days}" if days else "")},
            list=list_address(row["code"]), own=True, dated=False,
        )  # fmt: skip
        values = {int(key): (float(one[0]), float(one[1])) for key, one in row["values"].items()}
        out.append((indicator, values))
    return out


def incidents_named(session: Session, ids: list[int]) -> dict[int, Any]:
    """What a list says of incidents, by id."""
    return {row["id"]: row for row in session.execute(_INCIDENTS, {"ids": ids}).mappings()}


def list_buildings(session: Session, area_id: int, kind: str) -> list[dict[str, Any]]:
    """The buildings of a community as ``read_communities`` counts them, by code."""
    rows = session.execute(_BUILDINGS, {"area": area_id, "kind": kind})
    return [dict(row) for row in rows.mappings()]


def list_rounds(session: Session, number: int | None = None) -> list[dict[str, Any]]:
    """Rounds with their choices, the newest first."""
    return [dict(row) for row in session.execute(_ROUNDS, {"id": number}).mappings()]


def get_round(session: Session, number: int) -> dict[str, Any]:
    """A round with choices, nominations and visits. Raises NotFound."""
    found = list_rounds(session, number)
    if not found:
        raise NotFound(f"no round {number}", f"没有遴选 {number}", where="round")
    return {
        **found[0],
        "nominations": [_named(row) for row in session.execute(_NOMINATIONS, {"id": number})],
        "visits": [_named(row) for row in session.execute(_VISITS, {"id": number})],
    }


def list_notes(session: Session, code: str | None) -> list[dict[str, Any]]:
    """Experience notes, of one community or all, the newest first."""
    return [_named(row) for row in session.execute(_NOTES, {"code": code})]


def _named(row: Any) -> dict[str, Any]:
    facts = dict(row._mapping)
    return {"community": {"code": facts.pop("code"), "name": facts.pop("name")}, **facts}
