"""Numbers per area that are computed from the filtered incidents for a layer's query."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import geopandas as gpd
import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

from gis_service.analysis.density import class_breaks
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.settings import Settings

KEPT = 64  # filters whose numbers are kept: a map asks for many tiles of one filter

_GRIDS = text("""
    SELECT area_id, area_m2, ST_AsBinary(geom) AS wkb FROM grid
    WHERE valid_to IS NULL AND kind = :kind ORDER BY area_id
""")


class AreaInputs:
    """Counts and hot spots per area, computed once per snapshot and filter."""

    def __init__(self, sessions: async_sessionmaker[Any], settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings
        self._kept: OrderedDict[Any, asyncio.Task[dict[str, Any]]] = OrderedDict()
        self._grids: tuple[int | None, Any] | None = None

    async def parameters(
        self, snapshot: Snapshot, wanted: IncidentFilter, level: str, *, hotspots: bool
    ) -> dict[str, Any]:
        """Parameters of a query, arrays as PostgreSQL writes them: ``area_ids, counts`` and with
        ``hotspots`` also ``z_scores, p_values, significances``."""
        key = (snapshot.version, snapshot.revision_id, level, hotspots, wanted.key)
        task = self._kept.get(key)
        if task is None or (task.done() and task.exception() is not None):
            # many tiles of one view ask at once: one computes, the others wait for it
            task = asyncio.ensure_future(self._compute(snapshot, wanted, level, hotspots))
            self._kept[key] = task
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return await asyncio.shield(task)

    async def breaks(self, snapshot: Snapshot, wanted: IncidentFilter) -> list[float]:
        """Class breaks of the density per km² over the grids that have enough incidents."""
        grids, _ = await self._grids_of(snapshot.revision_id)
        ids, counts = await asyncio.to_thread(snapshot.counts_by_area, "grid", wanted)
        enough = counts >= self.settings.minimum_count
        km2 = grids.set_index("area_id")["km2"].reindex(ids[enough]).to_numpy()
        return class_breaks(counts[enough] / km2)

    async def _compute(
        self, snapshot: Snapshot, wanted: IncidentFilter, level: str, hotspots: bool
    ) -> dict[str, Any]:
        ids, counts = await asyncio.to_thread(snapshot.counts_by_area, level, wanted)
        columns = {"area_ids": ids.tolist(), "counts": counts.tolist()}
        if hotspots:
            grids, weights = await self._grids_of(snapshot.revision_id)
            columns = await asyncio.to_thread(hotspot_columns, grids, weights, ids, counts)
        # written once: the driver would write them for each tile, which takes longer than the rest
        return {name: f"{{{','.join(map(str, values))}}}" for name, values in columns.items()}

    async def _grids_of(self, revision_id: int | None) -> tuple[Any, Any]:
        if self._grids is None or self._grids[0] != revision_id:
            async with self.sessions() as session:
                rows = (await session.execute(_GRIDS, {"kind": self.settings.grid_kind})).all()
            self._grids = (revision_id, await asyncio.to_thread(_frame_and_weights, rows))
        return self._grids[1]


def _frame_and_weights(rows: Any) -> tuple[gpd.GeoDataFrame, Any]:
    from gis_service.analysis.hotspots import contiguity

    frame = gpd.GeoDataFrame(
        {"area_id": [row.area_id for row in rows], "km2": [row.area_m2 / 1e6 for row in rows]},
        geometry=gpd.GeoSeries.from_wkb([bytes(row.wkb) for row in rows], crs="EPSG:4326"),
    )
    return frame, contiguity(frame) if len(frame) else None


def hotspot_columns(grids: Any, weights: Any, ids: Any, counts: Any) -> dict[str, Any]:
    """Gi* of counts per km² as columns in the grids' order.

    ``grids``: ``area_id`` (rising) and ``km2``; ``weights`` from ``analysis.hotspots.contiguity``;
    ``ids, counts`` as :meth:`Snapshot.counts_by_area` gives them.
    """
    from gis_service.analysis.hotspots import getis_ord

    count = np.zeros(len(grids), dtype=np.int64)
    if len(grids):
        place = np.searchsorted(grids["area_id"], ids)
        known = (place < len(grids)) & (
            grids["area_id"].to_numpy()[np.minimum(place, len(grids) - 1)] == ids
        )
        count[place[known]] = counts[known]
    found = getis_ord(count / grids["km2"].to_numpy(), weights)
    return {
        "area_ids": grids["area_id"].tolist(),
        "counts": count.tolist(),
        "z_scores": found.z.tolist(),
        "p_values": found.p.tolist(),
        "significances": found.significance.tolist(),
    }
