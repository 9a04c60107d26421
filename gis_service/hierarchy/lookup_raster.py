"""Which polygon covers a point, answered from a raster wherever a cell has only one answer.

Every cell of a raster over the polygons' bounds is empty, wholly inside exactly one polygon, or
mixed. In a mixed cell each of its polygons either fills it, or is bounded there by one line or
one corner, whose side decides, or is tested with those of its edges that meet the cell's row.
All tests are exact. Cells are assigned by one monotone formula for edges and points alike, so no
rounding can put a point into a cell that misses one of its polygons.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from gis_service.errors import InvalidInput
from gis_service.hierarchy.array_folder import frozen, open_arrays, save_arrays
from gis_service.hierarchy.raster_building import (
    CONVEX,
    EMPTY,
    FULL,
    GENERAL,
    LINE,
    burn,
    cell_of,
    compress,
    polygon_edges,
    raster_frame,
    row_slabs,
)
from gis_service.hierarchy.ring_tests import edges_cover, orientation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

_VERSION = 2


class RasterArrays(NamedTuple):
    """The arrays of one index, as kernels take them.

    ``frame``: x0, y0, x1, y1, cells per degree in x and y; ``size``: columns, rows.
    ``cells`` (rows × columns): polygon, -1 or -2 - k; the polygons of mixed cell k are
    ``entries[starts[k]:starts[k + 1]]`` = 8 × polygon + kind, ascending, and the vertices of its
    lines (2 each) and corners (3 each) follow one another from ``vertices[vertex_starts[k]]``.
    Edges of polygon p in raster row r: ``edges[slabs[s]:slabs[s + 1]]``, s = slab_of[p] + r.
    """

    frame: FloatArray
    size: IntArray
    cells: IntArray
    starts: IntArray
    entries: IntArray
    vertex_starts: IntArray
    vertices: FloatArray
    slab_of: IntArray
    slabs: IntArray
    edges: FloatArray


_DTYPES = ("f8", "i4", "i4", "i4", "i4", "i4", "f8", "i4", "i4", "f8")


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
        nothing. Raises InvalidInput for other types and geometry that is not valid.
        """
        if not 1 <= cells <= 16384:
            raise InvalidInput(f"cells must be between 1 and 16384, not {cells}")
        edges, edge_starts = polygon_edges(geometries)
        frame = raster_frame(edges, cells)
        cell_ids, entries, pairs = burn(edges, edge_starts, frame, cells)
        values: tuple[Any, ...] = (
            frame,
            [cells, cells],
            *compress(cell_ids, entries, pairs, edges, cells * cells),
            *row_slabs(edges, edge_starts, frame, cells),
        )
        return cls(RasterArrays(*(frozen(v, d) for v, d in zip(values, _DTYPES, strict=True))))

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
        return float((cells < EMPTY).sum() / max((cells != EMPTY).sum(), 1))

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
        return int(covering_count(self.arrays, float(lon), float(lat))[0])


def point_arrays(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """``lon, lat`` as writeable contiguous float64 (one compiled signature), or InvalidInput."""
    x, y = (np.require(np.atleast_1d(v), np.float64, ["C", "W"]) for v in (lon, lat))
    if x.ndim != 1 or x.shape != y.shape:
        raise InvalidInput(
            f"longitude has shape {x.shape} but latitude {y.shape}",
            f"经度形状 {x.shape} 与纬度形状 {y.shape} 不一致",
        )
    return x, y


@numba.njit(cache=True, nogil=True)
def cell_at(raster: RasterArrays, x: float, y: float) -> tuple[int, int]:
    """(value of the cell, row); a point outside the frame (or NaN) has an empty cell."""
    frame = raster.frame
    if not (x >= frame[0] and x <= frame[2] and y >= frame[1] and y <= frame[3]):
        return EMPTY, 0
    columns, rows = raster.size[0], raster.size[1]
    row = cell_of(y, frame[1], frame[5], rows)
    return raster.cells[row * columns + cell_of(x, frame[0], frame[4], columns)], row


@numba.njit(cache=True, nogil=True)
def entry_covers(
    raster: RasterArrays, entry: int, vertex: int, row: int, x: float, y: float
) -> tuple[bool, int]:
    """Whether the polygon of a mixed cell's entry covers the point, and the next ``vertex``."""
    kind = entry & 7
    if kind == FULL:
        return True, vertex
    v = raster.vertices
    if kind == LINE:
        turn = orientation(v[vertex, 0], v[vertex, 1], v[vertex + 1, 0], v[vertex + 1, 1], x, y)
        return turn >= 0, vertex + 2  # 0: the line is an edge all through the cell
    if kind != GENERAL:
        corner = vertex + 1
        first = orientation(v[vertex, 0], v[vertex, 1], v[corner, 0], v[corner, 1], x, y)
        vertex += 2
        second = orientation(v[corner, 0], v[corner, 1], v[vertex, 0], v[vertex, 1], x, y)
        if first and second:
            if kind == CONVEX:
                return first > 0 and second > 0, vertex + 1
            return first > 0 or second > 0, vertex + 1
        vertex += 1
    slab = raster.slab_of[entry >> 3] + row
    return edges_cover(raster.edges, raster.slabs[slab], raster.slabs[slab + 1], x, y), vertex


@numba.njit(cache=True, nogil=True)
def covering_count(raster: RasterArrays, x: float, y: float) -> tuple[int, int]:
    """(the covering polygon of lowest number or -1, how many cover the point)."""
    value, row = cell_at(raster, x, y)
    if value >= EMPTY:
        return value, 0 if value == EMPTY else 1
    first, hits = -1, 0
    mixed = -2 - value
    vertex = raster.vertex_starts[mixed]
    for i in range(raster.starts[mixed], raster.starts[mixed + 1]):
        covers, vertex = entry_covers(raster, raster.entries[i], vertex, row, x, y)
        if covers:
            if hits == 0:
                first = raster.entries[i] >> 3
            hits += 1
    return first, hits


@numba.njit(cache=True, nogil=True)
def _first_of(raster: RasterArrays, x: FloatArray, y: FloatArray, out: IntArray) -> None:
    for i in range(len(x)):
        out[i] = covering_count(raster, x[i], y[i])[0]


@numba.njit(cache=True, nogil=True)
def covering_at(
    raster: RasterArrays, x: float, y: float, out: IntArray, used: int
) -> tuple[IntArray, int]:
    """Appends all covering polygons to ``out[used:]``, grown as needed: (out, used)."""
    value, row = cell_at(raster, x, y)
    if value == EMPTY:
        return out, used
    mixed, start, stop = 0, 0, 1
    if value < EMPTY:
        mixed = -2 - value
        start, stop = raster.starts[mixed], raster.starts[mixed + 1]
    if used + stop - start > out.size:
        grown = np.empty(2 * (used + stop - start), np.int32)
        grown[:used] = out[:used]
        out = grown
    if value > EMPTY:
        out[used] = value
        return out, used + 1
    vertex = raster.vertex_starts[mixed]
    for i in range(start, stop):
        covers, vertex = entry_covers(raster, raster.entries[i], vertex, row, x, y)
        if covers:
            out[used] = raster.entries[i] >> 3
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
