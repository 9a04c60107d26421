"""What the review documents read beyond what the domains answer themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import geopandas as gpd
from sqlalchemy import text
from sqlalchemy.orm import Session


def read_areas(session: Session, crs: str) -> gpd.GeoDataFrame:
    """The communities in force in a metric CRS: area_id, code, name, area_m2."""
    rows = session.execute(
        text("""
            SELECT area_id, code, name, area_m2, ST_AsBinary(geom) AS wkb FROM community
            WHERE valid_to IS NULL ORDER BY code
        """)
    ).all()
    return gpd.GeoDataFrame(
        {name: [getattr(row, name) for row in rows] for name in ("area_id", "code", "name",
                                                                 "area_m2")},
        geometry=gpd.GeoSeries.from_wkb([bytes(row.wkb) for row in rows], crs="EPSG:4326"),
    ).to_crs(crs)  # fmt: skip


def read_campaign_grids(
    session: Session, codes: list[str], grid_kind: str, crs: str
) -> gpd.GeoDataFrame:
    """The grids of campaigns in a metric CRS, with the code of the campaign."""
    rows = session.execute(
        text("""
            SELECT k.code AS campaign, ST_AsBinary(v.geom) AS wkb
            FROM campaign k JOIN campaign_grid g ON g.campaign_id = k.id AND g.kind = :kind
            JOIN grid v ON v.area_id = g.area_id AND v.valid_to IS NULL
            WHERE k.code = ANY(:codes)
        """),
        {"codes": codes, "kind": grid_kind},
    ).all()
    return gpd.GeoDataFrame(
        {"campaign": [row.campaign for row in rows]},
        geometry=gpd.GeoSeries.from_wkb([bytes(row.wkb) for row in rows], crs="EPSG:4326"),
    ).to_crs(crs)


def read_services(session: Session, since: datetime, until: datetime) -> dict[str, Any]:
    """Posts with a person and stations as they are now; activities held and opinions in
    ``[since, until)``. Sums say in how many activities the number was counted."""
    span = {"since": since, "until": until}
    posts = session.execute(
        text("""
            SELECT count(*) AS of, count(p.contact) AS filled
            FROM community c LEFT JOIN service_post p ON p.community_id = c.area_id
            WHERE c.valid_to IS NULL AND EXISTS (
                SELECT 1 FROM grid g WHERE g.parent_id = c.area_id AND g.valid_to IS NULL)
        """)
    ).one()
    kinds = session.execute(
        text("""
            SELECT kind, count(*) AS count, sum(households) AS households,
                   count(households) AS households_of, sum(residents) AS residents,
                   count(residents) AS residents_of
            FROM activity WHERE state = 'done' AND starts_at >= :since AND starts_at < :until
            GROUP BY kind ORDER BY count(*) DESC, kind
        """),
        span,
    ).all()
    opinions = session.execute(
        text("""
            SELECT count(*) AS n, count(*) FILTER (WHERE adopted) AS adopted,
                   count(*) FILTER (WHERE answer IS NOT NULL OR incident_id IS NOT NULL) AS answered
            FROM opinion WHERE said_at >= :since AND said_at < :until
        """),
        span,
    ).one()
    stations = session.scalar(text("SELECT count(*) FROM station WHERE closed_on IS NULL"))
    return {"posts": posts, "kinds": kinds, "opinions": opinions, "stations": stations}
