"""Fixes out of the database as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

# binary COPY: rows of fixed width, as no column is null
_HEADER = 19
_ROW = np.dtype(
    [
        ("columns", ">i2"),
        ("l0", ">i4"), ("device", ">i4"),
        ("l1", ">i4"), ("at", ">i8"),
        ("l2", ">i4"), ("lon", ">f8"),
        ("l3", ">i4"), ("lat", ">f8"),
        ("l4", ">i4"), ("accuracy", ">f4"),
    ]
)  # fmt: skip
_SINCE_2000_US = 946_684_800_000_000  # what PostgreSQL counts from
_COPY = """
    COPY (
        SELECT device_id, at, lon, lat, coalesce(accuracy_m, 'NaN')::real FROM fix
        WHERE device_id = ANY ({devices}) AND at >= {since} AND at < {until}
        ORDER BY device_id, at
    ) TO STDOUT (FORMAT BINARY)
"""

Columns = dict[str, npt.NDArray[Any]]


def read_fixes(
    connection: psycopg.Connection[Any], devices: Sequence[int], since: datetime, until: datetime
) -> Columns:
    """``device`` (database ids, int32), ``at`` (UTC microseconds, int64), ``lon``, ``lat``,
    ``accuracy_m`` (NaN where unknown) of fixes in [since, until), sorted by device and time."""
    query = sql.SQL(_COPY).format(
        devices=sql.Literal(list(devices)), since=sql.Literal(since), until=sql.Literal(until)
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        data = b"".join(bytes(block) for block in copy)
    rows = np.frombuffer(data, _ROW, count=(len(data) - _HEADER) // _ROW.itemsize, offset=_HEADER)
    return {
        "device": rows["device"].astype(np.int32),
        "at": rows["at"].astype(np.int64) + _SINCE_2000_US,
        "lon": rows["lon"].astype(np.float64),
        "lat": rows["lat"].astype(np.float64),
        "accuracy_m": rows["accuracy"].astype(np.float64),
    }
