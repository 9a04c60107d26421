"""The swath of a period's walks over the district: per grid, how much of its streets and buildings
somebody came near enough to see."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import NotReady
from gis_service.hierarchy.coordinates import from_wgs84, to_wgs84
from gis_service.hierarchy.locating import Locator
from gis_service.patrols.swath import (
    OUTLINE_STEP_M,
    Near,
    Samples,
    Seen,
    Steps,
    near_to,
    sample_lines,
    seen_from,
)

KEPT = 4  # periods whose distances are remembered: another width of one of them is at hand
WIDTHS_M = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)  # for how much hangs on the width
HALF = 0.5
_EARTH_M = 6378137.0

_ROADS = text("""
    SELECT ST_AsBinary(mercator) FROM basemap_feature WHERE theme = 'road'
""")
_BUILDINGS = text("""
    SELECT ST_AsBinary(geom) FROM building WHERE valid_to IS NULL ORDER BY area_id
""")
_WALKS = text("""
    SELECT ST_AsBinary(ST_Force2D(t.mercator)) FROM track t
    JOIN officer o ON o.id = t.officer_id LEFT JOIN squad s ON s.id = o.squad_id
    WHERE t.mercator IS NOT NULL AND t.ended_at >= :since AND t.started_at < :until
      AND (CAST(:officer AS text) IS NULL OR o.code = :officer)
      AND (CAST(:squad AS text) IS NULL OR s.code = :squad)
      AND (CAST(:squads AS text[]) IS NULL OR s.code = ANY (:squads))
    ORDER BY t.id
""")


@dataclass(frozen=True)
class SwathQuestion:
    """Whose walks of which period; ``squads`` None: those of the whole district."""

    since: datetime
    until: datetime
    officer: str | None = None
    squad: str | None = None
    squads: frozenset[str] | None = None


@dataclass(frozen=True)
class District:
    """What there is to see, in metres: streets as samples whose ``line`` is the grid (number in
    the index, the last one: none), outlines of buildings, and the grid of each building."""

    streets: Samples
    outlines: Samples
    grid_of_building: npt.NDArray[np.int64]
    grids: int


class SwathBook:
    """Distances of the last few questions, of one version of the data; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[Any, tuple[District, Seen, Near]] = OrderedDict()
        self._district: tuple[Any, District] | None = None
        self._lengths: tuple[Any, dict[str, float] | None] | None = None

    def answer(
        self, session: Session, locator: Locator, asked: SwathQuestion, width_m: float, version: Any
    ) -> dict[str, Any]:
        """``{swath_m, streets_m, streets_seen_m, buildings, buildings_seen, items}``; an item per
        grid with the same figures. A grid without streets has ``streets_m`` 0: no share can be
        said of it. ``streets_m`` None: no streets are loaded at all.

        Raises InvalidInput for a width out of reach and NotReady without grids.
        """
        with self._lock:  # one computation at a time: it takes what the processor has
            return shares(locator, *self._look(session, locator, asked, version), width_m)

    def sensitivity(
        self,
        session: Session,
        locator: Locator,
        asked: SwathQuestion,
        version: Any,
        kept: Collection[str],
    ) -> list[dict[str, Any]]:
        """What :meth:`answer` says for each of :data:`WIDTHS_M`, summed up over the grids ``kept``
        (codes): seen and all of streets and buildings, and of the ``grids`` with streets those
        ``below`` :data:`HALF` of their length."""
        with self._lock:
            seen = self._look(session, locator, asked, version)
            found = [shares(locator, *seen, width) for width in WIDTHS_M]
        return [summed_up(answer, kept) for answer in found]

    def streets(self, session: Session, locator: Locator, version: Any) -> dict[str, float] | None:
        """Metres of street of each grid (code); None where no streets are loaded. Raises NotReady
        without grids."""
        key = (version[1:], locator.revision_id)
        if self._lengths is None or self._lengths[0] != key:
            # not of the district kept for the swath: outlines of buildings are not wanted here
            samples = read_streets(session, locator)
            assert locator.placer is not None  # noqa: S101 - read_streets refused it
            codes = locator.placer.codes("grid", np.arange(samples.lines - 1))
            lengths = dict(zip(codes, samples.lengths_m[:-1].tolist(), strict=True))
            self._lengths = (key, lengths if len(samples.x) else None)
        return self._lengths[1]

    def _look(
        self, session: Session, locator: Locator, asked: SwathQuestion, version: Any
    ) -> tuple[District, Seen, Near]:
        key = (asked, version, locator.revision_id)
        if key not in self._seen:
            district = self._read(session, locator, version)
            self._seen[key] = look(session, locator, asked, district)
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        return self._seen[key]

    def _read(self, session: Session, locator: Locator, version: Any) -> District:
        # visits, the first of the version, say nothing of the ground
        key = (version[1:], locator.revision_id)
        if self._district is None or self._district[0] != key:
            self._district = (key, read_district(session, locator))
        return self._district[1]


def summed_up(answer: dict[str, Any], kept: Collection[str]) -> dict[str, Any]:
    """The sums of an answer over the grids ``kept`` (codes)."""
    rows = [item for item in answer["items"] if item["grid"]["code"] in kept]
    known = answer["streets_m"] is not None
    with_streets = [row for row in rows if row["streets_m"]]
    return {
        "swath_m": answer["swath_m"],
        "streets_m": round(sum(row["streets_m"] for row in rows), 1) if known else None,
        "streets_seen_m": round(sum(row["streets_seen_m"] for row in rows), 1) if known else None,
        "buildings": sum(row["buildings"] for row in rows),
        "buildings_seen": sum(row["buildings_seen"] for row in rows),
        "grids": len(with_streets),
        "below": sum(row["streets_seen_m"] < HALF * row["streets_m"] for row in with_streets),
    }


