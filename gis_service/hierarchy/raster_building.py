"""Building the arrays of a lookup raster from polygons."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import shapely

from gis_service.errors import InvalidInput
from gis_service.hierarchy.ring_tests import orientation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
LongArray = npt.NDArray[np.int64]

EMPTY = -1  # cell of no polygon; below it: -2 - where the mixed cell's record begins
# how a polygon lies in a mixed cell, and how many coordinates that takes
FULL, LINE, CONVEX, REFLEX, RIGHT, LEFT, UP, DOWN = range(8)
SLACK = 1e-6  # of a cell: edges this close to a cell count as touching it


def polygon_edges(geometries: npt.ArrayLike) -> tuple[FloatArray, LongArray]:
    """Edges (x1, y1, x2, y2) of all rings, interior on their left, and where each polygon's
    begin, (n + 1). Raises InvalidInput for what is no valid polygon.
    """
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
    before = np.concatenate([[0], np.cumsum(is_edge)])
    return edges, before[np.minimum(of_polygon, len(before) - 1)].astype(np.int64)


def raster_frame(edges: FloatArray, cells: int) -> FloatArray:
    """x0, y0, x1, y1 of the edges and cells per unit in x and y."""
    if not len(edges):
        return np.array([np.inf, np.inf, -np.inf, -np.inf, 0.0, 0.0])
    x0, y0 = edges[:, :2].min(axis=0)
    x1, y1 = edges[:, :2].max(axis=0)
    return np.array([x0, y0, x1, y1, cells / (x1 - x0), cells / (y1 - y0)])


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
    low, high = -2 * SLACK, 1 + 2 * SLACK
    return low <= u - column <= high and low <= v - row <= high


@numba.njit(cache=True, nogil=True)
def _longer(array: npt.NDArray[Any], used: int, needed: int) -> npt.NDArray[Any]:
    if used + needed <= len(array):
        return array
    out = np.empty((2 * (used + needed), array.shape[1]), array.dtype)
    out[:used] = array[:used]
    return out


@numba.njit(cache=True, nogil=True)
def _bands(own: FloatArray, axis: int, first: int, count: int) -> tuple[LongArray, LongArray]:
    """Edges by the rows (axis 1) or columns (axis 0) that they meet, slack included, as CSR."""
    starts = np.zeros(count + 1, np.int64)
    order = np.empty(0, np.int64)
    at = starts
    for fill in range(2):
        if fill:
            starts[1:] = np.cumsum(starts[1:])
            order, at = np.empty(starts[-1], np.int64), starts[:-1].copy()
        for i in range(len(own)):
            a, b = own[i, axis], own[i, axis + 2]
            low = max(int(min(a, b) - SLACK) - first, 0)
            high = min(int(max(a, b) + SLACK) - first, count - 1)
            for band in range(low, high + 1):
                if fill:
                    order[at[band]] = i
                    at[band] += 1
                else:
                    starts[band + 1] += 1
    return starts, order


@numba.njit(cache=True, nogil=True)
def _on_the_way(own: FloatArray, i: int, axis: int, cell: int, forward: bool) -> bool:
    """Whether edge i can be met from inside column (axis 0) or row ``cell``, going that way."""
    if forward:
        return max(own[i, axis], own[i, axis + 2]) >= cell - SLACK
    return min(own[i, axis], own[i, axis + 2]) <= cell + 1 + SLACK


@numba.njit(cache=True, nogil=True)
def _split(
    edges: FloatArray, own: FloatArray, start: int, near: IntArray, column: int, row: int
) -> tuple[int, int, int]:
    """(LINE, CONVEX or REFLEX, edge, next edge), or (-1, 0, 0), of a polygon in a cell that
    ``near`` = (count, i, j) edges touch.

    One edge that crosses the whole cell, or two that leave it from one common vertex, split the
    cell in two: there the side of the line or of the corner decides.
    """
    i, j = near[1], near[2]
    if near[0] == 1:
        if _in_cell(own[i, 0], own[i, 1], column, row):
            return -1, 0, 0
        if _in_cell(own[i, 2], own[i, 3], column, row):
            return -1, 0, 0
        return LINE, start + i, start + i
    if near[0] != 2:
        return -1, 0, 0
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
        return -1, 0, 0
    turn = orientation(a[0], a[1], b[0], b[1], b[2], b[3])
    return CONVEX if turn > 0 else REFLEX, start + i, start + j


@numba.njit(cache=True, nogil=True)
def burn(
    edges: FloatArray, edge_starts: LongArray, frame: FloatArray, cells: int
) -> tuple[LongArray, FloatArray]:
    """What each polygon is in each cell it touches, polygon by polygon.

    Rows of the first: cell, 2 × (8 × polygon + kind), where its coordinates begin, how many.
    """
    pairs = np.empty((1024, 4), np.int64)
    used = 0
    words = np.empty((4096, 1))
    written = 0
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
        width = min(int(own[:, 0].max() + SLACK), cells - 1) - left + 1
        height = min(int(own[:, 1].max() + SLACK), cells - 1) - bottom + 1
        if len(toggles) < width * height:
            near = np.zeros((width * height, 3), np.int32)
            toggles = np.zeros(width * height, np.bool_)
        near[: width * height, 0] = 0
        toggles[: width * height] = False
        _mark(own, left, bottom, width, height, near, toggles)
        by_row, row_edges = _bands(own, 1, bottom, height)
        by_column, column_edges = _bands(own, 0, left, width)
        pairs = _longer(pairs, used, width * height)
        for row in range(height):
            inside = False
            for column in range(width):
                k = row * width + column
                inside ^= toggles[k]
                if not (near[k, 0] or inside):
                    continue
                cell = (row + bottom) * cells + column + left
                kind, i, j = FULL, 0, 0
                begin = written
                if near[k, 0]:
                    kind, i, j = _split(edges, own, start, near[k], column + left, row + bottom)
                if kind >= LINE:
                    words = _longer(words, written, 6)
                    words[written : written + 4, 0] = edges[i]
                    words[written + 4 : written + 6, 0] = edges[j, 2:]
                    written += 4 if kind == LINE else 6
                elif kind < 0:
                    rows = row_edges[by_row[row] : by_row[row + 1]]
                    columns = column_edges[by_column[column] : by_column[column + 1]]
                    kind, words, written = _ways_out(
                        edges[start:stop], own, rows, columns, column + left, row + bottom,
                        words, written,
                    )  # fmt: skip
                pairs[used, 0], pairs[used, 1] = cell, 2 * (8 * polygon + kind)
                pairs[used, 2], pairs[used, 3] = begin, written - begin
                used += 1
    return pairs[:used], words[:written, 0].copy()


@numba.njit(cache=True, nogil=True)
def _mark(
    own: FloatArray,
    left: int,
    bottom: int,
    width: int,
    height: int,
    near: IntArray,
    toggles: npt.NDArray[np.bool_],
) -> None:
    """Notes which edges touch which cells, and where the row's centre line changes sides."""
    for i in range(len(own)):
        u1, v1, u2, v2 = own[i, 0], own[i, 1], own[i, 2], own[i, 3]
        first_row = max(int(min(v1, v2) - SLACK), bottom)
        last_row = min(int(max(v1, v2) + SLACK), bottom + height - 1)
        for row in range(first_row, last_row + 1):
            a, b = columns_in_row(u1, v1, u2, v2, row, SLACK)
            at = (row - bottom) * width - left
            for column in range(max(int(a), left), min(int(b), left + width - 1) + 1):
                count = near[at + column, 0] + 1
                near[at + column, 0] = count
                if count <= 2:
                    near[at + column, count] = i
            middle = row + 0.5
            if (v1 > middle) != (v2 > middle):
                crossing = u1 + (middle - v1) / (v2 - v1) * (u2 - u1)
                column = max(int(np.ceil(crossing - 0.5)), left)  # first centre right of it
                if column < left + width:
                    toggles[at + column] = not toggles[at + column]


