"""Visits after a boundary revision: derived again for whoever was where grids changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.patrols.deriving import rebuild_visits
from gis_service.settings import get_settings

# more changed grids than this are looked for in one box around all: one pass over the fixes
MOST_BOXES = 20

_BOXES = text("""
    CREATE TEMP TABLE changed_grid_box ON COMMIT DROP AS
    WITH changed AS (
        SELECT geom FROM grid WHERE valid_from = :since OR valid_to = :since
    )
    SELECT ST_XMin(e) AS west, ST_XMax(e) AS east, ST_YMin(e) AS south, ST_YMax(e) AS north
    FROM (
        SELECT ST_Extent(geom) AS e FROM changed
        GROUP BY CASE WHEN (SELECT count(*) FROM changed) > :most THEN NULL ELSE geom::bytea END
    ) boxes WHERE e IS NOT NULL
""")
_TOUCHED = text("""
    SELECT d.officer_id, min(f.at) AS since, max(f.at) AS until
    FROM fix f JOIN device d ON d.id = f.device_id
    JOIN changed_grid_box b
      ON f.lon BETWEEN b.west AND b.east AND f.lat BETWEEN b.south AND b.north
    GROUP BY d.officer_id
""")


def follow_revision(session: Session, revision_id: int, since: datetime) -> None:
    """Derive visits again on the new grids, in the revision's transaction, for all who have fixes
    where grids were added, changed or closed. Visits whose fixes retention dropped stay."""
    session.execute(text("DROP TABLE IF EXISTS changed_grid_box"))
    session.execute(_BOXES, {"since": since, "most": MOST_BOXES})
    rows = session.execute(_TOUCHED).all()
    if rows:
        rebuild_visits(
            session, get_settings(), officers=[row.officer_id for row in rows],
            since=min(row.since for row in rows),
            until=max(row.until for row in rows) + timedelta(microseconds=1),
        )  # fmt: skip
