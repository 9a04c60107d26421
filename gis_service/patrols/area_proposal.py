"""A proposal of balanced, contiguous areas for the officers of a squad, beside today's.

It changes nothing: a person applies it, as new versions of contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.analysis.areas import (
    balance_of,
    balanced_areas,
    border_pairs,
    joined_pairs,
    matched_areas,
)
from gis_service.errors import InvalidInput, NotReady
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.patrols.arrays import make_window
from gis_service.patrols.coverage_live import Patrols
from gis_service.patrols.coverage_queries import GridRow
from gis_service.patrols.coverage_service import Wanted, by_area, check_names
from gis_service.patrols.promises import Contract

PARTS = ("visits", "streets", "buildings", "incidents")
SEED = 1
_SHAPES = text("""
    SELECT area_id, ST_AsBinary(geom) FROM grid
    WHERE valid_to IS NULL AND area_id = ANY (:ids) ORDER BY area_id
""")


@dataclass(frozen=True)
class Weights:
    """How much each part of the load counts; none is negative and one at least is above zero."""

    visits: float = 1.0
    streets: float = 1.0
    buildings: float = 1.0
    incidents: float = 1.0


def propose_areas(
    session: Session, patrols: Patrols, incidents: Snapshot, wanted: Wanted, zone: ZoneInfo,
    weights: Weights, streets: Mapping[str, float] | None, metric_crs: str | None,
) -> dict[str, Any]:  # fmt: skip
    """Areas for everybody who leads a contract of the squad: ``items`` by officer with the grids
    of today and proposed, each with its share of the load (1 is the mean), and the ``balance`` of
    both. The grids are those of the squad's streets, promised or not.

    A load is the sum of shares of visits promised a week, street length, buildings and incidents of
    the period, weighted; a part that is not known at all (``missing``) does not count. A grid that
    nobody promised is taken to want as many visits as the median of the others. ``bridged``: how
    often grids had to be joined that share no border. Raises InvalidInput and NotReady.
    """
    check_names(patrols, wanted)
    if not wanted.squad:
        raise InvalidInput("say for which squad", "请先选择中队", where="squad")
    if metric_crs is None:
        raise NotReady("no grids are loaded", "尚未载入网格")
    cells = [
        grid
        for grid in patrols.grids
        if grid.street in patrols.squads[wanted.squad]
        and (wanted.streets is None or grid.street in wanted.streets)
    ]
    day = make_window(wanted.since, wanted.until, zone).last_day
    own = _contracts_of(patrols, wanted.squad, day)
    if not own or len(cells) < len(own):
        raise InvalidInput(
            "nobody of the squad leads a contract, or there are fewer grids than officers",
            "该中队没有负责人持有有效责任书，或网格少于队员", where="squad",
        )  # fmt: skip
    place = {grid.area_id: n for n, grid in enumerate(cells)}
    load, missing = _load(cells, own, incidents, wanted, weights, streets)
    today = [
        np.array(sorted({place[area] for one in held for area in one.grids if area in place}),
                 dtype=np.int64)
        for held in own.values()
    ]  # fmt: skip
    shapes = _shapes(session, cells, metric_crs)
    borders = border_pairs(shapes)
    pairs, bridged = joined_pairs(shapely.get_coordinates(shapely.centroid(shapes)), borders)
    labels = balanced_areas(load, pairs, len(own), SEED)
    match = matched_areas(labels, today, load, len(own))
    proposed = [np.flatnonzero(labels == label) for label in match.tolist()]
    mean = load.sum() / len(own)
    items = []
    for (person, held), now, then in zip(own.items(), today, proposed, strict=True):
        officer, main = patrols.officers[person], held[0]
        items.append(
            {
                "officer": officer.code, "officer_name": officer.name,
                "contract": main.code, "version": main.version,
                "other_contracts": [one.code for one in held[1:]],
                "today": _told(cells, now, load, mean), "proposed": _told(cells, then, load, mean),
                "gained": _codes(cells, np.setdiff1d(then, now)),
                "lost": _codes(cells, np.setdiff1d(now, then)),
            }
        )  # fmt: skip
    held_by = np.concatenate(today) if today else np.empty(0, np.int64)
    kept = sum(len(np.intersect1d(now, then)) for now, then in zip(today, proposed, strict=True))
    return {
        "squad": wanted.squad, "items": items, "next": None, "grids": len(cells),
        "unheld": len(cells) - len(np.unique(held_by)),
        "shared": int((np.bincount(held_by, minlength=len(cells)) > 1).sum()),
        "kept": kept, "moved": len(cells) - kept, "bridged": bridged,
        "weights": asdict(weights), "missing": missing,
        "balance": {
            "today": asdict(balance_of(load / mean, today, borders)),
            "proposed": asdict(balance_of(load / mean, proposed, borders)),
        },
    }  # fmt: skip


def _contracts_of(patrols: Patrols, squad: str, day: int) -> dict[int, list[Contract]]:
    """The contracts in force that each active officer of a squad leads, the largest first."""
    found: dict[int, list[Contract]] = {}
    for one in patrols.contracts:
        leads = patrols.officers[one.officer_id]
        if one.holds(day) and leads.active and leads.squad == squad:
            found.setdefault(one.officer_id, []).append(one)
    for held in found.values():
        held.sort(key=lambda one: (-len(one.grids), one.code))
    return dict(sorted(found.items(), key=lambda pair: patrols.officers[pair[0]].code))


def _load(
    cells: list[GridRow], own: Mapping[int, list[Contract]], incidents: Snapshot, wanted: Wanted,
    weights: Weights, streets: Mapping[str, float] | None,
) -> tuple[np.ndarray, list[str]]:  # fmt: skip
    """The load of each cell, and which weighted parts nothing is known of."""
    visits = np.full(len(cells), np.nan)
    place = {grid.area_id: n for n, grid in enumerate(cells)}
    for held in own.values():
        for one in held:
            rows = [place[area] for area in one.grids if area in place]
            visits[rows] = np.fmax(visits[rows], 7 * one.visits / one.period)
    promised = visits[~np.isnan(visits)]
    visits[np.isnan(visits)] = np.median(promised) if len(promised) else 1.0
    reported = by_area(incidents, IncidentFilter(since=wanted.since, until=wanted.until))
    parts: dict[str, Any] = {
        "visits": visits,
        "streets": None if streets is None else [streets.get(grid.code, 0.0) for grid in cells],
        "buildings": [grid.buildings for grid in cells],
        "incidents": [reported.get(grid.area_id, 0) for grid in cells],
    }
    load = np.zeros(len(cells))
    missing = []
    for name in PARTS:
        weight, values = getattr(weights, name), parts[name]
        total = 0.0 if values is None else float(np.sum(values))
        if weight and total <= 0:
            missing.append(name)
        elif weight:
            load += weight * np.asarray(values, dtype=float) / total
    if load.sum() <= 0:
        raise InvalidInput("no part of the load that is known has a weight",
                           "至少须有一项已知的工作量参与计算", where="weights")  # fmt: skip
    return load, missing


def _shapes(session: Session, cells: list[GridRow], metric_crs: str) -> Any:
    found = session.execute(_SHAPES, {"ids": [grid.area_id for grid in cells]})
    rows: dict[int, bytes] = {area: bytes(wkb) for area, wkb in found}
    return shapely.transform(
        shapely.force_2d(shapely.from_wkb([rows[grid.area_id] for grid in cells])),
        lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], metric_crs)),
    )


def _codes(cells: list[GridRow], places: Any) -> list[str]:
    return [cells[place].code for place in places.tolist()]


def _told(cells: list[GridRow], places: Any, load: np.ndarray, mean: float) -> dict[str, Any]:
    return {
        "grids": _codes(cells, places),
        "load": round(float(load[places].sum() / mean), 3),
    }
