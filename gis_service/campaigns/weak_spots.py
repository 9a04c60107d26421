"""薄弱环节: where a campaign would be worth while, from hot spots × overdue × rework."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.analysis.hotspots import contiguity, getis_ord
from gis_service.campaigns.measure_queries import counted_span
from gis_service.settings import Settings

HOT = ("hot99", "hot95")
PRIOR = 20.0  # cases: shares of few cases are drawn to the district's

_GRIDS = text("""
    SELECT g.area_id, g.code, g.area_m2, ST_AsBinary(g.geom) AS wkb, c.code AS community,
           c.name AS community_name
    FROM grid g JOIN community c ON c.area_id = g.parent_id AND c.valid_to IS NULL
    WHERE g.valid_to IS NULL AND g.kind = :kind ORDER BY g.area_id
""")
_CASES = text("""
    SELECT i.grid_id, upper(left(k.kind, 1)) || '-' || k.major AS code,
           min(k.major_name) AS name, min(k.major_name_en) AS name_en, count(*) AS cases,
           count(i.due_at) AS with_deadline,
           count(*) FILTER (WHERE coalesce(i.closed_at, :now) > i.due_at) AS overdue,
           count(i.resolved_at) AS resolved,
           count(*) FILTER (WHERE i.rework_count > 0) AS rework
    FROM incident i JOIN incident_class k ON k.id = i.class_id
    WHERE i.reported_at >= :since AND i.reported_at < :until AND i.state <> ALL(:not_counted)
      AND i.grid_id IS NOT NULL
    GROUP BY 1, 2
""")
_SUMS = ("cases", "with_deadline", "overdue", "resolved", "rework")


def find_weak_spots(
    session: Session, settings: Settings, since: date, until: date, now: Any, limit: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(proposals, the district's own shares), the most pressing first.

    A proposal is a group of classes in a community where at least one grid is a hot spot of that
    group (Gi* of cases per km², 95 %) and there are ``GIS_MINIMUM_COUNT`` cases in the hot grids.
    Its score is the cases there × how much more often than in the district they are overdue × how
    much more often they had to be reworked; both shares are drawn to the district's by ``PRIOR``
    cases, so that two late cases of three make no weak spot.
    """
    grids = session.execute(_GRIDS, {"kind": settings.grid_kind}).all()
    rows = session.execute(
        _CASES, {**counted_span(settings.timezone, since, until), "now": now}
    ).all()
    district = {name: sum(getattr(row, name) for row in rows) for name in _SUMS}
    usual = {
        "overdue": _share(district["overdue"], district["with_deadline"]),
        "rework": _share(district["rework"], district["resolved"]),
    }
    if len(grids) < 3 or not rows:
        return [], {**usual, "count": district["cases"]}
    frame = gpd.GeoDataFrame(
        geometry=gpd.GeoSeries.from_wkb([bytes(row.wkb) for row in grids], crs="EPSG:4326")
    )
    weights = contiguity(frame)
    km2 = np.array([row.area_m2 for row in grids]) / 1e6
    place = {row.area_id: n for n, row in enumerate(grids)}
    found = []
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.grid_id in place:
            groups[row.code].append(row)
    for code, own in groups.items():
        counts = np.zeros(len(grids))
        counts[[place[row.grid_id] for row in own]] = [row.cases for row in own]
        hot = np.isin(getis_ord(counts / km2, weights).significance, HOT)
        by_community: dict[str, list[Any]] = defaultdict(list)
        for row in own:
            by_community[grids[place[row.grid_id]].community].append(row)
        for community, theirs in by_community.items():
            there = [row for row in theirs if hot[place[row.grid_id]]]
            hot_count = sum(row.cases for row in there)
            if hot_count < settings.minimum_count:
                continue
            sums = {name: sum(getattr(row, name) for row in theirs) for name in _SUMS}
            name = grids[place[theirs[0].grid_id]].community_name
            late = _lift(sums["overdue"], sums["with_deadline"], usual["overdue"])
            again = _lift(sums["rework"], sums["resolved"], usual["rework"])
            found.append(
                {
                    "community": {"code": community, "name": name},
                    "group": {"code": code, "name": own[0].name, "name_en": own[0].name_en},
                    "count": sums["cases"],
                    "hot_grids": sorted(grids[place[row.grid_id]].code for row in there),
                    "hot_count": hot_count,
                    "overdue": {"n": sums["overdue"], "of": sums["with_deadline"],
                                "share": _share(sums["overdue"], sums["with_deadline"])},
                    "rework": {"n": sums["rework"], "of": sums["resolved"],
                               "share": _share(sums["rework"], sums["resolved"])},
                    "score": round(hot_count * late * again, 1),
                }
            )  # fmt: skip
    found.sort(key=lambda one: (-one["score"], one["community"]["code"], one["group"]["code"]))
    return found[:limit], {**usual, "count": district["cases"]}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _lift(part: int, whole: int, usual: float | None) -> float:
    """How many times the district's share, drawn to it where few cases stand behind."""
    if not usual:
        return 1.0
    return (part + PRIOR * usual) / (whole + PRIOR) / usual
