"""The placer: which street, community, grid and building a point belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.engines import PROCESSORS
from gis_service.errors import InvalidInput
from gis_service.hierarchy.array_folder import open_arrays, save_arrays, written_whole
from gis_service.hierarchy.coordinates import from_wgs84, parse_metric_crs
from gis_service.hierarchy.level_index import LevelIndex
from gis_service.hierarchy.lookup_raster import PolygonIndex, point_arrays
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.place_kernels import (
    areas_within,
    by_point,
    place_inside,
    place_nearest,
    tile_order,
)
from gis_service.hierarchy.placements import (
    AreaTable,
    Candidates,
    LevelPlacement,
    Method,
    Placements,
)

FloatArray = npt.NDArray[np.float64]
Columns = tuple[npt.NDArray[Any], ...]

_VERSION = 1
_CHUNK = 1 << 18
_NEAREST_LEVEL = "building"  # grids and above end at streets: beyond them there is no answer
_NO_NEAREST: Columns = (np.empty(0, np.int32), np.empty(0, np.float32))
_NOWHERE: dict[str, Any] = {"method": Method.NONE.label, "distance_m": None}
_INSIDE: dict[str, Any] = {"method": Method.INSIDE.label, "distance_m": 0.0}


class Placer:
    """Places points on the areas of one boundary revision.

    Every level is answered by geometry, boundaries included, as PostGIS ``ST_Covers`` does; of
    several covering areas the one of lowest code leads and all are candidates. Distances are in
    metres in ``metric_crs``. Read-only; threads may share it, processes map the saved files.
    """

    def __init__(
        self, levels: Mapping[str, LevelIndex], metric_crs: str, revision: int, nearest_m: float
    ) -> None:
        self._levels: dict[str, LevelIndex] = {
            level: levels[level] for level in LEVELS if level in levels
        }
        self.metric_crs = metric_crs
        self.revision = revision
        self.nearest_m = nearest_m
        self._frame = _common_frame([s.index.arrays.frame for s in self._levels.values()])

    @classmethod
    def build(
        cls,
        levels: Mapping[str, AreaTable],
        metric_crs: str,
        revision: int,
        nearest_m: float = 30.0,
    ) -> Placer:
        """Structures of ``levels``: any of street, community, grid, building.

        ``metric_crs``: ``EPSG:n`` of a projected system in metres. ``nearest_m``: reach of the
        nearest building; 0 turns it off. Raises InvalidInput for an unknown level, another
        kind of system and geometry that is not polygonal.
        """
        if unknown := sorted(set(levels) - set(LEVELS)):
            raise InvalidInput(f"unknown level {unknown[0]!r}; levels are {', '.join(LEVELS)}")
        crs = parse_metric_crs(metric_crs)
        tables = levels.values()
        with ThreadPoolExecutor(PROCESSORS) as pool:
            made = pool.map(lambda table: LevelIndex.build(table, crs), tables)
            built = dict(zip(levels, made, strict=True))
        return cls(built, crs, int(revision), _radius(nearest_m, "nearest_m"))

    def save(self, folder: Path) -> None:
        """Writes the placer into ``folder``, which appears complete or not at all.

        A folder that is already there is replaced; processes that mapped it keep what they have.
        """
        with written_whole(Path(folder)) as draft:
            for level, structures in self._levels.items():
                structures.save(draft / level)
            about = {
                "version": _VERSION,
                "levels": list(self._levels),
                "metric_crs": self.metric_crs,
                "revision": self.revision,
                "nearest_m": self.nearest_m,
            }
            save_arrays(draft, {}, about)

    @classmethod
    def open(cls, folder: Path) -> Placer:
        """The placer saved in ``folder``, memory-mapped. Raises InvalidInput if unusable."""
        folder = Path(folder)
        _, about = open_arrays(folder, (), _VERSION)
        levels = {level: LevelIndex.open(folder / level) for level in about["levels"]}
        return cls(levels, about["metric_crs"], about["revision"], about["nearest_m"])

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels it answers, coarsest first."""
        return tuple(self._levels)

    def polygons(self, level: str) -> tuple[PolygonIndex, npt.NDArray[np.int32]] | None:
        """(index of a level's areas, their identities by number); None where it has no such."""
        found = self._levels.get(level)
        return (found.index, found.ids) if found else None

    def codes(self, level: str, rows: npt.ArrayLike) -> npt.NDArray[Any]:
        """Codes (object array) of ``rows`` as in :class:`LevelPlacement`; None for -1."""
        return self._levels[level].codes.array[np.asarray(rows)]

    def names(self, level: str, rows: npt.ArrayLike) -> npt.NDArray[Any]:
        """Names of ``rows``; see :meth:`codes`."""
        return self._levels[level].names.array[np.asarray(rows)]

    def place(
        self,
        lon: npt.ArrayLike,
        lat: npt.ArrayLike,
        accuracy_m: npt.ArrayLike | None = None,
        nearest_m: float | None = None,
        threads: int | None = None,
    ) -> Placements:
        """Placements of WGS84 points (n,), in their order.

        ``accuracy_m`` (one or n, NaN where unknown): every area within it is a candidate.
        Without it, a point has candidates where several areas of a level cover it (an overlap
        or a border), or where several are the nearest. ``nearest_m`` overrides the placer's.
        NaN and far points have no areas. Raises InvalidInput for shapes that differ and
        accuracies below zero. Runs on all processors unless ``threads`` says otherwise.
        """
        x, y = point_arrays(lon, lat)
        accuracy = _accuracies(accuracy_m, x.size)
        reach = self.nearest_m if nearest_m is None else _radius(nearest_m, "nearest_m")
        rows = {level: np.empty(x.size, np.int32) for level in self._levels}

        def place_chunk(start: int) -> tuple[Columns, Columns]:
            part = slice(start, start + _CHUNK)
            radius = None if accuracy is None else accuracy[part]
            return self._place_chunk(start, x[part], y[part], radius, reach, rows)

        starts = range(0, max(x.size, 1), _CHUNK)
        workers = min(threads or PROCESSORS, len(starts))
        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                done = list(pool.map(place_chunk, starts))
        else:
            done = [place_chunk(start) for start in starts]
        nearest = _stacked([nearest for nearest, _ in done])
        answers = {
            level: LevelPlacement(
                s.ids, rows[level], *(nearest if level == _NEAREST_LEVEL else _NO_NEAREST)
            )
            for level, s in self._levels.items()
        }
        columns = _stacked([candidates for _, candidates in done])
        return Placements(answers, Candidates(x.size, *columns), self.revision)

    def _place_chunk(
        self,
        start: int,
        x: FloatArray,
        y: FloatArray,
        accuracy: FloatArray | None,
        reach: float,
        rows: Mapping[str, npt.NDArray[np.int32]],
    ) -> tuple[Columns, Columns]:
        """Fills a chunk of ``rows``; the points answered by the nearest building with their
        distances, and the columns of the candidates."""
        order, x, y = tile_order(self._frame, x, y)
        metric: tuple[Any, ...] = ()
        if accuracy is not None:
            accuracy = accuracy[order]
            metric = from_wgs84(np.where(np.isnan(accuracy), np.nan, x), y, self.metric_crs)
            known = np.empty(len(x))
            known[order] = accuracy
        nearest: Columns = _NO_NEAREST
        lists: list[tuple[int, Columns]] = []
        for level, s in self._levels.items():
            number, out = LEVELS.index(level), rows[level][start : start + len(x)]
            several = place_inside(*s.index.arrays, order, x, y, out)
            if accuracy is None:
                lists.append((number, several))
            else:
                lists.append((number, _only(several, np.isnan(known[several[0]]))))
                about: tuple[Any, ...] = (*s.index.arrays, *s.grid.arrays)
                about = (*about, order, x, y, *metric, accuracy, s.scratch)
                lists.append((number, areas_within(*about)))
            if level == _NEAREST_LEVEL and reach > 0:
                open_ones = np.flatnonzero(out[order] < 0)
                there = from_wgs84(x[open_ones], y[open_ones], self.metric_crs)
                at = order[open_ones]
                points, metres, found = place_nearest(
                    *s.grid.arrays, at, *there, reach, s.scratch, out
                )
                nearest = (points + np.int32(start), metres)
                ties: Columns = found
                if accuracy is not None:  # those within the accuracy are listed already
                    ties = _only(ties, ~(ties[2] <= known[ties[0]]))
                lists.append((number, ties))
        return nearest, self._candidates(lists, start, len(x))

    def _candidates(self, lists: list[tuple[int, Columns]], start: int, count: int) -> Columns:
        """Columns of :class:`Candidates` of one chunk, of (level, (points, rows, distances))."""
        nothing: Columns = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
        found = [nothing, *(found for _, found in lists)]
        points, rows, distances = _stacked(found)
        numbers = np.array([0, *(number for number, _ in lists)], np.uint8)
        levels = np.repeat(numbers, [len(points) for points, _, _ in found])
        ids = np.empty(len(rows), np.int32)
        for level, s in self._levels.items():
            own = levels == LEVELS.index(level)
            ids[own] = s.ids[rows[own]]
        few = len(points) < count / 16
        order = np.argsort(points, kind="stable") if few else by_point(points, count)
        columns = (points + np.int32(start), levels, rows, ids, distances.astype(np.float32))
        return tuple(column[order] for column in columns)

    def place_one(self, lon: float, lat: float, accuracy_m: float | None = None) -> dict[str, Any]:
        """One WGS84 point's placement as ``/api/locate`` answers it; see :meth:`place`.

        Keys: each level (``{code, name}`` or None), ``method`` and ``distance_m`` of the finest
        level answered, ``levels`` (each: method, distance_m), ``candidates`` and ``revision``.
        """
        x, y = float(lon), float(lat)
        radius = None if accuracy_m is None else _radius(accuracy_m, "accuracy_m")
        areas: dict[str, dict[str, str] | None] = dict.fromkeys(LEVELS)
        levels: dict[str, dict[str, Any]] = {level: _NOWHERE.copy() for level in LEVELS}
        candidates: list[dict[str, Any]] = []
        there = from_wgs84(x, y, self.metric_crs) if radius is not None else None
        for level, s in self._levels.items():
            row, hits = s.cover(x, y)
            found: list[tuple[int, float]] = []
            if there and radius is not None:
                found = s.within(x, y, *there, radius)
            elif hits > 1:
                found = [(row, 0.0) for row in s.covering(x, y)]
            if hits:
                areas[level], levels[level] = s.area(row), _INSIDE.copy()
            elif level == _NEAREST_LEVEL and self.nearest_m > 0:
                there = there or from_wgs84(x, y, self.metric_crs)
                nearest = s.nearest(*there, self.nearest_m)
                if nearest:
                    row, distance = nearest[0]
                    areas[level] = s.area(row)
                    levels[level] = {
                        "method": Method.NEAREST.label,
                        "distance_m": round(distance, 2),
                    }
                    if len(nearest) > 1 and (radius is None or distance > radius):
                        found += nearest
            for row, distance in found:
                candidates.append({"level": level, **s.area(row), "distance_m": round(distance, 2)})
        finest = _NOWHERE
        for answer in levels.values():
            if answer["method"] != Method.NONE.label:
                finest = answer
        return {
            **areas,
            **finest,
            "levels": levels,
            "candidates": candidates,
            "revision": self.revision,
        }


