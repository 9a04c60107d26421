"""Place incidents again after a boundary revision, in the revision's own transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.copy import copy_table
from gis_service.db.engine import driver_connection
from gis_service.events.feed import publish
from gis_service.hierarchy.locating import Locator, load_locator
from gis_service.incidents.rows import placement_columns
from gis_service.settings import get_settings

CHUNK = 100_000
# degrees (about 50 m and more than the reach of a nearest building): boxes of changed areas are
# grown by this, so that whatever could be answered differently is asked again
REACH_DEG = 0.0006

_CHANGED_BOXES = "CREATE TEMP TABLE changed_box ON COMMIT DROP AS " + " UNION ALL ".join(
    f"SELECT ST_Expand(geom, {REACH_DEG})::geometry AS box FROM {level} "
    "WHERE valid_from = :since OR valid_to = :since"
    for level in ("street", "community", "grid", "building")
)
_IN_CHANGED = """
    SELECT DISTINCT i.id FROM incident i JOIN changed_box b ON i.geom && b.box
"""
_READ = """
    SELECT i.id, ST_X(i.geom), ST_Y(i.geom), i.accuracy_m, i.placement_method
    FROM incident i JOIN again a ON a.id = i.id WHERE i.id > :after ORDER BY i.id LIMIT :chunk
"""
_UPDATE = """
    WITH moved AS (
        UPDATE incident i SET
            street_id = p.street_id, community_id = p.community_id, grid_id = p.grid_id,
            building_id = p.building_id, placement_method = p.placement_method,
            placement_distance_m = p.placement_distance_m, candidates = p.candidates,
            revision_id = p.revision_id, version = i.version + 1, updated_at = now()
        FROM placed_again p WHERE p.id = i.id AND
            (i.street_id, i.community_id, i.grid_id, i.building_id, i.placement_method,
             i.candidates)
            IS DISTINCT FROM
            (p.street_id, p.community_id, p.grid_id, p.building_id, p.placement_method,
             p.candidates)
        RETURNING i.id, i.state, i.version
    ), logged AS (
        INSERT INTO incident_log (incident_id, actor, action, state, version)
        SELECT id, 'boundary revision', 'place', state, version FROM moved RETURNING 1
    )
    SELECT count(*) FROM logged
"""


def follow_revision(session: Session, revision_id: int, since: datetime) -> None:
    """Place again what lies in or beside the areas that the revision changed."""
    session.execute(text("DROP TABLE IF EXISTS changed_box"))
    session.execute(text(_CHANGED_BOXES), {"since": since})
    session.execute(text("CREATE INDEX ON changed_box USING gist (box)"))
    _choose(session, _IN_CHANGED)
    place_again(session)


def place_everything_again(
    session: Session, progress: Callable[[int], None] = lambda rows: None
) -> int:
    """Place every incident that has a position; returns how many answers changed."""
    _choose(session, "SELECT id FROM incident WHERE geom IS NOT NULL")
    return place_again(session, progress)


def _choose(session: Session, query: str) -> None:
    session.execute(text("DROP TABLE IF EXISTS again"))
    session.execute(text(f"CREATE TEMP TABLE again ON COMMIT DROP AS {query}"))
    session.execute(text("ALTER TABLE again ADD PRIMARY KEY (id)"))


def place_again(session: Session, progress: Callable[[int], None] = lambda rows: None) -> int:
    """Place the incidents of the temporary table ``again``; the caller commits."""
    count = session.execute(text("SELECT count(*) FROM again")).scalar_one()
    if not count:
        return 0
    locator = load_locator(session, get_settings())
    changed = 0
    after = 0
    while True:
        rows = session.execute(text(_READ), {"after": after, "chunk": CHUNK}).all()
        if not rows:
            break
        after = rows[-1][0]
        changed += _place_rows(session, locator, rows)
        progress(len(rows))
    if changed:
        publish(session, "incidents", placed_again=changed)
    return changed


def _place_rows(session: Session, locator: Locator, rows: Sequence[Any]) -> int:
    lon = np.array([row[1] for row in rows], dtype=float)
    lat = np.array([row[2] for row in rows], dtype=float)
    accuracy = np.array([row[3] if row[3] is not None else np.nan for row in rows], dtype=float)
    # an address or a person's pin stays what put the point there
    how = [row[4] if row[4] in ("address", "manual") else "inside" for row in rows]
    methods = np.array(how, dtype=object)
    table = pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.int64()),
            **placement_columns(locator.place(lon, lat, accuracy), methods, locator, len(rows)),
        }
    )
    session.execute(text("DROP TABLE IF EXISTS placed_again"))
    session.execute(
        text(
            "CREATE TEMP TABLE placed_again ON COMMIT DROP AS SELECT id, street_id, community_id, "
            "grid_id, building_id, placement_method, placement_distance_m, candidates, "
            "revision_id FROM incident WHERE false"
        )
    )
    copy_table(driver_connection(session), "placed_again", table, jsonb=["candidates"])
    return int(session.execute(text(_UPDATE)).scalar_one())
