"""Polygon edges in metres, in square cells: which areas lie within a distance of a point."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.array_folder import frozen, open_arrays, save_arrays
from gis_service.hierarchy.kernels import kernel
from gis_service.hierarchy.raster_building import columns_in_row

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

_VERSION = 2
_SLACK = 1e-6  # of a cell
_EDGES_PER_CELL = 0.5
_MOST_CELLS = 4_000_000
TIE_M = 1e-6  # distances closer than this are equal: what rounding makes of one shared vertex


class GridArrays(NamedTuple):
    """``frame``: x0, y0, cell size (m), columns, rows. Edges of cell c (row-major):
    ``edges[starts[c]:starts[c + 1]]`` as x1, y1, x2, y2, of polygons ``owners[...]``."""

    frame: FloatArray
    starts: IntArray
    edges: FloatArray
    owners: IntArray


_DTYPES = ("f8", "i4", "f8", "i4")


class EdgeGrid:
    """Distances from points to polygon boundaries in a projected system, by exact search."""

    def __init__(self, arrays: GridArrays) -> None:
        self.arrays = arrays

    @classmethod
    def build(cls, edges: FloatArray, edge_starts: npt.NDArray[np.int64]) -> EdgeGrid:
        """A grid of ``edges`` (m); those of polygon p begin at ``edge_starts[p]``.

        Edges that are not finite (outside the projection's domain) are left out.
        """
        owners = np.repeat(np.arange(len(edge_starts) - 1, dtype=np.int32), np.diff(edge_starts))
        usable = np.isfinite(edges).all(axis=1)
        edges, owners = edges[usable], owners[usable]
        if not len(edges):
            values: tuple = ([0.0, 0.0, 1.0, 0.0, 0.0], [0], np.empty((0, 4)), [])
        else:
            # one direction for an edge that two polygons share, so that both are equally far
            swap = (edges[:, 0] > edges[:, 2]) | (
                (edges[:, 0] == edges[:, 2]) & (edges[:, 1] > edges[:, 3])
            )
            edges = np.where(swap[:, None], edges[:, [2, 3, 0, 1]], edges)
            low = edges[:, :2].min(axis=0), edges[:, 2:].min(axis=0)
            x0, y0 = np.minimum(*low)
            x1, y1 = np.maximum(edges[:, :2].max(axis=0), edges[:, 2:].max(axis=0))
            wanted = min(max(len(edges) / _EDGES_PER_CELL, 1.0), _MOST_CELLS)
            size = max(np.sqrt((x1 - x0) * (y1 - y0) / wanted), max(x1 - x0, y1 - y0) / 1e4, 1e-3)
            columns, rows = int((x1 - x0) / size) + 1, int((y1 - y0) / size) + 1
            frame = np.array([x0, y0, size, columns, rows])
            starts, order = _bin(edges, frame, columns, rows)
            values = (frame, starts, edges[order], owners[order])
        return cls(GridArrays(*(frozen(v, d) for v, d in zip(values, _DTYPES, strict=True))))

    def save(self, folder: Path) -> None:
        """Writes the grid into ``folder`` as plain .npy files."""
        save_arrays(folder, self.arrays._asdict(), {"version": _VERSION})

    @classmethod
    def open(cls, folder: Path) -> EdgeGrid:
        """The grid saved in ``folder``, memory-mapped. Raises InvalidInput if it is unusable."""
        arrays, _ = open_arrays(folder, GridArrays._fields, _VERSION)
        return cls(GridArrays(**arrays))


@kernel
def _bin(
    edges: FloatArray, frame: FloatArray, columns: int, rows: int
) -> tuple[IntArray, IntArray]:
    """Cell starts and the edges of each cell; an edge stands in every cell it touches."""
    starts = np.zeros(columns * rows + 1, np.int32)
    order = np.empty(0, np.int32)
    for fill in range(2):
        if fill:
            for c in range(columns * rows):
                starts[c + 1] += starts[c]
            order = np.empty(starts[-1], np.int32)
            at = starts[:-1].copy()
        for i in range(len(edges)):
            u1, u2 = (edges[i, 0] - frame[0]) / frame[2], (edges[i, 2] - frame[0]) / frame[2]
            v1, v2 = (edges[i, 1] - frame[1]) / frame[2], (edges[i, 3] - frame[1]) / frame[2]
            low = max(int(min(v1, v2) - _SLACK), 0)
            high = min(int(max(v1, v2) + _SLACK), rows - 1)
            for row in range(low, high + 1):
                a, b = columns_in_row(u1, v1, u2, v2, row, _SLACK)
                for column in range(max(int(a), 0), min(int(b), columns - 1) + 1):
                    c = row * columns + column
                    if fill:
                        order[at[c]] = i
                        at[c] += 1
                    else:
                        starts[c + 1] += 1
    return starts, order


@kernel
def _squared_distance(edges: FloatArray, i: int, x: float, y: float) -> float:
    dx, dy = edges[i, 2] - edges[i, 0], edges[i, 3] - edges[i, 1]
    px, py = x - edges[i, 0], y - edges[i, 1]
    along, length = px * dx + py * dy, dx * dx + dy * dy
    if along > 0.0:
        if along < length:
            across = px * dy - py * dx
            return across * across / length
        px, py = x - edges[i, 2], y - edges[i, 3]
    return px * px + py * py


@kernel
def _span(low: float, high: float, count: int) -> tuple[int, int]:
    """Cells (clipped) between two positions in cell units; (0, -1) if there are none."""
    if not (high >= -_SLACK and low <= count + _SLACK):
        return 0, -1
    return int(max(low - _SLACK, 0.0)), int(min(high + _SLACK, count - 1.0))


@kernel
def within(
    frame: FloatArray,
    starts: IntArray,
    edges: FloatArray,
    owners: IntArray,
    x: float,
    y: float,
    radius: float,
    nearest: bool,
    best: FloatArray,
    found: IntArray,
    used: int,
) -> int:
    """Polygons whose boundary lies within ``radius`` metres of (x, y).

    ``best`` (one per polygon, inf between calls) gets their distances, ``found[used:]`` their
    numbers; the new ``used`` is returned and the caller resets ``best``. With ``nearest`` only
    those within TIE_M of the smallest distance are sure to be among them.
    """
    size, columns, rows = frame[2], int(frame[3]), int(frame[4])
    u, v = (x - frame[0]) / size, (y - frame[1]) / size
    reach = radius / size
    bottom, top = _span(v - reach, v + reach, rows)
    if bottom > top:
        return used
    middle = int(min(max(v, bottom), top))
    limit = radius
    far = limit * limit * (1 + 1e-12)  # a cheap first test; the second one is exact
    for step in range(2 * (max(middle - bottom, top - middle)) + 1):
        row = middle + (step + 1) // 2 if step % 2 else middle - step // 2  # from the middle out
        if row < bottom or row > top:
            continue
        reach = limit / size
        away = max(row - v, v - (row + 1), 0.0)
        if away > reach + _SLACK:
            continue
        left, right = _span(u - reach, u + reach, columns)
        if left > right:
            return used
        for i in range(starts[row * columns + left], starts[row * columns + right + 1]):
            squared = _squared_distance(edges, i, x, y)
            if squared > far:
                continue
            distance = np.sqrt(squared)
            if distance <= limit:
                owner = owners[i]
                if best[owner] == np.inf:
                    found[used] = owner
                    used += 1
                if distance < best[owner]:
                    best[owner] = distance
                if nearest:
                    limit = min(limit, distance + TIE_M)
                    far = limit * limit * (1 + 1e-12)
    return used
