"""Incidents: async session and arguments to rows."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.errors import InvalidInput, NotFound
from gis_service.hierarchy.models import LEVELS
from gis_service.incidents.filters import IncidentFilter, to_sql

_COLUMNS = """
    i.id, i.code, i.state, i.class_id, c.code AS class_code, i.class_name, i.source,
    i.external_id, i.reported_at, i.due_at, i.closed_at, i.address, i.description,
    ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat, i.lon AS reported_lon, i.lat AS reported_lat, i.crs,
    i.accuracy_m, i.placement_method, i.placement_distance_m, i.candidates, i.revision_id,
    i.filed_path, i.street_id, i.community_id, i.grid_id, i.building_id
"""
SORTS = {"-reported_at": "DESC", "reported_at": "ASC"}


async def list_incidents(
    session: AsyncSession, wanted: IncidentFilter, *, sort: str, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """A page by time of report (keyset paging) and the cursor of the next one.

    Raises InvalidInput for a cursor or an order that is none of ours.
    """
    if sort not in SORTS:
        raise InvalidInput(
            f"unknown order; one of {', '.join(SORTS)}", f"未知排序；可用：{'、'.join(SORTS)}",
            where="sort",
        )  # fmt: skip
    direction = SORTS[sort]
    condition, values = to_sql(wanted)
    if cursor:
        values["after_at"], values["after_id"] = _read_cursor(cursor)
        sign = "<" if direction == "DESC" else ">"
        condition += f" AND (i.reported_at, i.id) {sign} (:after_at, :after_id)"
    rows = (
        (
            await session.execute(
                text(
                    f"SELECT {_COLUMNS} FROM incident i "
                    f"JOIN incident_class c ON c.id = i.class_id WHERE {condition} "
                    f"ORDER BY i.reported_at {direction}, i.id {direction} LIMIT :limit"
                ),
                {**values, "limit": limit + 1},
            )
        )
        .mappings()
        .all()
    )
    page = [dict(row) for row in rows[:limit]]
    following = _write_cursor(page[-1]) if len(rows) > limit else None
    return page, following


async def get_incident(session: AsyncSession, incident_id: int) -> dict[str, Any]:
    """One incident. Raises NotFound."""
    row = (
        (
            await session.execute(
                text(
                    f"SELECT {_COLUMNS} FROM incident i "
                    "JOIN incident_class c ON c.id = i.class_id WHERE i.id = :id"
                ),
                {"id": incident_id},
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(f"no incident {incident_id}", f"没有案件 {incident_id}")
    return dict(row)


async def log_of(session: AsyncSession, incident_id: int) -> list[dict[str, Any]]:
    """The log of an incident, oldest first."""
    rows = await session.execute(
        text(
            "SELECT id, at, actor, action, state, detail FROM incident_log "
            "WHERE incident_id = :id ORDER BY id"
        ),
        {"id": incident_id},
    )
    return [dict(row) for row in rows.mappings()]


async def names_of(session: AsyncSession, ids: set[int]) -> dict[int, dict[str, str]]:
    """``{code, name}`` in force, else as last known, of area identities."""
    out: dict[int, dict[str, str]] = {}
    for level in LEVELS:
        rows = await session.execute(
            text(
                f"SELECT DISTINCT ON (area_id) area_id, code, name FROM {level} "
                "WHERE area_id = ANY(:ids) ORDER BY area_id, valid_from DESC"
            ),
            {"ids": list(ids)},
        )
        out.update({row.area_id: {"code": row.code, "name": row.name} for row in rows})
    return out


async def list_classes(session: AsyncSession) -> list[dict[str, Any]]:
    """Classes that incidents use or the newest scheme offers, with how many incidents each has."""
    rows = await session.execute(
        text(
            """
            SELECT c.code, c.name, c.name_en, c.major, c.major_name, c.major_name_en, c.kind,
                   c.scheme, coalesce(n.count, 0) AS count
            FROM incident_class c
            LEFT JOIN (SELECT class_id, count(*) AS count FROM incident GROUP BY class_id) n
                   ON n.class_id = c.id
            ORDER BY c.scheme, c.major, c.code
            """
        )
    )
    return [dict(row) for row in rows.mappings()]


def _write_cursor(row: dict[str, Any]) -> str:
    raw = orjson.dumps([row["reported_at"].isoformat(), row["id"]])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, last = orjson.loads(base64.urlsafe_b64decode(padded))
        return datetime.fromisoformat(at), int(last)
    except (ValueError, TypeError, binascii.Error, orjson.JSONDecodeError):
        raise InvalidInput(
            "not a cursor of this list; start without one", "无效的翻页游标，请从头开始",
            where="cursor",
        ) from None  # fmt: skip
