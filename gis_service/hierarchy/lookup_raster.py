"""Which polygon covers a point, answered from a raster wherever a cell has only one answer.

Every cell of a raster over the polygons' bounds is empty, wholly inside exactly one polygon, or
mixed. In a mixed cell each of its polygons either fills it, or is bounded there by one line or
one corner, whose side decides, or is tested with those of its edges that a ray from the cell may
meet. All tests are exact. Cells are assigned by one monotone formula for edges and points alike,
so no rounding can put a point into a cell that misses one of its polygons.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gis_service.errors import InvalidInput
from gis_service.hierarchy.array_folder import frozen, open_arrays, save_arrays
from gis_service.hierarchy.kernels import kernel
from gis_service.hierarchy.raster_building import (
    CONVEX,
    EMPTY,
    FULL,
    LEFT,
    LINE,
    REFLEX,
    RIGHT,
    UP,
    assemble,
    burn,
    cell_of,
    polygon_edges,
    raster_frame,
)
from gis_service.hierarchy.ring_tests import edges_cover, orientation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

_VERSION = 3


class RasterArrays(NamedTuple):
    """The arrays of one index, as kernels take them.

    ``frame``: x0, y0, x1, y1, cells per degree in x and y. ``cells`` (rows, columns): the number
    of a polygon, -1 for none, or -2 - k for a mixed cell whose record begins at ``records[k]``
    (see ``raster_building.assemble``).
    """

    frame: FloatArray
    cells: IntArray
    records: FloatArray


_DTYPES = ("f8", "i4", "f8")


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
        return cls.of_edges(*polygon_edges(geometries), cells)

    @classmethod
    def of_edges(
        cls, edges: FloatArray, edge_starts: npt.NDArray[np.int64], cells: int = 1024
    ) -> PolygonIndex:
        """:meth:`build` of what ``raster_building.polygon_edges`` gives."""
        if not 1 <= cells <= 16384:
            raise InvalidInput(f"cells must be between 1 and 16384, not {cells}")
        frame = raster_frame(edges, cells)
        raster, records = assemble(*burn(edges, edge_starts, frame, cells), cells * cells)
        values: tuple[Any, ...] = (frame, raster.reshape(cells, cells), records)
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
        _first_of(*self.arrays, x, y, out)
        return out

    def covering(self, lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[IntArray, IntArray]:
        """All covering polygons as CSR: ``polygons[offsets[i]:offsets[i + 1]]``, ascending."""
        x, y = point_arrays(lon, lat)
        return _covering(*self.arrays, x, y)

    def first_one(self, lon: float, lat: float) -> int:
        """:meth:`first` of one point."""
        return int(cover_one(*self.arrays, float(lon), float(lat))[0])


def point_arrays(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """``lon, lat`` as writeable contiguous float64 (one compiled signature), or InvalidInput."""
    x, y = (np.require(np.atleast_1d(v), np.float64, ["C", "W"]) for v in (lon, lat))
    if x.ndim != 1 or x.shape != y.shape:
        raise InvalidInput(
            f"longitude has shape {x.shape} but latitude {y.shape}",
            f"经度形状 {x.shape} 与纬度形状 {y.shape} 不一致",
        )
    return x, y


# Kernels pass numbers and single arrays: a tuple of arrays handed to every call costs more than
# the test itself. Loops read the frame once.


@kernel
def cell_at(
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    per_x: float,
    per_y: float,
    cells: IntArray,
    x: float,
    y: float,
) -> int:
    """The value of a point's cell; EMPTY for a point outside the frame (or NaN)."""
    if not (x >= x0 and x <= x1 and y >= y0 and y <= y1):
        return EMPTY
    rows, columns = cells.shape
    return cells[cell_of(y, y0, per_y, rows), cell_of(x, x0, per_x, columns)]


@kernel
def _side(records: FloatArray, at: int, x: float, y: float) -> int:
    return orientation(records[at], records[at + 1], records[at + 2], records[at + 3], x, y)


