"""Keeping fixes: every one that arrives is stored, there already, dropped or refused, and counted.

Stored fixes are never changed: a second fix of one device and moment is ``already`` there, also
where it names another place (``conflicting`` counts those).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.copy import copy_table
from gis_service.db.engine import driver_connection
from gis_service.errors import NotFound
from gis_service.hierarchy.lookup_raster import PolygonIndex
from gis_service.patrols.duty import (
    LEAVE,
    LEAVES,
    ON,
    SHIFTS,
    DutyTimes,
    day_date,
    local_days,
    micros,
    moment_of,
)
from gis_service.patrols.partitions import ensure_partitions, month_of
from gis_service.settings import Settings

_DAY_US = 86_400 * 1_000_000
CLOCK_SLACK = timedelta(minutes=5)  # how far a phone's clock may be ahead

_INSERT = text("""
    INSERT INTO fix (device_id, at, lon, lat, accuracy_m, received_at)
    SELECT DISTINCT ON (at) device_id, at, lon, lat, accuracy_m, received_at FROM arrived
    ORDER BY at, n ON CONFLICT DO NOTHING
    RETURNING (extract(epoch FROM at) * 1000000)::bigint
""")
_CONFLICTING = text("""
    SELECT count(*) FROM arrived a JOIN fix f USING (device_id, at)
    WHERE abs(a.lon - f.lon) > 1e-7 OR abs(a.lat - f.lat) > 1e-7
""")
COUNT_DAY = """
    INSERT INTO received_day AS r (officer_id, day, fixes, dropped_off_duty, on_leave, pending)
    VALUES (:officer, :day, :fixes, :dropped, :leave, :fixes > 0)
    ON CONFLICT (officer_id, day) DO UPDATE SET fixes = r.fixes + excluded.fixes,
        dropped_off_duty = r.dropped_off_duty + excluded.dropped_off_duty,
        on_leave = r.on_leave + excluded.on_leave, pending = r.pending OR excluded.pending
"""
_DROPPED = text("""
    INSERT INTO dropped_moment (device_id, at)
    SELECT DISTINCT CAST(:device AS int), 'epoch'::timestamptz + us * interval '1 microsecond'
    FROM unnest(CAST(:at AS bigint[])) AS us
    ON CONFLICT DO NOTHING RETURNING (extract(epoch FROM at) * 1000000)::bigint
""")
_DEVICE = text("""
    SELECT d.id, d.officer_id, d.keep_off_duty FROM device d WHERE d.id = :id
