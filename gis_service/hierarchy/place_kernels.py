"""Compiled loops over points: inside a level, near its areas, nearest area."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.edge_grid import TIE_M, GridArrays, within
from gis_service.hierarchy.lookup_raster import RasterArrays, covering_at, covering_count

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
Found = tuple[IntArray, IntArray, FloatArray]  # point, polygon, distance

_INSIDE, _NEAREST = 1, 2


@numba.njit(cache=True, nogil=True)
def _grown(found: Found, used: int, needed: int) -> Found:
    points, polygons, distances = found
    if used + needed <= points.size:
        return found
    size = 2 * (used + needed)
    new_points, new_polygons = np.empty(size, np.int32), np.empty(size, np.int32)
    new_distances = np.empty(size)
    new_points[:used], new_polygons[:used] = points[:used], polygons[:used]
    new_distances[:used] = distances[:used]
    return new_points, new_polygons, new_distances


@numba.njit(cache=True, nogil=True)
def place_inside(
    raster: RasterArrays,
    ids: IntArray,
    x: FloatArray,
    y: FloatArray,
    rows: IntArray,
    area_ids: IntArray,
    methods: npt.NDArray[np.uint8],
    distances: npt.NDArray[np.float32],
) -> Found:
    """Fills the four outputs of one level; returns the areas of points that several cover."""
    found = (np.empty(64, np.int32), np.empty(64, np.int32), np.empty(64))
    used = 0
    many = np.empty(16, np.int32)
    for i in range(len(x)):
        first, hits = covering_count(raster, x[i], y[i])
        rows[i] = first
        if first < 0:
            area_ids[i], methods[i], distances[i] = -1, 0, np.nan
            continue
        area_ids[i], methods[i], distances[i] = ids[first], _INSIDE, 0.0
        if hits > 1:
            many, count = covering_at(raster, x[i], y[i], many, 0)
            found = _grown(found, used, count)
            for k in range(count):
                found[0][used], found[1][used], found[2][used] = i, many[k], 0.0
                used += 1
    return found[0][:used], found[1][:used], found[2][:used]


@numba.njit(cache=True, nogil=True)
def areas_within(
    raster: RasterArrays,
    grid: GridArrays,
    x: FloatArray,
    y: FloatArray,
    metric_x: FloatArray,
    metric_y: FloatArray,
    radius: FloatArray,
    best: FloatArray,
) -> Found:
    """Every area that covers a point (distance 0) or lies within its radius, nearest first.

    ``best``: scratch of inf, one per polygon. A radius that is NaN finds nothing.
    """
    found = (np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024))
    used = 0
    near = np.empty(best.size + 1, np.int32)
    for i in range(len(x)):
        if not radius[i] >= 0.0:
            continue
        near, covering = covering_at(raster, x[i], y[i], near, 0)
        for k in range(covering):
            best[near[k]] = 0.0
        count = within(grid, metric_x[i], metric_y[i], radius[i], False, best, near, covering)
        found = _grown(found, used, count)
        _sort_by_distance(near, best, count)
        for k in range(count):
            polygon = near[k]
            found[0][used], found[1][used], found[2][used] = i, polygon, best[polygon]
            best[polygon] = np.inf
            used += 1
    return found[0][:used], found[1][:used], found[2][:used]


@numba.njit(cache=True, nogil=True)
def _sort_by_distance(near: IntArray, best: FloatArray, count: int) -> None:
    if count > 64:
        by_number = np.sort(near[:count])
        near[:count] = by_number[np.argsort(best[by_number], kind="mergesort")]
        return
    for i in range(1, count):
        polygon, distance = near[i], best[near[i]]
        k = i
        while k > 0:
            before = best[near[k - 1]]
            if before < distance or (before == distance and near[k - 1] < polygon):
                break
            near[k] = near[k - 1]
            k -= 1
        near[k] = polygon


@numba.njit(cache=True, nogil=True)
def place_nearest(
    grid: GridArrays,
    ids: IntArray,
    at: npt.NDArray[np.int64],
    metric_x: FloatArray,
    metric_y: FloatArray,
    radius: float,
    best: FloatArray,
    rows: IntArray,
    area_ids: IntArray,
    methods: npt.NDArray[np.uint8],
    distances: npt.NDArray[np.float32],
) -> Found:
    """Answers points ``at`` with the nearest area within ``radius``; the lowest number of those
    equally near. Returns the areas of points that have several."""
    found = (np.empty(64, np.int32), np.empty(64, np.int32), np.empty(64))
    used = 0
    near = np.empty(best.size, np.int32)
    for j in range(len(at)):
        i = at[j]
        count = within(grid, metric_x[j], metric_y[j], radius, True, best, near, 0)
        if count == 0:
            continue
        least = np.inf
        for k in range(count):
            least = min(least, best[near[k]])
        lowest, ties = best.size, 0
        for k in range(count):
            if best[near[k]] <= least + TIE_M:
                lowest, ties = min(lowest, near[k]), ties + 1
        rows[i], area_ids[i], methods[i] = lowest, ids[lowest], _NEAREST
        distances[i] = best[lowest]
        if ties > 1:
            found = _grown(found, used, ties)
            begin = used
            for k in range(count):
                if best[near[k]] <= least + TIE_M:
                    found[0][used], found[1][used], found[2][used] = i, near[k], least
                    used += 1
            found[1][begin:used] = np.sort(found[1][begin:used])
        for k in range(count):
            best[near[k]] = np.inf
    return found[0][:used], found[1][:used], found[2][:used]
