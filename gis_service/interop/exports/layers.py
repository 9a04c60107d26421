"""Layers that are drawn from the arrays, as rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import shapely

from gis_service.analysis import quadkey
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.interop.exports.queries import Statement, incident_statement
from gis_service.interop.exports.rows import GEOMETRY, Rows
from gis_service.maps.density import bins

CELL_ZOOM = 18  # about 150 m at the equator


def density_rows(snapshot: Snapshot, wanted: IncidentFilter) -> Callable[[int], Rows]:
    """Cells that hold incidents with their ``count``, as the points of their middles; their sum
    is the filtered count of incidents with a position."""
    cells, counts, zoom = bins(snapshot, wanted, 0, 0, 0, 1 << CELL_ZOOM)

    def made(srid: int) -> Rows:
        lon, lat = quadkey.to_positions(*quadkey.to_columns_rows(cells), zoom)
        x, y = from_wgs84(lon, lat, f"EPSG:{srid}")
        points = shapely.to_wkb(shapely.points(np.asarray(x), np.asarray(y)))
        batch = pa.record_batch(
            {"count": pa.array(counts, pa.int64()), GEOMETRY: pa.array(points, pa.binary())}
        )
        return Rows(batch.schema, iter([batch]), srid)

    return made


def points_statement(wanted: IncidentFilter, locale: str) -> Statement:
    """The incidents of the map: what it shows of a single one."""
    whole = incident_statement(wanted, locale)
    return Statement(f'SELECT id, state, class_code AS "class", geom FROM ({whole.sql}) i',
                     whole.values)  # fmt: skip
