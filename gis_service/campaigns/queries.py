"""Campaigns as lists and the rows that hang on them. An async session runs these by
``run_sync``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import NotFound

_CAMPAIGNS = """
    SELECT k.id, k.code, k.name, k.goal, k.classes, k.starts_on, k.ends_on, k.version,
        CASE WHEN k.cancelled_at IS NOT NULL THEN 'cancelled'
             WHEN k.starts_on > :day THEN 'planned'
             WHEN k.ends_on >= :day THEN 'running' ELSE 'ended' END AS state,
        jsonb_build_object('code', u.code, 'name', u.name, 'name_en', u.name_en) AS lead,
        coalesce((SELECT jsonb_agg(jsonb_build_object('code', o.code, 'name', o.name,
                                                      'name_en', o.name_en) ORDER BY o.code)
                  FROM campaign_unit m JOIN unit o ON o.id = m.unit_id
                  WHERE m.campaign_id = k.id), '[]') AS units,
        coalesce((SELECT jsonb_agg(jsonb_build_object('level', a.level, 'code', a.code,
                                                      'name', n.name) ORDER BY a.level, a.code)
                  FROM campaign_area c JOIN area a ON a.id = c.area_id
                  LEFT JOIN area_name n ON upper(n.code) = upper(a.code) AND n.level = a.level
                  WHERE c.campaign_id = k.id), '[]') AS areas,
        k.geom IS NOT NULL AS drawn,
        (SELECT count(*) FROM campaign_grid g WHERE g.campaign_id = k.id AND g.kind = :kind)
            AS grids,
        (SELECT count(*) FROM campaign_task t WHERE t.campaign_id = k.id) AS tasks,
        (SELECT count(*) FROM campaign_task t WHERE t.campaign_id = k.id
            AND t.done_on IS NOT NULL) AS tasks_done,
        (SELECT count(*) FROM campaign_task t WHERE t.campaign_id = k.id
            AND t.done_on IS NULL AND t.due_on < :day) AS tasks_late,
        e.verdict, e.effect, e.estimate, e.low, e.high, e.measured_at, k.created_by, k.updated_at
    FROM campaign k
    JOIN unit u ON u.id = k.lead_unit_id
    LEFT JOIN campaign_effect e ON e.campaign_id = k.id
