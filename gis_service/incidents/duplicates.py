"""Incidents that a report may repeat: near it, of its class, not long before or after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import cos, radians
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.db.rows import fetch_rows
from gis_service.incidents.desk import DuplicateRule
from gis_service.incidents.filters import IncidentFilter, to_sql
from gis_service.incidents.queries import COLUMNS, FROM
from gis_service.incidents.visibility import Visible
from gis_service.incidents.workflow import OPEN_STATES

LIMIT = 20


async def candidates(
    session: AsyncSession,
    rule: DuplicateRule,
    lon: float,
    lat: float,
    at: datetime,
    visible: Visible | None,
) -> list[dict[str, Any]]:
    """Open incidents of the class within the rule's reach of a WGS84 position and of a time,
    nearest first, with ``away_m``."""
    condition, values = to_sql(
        IncidentFilter(
            since=at - timedelta(hours=rule.hours), until=at + timedelta(hours=rule.hours),
            classes=(rule.class_id,), states=OPEN_STATES, visible=visible,
        )
    )  # fmt: skip
    return await fetch_rows(
        session,
        f"SELECT {COLUMNS}, ST_Distance(i.geom::geography, here.g) AS away_m {FROM}, "
        "(SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography AS g) here "
        "WHERE i.geom && ST_Expand(here.g::geometry, :degrees) "
        f"AND ST_DWithin(i.geom::geography, here.g, :m) AND {condition} "
        "ORDER BY away_m, i.id LIMIT :limit",
        {
            "lon": lon, "lat": lat, "m": rule.reach_m, "limit": LIMIT, **values,
            "degrees": rule.reach_m / (111_320 * max(0.1, cos(radians(lat)))),
        },
    )  # fmt: skip