@kernel
def _entry_covers(records: FloatArray, at: int, kind: int, x: float, y: float) -> tuple[bool, int]:
    """Whether the polygon whose coordinates begin at ``records[at]`` covers a point of the cell,
    and where they end."""
    if kind == LINE:
        return _side(records, at, x, y) >= 0, at + 4
    if kind == FULL:
        return True, at
    if kind == CONVEX:
        return _side(records, at, x, y) >= 0 and _side(records, at + 2, x, y) >= 0, at + 6
    if kind == REFLEX:
        return _side(records, at, x, y) >= 0 or _side(records, at + 2, x, y) >= 0, at + 6
    start = at + 1
    stop = start + 4 * int(records[at])
    if kind == RIGHT:
        return edges_cover(records, start, stop, x, y), stop
    if kind == LEFT:
        return edges_cover(records, start, stop, -x, y), stop
    if kind == UP:
        return edges_cover(records, start, stop, y, x), stop
    return edges_cover(records, start, stop, -y, x), stop


@kernel
def covering_count(records: FloatArray, value: int, x: float, y: float) -> tuple[int, int]:
    """(the covering polygon of lowest number or -1, how many cover it) of a point in a cell of
    ``value``."""
    if value >= EMPTY:
        return value, 0 if value == EMPTY else 1
    first, hits = -1, 0
    at = -2 - value
    while True:
        entry = int(records[at])
        covers, at = _entry_covers(records, at + 1, (entry >> 1) & 7, x, y)
        if covers:
            if hits == 0:
                first = entry >> 4
            hits += 1
        if entry & 1:
            return first, hits


@kernel
def covering_list(
    records: FloatArray, value: int, x: float, y: float, out: IntArray, used: int
) -> tuple[IntArray, int]:
    """Appends all polygons that cover a point in a cell of ``value`` to ``out[used:]``, which is
    grown as needed: (out, used)."""
    if value == EMPTY:
        return out, used
    at = -2 - value
    while True:
        if value > EMPTY:
            entry, covers = 16 * value + 1, True
        else:
            entry = int(records[at])
            covers, at = _entry_covers(records, at + 1, (entry >> 1) & 7, x, y)
        if covers:
            if used == len(out):
                longer = np.empty(2 * used + 16, np.int32)
                for i in range(used):
                    longer[i] = out[i]
                out = longer
            out[used] = entry >> 4
            used += 1
        if entry & 1:
            return out, used


@kernel
def cover_one(
    frame: FloatArray, cells: IntArray, records: FloatArray, x: float, y: float
) -> tuple[int, int]:
    """(the covering polygon of lowest number or -1, how many cover the point)."""
    x0, y0, x1, y1, per_x, per_y = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    return covering_count(records, cell_at(x0, y0, x1, y1, per_x, per_y, cells, x, y), x, y)


@kernel
def _first_of(
    frame: FloatArray,
    cells: IntArray,
    records: FloatArray,
    x: FloatArray,
    y: FloatArray,
    out: IntArray,
) -> None:
    x0, y0, x1, y1, per_x, per_y = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    for i in range(len(x)):
        value = cell_at(x0, y0, x1, y1, per_x, per_y, cells, x[i], y[i])
        out[i] = value if value >= EMPTY else covering_count(records, value, x[i], y[i])[0]


@kernel
def _covering(
    frame: FloatArray, cells: IntArray, records: FloatArray, x: FloatArray, y: FloatArray
) -> tuple[Any, IntArray]:
    x0, y0, x1, y1, per_x, per_y = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    offsets = np.zeros(len(x) + 1, np.int64)
    out = np.empty(len(x) + 16, np.int32)
    used = 0
    for i in range(len(x)):
        value = cell_at(x0, y0, x1, y1, per_x, per_y, cells, x[i], y[i])
        out, used = covering_list(records, value, x[i], y[i], out, used)
        offsets[i + 1] = used
    return offsets, out[:used]
