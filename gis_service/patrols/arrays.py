"""Visits and windows as arrays, in the district's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.patrols.coverage import Visits, Window
from gis_service.patrols.promises import EPOCH_WEEKDAY, Ints

MINUTE_US = 60_000_000
DAY_US = 1_440 * MINUTE_US
SECOND_US = 1_000_000
_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH_DAY).days


def micros(moment: datetime) -> int:
    """UTC microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def make_window(since: datetime, until: datetime, zone: ZoneInfo) -> Window:
    """``[since, until)``, both with a zone, with the days of its first and last moment."""
    last = until - timedelta(microseconds=1)
    return Window(
        micros(since), micros(until), day_number(since.astimezone(zone).date()),
        day_number(last.astimezone(zone).date()),
    )  # fmt: skip


def make_visits(
    officer: Ints,
    area: Ints,
    entered: Ints,
    left: Ints,
    length_m: npt.NDArray[np.float64],
    zone: ZoneInfo,
) -> Visits:
    """Visits from columns (n,); ``entered`` and ``left`` are UTC microseconds."""
    local = _local(entered, zone)
    day = local // DAY_US
    start = local // MINUTE_US
    behind = -(-(local + left - entered) // MINUTE_US)
    weekday = (day + EPOCH_WEEKDAY) % 7
    return Visits(
        officer.astype(np.int64), area.astype(np.int64), entered, day,
        weekday * 1_440 + start % 1_440, behind - start, (left - entered) / SECOND_US,
        length_m.astype(np.float64),
    )  # fmt: skip


def _local(moments: Ints, zone: ZoneInfo) -> Ints:
    """Wall clock of UTC microseconds, as microseconds."""
    stamps: Any = pd.DatetimeIndex(moments.astype("datetime64[us]")).tz_localize("UTC")
    return np.asarray(stamps.tz_convert(zone).tz_localize(None).as_unit("us").asi8)
