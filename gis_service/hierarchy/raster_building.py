"""Building the arrays of a lookup raster from polygons."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import shapely

from gis_service.errors import InvalidInput
from gis_service.hierarchy.ring_tests import orientation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

EMPTY = -1  # cell of no polygon; below it: -2 - number of the mixed cell
# how a polygon lies in a mixed cell; entries hold 8 * polygon + kind
GENERAL, FULL, LINE, CONVEX, REFLEX = range(5)
SLACK = 1e-6  # of a cell: edges this close to a cell count as touching it


def polygon_edges(geometries: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Edges (x1, y1, x2, y2) of all rings, interior on their left, and where each polygon's
    begin, (n + 1). Raises InvalidInput for what is no valid polygon."""
    shapes = np.array(geometries, dtype=object).ravel()
    shapes[shapely.is_missing(shapes)] = shapely.MultiPolygon()
    kinds = shapely.get_type_id(shapes)
    if not np.isin(kinds, (3, 6)).all():
        bad = int(np.flatnonzero(~np.isin(kinds, (3, 6)))[0])
        raise InvalidInput(
            f"area {bad} is a {shapes[bad].geom_type}, not a polygon",
            f"第 {bad} 个区域是 {shapes[bad].geom_type}，不是面",
        )
    if not len(shapes):
        return np.empty((0, 4)), np.zeros(1, np.int64)
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise InvalidInput("an area has a coordinate that is not finite", "区域坐标无效")
    if not (valid := shapely.is_valid(shapes)).all():
        bad = int(np.flatnonzero(~valid)[0])
        reason = shapely.is_valid_reason(shapes[bad])
        raise InvalidInput(f"area {bad} is not valid: {reason}", f"第 {bad} 个区域无效：{reason}")
    _, points, offsets = shapely.to_ragged_array(shapely.orient_polygons(shapes), include_z=False)
    rings, *outer = offsets
    of_polygon = rings
    for step in outer:
        of_polygon = of_polygon[step]
    is_edge = np.ones(max(len(points) - 1, 0), bool)
    is_edge[rings[1:-1] - 1] = False
    edges = np.hstack([points[:-1], points[1:]])[is_edge]
    # each ring has one edge fewer than points
    before = np.concatenate([[0], np.cumsum(is_edge)]) if len(points) else np.zeros(1, int)
    starts = np.empty(len(of_polygon), np.int64)
    starts[:] = before[np.minimum(of_polygon, len(before) - 1)]
    return edges, starts


def raster_frame(edges: FloatArray, cells: int) -> FloatArray:
    """x0, y0, x1, y1 of the edges and cells per unit in x and y."""
    if not len(edges):
        return np.array([np.inf, np.inf, -np.inf, -np.inf, 0.0, 0.0])
    x0, y0 = edges[:, :2].min(axis=0)
    x1, y1 = edges[:, :2].max(axis=0)
    return np.array([x0, y0, x1, y1, cells / (x1 - x0), cells / (y1 - y0)])


def compress(
    cell_ids: IntArray, entries: IntArray, edge_pairs: IntArray, edges: FloatArray, count: int
) -> tuple[IntArray, IntArray, IntArray, IntArray, FloatArray]:
    """Raster, starts, entries, vertex starts and vertices of pairs that come in polygon order."""
    per_cell = np.bincount(cell_ids, minlength=count)
    order = np.argsort(cell_ids, kind="stable")
    cell_ids, entries, edge_pairs = cell_ids[order], entries[order], edge_pairs[order]
    first = np.concatenate([[0], np.cumsum(per_cell)])[:-1]
    occupied = np.flatnonzero(per_cell)
    lead = entries[first[occupied]]
    plain = (per_cell[occupied] == 1) & (lead & 7 == FULL)
    raster = np.full(count, EMPTY, np.int32)
    raster[occupied[plain]] = lead[plain] >> 3
    mixed = occupied[~plain]
    raster[mixed] = -2 - np.arange(len(mixed))
    starts = np.concatenate([[0], np.cumsum(per_cell[mixed])])
    in_mixed = raster[cell_ids] < EMPTY
    entries, edge_pairs = entries[in_mixed], edge_pairs[in_mixed]
    kinds = entries & 7
    per_entry = np.where(kinds == LINE, 2, np.where(kinds >= CONVEX, 3, 0))
    at = np.concatenate([[0], np.cumsum(per_entry)])
    vertices = np.empty((at[-1], 2))
    cornered, lines = kinds >= CONVEX, kinds >= LINE
    vertices[at[:-1][lines]] = edges[edge_pairs[lines, 0], :2]
    vertices[at[:-1][lines] + 1] = edges[edge_pairs[lines, 0], 2:]
    vertices[at[:-1][cornered] + 2] = edges[edge_pairs[cornered, 1], 2:]
    return raster, starts, entries, at[starts], vertices