"""
_TOUCHES = """EXISTS (
    SELECT 1 FROM campaign_grid g JOIN grid v ON v.area_id = g.area_id AND v.valid_to IS NULL
    LEFT JOIN community c ON c.area_id = v.parent_id AND c.valid_to IS NULL
    JOIN area a ON a.id IN (v.area_id, v.parent_id, c.parent_id)
    WHERE g.campaign_id = k.id AND a.code = ANY(:places))"""


def list_campaigns(
    session: Session, day: date, grid_kind: str, *, state: str | None = None,
    unit: str | None = None, place: str | None = None, since: date | None = None,
    until: date | None = None, effect: bool | None = None, cancelled: bool | None = None,
    after: str | None = None, limit: int = 1_000,
) -> list[dict[str, Any]]:  # fmt: skip
    """Campaigns by code, as of ``day``; ``unit`` leads or assists, ``place`` is the code of a
    street, community or grid that one touches, ``[since, until)`` meets its period, ``effect``
    whether one can be said to have worked."""
    wheres = ["true"]
    if unit:
        wheres.append(
            "(u.code = :unit OR EXISTS (SELECT 1 FROM campaign_unit m "
            "JOIN unit o ON o.id = m.unit_id WHERE m.campaign_id = k.id AND o.code = :unit))"
        )
    if place:
        wheres.append(_TOUCHES)
    if since:
        wheres.append("k.ends_on >= :since")
    if until:
        wheres.append("k.starts_on < :until")
    if effect is not None:
        wheres.append("coalesce(e.effect, false) = :effect")
    if cancelled is not None:
        wheres.append("(k.cancelled_at IS NOT NULL) = :cancelled")
    if after:
        wheres.append("k.code > :after")
    query = f"SELECT * FROM ({_CAMPAIGNS} WHERE {' AND '.join(wheres)}) found"
    if state:
        query += " WHERE state = :state"
    rows = session.execute(
        text(f"{query} ORDER BY code LIMIT :limit"),
        {
            "day": day, "kind": grid_kind, "state": state, "unit": unit, "places": [place],
            "since": since, "until": until, "effect": effect, "cancelled": cancelled,
            "after": after, "limit": limit,
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def get_campaign(session: Session, code: str, day: date, grid_kind: str) -> dict[str, Any]:
    """One campaign with its tasks and photos and what was drawn (GeoJSON, WGS84). Raises
    NotFound."""
    row = (
        session.execute(
            text(f"{_CAMPAIGNS} WHERE k.code = :code"),
            {"day": day, "kind": grid_kind, "code": code},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(f"no campaign {code!r}", f"没有专项整治 {code!r}", where="code")
    drawn = text("SELECT ST_AsGeoJSON(geom)::jsonb FROM campaign WHERE id = :id")
    return {
        **row,
        "class_names": class_names(session, row["classes"]),
        "polygon": session.scalar(drawn, {"id": row["id"]}),
        "bbox": _bbox(session, row["id"], grid_kind),
        "task_list": tasks_of(session, row["id"], day),
        "photos": photos_of(session, row["id"]),
    }


def _bbox(session: Session, campaign_id: int, grid_kind: str) -> list[float] | None:
    row = session.execute(
        text("""
            SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (
                SELECT ST_Extent(v.geom) AS e FROM campaign_grid g
                JOIN grid v ON v.area_id = g.area_id AND v.valid_to IS NULL
                WHERE g.campaign_id = :id AND g.kind = :kind) found
        """),
        {"id": campaign_id, "kind": grid_kind},
    ).one()
    return None if row[0] is None else [float(value) for value in row]


def tasks_of(session: Session, campaign_id: int, day: date) -> list[dict[str, Any]]:
    """The tasks of a campaign by due day, with ``late``: due before ``day`` and not done."""
    rows = session.execute(
        text("""
            SELECT t.id, t.title, u.code AS unit, u.name AS unit_name, u.name_en AS unit_name_en,
                   t.due_on, t.done_on, t.note, t.done_on IS NULL AND t.due_on < :day AS late
            FROM campaign_task t LEFT JOIN unit u ON u.id = t.unit_id
            WHERE t.campaign_id = :id ORDER BY t.due_on, t.id
        """),
        {"id": campaign_id, "day": day},
    )
    return [dict(row) for row in rows.mappings()]


def photos_of(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """The photos of a campaign: before, during, after, the oldest first."""
    rows = session.execute(
        text("""
            SELECT a.id, p.moment, p.note, a.sha256, a.media_type, a.width, a.height, a.created_at
            FROM campaign_photo p JOIN attachment a ON a.id = p.attachment_id
            WHERE p.campaign_id = :id
            ORDER BY array_position(ARRAY['before', 'during', 'after'], p.moment), a.id
        """),
        {"id": campaign_id},
    )
    return [dict(row) for row in rows.mappings()]


def class_names(session: Session, codes: Sequence[str]) -> list[dict[str, Any]]:
    """What each code or group of codes is called today, in the order of ``codes``."""
    rows = session.execute(
        text("""
            SELECT w.code, coalesce(c.name, g.major_name, w.code) AS name,
                   coalesce(c.name_en, g.major_name_en) AS name_en
            FROM unnest(CAST(:codes AS text[])) WITH ORDINALITY AS w(code, place)
            LEFT JOIN LATERAL (SELECT name, name_en FROM incident_class
                WHERE code = w.code ORDER BY id DESC LIMIT 1) c ON true
            LEFT JOIN LATERAL (SELECT major_name, major_name_en FROM incident_class
                WHERE starts_with(code, w.code || '-') ORDER BY id DESC LIMIT 1) g ON true
            ORDER BY w.place
        """),
        {"codes": list(codes)},
    )
    return [dict(row) for row in rows.mappings()]


def class_ids(session: Session, codes: Sequence[str]) -> dict[str, list[int]]:
    """The classes (ids) that each code or group of codes stands for; none for an unknown one."""
    rows = session.execute(
        text("""
            SELECT w.code, array_remove(array_agg(c.id), NULL) AS ids
            FROM unnest(CAST(:codes AS text[])) AS w(code)
            LEFT JOIN incident_class c ON c.code = w.code OR starts_with(c.code, w.code || '-')
            GROUP BY w.code
        """),
        {"codes": list(codes)},
    )
    return {row.code: row.ids for row in rows}
