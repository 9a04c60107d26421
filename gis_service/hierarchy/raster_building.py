"""Building the arrays of a lookup raster from polygons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.errors import InvalidInput
from gis_service.hierarchy.kernels import kernel
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


@kernel
def cell_of(value: float, origin: float, per_unit: float, count: int) -> int:
    """The column or row of a coordinate: monotone in it, and the same for edges and points."""
    return min(int((value - origin) * per_unit), count - 1)


@kernel
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


@kernel
def _in_cell(u: float, v: float, column: int, row: int) -> bool:
    """Whether a position lies in a cell, or so close that rounding may have put it there."""
    low, high = -2 * SLACK, 1 + 2 * SLACK
    return low <= u - column <= high and low <= v - row <= high


@kernel
def _longer(array: npt.NDArray[Any], used: int, needed: int) -> npt.NDArray[Any]:
    if used + needed <= len(array):
        return array
    out = np.empty(2 * (used + needed), array.dtype)
    for i in range(used):
        out[i] = array[i]
    return out


@kernel
def _bands(own: FloatArray, axis: int, first: int, count: int) -> tuple[LongArray, LongArray]:
    """Edges by the rows (axis 1) or columns (axis 0) that they meet, slack included, as CSR."""
    starts = np.zeros(count + 2, np.int64)  # one longer: filling moves each start to its end
    for i in range(len(own)):
        low, high = _band(own, i, axis, first, count)
        for band in range(low, high + 1):
            starts[band + 2] += 1
    for band in range(count):
        starts[band + 2] += starts[band + 1]
    order = np.empty(starts[count + 1], np.int64)
    for i in range(len(own)):
        low, high = _band(own, i, axis, first, count)
        for band in range(low, high + 1):
            order[starts[band + 1]] = i
            starts[band + 1] += 1
    return starts, order


@kernel
def _band(own: FloatArray, i: int, axis: int, first: int, count: int) -> tuple[int, int]:
    a, b = own[i, axis], own[i, axis + 2]
    low, high = int(min(a, b) - SLACK) - first, int(max(a, b) + SLACK) - first
    return max(low, 0), min(high, count - 1)


@kernel
def _split(
    edges: FloatArray,
    own: FloatArray,
    start: int,
    near: IntArray,
    k: int,
    column: int,
    row: int,
) -> tuple[int, int, int]:
    """(LINE, CONVEX or REFLEX, edge, next edge), or (-1, 0, 0), of a polygon in a cell that
    ``near[k]`` = (count, i, j) edges touch.

    One edge that crosses the whole cell, or two that leave it from one common vertex, split the
    cell in two: there the side of the line or of the corner decides.
    """
    count, i, j = near[k, 0], near[k, 1], near[k, 2]
    if count == 1:
        if _in_cell(own[i, 0], own[i, 1], column, row):
            return -1, 0, 0
        if _in_cell(own[i, 2], own[i, 3], column, row):
            return -1, 0, 0
        return LINE, start + i, start + i
    if count != 2:
        return -1, 0, 0
    if own[i, 0] == own[j, 2] and own[i, 1] == own[j, 3]:
        i, j = j, i
    a, b = start + i, start + j
    if (
        edges[a, 2] != edges[b, 0]
        or edges[a, 3] != edges[b, 1]
        or not _in_cell(own[j, 0], own[j, 1], column, row)
        or _in_cell(own[i, 0], own[i, 1], column, row)
        or _in_cell(own[j, 2], own[j, 3], column, row)
    ):
        return -1, 0, 0
    turn = orientation(edges[a, 0], edges[a, 1], edges[b, 0], edges[b, 1], edges[b, 2], edges[b, 3])
    return CONVEX if turn > 0 else REFLEX, a, b


@kernel
def burn(
    edges: FloatArray, edge_starts: LongArray, frame: FloatArray, cells: int
) -> tuple[LongArray, LongArray, LongArray, LongArray, FloatArray]:
    """What each polygon is in each cell it touches, polygon by polygon.

    Per polygon and cell: the cell, 2 × (8 × polygon + kind), where its coordinates begin and how
    many there are; then all coordinates.
    """
    where, entries = np.empty(1024, np.int64), np.empty(1024, np.int64)
    begins, sizes = np.empty(1024, np.int64), np.empty(1024, np.int64)
    used = 0
    words = np.empty(4096)
    written = 0
    # of the cells of one polygon's box: how many edges touch it, two of them, and their parity
    near = np.zeros((1, 3), np.int32)
    toggles = np.zeros(1, np.bool_)
    for polygon in range(len(edge_starts) - 1):
        start, stop = edge_starts[polygon], edge_starts[polygon + 1]
        if start == stop:
            continue
        own = np.empty((stop - start, 4))  # in cell units
        low_u, low_v, high_u, high_v = np.inf, np.inf, -np.inf, -np.inf
        for i in range(stop - start):
            for k in range(4):
                own[i, k] = (edges[start + i, k] - frame[k % 2]) * frame[4 + k % 2]
            low_u, high_u = min(low_u, own[i, 0]), max(high_u, own[i, 0])
            low_v, high_v = min(low_v, own[i, 1]), max(high_v, own[i, 1])
        left, bottom = max(int(low_u - SLACK), 0), max(int(low_v - SLACK), 0)
        width = min(int(high_u + SLACK), cells - 1) - left + 1
        height = min(int(high_v + SLACK), cells - 1) - bottom + 1
        box = width * height
        if len(toggles) < box:
            near, toggles = np.zeros((box, 3), np.int32), np.zeros(box, np.bool_)
        for k in range(box):
            near[k, 0], toggles[k] = 0, False
        _mark(own, left, bottom, width, height, near, toggles)
        by_row, row_edges = _bands(own, 1, bottom, height)
        by_column, column_edges = _bands(own, 0, left, width)
        where, entries = _longer(where, used, box), _longer(entries, used, box)
        begins, sizes = _longer(begins, used, box), _longer(sizes, used, box)
        for row in range(height):
            inside = False
            for column in range(width):
                k = row * width + column
                inside ^= toggles[k]
                if not (near[k, 0] or inside):
                    continue
                begin = written
                kind, a, b = FULL, 0, 0
                if near[k, 0]:
                    kind, a, b = _split(edges, own, start, near, k, column + left, row + bottom)
                if kind >= LINE:
                    words = _longer(words, written, 6)
                    for m in range(4):
                        words[written + m] = edges[a, m]
                    words[written + 4], words[written + 5] = edges[b, 2], edges[b, 3]
                    written += 4 if kind == LINE else 6
                elif kind < 0:
                    way, fewest = _way_out(
                        own, by_row, row_edges, by_column, column_edges, row, column, left, bottom
                    )
                    words = _longer(words, written, 1 + 4 * fewest)
                    words[written] = fewest
                    written += 1
                    if way < UP:
                        band, order, at, cell = by_row, row_edges, row, column + left
                    else:
                        band, order, at, cell = by_column, column_edges, column, row + bottom
                    for m in range(band[at], band[at + 1]):
                        if _on_the_way(own, order[m], way, cell):
                            _write_towards(words, written, edges, start + order[m], way)
                            written += 4
                    kind = way
                where[used], entries[used] = (
                    (row + bottom) * cells + column + left,
                    2 * (8 * polygon + kind),
                )
                begins[used], sizes[used] = begin, written - begin
                used += 1
    return where[:used], entries[:used], begins[:used], sizes[:used], words


@kernel
def _on_the_way(own: FloatArray, i: int, way: int, cell: int) -> bool:
    """Whether a ray from inside column or row ``cell`` may meet edge i, going that way."""
    axis = 0 if way < UP else 1
    if way == RIGHT or way == UP:
        return max(own[i, axis], own[i, axis + 2]) >= cell - SLACK
    return min(own[i, axis], own[i, axis + 2]) <= cell + 1 + SLACK


@kernel
def _way_out(
    own: FloatArray,
    by_row: LongArray,
    row_edges: LongArray,
    by_column: LongArray,
    column_edges: LongArray,
    row: int,
    column: int,
    left: int,
    bottom: int,
) -> tuple[int, int]:
    """The direction in which a ray from the cell may meet fewest edges, and how many."""
    best, fewest = RIGHT, len(own) + 1
    for way in range(RIGHT, DOWN + 1):
        count = 0
        if way < UP:
            for m in range(by_row[row], by_row[row + 1]):
                count += _on_the_way(own, row_edges[m], way, column + left)
        else:
            for m in range(by_column[column], by_column[column + 1]):
                count += _on_the_way(own, column_edges[m], way, row + bottom)
        if count < fewest:
            best, fewest = way, count
    return best, fewest


@kernel
def _write_towards(words: FloatArray, at: int, edges: FloatArray, i: int, way: int) -> None:
    """Writes edge i mirrored so that every ray goes towards +x: (x, y) for RIGHT, (-x, y) for
    LEFT, (y, x) for UP, (-y, x) for DOWN."""
    axis = 0 if way < UP else 1
    sign = 1.0 if way == RIGHT or way == UP else -1.0
    words[at], words[at + 1] = sign * edges[i, axis], edges[i, 1 - axis]
    words[at + 2], words[at + 3] = sign * edges[i, axis + 2], edges[i, 3 - axis]


@kernel
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


@kernel
def assemble(
    where: LongArray,
    entries: LongArray,
    begins: LongArray,
    sizes: LongArray,
    words: FloatArray,
    count: int,
) -> tuple[IntArray, FloatArray]:
    """The raster's cells and the records of its mixed cells, of what :func:`burn` gives.

    A record is one run of words: per polygon its entry, 2 × (8 × polygon + kind) and 1 more if it
    is the cell's last, and that kind's coordinates.
    """
    cells = np.empty(count, np.int32)
    last, size = np.empty(count, np.int64), np.zeros(count, np.int64)
    for cell in range(count):
        cells[cell] = EMPTY
    for i in range(len(where)):
        cell = where[i]
        size[cell] += 1 + sizes[i]
        last[cell] = i
        if size[cell] == 1 and (entries[i] >> 1) & 7 == FULL:
            cells[cell] = entries[i] >> 4
        else:
            cells[cell] = -2
    total = 0
    for cell in range(count):
        if cells[cell] < EMPTY:
            cells[cell] = -2 - total
            total, size[cell] = total + size[cell], total  # from here on where to write next
    records = np.empty(total)
    for i in range(len(where)):
        cell = where[i]
        if cells[cell] < EMPTY:
            at = size[cell]
            records[at] = entries[i] + (1 if last[cell] == i else 0)
            for k in range(sizes[i]):
                records[at + 1 + k] = words[begins[i] + k]
            size[cell] = at + 1 + sizes[i]
    return cells, records