@numba.njit(cache=True, nogil=True)
def cell_of(value: float, origin: float, per_unit: float, count: int) -> int:
    """The column or row of a coordinate: monotone in it, and the same for edges and points."""
    return min(int((value - origin) * per_unit), count - 1)


@numba.njit(cache=True, nogil=True)
def columns_in_row(
    u1: float, v1: float, u2: float, v2: float, row: int, slack: float
) -> tuple[float, float]:
    """The span in u of an edge (cell units) within ``row`` ± slack; (1, -1) if it misses it."""
    low, high = row - slack, row + 1 + slack
    t0, t1 = 0.0, 1.0
    if v1 == v2:
        if v1 < low or v1 > high:
            return 1.0, -1.0
    else:
        a, b = (low - v1) / (v2 - v1), (high - v1) / (v2 - v1)
        t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
        if t0 > t1:
            return 1.0, -1.0
    ua, ub = u1 + t0 * (u2 - u1), u1 + t1 * (u2 - u1)
    return min(ua, ub) - slack, max(ua, ub) + slack


@numba.njit(cache=True, nogil=True)
def _in_cell(u: float, v: float, column: int, row: int) -> bool:
    """Whether a position lies in a cell, or so close that rounding may have put it there."""
    slack = 2 * SLACK
    return (
        u >= column - slack
        and u <= column + 1 + slack
        and v >= row - slack
        and v <= row + 1 + slack
    )


@numba.njit(cache=True, nogil=True)
def _kind(
    edges: FloatArray, own: FloatArray, start: int, near: IntArray, column: int, row: int
) -> tuple[int, int, int]:
    """(kind, edge, next edge) of a polygon in a cell touched by ``near`` = (count, i, j).

    One edge that crosses the whole cell, or two that leave it from one common vertex, split the
    cell in two: there the side of the line or of the corner decides.
    """
    i, j = near[1], near[2]
    if near[0] == 1:
        if _in_cell(own[i, 0], own[i, 1], column, row) or _in_cell(
            own[i, 2], own[i, 3], column, row
        ):
            return GENERAL, 0, 0
        return LINE, start + i, 0
    if near[0] != 2:
        return GENERAL, 0, 0
    if own[i, 0] == own[j, 2] and own[i, 1] == own[j, 3]:
        i, j = j, i
    a, b = edges[start + i], edges[start + j]
    if (
        a[2] != b[0]
        or a[3] != b[1]
        or not _in_cell(own[j, 0], own[j, 1], column, row)
        or _in_cell(own[i, 0], own[i, 1], column, row)
        or _in_cell(own[j, 2], own[j, 3], column, row)
    ):
        return GENERAL, 0, 0
    turn = orientation(a[0], a[1], b[0], b[1], b[2], b[3])
    return CONVEX if turn > 0 else REFLEX, start + i, start + j


