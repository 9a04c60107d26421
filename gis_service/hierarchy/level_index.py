"""What one level is answered from: raster, edges in metres, identities, codes and names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.hierarchy.array_folder import TextColumn, frozen, open_arrays, save_arrays
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.hierarchy.edge_grid import EdgeGrid
from gis_service.hierarchy.lookup_raster import PolygonIndex, cover_one
from gis_service.hierarchy.place_kernels import areas_within, nearest_to
from gis_service.hierarchy.placements import AreaTable
from gis_service.hierarchy.raster_building import polygon_edges

FloatArray = npt.NDArray[np.float64]

_VERSION = 1
# many areas are small: they want small cells; a few lines are quickly told from each other in any
_CELLS, _CELLS_OF_MANY, _MANY = 1024, 2048, 500
_CELLS_OF_FEW, _FEW_EDGES = 256, 250
_ARRAYS = ("ids", "code_offsets", "code_blob", "name_offsets", "name_blob")
_ONE = np.zeros(1, np.int32)


def _cells_of(areas: int, edges: int) -> int:
    if areas > _MANY:
        return _CELLS_OF_MANY
    return _CELLS if edges > _FEW_EDGES else _CELLS_OF_FEW


class LevelIndex:
    """The areas of one level, numbered in order of code. Read-only; threads may share it."""

    def __init__(
        self,
        index: PolygonIndex,
        grid: EdgeGrid,
        ids: npt.NDArray[np.int32],
        codes: TextColumn,
        names: TextColumn,
    ) -> None:
        self.index, self.grid = index, grid
        self.ids, self.codes, self.names = ids, codes, names
        self._own = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels without its threads' scratch."""
        return LevelIndex, (self.index, self.grid, self.ids, self.codes, self.names)

    @classmethod
    def build(cls, table: AreaTable, metric_crs: str) -> LevelIndex:
        """Structures of ``table``; distances are taken in the projected ``metric_crs``."""
        codes, names = (np.array(texts, dtype=object) for texts in (table.codes, table.names))
        order = np.argsort(codes, kind="stable")
        shapes = np.array(table.geometry, dtype=object).ravel()
        if any(isinstance(shape, bytes | memoryview) for shape in shapes):
            shapes = shapely.from_wkb(shapes)
        shapes = shapes[order]
        edges, starts = polygon_edges(shapes)
        ends = [from_wgs84(edges[:, k], edges[:, k + 1], metric_crs) for k in (0, 2)]
        return cls(
            PolygonIndex.of_edges(edges, starts, _cells_of(len(shapes), len(edges))),
            EdgeGrid.build(np.column_stack([*ends[0], *ends[1]]), starts),
            frozen(np.asarray(table.ids).ravel()[order], np.int32),
            TextColumn.of(codes[order]),
            TextColumn.of(names[order]),
        )

    def save(self, folder: Path) -> None:
        """Writes everything into ``folder`` as plain .npy files."""
        columns = (self.codes.offsets, self.codes.blob, self.names.offsets, self.names.blob)
        arrays = dict(zip(_ARRAYS, (self.ids, *columns), strict=True))
        save_arrays(folder, arrays, {"version": _VERSION})
        self.index.save(folder / "raster")
        self.grid.save(folder / "edges")

    @classmethod
    def open(cls, folder: Path) -> LevelIndex:
        """What was saved in ``folder``, memory-mapped. Raises InvalidInput if it is unusable."""
        arrays, _ = open_arrays(folder, _ARRAYS, _VERSION)
        return cls(
            PolygonIndex.open(folder / "raster"),
            EdgeGrid.open(folder / "edges"),
            arrays["ids"],
            TextColumn(arrays["code_offsets"], arrays["code_blob"]),
            TextColumn(arrays["name_offsets"], arrays["name_blob"]),
        )

    @property
    def scratch(self) -> FloatArray:
        """The calling thread's array of inf, one per area, which kernels leave as they found."""
        if not hasattr(self._own, "scratch"):
            self._own.scratch = np.full(len(self.ids), np.inf)
        return self._own.scratch

    def area(self, row: int) -> dict[str, str]:
        """``{code, name}`` of an area."""
        return {"code": self.codes[row], "name": self.names[row]}

    def cover(self, lon: float, lat: float) -> tuple[int, int]:
        """(the covering area of lowest code or -1, how many cover the point)."""
        return cover_one(*self.index.arrays, lon, lat)

    def covering(self, lon: float, lat: float) -> list[int]:
        """All areas that cover the point, in order of code."""
        return self.index.covering(lon, lat)[1].tolist()

    def within(
        self, lon: float, lat: float, east: float, north: float, radius: float
    ) -> list[tuple[int, float]]:
        """(area, distance in m) of all that cover the point or lie within ``radius``."""
        point = (np.array([v]) for v in (lon, lat, east, north, radius))
        about: tuple[Any, ...] = (*self.index.arrays, *self.grid.arrays, _ONE, *point, self.scratch)
        _, rows, distances = areas_within(*about)
        return list(zip(rows.tolist(), distances.tolist(), strict=True))

    def nearest(self, east: float, north: float, radius: float) -> list[tuple[int, float]]:
        """(area, distance in m) of the nearest within ``radius``; several if equally near."""
        rows, least = nearest_to(*self.grid.arrays, east, north, radius, self.scratch)
        return [(row, least) for row in rows.tolist()]
