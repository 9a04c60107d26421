"""Compiled loops over points: inside a level, near its areas, nearest area."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.edge_grid import TIE_M, within
from gis_service.hierarchy.kernels import kernel
from gis_service.hierarchy.lookup_raster import EMPTY, cell_at, covering_count, covering_list

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
Found = tuple[IntArray, IntArray, FloatArray]  # point, polygon, distance

_TILES = 64  # a side


@kernel
def _grown(found: Found, used: int, needed: int) -> Found:
    points, polygons, distances = found
    if used + needed <= points.size:
        return found
    size = 2 * (used + needed)
    new_points, new_polygons = np.empty(size, np.int32), np.empty(size, np.int32)
    new_distances = np.empty(size)
    for i in range(used):
        new_points[i], new_polygons[i], new_distances[i] = points[i], polygons[i], distances[i]
    return new_points, new_polygons, new_distances


@kernel
def tile_order(
    frame: FloatArray, x: FloatArray, y: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """The points' order by tile of the frame, and their coordinates in that order.

    Neighbours read the same cells and records: that is worth more than the counting sort costs.
    """
    keys = np.empty(len(x), np.int32)
    at = np.zeros(_TILES * _TILES + 2, np.int32)
    x0, y0 = frame[0], frame[1]
    per_x, per_y = _TILES / (frame[2] - x0), _TILES / (frame[3] - y0)
    for i in range(len(x)):
        u, v = (x[i] - x0) * per_x, (y[i] - y0) * per_y
        key = 0
        if u >= 0.0 and u < _TILES and v >= 0.0 and v < _TILES:
            key = int(v) * _TILES + int(u) + 1
        keys[i] = key
        at[key] += 1
    before = 0
    for key in range(len(at)):
        at[key], before = before, before + at[key]
    order = np.empty(len(x), np.int32)
    sorted_x, sorted_y = np.empty(len(x)), np.empty(len(x))
    for i in range(len(x)):
        k = at[keys[i]]
        at[keys[i]] = k + 1
        order[k], sorted_x[k], sorted_y[k] = i, x[i], y[i]
    return order, sorted_x, sorted_y


@kernel
def place_inside(
    frame: FloatArray,
    cells: IntArray,
    records: FloatArray,
    order: IntArray,
    x: FloatArray,
    y: FloatArray,
    rows: IntArray,
) -> Found:
    """Writes the area of point i to ``rows[order[i]]``; returns the areas of points that several
    cover.

    First all cells are looked up, then the mixed ones are tested: short loops that do one thing
    keep the processor's loads in flight.
    """
    x0, y0, x1, y1, per_x, per_y = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    mixed, values = np.empty(len(x), np.int32), np.empty(len(x), np.int32)
    waiting = 0
    for i in range(len(x)):
        value = cell_at(x0, y0, x1, y1, per_x, per_y, cells, x[i], y[i])
        rows[order[i]] = value
        mixed[waiting], values[waiting] = i, value
        waiting += value < EMPTY
    several = 0  # their places overwrite those of mixed cells already read
    for k in range(waiting):
        i, value = mixed[k], values[k]
        first, hits = covering_count(records, value, x[i], y[i])
        rows[order[i]] = first
        mixed[several], values[several] = i, value
        several += hits > 1
    found = (np.empty(64, np.int32), np.empty(64, np.int32), np.empty(64))
    used = 0
    many = np.empty(16, np.int32)
    for k in range(several):
        i = mixed[k]
        many, count = covering_list(records, values[k], x[i], y[i], many, 0)
        found = _grown(found, used, count)
        for m in range(count):
            found[0][used], found[1][used], found[2][used] = order[i], many[m], 0.0
            used += 1
    return found[0][:used], found[1][:used], found[2][:used]


@kernel
def areas_within(
    frame: FloatArray,
    cells: IntArray,
    records: FloatArray,
    grid_frame: FloatArray,
    starts: IntArray,
    edges: FloatArray,
    owners: IntArray,
    order: IntArray,
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
    x0, y0, x1, y1, per_x, per_y = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    found = (np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024))
    used = 0
    near = np.empty(len(best) + 1, np.int32)
    for i in range(len(x)):
        if not radius[i] >= 0.0:
            continue
        value = cell_at(x0, y0, x1, y1, per_x, per_y, cells, x[i], y[i])
        near, covering = covering_list(records, value, x[i], y[i], near, 0)
        for k in range(covering):
            best[near[k]] = 0.0
        count = within(
            grid_frame,
            starts,
            edges,
            owners,
            metric_x[i],
            metric_y[i],
            radius[i],
            False,
            best,
            near,
            covering,
        )
        found = _grown(found, used, count)
        _sort_by_distance(near, best, count)
        for k in range(count):
            polygon = near[k]
            found[0][used], found[1][used], found[2][used] = order[i], polygon, best[polygon]
            best[polygon] = np.inf
            used += 1
    return found[0][:used], found[1][:used], found[2][:used]


@kernel
def _sort_by_distance(near: IntArray, best: FloatArray, count: int) -> None:
    """Shell's sort of ``near[:count]`` by distance and number: short lists are the rule."""
    gap = 1
    while gap < count // 9:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            polygon, distance = near[i], best[near[i]]
            k = i
            while k >= gap:
                before = best[near[k - gap]]
                if before < distance or (before == distance and near[k - gap] < polygon):
                    break
                near[k] = near[k - gap]
                k -= gap
            near[k] = polygon
        gap //= 3


