"""Walks of a period as moments and places, to be played again without asking further."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.patrols.coverage_service import Wanted

LONGEST = timedelta(days=7)
MOST_FIXES = 60_000  # as much as a browser draws without a pause
_EARTH_M = 6378137.0
_TRACKS = text("""
    SELECT t.id, o.code AS officer, o.name AS officer_name, s.code AS squad, t.length_m,
           ST_AsEWKB(t.mercator) AS line
    FROM track t JOIN officer o ON o.id = t.officer_id LEFT JOIN squad s ON s.id = o.squad_id
    WHERE t.mercator IS NOT NULL AND t.ended_at >= :since AND t.started_at < :until
      AND (CAST(:officer AS text) IS NULL OR o.code = :officer)
      AND (CAST(:squad AS text) IS NULL OR s.code = :squad)
      AND (CAST(:squads AS text[]) IS NULL OR s.code = ANY (:squads))
    ORDER BY t.started_at, t.id
""")


@dataclass(frozen=True)
class _Walk:
    facts: dict[str, Any]
    lon: Any
    lat: Any
    at: Any  # seconds since 1970


def replay(session: Session, wanted: Wanted) -> dict[str, Any]:
    """Tracks in ``[since, until)`` with ``lon``, ``lat`` (WGS84) and ``at`` (whole seconds since
    1970) of their fixes, cut to the period; ``every_s``: where there are too many, fixes of one
    walk are at least that far apart (0: all). Raises InvalidInput for more than seven days."""
    if wanted.until - wanted.since > LONGEST:
        raise InvalidInput(
            f"walks are played for no more than {LONGEST.days} days",
            f"轨迹回放不得超过 {LONGEST.days} 天", where="from",
        )  # fmt: skip
    rows = session.execute(
        _TRACKS,
        {"since": wanted.since, "until": wanted.until, "officer": wanted.officer,
         "squad": wanted.squad,
         "squads": None if wanted.squads is None else sorted(wanted.squads)},
    ).all()  # fmt: skip
    walks = [_walk(row, wanted.since.timestamp(), wanted.until.timestamp()) for row in rows]
    walks = [one for one in walks if len(one.at)]
    every = 0.0
    total = sum(len(one.at) for one in walks)
    if total > MOST_FIXES:
        # the time walked, shared out evenly
        every = float(np.ceil(sum(one.at[-1] - one.at[0] for one in walks) / MOST_FIXES))
        walks = [_thinned(one, every) for one in walks]
    return {
        "items": [
            {**one.facts, "lon": np.round(one.lon, 6).tolist(),
             "lat": np.round(one.lat, 6).tolist(), "at": np.round(one.at).astype(int).tolist()}
            for one in walks
        ],
        "next": None, "crs": "EPSG:4326", "fixes": total, "every_s": every,
        "since": int(wanted.since.timestamp()), "until": int(wanted.until.timestamp()),
    }  # fmt: skip


def _walk(row: Any, since: float, until: float) -> _Walk:
    x, y, at = shapely.get_coordinates(shapely.from_wkb(bytes(row.line)), include_m=True).T
    inside = (at >= since) & (at < until)
    x, y, at = x[inside], y[inside], at[inside]
    return _Walk(
        {"id": row.id, "officer": row.officer, "officer_name": row.officer_name,
         "squad": row.squad, "length_m": round(row.length_m)},
        np.degrees(x / _EARTH_M), np.degrees(np.arctan(np.sinh(y / _EARTH_M))), at,
    )  # fmt: skip


def _thinned(walk: _Walk, every: float) -> _Walk:
    """Fixes ``every`` seconds apart at least, with the first and the last."""
    step = ((walk.at - walk.at[0]) // every).astype(np.int64)
    keep = np.concatenate([[True], np.diff(step) > 0])
    keep[-1] = True
    return _Walk(walk.facts, walk.lon[keep], walk.lat[keep], walk.at[keep])
