"""Tiles of incidents cut from the arrays: bins for heat, clusters and points."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.analysis import quadkey
from gis_service.incidents.arrays import IncidentTable, Snapshot, joined
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.models import STATES
from gis_service.maps.bin_kernel import Counts, cluster_cells, count_cells
from gis_service.maps.mvt import EXTENT, Points, encode_layer
from gis_service.maps.registry import Layer

# a tile with more points than this is clustered at any zoom: nothing is dropped unsaid
MOST_POINTS = 5000
CROWDED_CELLS = 64
MANY = 100_000  # incidents in a tile; fewer are counted one by one as fast


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
    parts = [table.between(first, behind) for table in snapshot.tables]
    found: list[Counts] = []
    if snapshot.days is not None and len(parts[0]) >= MANY:
        known = snapshot.days.count(wanted, first, behind, zoom)
        if known is not None:
            found.append(known)
            parts = parts[1:]
            if snapshot.replaced is not None:
                gone = snapshot.replaced.between(first, behind)
                gone_cells, gone_counts = count_cells(gone, wanted, shift)
                found.append((gone_cells, -gone_counts))
    found += [count_cells(part, wanted, shift) for part in parts if len(part)]
    found = [one for one in found if len(one[0])]
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), zoom
    if len(found) == 1:
        return (*found[0], zoom)
    keys, place = np.unique(np.concatenate([cell for cell, _ in found]), return_inverse=True)
    counts = np.bincount(place, weights=np.concatenate([count for _, count in found]))
    return keys[counts > 0], counts[counts > 0].astype(np.int64), zoom


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
    first, behind = quadkey.tile_range(z, x, y)
    parts = [table.between(first, behind) for table in snapshot.tables]
    parts = [part for part in parts if len(part)]
    passing = [part.mask(wanted) for part in parts]
    total = sum(
        len(part) if mask is None else int(np.count_nonzero(mask))
        for part, mask in zip(parts, passing, strict=True)
    )
    if not total:
        return b""
    if z >= layer.density.points_from and total <= MOST_POINTS:
        rows = [part if mask is None else part.take(mask)
                for part, mask in zip(parts, passing, strict=True)]  # fmt: skip
        return encode_layer(layer.id, [_alone(joined(rows), class_codes, z, x, y)])
    cells = layer.density.cells if z < layer.density.points_from else CROWDED_CELLS
    return encode_layer(layer.id, _clusters(parts, passing, cells, class_codes, z, x, y))


def _clusters(
    parts: list[IncidentTable], passing: list[npt.NDArray[np.bool_] | None], cells: int,
    class_codes: dict[int, str], z: int, x: int, y: int,
) -> list[Points]:  # fmt: skip
    """The middles of what lies together in a cell; what lies alone as itself."""
    shift = 2 * (quadkey.ZOOM - cell_zoom(z, cells))
    found = [
        cluster_cells(part.quadkey, mask, shift) for part, mask in zip(parts, passing, strict=True)
    ]
    _, place = np.unique(np.concatenate([one[0] for one in found]), return_inverse=True)
    counts = np.bincount(place, weights=np.concatenate([one[1] for one in found]))
    columns, rows = (
        np.bincount(place, weights=np.concatenate([one[axis] for one in found])) for axis in (2, 3)
    )
    several = counts > 1
    per = EXTENT / (1 << (quadkey.ZOOM - z))
    middle_x, middle_y = (
        (sums[several] / counts[several] - (tile << (quadkey.ZOOM - z)) + 0.5) * per
        for sums, tile in ((columns, x), (rows, y))
    )
    alone, start = [], 0
    for part, one in zip(parts, found, strict=True):
        own = place[start : start + len(one[0])]
        start += len(one[0])
        alone.append(part.take(one[4][counts[own] == 1]))
    return [
        Points(
            np.floor(middle_x).astype(np.int64), np.floor(middle_y).astype(np.int64),
            {"count": counts[several].astype(np.int64)},
        ),
        _alone(joined(alone), class_codes, z, x, y),
    ]  # fmt: skip


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