@numba.njit(cache=True, nogil=True)
def _ways_out(
    edges: FloatArray,
    own: FloatArray,
    rows: LongArray,
    columns: LongArray,
    column: int,
    row: int,
    words: FloatArray,
    written: int,
) -> tuple[int, FloatArray, int]:
    """Writes the edges that a ray from the cell may meet, in the direction with fewest.

    Coordinates are mirrored so that every ray goes towards +x: (x, y) for RIGHT, (-x, y) for
    LEFT, (y, x) for UP, (-y, x) for DOWN.
    """
    best, fewest = RIGHT, len(edges) + 1
    for way in range(RIGHT, DOWN + 1):
        axis = 0 if way < UP else 1
        cell = column if way < UP else row
        count = 0
        for i in rows if way < UP else columns:
            count += _on_the_way(own, i, axis, cell, way == RIGHT or way == UP)
        if count < fewest:
            best, fewest = way, count
    axis = 0 if best < UP else 1
    cell = column if best < UP else row
    forward = best == RIGHT or best == UP
    sign = 1.0 if forward else -1.0
    words = _longer(words, written, 1 + 4 * fewest)
    words[written, 0] = fewest
    written += 1
    for i in rows if best < UP else columns:
        if _on_the_way(own, i, axis, cell, forward):
            words[written, 0] = sign * edges[i, axis]
            words[written + 1, 0] = edges[i, 1 - axis]
            words[written + 2, 0] = sign * edges[i, axis + 2]
            words[written + 3, 0] = edges[i, 3 - axis]
            written += 4
    return best, words, written


@numba.njit(cache=True, nogil=True)
def assemble(pairs: LongArray, words: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """The raster's cells and the records of its mixed cells, of what :func:`burn` gives.

    A record is one run of words: per polygon its entry, 2 × (8 × polygon + kind) and 1 more if it
    is the cell's last, and that kind's coordinates.
    """
    cells = np.full(count, EMPTY, np.int32)
    last = np.full(count, -1, np.int64)
    size = np.zeros(count, np.int64)
    for i in range(len(pairs)):
        cell = pairs[i, 0]
        size[cell] += 1 + pairs[i, 3]
        last[cell] = i
        if size[cell] == 1 and (pairs[i, 1] >> 1) & 7 == FULL:
            cells[cell] = pairs[i, 1] >> 4
        else:
            cells[cell] = -2
    at = np.zeros(count, np.int64)
    total = 0
    for cell in range(count):
        if cells[cell] < EMPTY:
            at[cell] = total
            cells[cell] = -2 - total
            total += size[cell]
    records = np.empty(total)
    for i in range(len(pairs)):
        cell = pairs[i, 0]
        if cells[cell] < EMPTY:
            k = at[cell]
            records[k] = pairs[i, 1] + (1 if last[cell] == i else 0)
            for j in range(pairs[i, 3]):
                records[k + 1 + j] = words[pairs[i, 2] + j]
            at[cell] += 1 + pairs[i, 3]
    return cells, records
