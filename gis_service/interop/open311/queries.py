"""Incidents as service requests: async session and arguments to rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.incidents.models import ENDED_STATES

# before the filing nobody has looked whether a report is true: whoever has its number may follow
# it, a list does not tell
FILED = (
    "(i.filed_at IS NOT NULL OR i.state NOT IN "
    "('reported', 'verified', 'not_accepted', 'cancelled', 'merged'))"
)
_SELECT = """
    SELECT i.id, i.code, i.state, c.code AS class_code, c.name AS class_name,
           c.name_en AS class_name_en, u.name AS unit_name, u.name_en AS unit_name_en,
           i.reported_at, i.updated_at, i.due_at, i.closed_at, ST_X(i.geom) AS lon,
           ST_Y(i.geom) AS lat, i.street_id, i.community_id, i.grid_id
    FROM incident i
    JOIN incident_class c ON c.id = i.class_id
    LEFT JOIN unit u ON u.id = i.unit_id
"""


@dataclass(frozen=True)
class Wanted:
    """Which requests: reported in ``[since, until]``, of the classes (ids) and statuses if any."""

    since: datetime
    until: datetime
    classes: tuple[int, ...] = ()
    open: bool = True
    closed: bool = True


async def requests_by_code(session: AsyncSession, codes: list[str]) -> list[dict[str, Any]]:
    """The requests with these numbers."""
    rows = await session.execute(
        text(
            f"{_SELECT} WHERE i.id = ANY(:ids) AND i.code = ANY(:codes) "
            "ORDER BY i.reported_at DESC, i.id DESC"
        ),
        # a number ends with the id, which has the index
        {"codes": codes, "ids": [number for code in codes if (number := _id_of(code))]},
    )
    return [dict(row) for row in rows.mappings()]


async def list_requests(
    session: AsyncSession, wanted: Wanted, *, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Filed incidents, newest report first."""
    condition = f"{FILED} AND i.reported_at >= :since AND i.reported_at <= :until"
    values: dict[str, Any] = {"since": wanted.since, "until": wanted.until}
    if wanted.classes:
        condition += " AND i.class_id = ANY(:classes)"
        values["classes"] = list(wanted.classes)
    if wanted.open != wanted.closed:
        condition += f" AND i.state {'<> ALL' if wanted.open else '= ANY'}(:ended)"
        values["ended"] = sorted(ENDED_STATES)
    rows = await session.execute(
        text(
            f"{_SELECT} WHERE {condition} ORDER BY i.reported_at DESC, i.id DESC "
            "LIMIT :limit OFFSET :offset"
        ),
        {**values, "limit": limit, "offset": offset},
    )
    return [dict(row) for row in rows.mappings()]


async def code_of_token(session: AsyncSession, token: str) -> str | None:
    """The number of the request that a follow code belongs to."""
    found = await session.execute(
        text(
            "SELECT i.code FROM report r JOIN incident i ON i.id = r.incident_id "
            "WHERE r.follow_code = :token"
        ),
        {"token": token.strip().upper()},
    )
    code: str | None = found.scalar_one_or_none()
    return code


def _id_of(code: str) -> int | None:
    tail = code.rpartition("-")[2]
    number = int(tail) if tail.isascii() and tail.isdigit() and len(tail) < 19 else 0
    return number or None
