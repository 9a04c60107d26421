"""Which polygon covers a point, answered from a raster wherever a cell has only one answer.

Every cell of a raster over the polygons' bounds is empty, wholly inside exactly one polygon, or
mixed. Only points in mixed cells are tested against geometry, and only against those edges of the
cell's polygons that meet the cell's row. Cells are assigned by one monotone formula for edges and
points alike, so no rounding can put a point into a cell that misses one of its polygons.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import shapely

from gis_service.errors import InvalidInput
from gis_service.hierarchy.array_folder import frozen, open_arrays, save_arrays
from gis_service.hierarchy.ring_tests import edges_cover

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

_VERSION = 1
_SLACK = 1e-6  # of a cell: edges this close to a cell count as touching it
_EMPTY = -1  # below it: -2 - number of the mixed cell


class RasterArrays(NamedTuple):
    """The arrays of one index, as kernels take them.

    ``frame``: x0, y0, x1, y1, cells per degree in x and y; ``size``: columns, rows.
    ``cells`` (rows × columns): polygon, -1 or -2 - k; the candidates of mixed cell k are
    ``entries[starts[k]:starts[k + 1]]`` = 2 × polygon + (1 if it fills the cell), ascending.
    Edges of polygon p in raster row r: ``edges[slabs[s]:slabs[s + 1]]``, s = slab_of[p] + r.
    """

    frame: FloatArray
    size: IntArray
    cells: IntArray
    starts: IntArray
    entries: IntArray
    slab_of: IntArray
    slabs: IntArray
    edges: FloatArray


_DTYPES = dict(
    zip(
        RasterArrays._fields,
        ("f8", "i4", "i4", "i4", "i4", "i4", "i4", "f8"),
        strict=True,
    )
)


class PolygonIndex:
    """Covering polygons of points, boundary inclusive (as PostGIS ``ST_Covers``).

    Polygons are numbered by their position in the array it was built from. Read-only and safe to
    share between threads; the array methods release the GIL.
    """

    def __init__(self, arrays: RasterArrays) -> None:
        self.arrays = arrays

    @classmethod
    def build(cls, geometries: npt.ArrayLike, cells: int = 1024) -> PolygonIndex:
        """An index of ``cells`` × ``cells`` over valid polygons in EPSG:4326 degrees.

        ``geometries``: array of shapely Polygon or MultiPolygon; empty and missing ones cover
        nothing. Raises InvalidInput for other types and coordinates that are not finite.
        """
        if not 1 <= cells <= 16384:
            raise InvalidInput(f"cells must be between 1 and 16384, not {cells}")
        edges, edge_starts = polygon_edges(geometries)
        frame = _frame(edges, cells)
        cell_ids, entries = _burn(edges, edge_starts, frame, cells)
        raster, starts, mixed = _compress(cell_ids, entries, cells * cells)
        slab_of, slabs, slab_edges = _slabs(edges, edge_starts, frame, cells)
        values: tuple[Any, ...] = (
            frame,
            [cells, cells],
            raster,
            starts,
            mixed,
            slab_of,
            slabs,
            slab_edges,
        )
        return cls(
            RasterArrays(*(frozen(v, d) for v, d in zip(values, _DTYPES.values(), strict=True)))
        )

    def save(self, folder: Path) -> None:
        """Writes the index into ``folder`` as plain .npy files."""
        save_arrays(folder, self.arrays._asdict(), {"version": _VERSION})

    @classmethod
    def open(cls, folder: Path) -> PolygonIndex:
        """The index saved in ``folder``, memory-mapped. Raises InvalidInput if it is unusable."""
        arrays, _ = open_arrays(folder, RasterArrays._fields, _VERSION)
        return cls(RasterArrays(**arrays))

    @property
    def mixed_share(self) -> float:
        """Share of the raster's non-empty cells that need a geometry test."""
        cells = self.arrays.cells
        return float((cells < _EMPTY).sum() / max((cells != _EMPTY).sum(), 1))

    def first(self, lon: npt.ArrayLike, lat: npt.ArrayLike) -> IntArray:
        """int32 (n,): the covering polygon of lowest number, or -1, of WGS84 points.

        NaN and positions out of range give -1.
        """
        x, y = point_arrays(lon, lat)
        out = np.empty(x.size, np.int32)
        _first_of(self.arrays, x, y, out)
        return out

    def covering(self, lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[IntArray, IntArray]:
        """All covering polygons as CSR: ``polygons[offsets[i]:offsets[i + 1]]``, ascending."""
        x, y = point_arrays(lon, lat)
        return _covering(self.arrays, x, y)

    def first_one(self, lon: float, lat: float) -> int:
        """:meth:`first` of one point."""
        return int(first_at(self.arrays, float(lon), float(lat)))


def point_arrays(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """``lon, lat`` as writeable contiguous float64 (one compiled signature), or InvalidInput."""
    x, y = (np.require(np.atleast_1d(v), np.float64, ["C", "W"]) for v in (lon, lat))
    if x.ndim != 1 or x.shape != y.shape:
        raise InvalidInput(
            f"longitude has shape {x.shape} but latitude {y.shape}",
            f"经度形状 {x.shape} 与纬度形状 {y.shape} 不一致",
        )
    return x, y


def polygon_edges(geometries: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Edges (x1, y1, x2, y2) of all rings, and where each polygon's begin, (n + 1)."""
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
    _, points, offsets = shapely.to_ragged_array(shapes, include_z=False)
    rings, *outer = offsets
    of_polygon = rings
    for step in outer:
        of_polygon = of_polygon[step]
    if not np.isfinite(points).all():
        raise InvalidInput("an area has a coordinate that is not finite", "区域坐标无效")
    is_edge = np.ones(max(len(points) - 1, 0), bool)
    is_edge[rings[1:-1] - 1] = False
    edges = np.hstack([points[:-1], points[1:]])[is_edge]
    # each ring has one edge fewer than points
    before = np.concatenate([[0], np.cumsum(is_edge)]) if len(points) else np.zeros(1, int)
    starts = np.empty(len(of_polygon), np.int64)
    starts[:] = before[np.minimum(of_polygon, len(before) - 1)]
    return edges, starts


def _frame(edges: FloatArray, cells: int) -> FloatArray:
    if not len(edges):
        return np.array([np.inf, np.inf, -np.inf, -np.inf, 0.0, 0.0])
    x0, y0 = edges[:, :2].min(axis=0)
    x1, y1 = edges[:, :2].max(axis=0)
    return np.array([x0, y0, x1, y1, cells / (x1 - x0), cells / (y1 - y0)])


def _compress(
    cell_ids: IntArray, entries: IntArray, count: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Raster and mixed-cell CSR of (cell, entry) pairs that come in polygon order."""
    per_cell = np.bincount(cell_ids, minlength=count)
    order = np.argsort(cell_ids, kind="stable")
    cell_ids, entries = cell_ids[order], entries[order]
    first = np.concatenate([[0], np.cumsum(per_cell)])[:-1]
    occupied = np.flatnonzero(per_cell)
    lead = entries[first[occupied]]
    plain = (per_cell[occupied] == 1) & (lead & 1 == 1)
    raster = np.full(count, _EMPTY, np.int32)
    raster[occupied[plain]] = lead[plain] >> 1
    mixed = occupied[~plain]
    raster[mixed] = -2 - np.arange(len(mixed))
    starts = np.concatenate([[0], np.cumsum(per_cell[mixed])])
    return raster, starts, entries[raster[cell_ids] < _EMPTY]


@numba.njit(cache=True, nogil=True)
def _cell(value: float, origin: float, per_unit: float, count: int) -> int:
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
def _burn(
    edges: FloatArray, edge_starts: npt.NDArray[np.int64], frame: FloatArray, cells: int
) -> tuple[IntArray, IntArray]:
    """(cell, 2 × polygon + fills it) for every cell that a polygon touches, by polygon."""
    cell_ids = np.empty(1024, np.int32)
    entries = np.empty(1024, np.int32)
    used = 0
    touched = np.zeros(1, np.uint8)  # cells of one polygon's box: 1 an edge is near, 2 parity
    for polygon in range(len(edge_starts) - 1):
        start, stop = edge_starts[polygon], edge_starts[polygon + 1]
        if start == stop:
            continue
        own = (edges[start:stop, :] - frame[np.array([0, 1, 0, 1])]) * frame[np.array([4, 5, 4, 5])]
        left = max(int(own[:, 0].min() - _SLACK), 0)
        bottom = max(int(own[:, 1].min() - _SLACK), 0)
        right = min(int(own[:, 0].max() + _SLACK), cells - 1)
        top = min(int(own[:, 1].max() + _SLACK), cells - 1)
        width, height = right - left + 1, top - bottom + 1
        if touched.size < width * height:
            touched = np.zeros(width * height, np.uint8)
        touched[: width * height] = 0
        for i in range(stop - start):
            u1, v1, u2, v2 = own[i, 0], own[i, 1], own[i, 2], own[i, 3]
            first_row = max(int(min(v1, v2) - _SLACK), bottom)
            last_row = min(int(max(v1, v2) + _SLACK), top)
            for row in range(first_row, last_row + 1):
                a, b = columns_in_row(u1, v1, u2, v2, row, _SLACK)
                at = (row - bottom) * width - left
                for column in range(max(int(a), left), min(int(b), right) + 1):
                    touched[at + column] |= 1
                middle = row + 0.5
                if (v1 > middle) != (v2 > middle):
                    crossing = u1 + (middle - v1) / (v2 - v1) * (u2 - u1)
                    column = max(int(np.ceil(crossing - 0.5)), left)  # first centre right of it
                    if column <= right:
                        touched[at + column] ^= 2
        if used + width * height > cell_ids.size:
            size = 2 * (used + width * height)
            grown_ids, grown = np.empty(size, np.int32), np.empty(size, np.int32)
            grown_ids[:used], grown[:used] = cell_ids[:used], entries[:used]
            cell_ids, entries = grown_ids, grown
        for row in range(height):
            parity = 0
            for column in range(width):
                mark = touched[row * width + column]
                parity ^= mark & 2
                if mark & 1 or parity:
                    cell_ids[used] = (row + bottom) * cells + column + left
                    entries[used] = 2 * polygon + (0 if mark & 1 else 1)
                    used += 1
    return cell_ids[:used], entries[:used]


@numba.njit(cache=True, nogil=True)
def _slabs(
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
            a = _cell(edges[i, 1], frame[1], frame[5], cells)
            b = _cell(edges[i, 3], frame[1], frame[5], cells)
            low[i], high[i] = min(a, b), max(a, b)
            # the rows of all cells that name the polygon, also where only the slack reaches
            v1, v2 = (edges[i, 1] - frame[1]) * frame[5], (edges[i, 3] - frame[1]) * frame[5]
            bottom = min(bottom, max(int(min(v1, v2) - _SLACK), 0))
            top = max(top, min(int(max(v1, v2) + _SLACK), cells - 1))
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


@numba.njit(cache=True, nogil=True)
def cell_at(raster: RasterArrays, x: float, y: float) -> tuple[int, int]:
    """(value of the cell, row); a point outside the frame (or NaN) has an empty cell."""
    frame = raster.frame
    if not (x >= frame[0] and x <= frame[2] and y >= frame[1] and y <= frame[3]):
        return _EMPTY, 0
    columns, rows = raster.size[0], raster.size[1]
    row = _cell(y, frame[1], frame[5], rows)
    return raster.cells[row * columns + _cell(x, frame[0], frame[4], columns)], row


@numba.njit(cache=True, nogil=True)
def entry_covers(raster: RasterArrays, entry: int, row: int, x: float, y: float) -> bool:
    """Whether the polygon of a mixed cell's entry covers the point."""
    if entry & 1:
        return True
    slab = raster.slab_of[entry >> 1] + row
    return edges_cover(raster.edges, raster.slabs[slab], raster.slabs[slab + 1], x, y)


@numba.njit(cache=True, nogil=True)
def first_at(raster: RasterArrays, x: float, y: float) -> int:
    """The covering polygon of lowest number, or -1."""
    value, row = cell_at(raster, x, y)
    if value >= _EMPTY:
        return value
    for i in range(raster.starts[-2 - value], raster.starts[-1 - value]):
        if entry_covers(raster, raster.entries[i], row, x, y):
            return raster.entries[i] >> 1
    return -1


@numba.njit(cache=True, nogil=True)
def _first_of(raster: RasterArrays, x: FloatArray, y: FloatArray, out: IntArray) -> None:
    for i in range(len(x)):
        out[i] = first_at(raster, x[i], y[i])


@numba.njit(cache=True, nogil=True)
def covering_at(
    raster: RasterArrays, x: float, y: float, out: IntArray, used: int
) -> tuple[IntArray, int]:
    """Appends all covering polygons to ``out[used:]``, grown as needed: (out, used)."""
    value, row = cell_at(raster, x, y)
    if value == _EMPTY:
        return out, used
    needed = 1 if value > _EMPTY else raster.starts[-1 - value] - raster.starts[-2 - value]
    if used + needed > out.size:
        grown = np.empty(2 * (used + needed), np.int32)
        grown[:used] = out[:used]
        out = grown
    if value > _EMPTY:
        out[used] = value
        return out, used + 1
    for i in range(raster.starts[-2 - value], raster.starts[-1 - value]):
        if entry_covers(raster, raster.entries[i], row, x, y):
            out[used] = raster.entries[i] >> 1
            used += 1
    return out, used


@numba.njit(cache=True, nogil=True)
def _covering(raster: RasterArrays, x: FloatArray, y: FloatArray) -> tuple[Any, IntArray]:
    offsets = np.zeros(len(x) + 1, np.int64)
    out = np.empty(len(x) + 16, np.int32)
    used = 0
    for i in range(len(x)):
        out, used = covering_at(raster, x[i], y[i], out, used)
        offsets[i + 1] = used
    return offsets, out[:used]