""")


@dataclass
class Stored:
    """What became of fixes; ``read`` is the sum of ``loaded``, ``already`` and :attr:`rejected`.

    ``unplaced`` (in no grid) are among ``loaded``, ``on_leave`` among ``dropped_off_duty``,
    ``conflicting`` among ``already``.
    """

    read: int = 0
    loaded: int = 0
    already: int = 0
    unplaced: int = 0
    conflicting: int = 0
    dropped_off_duty: int = 0
    on_leave: int = 0
    nowhere: int = 0
    untimed: int = 0
    future: int = 0
    too_old: int = 0
    since: datetime | None = None  # of those stored or there already
    until: datetime | None = None

    @property
    def rejected(self) -> int:
        """All that is not in the database now."""
        return self.dropped_off_duty + self.nowhere + self.untimed + self.future + self.too_old

    def add(self, other: Stored) -> None:
        """Sum another batch up."""
        for part in fields(self):
            mine, theirs = getattr(self, part.name), getattr(other, part.name)
            if part.name not in ("since", "until"):
                setattr(self, part.name, mine + theirs)
            elif theirs is not None:
                choose = min if part.name == "since" else max
                setattr(self, part.name, theirs if mine is None else choose(mine, theirs))

    def as_json(self) -> dict[str, Any]:
        counts = {
            part.name: getattr(self, part.name)
            for part in fields(self)
            if part.name not in ("since", "until")
        }
        return {**counts, "rejected": self.rejected}


def read_duty(session: Session, settings: Settings, since: datetime, until: datetime) -> DutyTimes:
    """Duty times of everybody in a span."""
    zone = ZoneInfo(settings.timezone)
    days = {"first": since.astimezone(zone).date(), "last": until.astimezone(zone).date()}
    return DutyTimes.of_rows(
        settings,
        session.execute(SHIFTS, {"since": since, "until": until}).all(),
        session.execute(LEAVES, days).all(),
    )


def store_fixes(
    session: Session,
    settings: Settings,
    device_id: int,
    at: np.ndarray,
    lon: np.ndarray,
    lat: np.ndarray,
    accuracy_m: np.ndarray,
    *,
    now: datetime,
    keep_off_duty: bool = False,
    grids: PolygonIndex | None = None,
) -> Stored:
    """Store fixes of one device (n): ``at`` int64 UTC microseconds, negative where there is none;
    WGS84 degrees; metres, NaN where unknown. The caller commits.

    Fixes outside duty hours and on leave are counted and not stored unless ``keep_off_duty`` or
    the device says so. Raises NotFound for an unknown device.
    """
    device = session.execute(_DEVICE, {"id": device_id}).one_or_none()
    if device is None:
        raise NotFound(f"no device {device_id}", f"没有设备 {device_id}")
    out = Stored(read=len(at))
    zone = ZoneInfo(settings.timezone)
    earliest = micros(datetime.fromisoformat(settings.earliest_report).replace(tzinfo=zone))
    left = np.ones(len(at), bool)
    with np.errstate(invalid="ignore"):
        on_globe = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    for name, wrong in (
        ("untimed", at < 0),
        ("nowhere", ~on_globe),
        ("future", at > micros(now + CLOCK_SLACK)),
        ("too_old", at < earliest),
    ):
        setattr(out, name, int((left & wrong).sum()))
        left &= ~wrong
    rows = np.flatnonzero(left)
    if not len(rows):
        return out
    days = local_days(at, zone)
    duty = np.zeros(len(at), np.uint8)
    span = moment_of(int(at[rows].min())), moment_of(int(at[rows].max()) + 1)
    duty[rows] = read_duty(session, settings, *span).of(device.officer_id, at[rows])
    if keep_off_duty or device.keep_off_duty:
        duty[:] = ON
    off = rows[duty[rows] != ON]
    away = rows[duty[rows] == LEAVE]
    out.dropped_off_duty, out.on_leave = len(off), len(away)
    rows = rows[duty[rows] == ON]
    new = _insert(session, device_id, rows, at, lon, lat, accuracy_m, now, out)
    if grids is not None:
        _, first = np.unique(at[rows], return_index=True)
        loaded = rows[first][np.isin(at[rows[first]], new)]
        out.unplaced = int((grids.first(lon[loaded], lat[loaded]) < 0).sum())
    else:
        out.unplaced = out.loaded
    dropped = _dropped(session, device_id, at[off])
    counted = {
        int(day): {"fixes": 0, "dropped": 0, "leave": 0}
        for day in np.unique(days[np.concatenate([rows, off])])
    }
    on_leave = dropped[np.isin(dropped, at[away])]
    for name, moments in (("fixes", new), ("dropped", dropped), ("leave", on_leave)):
        for day, count in zip(
            *np.unique(local_days(moments, zone), return_counts=True), strict=True
        ):
            counted[int(day)][name] = int(count)
    for day, counts in counted.items():
        session.execute(
            text(COUNT_DAY), {"officer": device.officer_id, "day": day_date(day), **counts}
        )
    return out


def _dropped(session: Session, device_id: int, at: np.ndarray) -> np.ndarray:
    """The moments that were not dropped before."""
    if not len(at):
        return at
    values = {"device": device_id, "at": at.tolist()}
    return np.array(session.execute(_DROPPED, values).scalars().all(), np.int64)


def _insert(
    session: Session,
    device_id: int,
    rows: np.ndarray,
    at: np.ndarray,
    lon: np.ndarray,
    lat: np.ndarray,
    accuracy_m: np.ndarray,
    now: datetime,
    out: Stored,
) -> np.ndarray:
    """Insert ``rows``; the moments of those that were new."""
    if not len(rows):
        return np.empty(0, np.int64)
    months = {month_of(int(moment)) for moment in np.unique(at[rows] // _DAY_US) * _DAY_US}
    ensure_partitions(session, months)
    session.execute(text("DROP TABLE IF EXISTS arrived"))
    session.execute(
        text(
            "CREATE TEMP TABLE arrived (n int, device_id int, at timestamptz, lon float8, "
            "lat float8, accuracy_m real, received_at timestamptz) ON COMMIT DROP"
        )
    )
    copy_table(
        driver_connection(session),
        "arrived",
        pa.table(
            {
                "n": pa.array(rows.astype(np.int32)),
                "device_id": pa.array(np.full(len(rows), device_id, np.int32)),
                "at": pa.array(at[rows], pa.timestamp("us", tz="UTC")),
                "lon": pa.array(lon[rows]),
                "lat": pa.array(lat[rows]),
                "accuracy_m": pa.array(accuracy_m[rows].astype(np.float32), from_pandas=True),
                "received_at": pa.array(
                    np.full(len(rows), micros(now)), pa.timestamp("us", tz="UTC")
                ),
            }
        ),
    )
    new = np.array(session.execute(_INSERT).scalars().all(), np.int64)
    out.loaded = len(new)
    out.already = len(rows) - len(new)
    out.conflicting = int(session.execute(_CONFLICTING).scalar_one()) if out.already else 0
    out.since = moment_of(int(at[rows].min()))
    out.until = moment_of(int(at[rows].max()) + 1)
    return new
