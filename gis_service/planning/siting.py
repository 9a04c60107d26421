"""Where the next stations would reach most buildings that no open station reaches."""

from __future__ import annotations

import importlib.metadata
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.analysis.siting import StreetNetwork, cover_most, straight_within
from gis_service.communities import queries as communities
from gis_service.errors import InvalidInput
from gis_service.events.feed import publish
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.planning.models import SitingRun, SitingSite
from gis_service.planning.schemas import SitingQuestion

Floats = npt.NDArray[np.float64]
_CANDIDATES = text("""
    SELECT ST_X(g.inner_point) AS lon, ST_Y(g.inner_point) AS lat, c.area_id,
           c.code AS community_code, c.name AS community_name
    FROM grid g LEFT JOIN community c ON c.area_id = g.parent_id AND c.valid_to IS NULL
    WHERE g.valid_to IS NULL AND g.kind = :kind ORDER BY g.code
""")
_STREETS = text("SELECT ST_AsBinary(mercator) FROM basemap_feature WHERE theme = 'road'")
_NEWEST = text("""
    SELECT id, question, answer, created_by, created_at FROM siting_run ORDER BY id DESC LIMIT 1
""")
_WORDS = {
    "all_reached": ("every building that a street leads to is reached already",
                    "可到达的楼栋均已在覆盖范围内"),
    "fewer": ("fewer places than asked for: more would reach nothing new",
              "提出的点位少于所求：再多也不会新增覆盖"),
    "not_proven": ("the solver ran out of time; a better choice may exist",
                   "求解超时，可能存在更优方案"),
}  # fmt: skip


def propose(
    session: Session, question: SitingQuestion, metric_crs: str | None, kind: str, today: date
) -> dict[str, Any]:
    """Sites inside the grids, the one that adds most first; see ``analysis.siting``.

    Distances are along the basemap's streets where there are any, else straight lines, which is
    said. Raises InvalidInput where there are no buildings or grids.
    """
    buildings = communities.building_points(session)
    candidates = [dict(row) for row in session.execute(_CANDIDATES, {"kind": kind}).mappings()]
    if metric_crs is None or not buildings or not candidates:
        raise InvalidInput(
            "no buildings or grids are loaded: there is nothing to reach",
            "尚未载入楼栋或网格，无从选址", where="buildings",
        )  # fmt: skip
    stations = communities.list_stations(session, today, open_=True)
    places, doors, sites = (_metric(rows, metric_crs) for rows in (stations, buildings, candidates))
    streets = _streets(session, metric_crs)
    if len(streets):
        network = StreetNetwork(streets)
        served, reaches = (
            network.within(origins, doors, question.reach_m) for origins in (places, sites)
        )
    else:
        served, reaches = (
            straight_within(origins, doors, question.reach_m) for origins in (places, sites)
        )
    reached = served.any(axis=0) if len(served) else np.zeros(len(doors), bool)
    found = cover_most(reaches, (~reached).astype(float), question.stations)
    useful = [(site, gain) for site, gain in zip(found.sites, found.added, strict=True) if gain > 0]
    after = reached | reaches[[site for site, _ in useful]].any(axis=0)
    kinds = [
        "all_reached" if not useful else "fewer" if len(useful) < question.stations else "",
        "" if found.proven else "not_proven",
    ]
    return {
        "distance": "streets" if len(streets) else "straight",
        "crs": "EPSG:4326", "metric_crs": metric_crs, "reach_m": question.reach_m,
        "buildings": len(doors), "existing": len(stations), "candidates": len(candidates),
        "reached_before": int(reached.sum()), "reached_after": int(after.sum()),
        "sites": [
            {
                "place": place, "lon": round(candidates[site]["lon"], 6),
                "lat": round(candidates[site]["lat"], 6), "covered": int(gain),
                "community": {"code": candidates[site]["community_code"],
                              "name": candidates[site]["community_name"]},
                "area_id": candidates[site]["area_id"],
            }
            for place, (site, gain) in enumerate(useful, start=1)
        ],
        "solver": f"MCLP, HiGHS (scipy {importlib.metadata.version('scipy')})",
        "warnings": [
            {"kind": kind, "en": _WORDS[kind][0], "zh": _WORDS[kind][1]} for kind in kinds if kind
        ],
    }  # fmt: skip


def record_run(
    session: Session, question: SitingQuestion, answer: dict[str, Any], actor: str
) -> None:
    """Keep a run; the layer draws the newest."""
    made = SitingRun(question=question.model_dump(), answer=answer, created_by=actor)
    session.add(made)
    session.flush()
    session.add_all(
        SitingSite(
            run_id=made.id,
            place=one["place"],
            area_id=one["area_id"],
            covered=one["covered"],
            geom=f"SRID=4326;POINT({one['lon']} {one['lat']})",
        )
        for one in answer["sites"]
    )
    publish(session, "planning")


def newest_run(session: Session) -> dict[str, Any] | None:
    """The newest run, or None."""
    row = session.execute(_NEWEST).mappings().first()
    return dict(row) if row else None


def _metric(rows: list[dict[str, Any]], metric_crs: str) -> Floats:
    if not rows:
        return np.empty((0, 2))
    lon, lat = (np.array([row[name] for row in rows], float) for name in ("lon", "lat"))
    return np.column_stack(from_wgs84(lon, lat, metric_crs))


def _streets(session: Session, metric_crs: str) -> npt.NDArray[np.object_]:
    shapes = shapely.from_wkb([bytes(row[0]) for row in session.execute(_STREETS)])
    lines = shapely.get_parts(shapes)
    lines = lines[shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING]
    move = Transformer.from_crs("EPSG:3857", metric_crs, always_xy=True)
    return np.asarray(shapely.transform(lines, move.transform, interleaved=False))
