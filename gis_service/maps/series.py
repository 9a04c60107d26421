"""Counts over time for the slider: one answer holds every step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.analysis import quadkey
from gis_service.errors import InvalidInput
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter, micros

MOST_CELLS = 20_000


def step_edges(snapshot: Snapshot, wanted: IncidentFilter, steps: int) -> npt.NDArray[np.int64]:
    """``steps + 1`` edges (UTC microseconds) over the filter's range, else over all reports."""
    span = snapshot.time_span()
    first = micros(wanted.since) if wanted.since else (span[0] if span else 0)
    last = micros(wanted.until) if wanted.until else (span[1] + 1 if span else 1)
    if last <= first:
        raise InvalidInput("the time range is empty", "时间范围为空", where="from")
    return np.linspace(first, last, steps + 1).astype(np.int64)


def edges_text(edges: npt.NDArray[np.int64]) -> list[str]:
    """ISO 8601 in UTC."""
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return [(start + timedelta(microseconds=int(edge))).isoformat() for edge in edges]


def heat_series(
    snapshot: Snapshot, wanted: IncidentFilter, edges: npt.NDArray[np.int64], zoom: int
) -> dict[str, Any]:
    """Cells of ``zoom`` (coarser where there would be too many) and their counts per step.

    ``lon, lat`` are the cells' middles (WGS84); ``steps[k]`` lists the cells that hold incidents
    in step k, by position in them, with their counts.
    """
    keys, steps = [], []
    for table in snapshot.tables:
        rows = table.select(wanted)
        key = table.quadkey[rows]
        step = np.searchsorted(edges, table.reported_at[rows], side="right") - 1
        use = (key < quadkey.NOWHERE) & (step >= 0) & (step < len(edges) - 1)
        keys.append(key[use])
        steps.append(step[use])
    key, step = np.concatenate(keys), np.concatenate(steps)
    zoom = min(zoom, quadkey.ZOOM)
    while True:
        cells, place = np.unique(key >> (2 * (quadkey.ZOOM - zoom)), return_inverse=True)
        if len(cells) <= MOST_CELLS or zoom == 0:
            break
        zoom -= 1
    width = len(edges) - 1
    pairs, counts = np.unique(step * max(len(cells), 1) + place, return_counts=True)
    pair_step, pair_cell = np.divmod(pairs, max(len(cells), 1))
    bounds = np.searchsorted(pair_step, np.arange(width + 1))
    lon, lat = quadkey.to_positions(*quadkey.to_columns_rows(cells), zoom)
    return {
        "cell_zoom": zoom,
        "lon": np.round(lon, 6).tolist(),
        "lat": np.round(lat, 6).tolist(),
        "steps": [
            {"cell": pair_cell[a:b].tolist(), "count": counts[a:b].tolist()}
            for a, b in pairwise(bounds.tolist())
        ],
    }
