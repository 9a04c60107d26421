"""Tiles of incidents cut from the arrays: bins for heat, clusters and points."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.analysis import quadkey
from gis_service.incidents.arrays import IncidentTable, Snapshot, joined
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.models import STATES
from gis_service.maps.bin_kernel import count_cells
from gis_service.maps.mvt import EXTENT, Points, encode_layer
from gis_service.maps.registry import Layer

# a tile with more points than this is clustered at any zoom: nothing is dropped unsaid
MOST_POINTS = 5000
CROWDED_CELLS = 64


def tile_table(
    snapshot: Snapshot, wanted: IncidentFilter, z: int, x: int, y: int
) -> IncidentTable | None:
    """The filtered incidents inside a tile, sorted by quadkey; None where there are none."""
    first, behind = quadkey.tile_range(z, x, y)
    parts = []
    for table in snapshot.tables:
        part = table.between(first, behind)
        if len(part):
            rows = part.select(wanted)
            parts.append(part if isinstance(rows, slice) else part.take(rows))
    parts = [part for part in parts if len(part)]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else joined(parts)


def bins(
    snapshot: Snapshot, wanted: IncidentFilter, z: int, x: int, y: int, cells: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Cells of a tile that hold incidents, their counts, and the cells' zoom.

    A cell is a quadkey of ``z + log2(cells)``, so cells of neighbouring tiles never share an
    incident and the counts of all tiles of a zoom sum to the filtered count.
    """
    zoom = cell_zoom(z, cells)
    shift = 2 * (quadkey.ZOOM - zoom)
    first, behind = quadkey.tile_range(z, x, y)
    found = []
    for table in snapshot.tables:
        low, high = np.searchsorted(table.quadkey, (first, behind))
        if low == high:
            continue
        counted = count_cells(table.take(slice(int(low), int(high))), wanted, shift)
        if len(counted[0]):
            found.append(counted)
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), zoom
    if len(found) == 1:
        return (*found[0], zoom)
    keys, place = np.unique(np.concatenate([cell for cell, _ in found]), return_inverse=True)
    counts = np.bincount(place, weights=np.concatenate([count for _, count in found]))
    return keys, counts.astype(np.int64), zoom


def cell_zoom(z: int, cells: int) -> int:
    """The zoom whose tiles are the cells of a tile at ``z``."""
    return min(z + cells.bit_length() - 1, quadkey.ZOOM)


def density_tile(
    layer: Layer, snapshot: Snapshot, wanted: IncidentFilter, class_codes: dict[int, str],
    z: int, x: int, y: int,
) -> bytes:  # fmt: skip
    """One tile of a layer whose source is ``density``."""
    assert layer.density is not None  # noqa: S101 - the registry holds sources to it
    if layer.density.kind == "bins":
        keys, counts, zoom = bins(snapshot, wanted, z, x, y, layer.density.cells)
        px, py = _tile_units(keys, zoom, z, x, y)
        return encode_layer(layer.id, [Points(px, py, {"count": counts})])
    table = tile_table(snapshot, wanted, z, x, y)
    if table is None:
        return b""
    if z >= layer.density.points_from and len(table) <= MOST_POINTS:
        return encode_layer(layer.id, [_alone(table, class_codes, z, x, y)])
    cells = layer.density.cells if z < layer.density.points_from else CROWDED_CELLS
    return encode_layer(layer.id, _clusters(table, cells, class_codes, z, x, y))


def _clusters(
    table: IncidentTable, cells: int, class_codes: dict[int, str], z: int, x: int, y: int
) -> list[Points]:
    shift = 2 * (quadkey.ZOOM - cell_zoom(z, cells))
    keys = table.quadkey >> shift
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    counts = np.diff(np.append(starts, len(keys)))
    px, py = _tile_units(table.quadkey, quadkey.ZOOM, z, x, y)
    several = counts > 1
    middle_x = np.add.reduceat(px, starts)[several] / counts[several]
    middle_y = np.add.reduceat(py, starts)[several] / counts[several]
    return [
        Points(np.rint(middle_x), np.rint(middle_y), {"count": counts[several]}),
        _alone(table.take(starts[~several]), class_codes, z, x, y),
    ]


def _alone(table: IncidentTable, class_codes: dict[int, str], z: int, x: int, y: int) -> Points:
    px, py = _tile_units(table.quadkey, quadkey.ZOOM, z, x, y)
    codes, place = np.unique(table.class_id, return_inverse=True)
    names = np.array([class_codes.get(int(code), "") for code in codes], dtype=object)
    return Points(
        px, py,
        {
            "id": table.id,
            "state": np.array(STATES)[table.state],
            "class": names[place].astype(str) if len(table) else np.empty(0, str),
        },
    )  # fmt: skip


def _tile_units(
    keys: npt.NDArray[np.int64], zoom: int, z: int, x: int, y: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Middles of cells at ``zoom`` in the units of tile ``z/x/y``."""
    column, row = quadkey.to_columns_rows(keys)
    per_cell = EXTENT / (1 << (zoom - z))
    px = (column - (x << (zoom - z)) + 0.5) * per_cell
    py = (row - (y << (zoom - z)) + 0.5) * per_cell
    return np.floor(px).astype(np.int64), np.floor(py).astype(np.int64)