@numba.njit(cache=True, nogil=True)
def burn(
    edges: FloatArray, edge_starts: npt.NDArray[np.int64], frame: FloatArray, cells: int
) -> tuple[IntArray, IntArray, IntArray]:
    """(cell, entry, edges of a line or corner) for every cell a polygon touches, by polygon."""
    cell_ids, entries = np.empty(1024, np.int32), np.empty(1024, np.int32)
    pairs = np.empty((1024, 2), np.int32)
    used = 0
    # of the cells of one polygon's box: how many edges touch it, two of them, and their parity
    near = np.zeros((1, 3), np.int32)
    toggles = np.zeros(1, np.bool_)
    for polygon in range(len(edge_starts) - 1):
        start, stop = edge_starts[polygon], edge_starts[polygon + 1]
        if start == stop:
            continue
        own = np.empty((stop - start, 4))  # in cell units
        for i in range(stop - start):
            for k in range(4):
                own[i, k] = (edges[start + i, k] - frame[k % 2]) * frame[4 + k % 2]
        left = max(int(own[:, 0].min() - SLACK), 0)
        bottom = max(int(own[:, 1].min() - SLACK), 0)
        right = min(int(own[:, 0].max() + SLACK), cells - 1)
        top = min(int(own[:, 1].max() + SLACK), cells - 1)
        width, height = right - left + 1, top - bottom + 1
        if len(toggles) < width * height:
            near = np.zeros((width * height, 3), np.int32)
            toggles = np.zeros(width * height, np.bool_)
        near[: width * height, 0] = 0
        toggles[: width * height] = False
        for i in range(stop - start):
            u1, v1, u2, v2 = own[i, 0], own[i, 1], own[i, 2], own[i, 3]
            first_row = max(int(min(v1, v2) - SLACK), bottom)
            last_row = min(int(max(v1, v2) + SLACK), top)
            for row in range(first_row, last_row + 1):
                a, b = columns_in_row(u1, v1, u2, v2, row, SLACK)
                at = (row - bottom) * width - left
                for column in range(max(int(a), left), min(int(b), right) + 1):
                    count = near[at + column, 0] + 1
                    near[at + column, 0] = count
                    if count <= 2:
                        near[at + column, count] = i
                middle = row + 0.5
                if (v1 > middle) != (v2 > middle):
                    crossing = u1 + (middle - v1) / (v2 - v1) * (u2 - u1)
                    column = max(int(np.ceil(crossing - 0.5)), left)  # first centre right of it
                    if column <= right:
                        toggles[at + column] = not toggles[at + column]
        if used + width * height > cell_ids.size:
            size = 2 * (used + width * height)
            cell_ids, entries = _longer(cell_ids, used, size), _longer(entries, used, size)
            longer = np.empty((size, 2), np.int32)
            longer[:used] = pairs[:used]
            pairs = longer
        for row in range(height):
            inside = False
            for column in range(width):
                k = row * width + column
                inside ^= toggles[k]
                if near[k, 0] or inside:
                    kind, pairs[used, 0], pairs[used, 1] = FULL, 0, 0
                    if near[k, 0]:
                        kind, pairs[used, 0], pairs[used, 1] = _kind(
                            edges, own, start, near[k], column + left, row + bottom
                        )
                    cell_ids[used] = (row + bottom) * cells + column + left
                    entries[used] = 8 * polygon + kind
                    used += 1
    return cell_ids[:used], entries[:used], pairs[:used]


@numba.njit(cache=True, nogil=True)
def _longer(array: IntArray, used: int, size: int) -> IntArray:
    out = np.empty(size, np.int32)
    out[:used] = array[:used]
    return out


@numba.njit(cache=True, nogil=True)
def row_slabs(
    edges: FloatArray, edge_starts: npt.NDArray[np.int64], frame: FloatArray, cells: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Edges copied once per raster row that they meet, grouped by polygon and row."""
    polygons = len(edge_starts) - 1
    slab_of = np.zeros(polygons, np.int32)
    low, high = np.empty(len(edges), np.int32), np.empty(len(edges), np.int32)
    total = 0
    for polygon in range(polygons):
        bottom, top = cells, -1
        for i in range(edge_starts[polygon], edge_starts[polygon + 1]):
            a = cell_of(edges[i, 1], frame[1], frame[5], cells)
            b = cell_of(edges[i, 3], frame[1], frame[5], cells)
            low[i], high[i] = min(a, b), max(a, b)
            # the rows of all cells that name the polygon, also where only the slack reaches
            v1, v2 = (edges[i, 1] - frame[1]) * frame[5], (edges[i, 3] - frame[1]) * frame[5]
            bottom = min(bottom, max(int(min(v1, v2) - SLACK), 0))
            top = max(top, min(int(max(v1, v2) + SLACK), cells - 1))
        if top >= 0:
            slab_of[polygon] = total - bottom
            total += top - bottom + 1
    slabs = np.zeros(total + 1, np.int32)
    for polygon in range(polygons):
        for i in range(edge_starts[polygon], edge_starts[polygon + 1]):
            for row in range(low[i], high[i] + 1):
                slabs[slab_of[polygon] + row + 1] += 1
    for s in range(total):
        slabs[s + 1] += slabs[s]
    filled = slabs[:-1].copy()
    out = np.empty((slabs[total], 4))
    for polygon in range(polygons):
        for i in range(edge_starts[polygon], edge_starts[polygon + 1]):
            for row in range(low[i], high[i] + 1):
                s = slab_of[polygon] + row
                out[filled[s]] = edges[i]
                filled[s] += 1
    return slab_of, slabs, out
