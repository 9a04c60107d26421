"""Turn a batch of text rows into typed columns, and say of every row that cannot be why."""

from __future__ import annotations

from collections.abc import Mapping as Words
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.util import hash_pandas_object

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84
from gis_service.incidents.mapping import Mapping
from gis_service.incidents.models import SOURCES, STAGES, STATES
from gis_service.incidents.reading import LAT, LON, Rows


class Rejections:
    """Which rows of a batch are refused, each with its first reason."""

    def __init__(self, rows: int) -> None:
        self.reasons: dict[int, str] = {}
        self.bad = np.zeros(rows, dtype=bool)

    def add(self, mask: np.ndarray, reason: str, values: pd.Series | None = None) -> None:
        """Refuse the rows of ``mask``; ``{value!r}`` in the reason is filled from ``values``."""
        fresh = mask & ~self.bad
        for i in np.flatnonzero(fresh):
            self.reasons[int(i)] = (
                reason if values is None else reason.format(value=values.iloc[int(i)])
            )
        self.bad |= fresh


@dataclass
class Parsed:
    """A batch's columns, one entry per row, refused rows included (see ``rejections``).

    ``lon, lat`` are as reported in ``crs``; ``lon84, lat84`` the same in WGS84, NaN where there
    is no usable place. Times are UTC microseconds (datetime64), NaT where absent.
    """

    numbers: np.ndarray
    external_id: pd.Series
    reported_at: pd.Series
    due_at: pd.Series
    closed_at: pd.Series
    stages: dict[str, pd.Series]
    local_day: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    crs: pd.Series
    lon84: np.ndarray
    lat84: np.ndarray
    accuracy_m: np.ndarray
    address: pd.Series
    description: pd.Series
    class_code: pd.Series
    major: pd.Series
    state: pd.Series
    source: pd.Series
    rejections: Rejections


def parse_batch(rows: Rows, mapping: Mapping, *, earliest: datetime, latest: datetime) -> Parsed:
    """Parse ``rows`` by ``mapping``; reports outside ``[earliest, latest)`` are refused."""
    columns = mapping.columns.given()
    frame = rows.table.to_pandas()
    size = len(frame)
    rejected = Rejections(size)

    def text(name: str) -> pd.Series:
        # a stage is nobody's to miss: files that say when it passed name its column
        if name not in columns or (name in STAGES and columns[name] not in frame):
            return pd.Series([None] * size, dtype=object)
        values = frame[columns[name]].str.strip()
        return values.where(values != "", None)

    external = text("external_id")
    if "external_id" in columns:
        rejected.add(external.isna().to_numpy(), f"no {columns['external_id']}")
        repeated = external.duplicated() & external.notna()
        rejected.add(repeated.to_numpy(), "{value} stands in an earlier row of the file", external)
    else:
        external = _fingerprints(frame)

    times = {
        name: _times(text(name), name, mapping, rejected)
        for name in ("reported_at", "due_at", "closed_at", *STAGES)
    }
    reported = times["reported_at"]
    shown = text("reported_at")
    rejected.add(reported.isna().to_numpy(), f"no {columns['reported_at']}")
    rejected.add((reported < earliest).to_numpy(), "reported {value}: too early to be true", shown)
    rejected.add((reported >= latest).to_numpy(), "reported {value}: in the future", shown)
    local_day = _local_days(reported, mapping)

    lon, lat, crs, lon84, lat84 = _places(text, frame, columns, mapping, rejected)
    accuracy = _numbers(text("accuracy_m"), "accuracy_m", rejected)
    rejected.add(accuracy < 0, "negative accuracy")

    state = _translate(text("state"), mapping.states, mapping.default_state)
    rejected.add(~state.isin(STATES).to_numpy(), "unknown state {value!r}", state)
    source = _translate(text("source"), mapping.sources, mapping.default_source)
    rejected.add(~source.isin(SOURCES).to_numpy(), "unknown source {value!r}", source)
    class_code = text("class")
    rejected.add(class_code.isna().to_numpy(), f"no {columns['class']}")

    return Parsed(
        numbers=rows.numbers, external_id=external, reported_at=reported, due_at=times["due_at"],
        closed_at=times["closed_at"], stages={name: times[name] for name in STAGES},
        local_day=local_day, lon=lon, lat=lat, crs=crs, lon84=lon84,
        lat84=lat84, accuracy_m=accuracy, address=text("address"),
        description=text("description"), class_code=class_code, major=text("major"), state=state,
        source=source, rejections=rejected,
    )  # fmt: skip


