"""Which tiles show something else after incidents changed: those of the places where they were and
where they are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

from gis_service.analysis import quadkey
from gis_service.events.feed import Published
from gis_service.incidents.arrays import IncidentTable
from gis_service.maps.registry import Layer
from gis_service.maps.tile_cache import Address

# of more incidents or tiles at one zoom all tiles go: to name them would take longer
MOST_INCIDENTS = 1000
MOST_TILES = 4096
# what is drawn reaches into the tiles beside it: a sixty-fourth of a tile's side, and more
MARGIN_BITS = 4

Boxes = npt.NDArray[np.int64]  # (n, 4): first and last column, first and last row at quadkey.ZOOM


def few_incidents(events: Iterable[Published]) -> list[int] | None:
    """Numbers of the incidents that ``events`` tell of; None where they are many or not told."""
    found: set[int] = set()
    for event in events:
        if event.topic == "incidents":
            if event.payload.keys() != {"ids"}:
                return None
            found.update(event.payload["ids"])
    return sorted(found) if len(found) <= MOST_INCIDENTS else None


def boxes_of_points(rows: IncidentTable) -> Boxes:
    """One box for each position; what has none is on no tile."""
    keys = np.unique(rows.quadkey)
    columns, lines = quadkey.to_columns_rows(keys[keys != quadkey.NOWHERE])
    return np.column_stack([columns, columns, lines, lines])


async def boxes_of_areas(
    sessions: async_sessionmaker[Any], level: str, rows: IncidentTable
) -> Boxes:
    """The boxes of the areas of ``level`` that the incidents lie in."""
    ids = np.unique(getattr(rows, f"{level}_id"))
    query = text(
        "SELECT ST_XMin(geom), ST_XMax(geom), ST_YMax(geom), ST_YMin(geom) "
        f"FROM {level} WHERE valid_to IS NULL AND area_id = ANY(:ids)"
    )
    async with sessions() as session:
        found = (await session.execute(query, {"ids": ids[ids >= 0].tolist()})).all()
    west, east, north, south = np.array([tuple(row) for row in found]).reshape(-1, 4).T
    first, top = quadkey.to_columns_rows(quadkey.of_positions(west, north))
    last, bottom = quadkey.to_columns_rows(quadkey.of_positions(east, south))
    return np.column_stack([first, last, top, bottom])


def touched(layer: Layer, boxes: Boxes) -> Iterator[Address] | None:
    """The tiles of ``layer`` that ``boxes`` reach into, some of them several times; None for too
    many to name."""
    zooms = np.arange(layer.minzoom, layer.maxzoom + 1)
    shift = quadkey.ZOOM - zooms
    margin = (1 << shift) >> MARGIN_BITS
    sign = np.array([-1, 1, -1, 1])
    # (zooms, boxes, 4)
    ends = (boxes[None] + sign * margin[:, None, None]) >> shift[:, None, None]
    sizes = (ends[..., 1] - ends[..., 0] + 1) * (ends[..., 3] - ends[..., 2] + 1)
    if (sizes.sum(axis=1) > MOST_TILES).any():
        return None
    return (
        (layer.id, z, x, y)
        for z, there in zip(zooms.tolist(), ends.tolist(), strict=True)
        for west, east, north, south in there
        for x in range(west, east + 1)
        for y in range(north, south + 1)
    )
