"""Counts of incidents by cell, class and day as a GeoParquet file: what a province adds up.

The incidents lie sorted by cell, so a part of them is a range of whole cells, counted by itself
wherever the engine computes, and written behind the part before: nothing is merged, and no more
than a few parts are held.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from gis_service.analysis import quadkey
from gis_service.engines import Engine, LocalEngine
from gis_service.errors import InvalidInput
from gis_service.incidents.arrays import Snapshot, joined
from gis_service.incidents.metrics.grouping import period_edges

PART_ROWS = 1_000_000
LEAST_ZOOM, MOST_ZOOM = 5, 20
_EPOCH_DAY = date(1970, 1, 1).toordinal()
# without a "crs" a GeoParquet's coordinates are longitude and latitude in WGS84
_GEO = {
    "version": "1.1.0", "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
}  # fmt: skip
Part = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class _Days:
    """What every part is counted with: the shift from a quadkey to its cell, the days' bounds
    (UTC microseconds) and the ordinals of the days."""

    shift: int
    edges: npt.NDArray[np.int64]
    ordinals: npt.NDArray[np.int64]


def roll_up(
    snapshot: Snapshot, zoom: int, zone: ZoneInfo, class_codes: dict[int, str], out: Path,
    *, engine: Engine | None = None, progress: Callable[[float], None] = lambda share: None,
) -> dict[str, int]:  # fmt: skip
    """Write ``out``: a row for each cell of ``zoom`` (tile ``x``, ``y`` of the web-mercator
    scheme), class and day of ``zone`` that has incidents, by cell, class and day, with their
    ``count`` and the cell's middle (WGS84). The same whichever ``engine`` counts.

    Returns ``incidents`` counted, ``without_position`` left out, and ``rows``. Raises InvalidInput
    for a zoom outside 5 to 20; nothing is left of a file that was not finished.
    """
    if not LEAST_ZOOM <= zoom <= MOST_ZOOM:
        raise InvalidInput(
            f"{zoom}: want a zoom of {LEAST_ZOOM} to {MOST_ZOOM}",
            f"{zoom}：级别须为 {LEAST_ZOOM}–{MOST_ZOOM}",
            where="zoom",
        )
    table = joined(list(snapshot.tables))
    placed = int(np.searchsorted(table.quadkey, quadkey.NOWHERE))
    shift = 2 * (quadkey.ZOOM - zoom)
    reported = table.reported_at[:placed]
    span = (int(reported.min()), int(reported.max())) if placed else (0, 0)
    ordinals, edges = period_edges("day", *span, zone)

    def parts() -> Iterator[Part]:
        start = 0
        while start < placed:
            progress(start / placed)
            last = min(start + PART_ROWS, placed) - 1
            behind = ((int(table.quadkey[last]) >> shift) + 1) << shift
            end = int(np.searchsorted(table.quadkey, behind))
            yield table.quadkey[start:end], reported[start:end], table.class_id[start:end]
            start = end

    schema = pa.schema(
        [("x", pa.int32()), ("y", pa.int32()), ("class", pa.string()), ("day", pa.date32()),
         ("count", pa.int64()), ("geometry", pa.binary())],
        metadata={"geo": json.dumps(_GEO), "zoom": str(zoom), "timezone": zone.key},
    )  # fmt: skip
    rows = 0
    draft = out.with_name(f".{out.name}.part")
    try:
        with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
            shared = _Days(shift, edges, ordinals)
            for counted in (engine or LocalEngine()).map(_count, shared, parts()):
                rows += len(counted[0])
                writer.write_table(_written(counted, zoom, class_codes, schema))
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    progress(1.0)
    return {"incidents": placed, "without_position": len(table) - placed, "rows": rows}


def _count(
    shared: _Days, keys: npt.NDArray[np.int64], reported: npt.NDArray[np.int64],
    class_id: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[Any], ...]:  # fmt: skip
    """(cells, classes, days as ordinals, counts) of one part."""
    cell = keys >> shared.shift
    day = shared.ordinals[np.searchsorted(shared.edges, reported, side="right") - 1]
    order = np.lexsort((day, class_id, cell))
    cell, class_id, day = cell[order], class_id[order], day[order]
    new = (np.diff(cell) != 0) | (np.diff(class_id) != 0) | (np.diff(day) != 0)
    starts = np.flatnonzero(np.concatenate(([True], new)))
    counts = np.diff(np.append(starts, len(cell)))
    return cell[starts], class_id[starts], day[starts], counts


def _written(
    counted: tuple[npt.NDArray[Any], ...], zoom: int, class_codes: dict[int, str], schema: pa.Schema
) -> pa.Table:
    cell, class_id, day, counts = counted
    column, row = quadkey.to_columns_rows(cell)
    lon, lat = quadkey.to_positions(column, row, zoom)
    known, place = np.unique(class_id, return_inverse=True)
    codes = np.array([class_codes[int(one)] for one in known], dtype=object)[place]
    return pa.table(
        [
            pa.array(column, pa.int32()), pa.array(row, pa.int32()), pa.array(codes, pa.string()),
            pa.array((day - _EPOCH_DAY).astype(np.int32)).cast(pa.date32()),
            pa.array(counts, pa.int64()),
            pa.array(shapely.to_wkb(shapely.points(lon, lat)), pa.binary()),
        ],
        schema=schema,
    )  # fmt: skip
