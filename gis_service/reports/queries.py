"""What the review documents read beyond what the domains answer themselves."""

from __future__ import annotations

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
