"""Basemap features: replacing what a source gave."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.copy import copy_table
from gis_service.db.engine import driver_connection
from gis_service.events.feed import publish

THEMES = ("water", "green", "building", "road")
# zoom from which a kind is worth drawing, as rank: 0 from far, 3 only close up
ROAD_RANKS = {
    "motorway": 0, "trunk": 0, "primary": 0, "secondary": 1, "tertiary": 1, "railway": 1,
    "residential": 2, "unclassified": 2, "service": 3, "footway": 3,
}  # fmt: skip


def replace_features(session: Session, source: str, frame: gpd.GeoDataFrame) -> int:
    """Replace the features of ``source`` by ``frame`` and announce it; the caller commits.

    ``frame``: ``theme, kind, name, rank`` and geometry in any CRS it names. Returns the rows.
    """
    session.execute(text("DELETE FROM basemap_feature WHERE source = :source"), {"source": source})
    frame = frame[~frame.geometry.is_empty & frame.geometry.notna()].to_crs("EPSG:3857")
    geometry = shapely.set_srid(frame.geometry.to_numpy(), 3857)
    rows = pa.table(
        {
            "theme": pa.array(frame["theme"].tolist(), pa.string()),
            "kind": pa.array(frame["kind"].tolist(), pa.string()),
            "name": pa.array(frame["name"].fillna("").tolist(), pa.string()),
            "rank": pa.array(frame["rank"].to_numpy(dtype=np.int16)),
            "source": pa.repeat(pa.scalar(source), len(frame)),
            "mercator": pa.array(shapely.to_wkb(geometry, include_srid=True), pa.binary()),
        }
    )
    if rows.num_rows:
        copy_table(driver_connection(session), "basemap_feature", rows)
    publish(session, "basemap", source=source)
    return rows.num_rows