@kernel
def _seek(
    grid_frame: FloatArray,
    starts: IntArray,
    edges: FloatArray,
    owners: IntArray,
    x: float,
    y: float,
    radius: float,
    best: FloatArray,
    near: IntArray,
) -> tuple[int, float]:
    """(how many areas are equally near, their distance); ``near`` gets them in order."""
    reach = 0.25 * radius  # mostly a look nearby will do
    while True:
        count = within(grid_frame, starts, edges, owners, x, y, reach, True, best, near, 0)
        least = np.inf
        for k in range(count):
            least = min(least, best[near[k]])
        if least <= reach - TIE_M or reach == radius:
            break
        for k in range(count):
            best[near[k]] = np.inf
        reach = radius
    ties = 0
    for k in range(count):
        area = near[k]
        if best[area] <= least + TIE_M:
            m = ties
            while m > 0 and near[m - 1] > area:
                near[m] = near[m - 1]
                m -= 1
            near[m] = area
            ties += 1
        best[area] = np.inf
    return ties, least


@kernel
def nearest_to(
    grid_frame: FloatArray,
    starts: IntArray,
    edges: FloatArray,
    owners: IntArray,
    x: float,
    y: float,
    radius: float,
    best: FloatArray,
) -> tuple[IntArray, float]:
    """(the areas nearest to one point within ``radius``, in order, their distance)."""
    near = np.empty(best.size, np.int32)
    ties, least = _seek(grid_frame, starts, edges, owners, x, y, radius, best, near)
    return near[:ties].copy(), least


@kernel
def place_nearest(
    grid_frame: FloatArray,
    starts: IntArray,
    edges: FloatArray,
    owners: IntArray,
    at: IntArray,
    metric_x: FloatArray,
    metric_y: FloatArray,
    radius: float,
    best: FloatArray,
    rows: IntArray,
) -> tuple[IntArray, npt.NDArray[np.float32], Found]:
    """Answers points ``at`` with the nearest area within ``radius``, the lowest number of those
    equally near: (points answered, their distances, the areas of points that have several)."""
    answered, metres = np.empty(len(at), np.int32), np.empty(len(at), np.float32)
    count = 0
    found = (np.empty(64, np.int32), np.empty(64, np.int32), np.empty(64))
    used = 0
    near = np.empty(best.size, np.int32)
    for j in range(len(at)):
        x, y, i = metric_x[j], metric_y[j], at[j]
        ties, least = _seek(grid_frame, starts, edges, owners, x, y, radius, best, near)
        if ties == 0:
            continue
        rows[i] = near[0]
        answered[count], metres[count] = i, least
        count += 1
        if ties > 1:
            found = _grown(found, used, ties)
            for k in range(ties):
                found[0][used], found[1][used], found[2][used] = i, near[k], least
                used += 1
    several = (found[0][:used], found[1][:used], found[2][:used])
    return answered[:count], metres[:count], several


@kernel
def by_point(points: IntArray, count: int) -> IntArray:
    """The stable order that sorts ``points`` (all below count), by counting."""
    at = np.zeros(count + 1, np.int32)
    for point in points:
        at[point + 1] += 1
    for i in range(count):
        at[i + 1] += at[i]
    order = np.empty(len(points), np.int32)
    for k in range(len(points)):
        order[at[points[k]]] = k
        at[points[k]] += 1
    return order