def _fingerprints(frame: pd.DataFrame) -> pd.Series:
    """An id from a row's content, so that the same file loads once; equal rows are numbered."""
    digest = hash_pandas_object(frame, index=False)
    again = digest.groupby(digest).cumcount()
    return digest.map("{:016x}".format) + "-" + again.astype(str)


def _times(values: pd.Series, name: str, mapping: Mapping, rejected: Rejections) -> pd.Series:
    naive = pd.to_datetime(values, format=mapping.time_format or "ISO8601", errors="coerce")
    if not pd.api.types.is_datetime64_any_dtype(naive):
        # several offsets in one column
        naive = pd.to_datetime(values, format=mapping.time_format or "ISO8601", errors="coerce",
                               utc=True)  # fmt: skip
    rejected.add(
        (naive.isna() & values.notna()).to_numpy(), f"{name} {{value!r}} is no time", values
    )
    if naive.dt.tz is None:
        # a clock set back repeats an hour and set forward skips one: neither loses a row
        naive = naive.dt.tz_localize(
            mapping.zone, ambiguous=np.ones(len(naive), dtype=bool), nonexistent="shift_forward"
        )
    return naive.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def _local_days(reported: pd.Series, mapping: Mapping) -> np.ndarray:
    local = reported.dt.tz_convert(mapping.zone)
    days = local.dt.year * 10_000 + local.dt.month * 100 + local.dt.day
    return days.fillna(0).to_numpy(dtype=np.int64)


def _numbers(values: pd.Series, name: str, rejected: Rejections) -> np.ndarray:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    bad = values.notna().to_numpy() & ~np.isfinite(numbers)
    rejected.add(bad, f"{name} {{value!r}} is no number", values)
    return numbers


def _places(
    text: Any, frame: pd.DataFrame, columns: dict[str, str], mapping: Mapping, rejected: Rejections
) -> tuple[np.ndarray, np.ndarray, pd.Series, np.ndarray, np.ndarray]:
    if "lon" not in columns and LON in frame:
        lon_text, lat_text = frame[LON], frame[LAT]
    else:
        lon_text, lat_text = text("lon"), text("lat")
    lon = _numbers(lon_text, "lon", rejected)
    lat = _numbers(lat_text, "lat", rejected)
    half = np.isfinite(lon) != np.isfinite(lat)
    rejected.add(half & ~rejected.bad, "only one of lon and lat")
    given = text("crs") if "crs" in columns else pd.Series([None] * len(frame), dtype=object)
    crs = given.where(given.notna(), mapping.crs)
    lon84, lat84 = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    for name in crs.unique():
        here = (crs == name).to_numpy()
        try:
            system = parse_crs(name)
        except InvalidInput as problem:
            rejected.add(here, str(problem))
            continue
        if not system.startswith("EPSG:"):
            off = here & ((np.abs(lon) > 180) | (np.abs(lat) > 90))
            swapped = off & (np.abs(lat) <= 180) & (np.abs(lon) <= 90)
            rejected.add(swapped, "lat {value}: longitude and latitude are swapped", lat_text)
            rejected.add(off, "lon {value}: no degrees; is the coordinate system right?", lon_text)
        lon84[here], lat84[here] = to_wgs84(lon[here], lat[here], system)
    unplaced = (lon == 0) & (lat == 0)  # what devices report that have no position
    for x, y in mapping.default_points:
        unplaced |= (np.abs(lon - x) < 1e-7) & (np.abs(lat - y) < 1e-7)
    lon84[unplaced | rejected.bad] = np.nan
    lat84[unplaced | rejected.bad] = np.nan
    return lon, lat, crs, lon84, lat84


def _translate(values: pd.Series, words: Words[str, str], default: str) -> pd.Series:
    filled = values.where(values.notna(), None)
    return filled.map(lambda value: default if value is None else words.get(value, value))


def strings(values: pd.Series) -> pa.Array:
    """Arrow strings of an object column, None as null."""
    return pa.array(values.where(values.notna(), None), pa.string(), from_pandas=True)