def look(
    session: Session, locator: Locator, asked: SwathQuestion, district: District | None = None
) -> tuple[District, Seen, Near]:
    """The district and the distances of its streets and outlines to the walks asked for."""
    district = district or read_district(session, locator)
    rows = session.execute(
        _WALKS,
        {
            "since": asked.since, "until": asked.until, "officer": asked.officer,
            "squad": asked.squad,
            "squads": None if asked.squads is None else sorted(asked.squads),
        },
    ).scalars().all()  # fmt: skip
    coordinates, run = shapely.get_coordinates(shapely.from_wkb(rows), return_index=True)
    steps = Steps.of_runs(*_metres(coordinates, locator), run)
    return district, seen_from(district.streets, steps), near_to(district.outlines, steps)


def read_streets(session: Session, locator: Locator) -> Samples:
    """Streets in the locator's metric system; ``line`` is the grid (number in the index, the last
    one: none). Raises NotReady without grids."""
    index, ids = _grid_index(locator)
    streets = sample_lines(
        _transformed(session.execute(_ROADS).scalars().all(), locator, mercator=True)
    )
    # a step belongs to the grid in which it begins
    grid = index.first(*_degrees(streets, locator)).astype(np.int64)
    grid[grid < 0] = len(ids)
    return Samples(streets.x, streets.y, grid, streets.step, len(ids) + 1)


def _grid_index(locator: Locator) -> Any:
    found = locator.placer.polygons("grid") if locator.placer else None
    if found is None:
        raise NotReady("no grids are loaded", "尚未载入网格")
    return found


def read_district(session: Session, locator: Locator) -> District:
    """Streets and buildings in the locator's metric system."""
    streets = read_streets(session, locator)
    index, ids = _grid_index(locator)
    houses = _transformed(session.execute(_BUILDINGS).scalars().all(), locator, mercator=False)
    outlines = sample_lines(houses, OUTLINE_STEP_M)
    middles = shapely.get_coordinates(shapely.point_on_surface(houses))
    middle = Samples(middles[:, 0], middles[:, 1], np.arange(len(middles)), np.zeros(len(middles)),
                     len(middles))  # fmt: skip
    of_building = index.first(*_degrees(middle, locator)).astype(np.int64)
    of_building[of_building < 0] = len(ids)
    return District(streets, outlines, of_building, len(ids))


def shares(
    locator: Locator, district: District, streets: Seen, outlines: Near, width_m: float
) -> dict[str, Any]:
    """The answer for one width; see :meth:`SwathBook.answer`."""
    assert locator.placer is not None  # noqa: S101 - read_district refused it
    count = district.grids
    whole, covered = district.streets.lengths_m, streets.covered_m(width_m)
    there = np.bincount(district.grid_of_building, minlength=count + 1)
    near = np.bincount(district.grid_of_building[outlines.within(width_m)], minlength=count + 1)
    codes = locator.placer.codes("grid", np.arange(count))
    names = locator.placer.names("grid", np.arange(count))
    known = bool(len(district.streets.x))
    return {
        "swath_m": width_m,
        "streets_m": round(float(whole[:count].sum()), 1) if known else None,
        "streets_seen_m": round(float(covered[:count].sum()), 1) if known else None,
        "buildings": int(there[:count].sum()),
        "buildings_seen": int(near[:count].sum()),
        "items": [
            {
                "grid": {"code": codes[i], "name": names[i]},
                "streets_m": round(float(whole[i]), 1) if known else None,
                "streets_seen_m": round(float(covered[i]), 1) if known else None,
                "buildings": int(there[i]), "buildings_seen": int(near[i]),
            }
            for i in range(count)
        ],
    }  # fmt: skip


def _transformed(rows: Sequence[bytes], locator: Locator, *, mercator: bool) -> npt.NDArray[Any]:
    """Shapes in metres of WKB in EPSG:3857 or in degrees."""
    shapes = shapely.force_2d(shapely.from_wkb(list(rows)))
    if not len(shapes):
        return np.empty(0, object)

    def move(coordinates: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if mercator:
            return np.column_stack(_metres(coordinates, locator))
        return np.column_stack(from_wgs84(coordinates[:, 0], coordinates[:, 1], _metric(locator)))

    return np.atleast_1d(shapely.transform(shapes, move))


def _metric(locator: Locator) -> str:
    assert locator.metric_crs is not None  # noqa: S101 - there is a placer
    return locator.metric_crs


def _metres(coordinates: npt.NDArray[Any], locator: Locator) -> tuple[Any, Any]:
    """Metric columns of EPSG:3857 coordinates (n, 2)."""
    lon = np.degrees(coordinates[:, 0] / _EARTH_M)
    lat = np.degrees(np.arctan(np.sinh(coordinates[:, 1] / _EARTH_M)))
    return from_wgs84(lon, lat, _metric(locator))


def _degrees(samples: Samples, locator: Locator) -> tuple[Any, Any]:
    """Longitudes and latitudes of samples."""
    return to_wgs84(samples.x, samples.y, _metric(locator))