def _radius(value: float, name: str) -> float:
    radius = float(value)
    if not 0 <= radius < np.inf:
        raise InvalidInput(f"{name} must be zero or more metres, not {value}", where=name)
    return radius


def _accuracies(accuracy_m: npt.ArrayLike | None, count: int) -> FloatArray | None:
    if accuracy_m is None:
        return None
    accuracy = np.asarray(accuracy_m, np.float64)
    if accuracy.ndim and accuracy.shape != (count,):
        raise InvalidInput(f"{accuracy.shape} accuracies for {count} points", where="accuracy_m")
    if (bad := np.flatnonzero(np.ravel(accuracy < 0) | np.ravel(np.isinf(accuracy)))).size:
        raise InvalidInput(
            f"accuracy of point {bad[0]} is not zero or more metres",
            f"第 {bad[0]} 个点的精度无效",
            where="accuracy_m",
        )
    return np.require(np.broadcast_to(accuracy, count), np.float64, ["C", "W"])


def _only(found: Columns, keep: npt.NDArray[np.bool_]) -> Columns:
    return tuple(column[keep] for column in found)


def _stacked(parts: list[Columns]) -> Columns:
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _common_frame(frames: list[FloatArray]) -> FloatArray:
    """The box around those that hold something; any box will do where none does."""
    filled = np.array([f[:4] for f in frames if f[4] > 0] or [np.array([0.0, 0.0, 1.0, 1.0])])
    return np.concatenate([filled[:, :2].min(axis=0), filled[:, 2:].max(axis=0)])
