"""Working time as arrays: which days are worked, between which hours, and how much by a moment.

Moments are int64 microseconds since 1970-01-01 UTC, amounts of time int64 microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.errors import InvalidInput

Ints = npt.NDArray[np.int64]
Periods = tuple[tuple[int, int], ...]  # minutes of the day

WORKING, OFF = "working", "off"
# what the national practice assumes where a district has set no hours of its own
DEFAULT_HOURS = (("08:00", "12:00"), ("14:00", "18:00"))
FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2089, 12, 31)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Day:
    """What the calendar says of a day: ``kind`` working or off, and why."""

    kind: str
    note: str = ""


def parse_periods(periods: Iterable[Iterable[str]]) -> Periods:
    """``[["08:00", "12:00"], …]`` as minutes of the day.

    Raises InvalidInput unless each is HH:MM (24:00 is the day's end), they rise, and none overlap.
    """
    out: list[tuple[int, int]] = []
    for period in periods:
        pair = tuple(_minutes(clock) for clock in period)
        if len(pair) != 2 or pair[0] >= pair[1] or (out and pair[0] < out[-1][1]):
            raise InvalidInput(
                "working periods must be start and end, rise and not overlap",
                "工作时段须为起止时刻，按先后排列且互不重叠",
                where="periods",
            )
        out.append((pair[0], pair[1]))
    if not out:
        raise InvalidInput("no working period", "没有工作时段", where="periods")
    return tuple(out)


def _minutes(clock: str) -> int:
    hours, colon, minutes = str(clock).strip().partition(":")
    if colon and hours.isdecimal() and minutes[:2].isdecimal():
        total = int(hours) * 60 + int(minutes[:2])
        # a spreadsheet writes seconds too
        if int(minutes[:2]) < 60 and total <= 24 * 60 and minutes[2:] in ("", ":00"):
            return total
    raise InvalidInput(f"{clock!r} is no HH:MM", f"{clock!r} 不是 HH:MM", where="periods")


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 UTC. Raises InvalidInput for a moment without a zone."""
    if moment.tzinfo is None:
        raise InvalidInput("a time without a time zone", "时间缺少时区")
    return (moment - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    """The moment in UTC."""
    return EPOCH + timedelta(microseconds=int(us))


class WorkingCalendar:
    """The working days and hours of a district, immutable.

    ``days`` says what single days are; others follow the weekday. ``hours`` are rows of
    (valid from, periods), each until the next; before the first :data:`DEFAULT_HOURS` hold. A year
    none of whose days stand in ``days`` is unknown: what reaches it is provisional.
    """

    def __init__(
        self,
        days: Mapping[date, Day],
        hours: Iterable[tuple[date, Iterable[Iterable[str]]]],
        zone: ZoneInfo,
    ) -> None:
        self.days = dict(days)
        self.zone = zone
        self.hours = sorted(((day, parse_periods(rows)) for day, rows in hours), key=_first)
        self.known_years = frozenset(day.year for day in self.days)
        span = np.datetime64(FIRST_DAY) + np.arange((LAST_DAY - FIRST_DAY).days + 1)
        # 1970-01-01 was a Thursday
        works = (span.astype(np.int64) + 3) % 7 < 5
        for day, told in self.days.items():
            if FIRST_DAY <= day <= LAST_DAY:
                works[(day - FIRST_DAY).days] = told.kind == WORKING
        begin, end = self._local_periods(span, works)
        self.starts = self._utc_us(begin)
        self.ends = self._utc_us(end)
        length = self.ends - self.starts
        self.after = np.cumsum(length)
        self.before = self.after - length
        self.day_starts = self._utc_us(np.append(span, span[-1] + _DAY).astype("datetime64[us]"))
        # working days up to and with each day, and the end of the last period of each of them
        self.days_worked = np.cumsum(works)
        years = span.astype("datetime64[Y]").astype(np.int64) + 1970
        # how many days of unknown years there are up to and with each day
        self.days_unknown = np.cumsum(~np.isin(years, sorted(self.known_years)))
        own = begin.astype("datetime64[D]")
        self.day_ends = self.ends[np.append(own[1:] != own[:-1], True)]

    def _local_periods(
        self, span: npt.NDArray[np.datetime64], works: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.datetime64]]:
        bounds = [FIRST_DAY, *(day for day, _ in self.hours), LAST_DAY + timedelta(days=1)]
        begins, ends = [], []
        for number, periods in enumerate(
            [parse_periods(DEFAULT_HOURS), *(p for _, p in self.hours)]
        ):
            chosen = works & (span >= np.datetime64(bounds[number]))
            chosen &= span < np.datetime64(bounds[number + 1])
            midnight = span[chosen].astype("datetime64[us]")[:, None]
            minutes = np.array(periods).T * np.timedelta64(60_000_000, "us")
            begins.append((midnight + minutes[0]).ravel())
            ends.append((midnight + minutes[1]).ravel())
        return np.concatenate(begins), np.concatenate(ends)

    def _utc_us(self, local: npt.NDArray[np.datetime64]) -> Ints:
        moments = pd.DatetimeIndex(local).tz_localize(
            self.zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward"
        )
        return np.asarray(moments.as_unit("us").asi8)

    # -- moments and working time ------------------------------------------------------------

    def worked(self, us: Ints | int) -> Ints:
        """Working time from the calendar's first day to each moment."""
        at = np.searchsorted(self.starts, us, side="right") - 1
        run = np.minimum(us, self.ends[at]) - self.starts[at]
        return np.where(at < 0, 0, self.before[at] + run)

    def reached(self, worked: Ints | int) -> Ints:
        """The earliest moment by which that much was worked; InvalidInput beyond the last day."""
        at = np.searchsorted(self.after, worked, side="left")
        _within(np.all(at < len(self.after)))
        return np.asarray(self.starts[at] + (worked - self.before[at]))

    def day_of(self, us: Ints | int) -> Ints:
        """The number of the local day, the calendar's first day being 0.

        Raises InvalidInput outside the calendar's days.
        """
        day = np.searchsorted(self.day_starts, us, side="right") - 1
        _within(np.all((day >= 0) & (day < len(self.days_worked))))
        return np.asarray(day)

    def nth_end(self, day: Ints | int, count: Ints | int) -> Ints:
        """End of the ``count``-th working day after a day (number)."""
        number = self.days_worked[day] + count - 1
        _within(np.all(number < len(self.day_ends)))
        return np.asarray(self.day_ends[number])

    def reaches_unknown(self, first: Ints | int, last: Ints | int) -> npt.NDArray[np.bool_]:
        """Whether a day from one moment to a later one lies in a year without calendar."""
        begin, end = self.day_of(first), self.day_of(last)
        before = np.where(begin > 0, self.days_unknown[begin - 1], 0)
        return np.asarray(self.days_unknown[end] > before)

    def next_start(self, us: int) -> int:
        """The moment itself inside a working period, else the next period's start."""
        at = int(np.searchsorted(self.ends, us, side="right"))
        _within(at < len(self.starts))
        return max(us, int(self.starts[at]))

    def is_working(self, moment: datetime) -> bool:
        """Whether a moment lies in a working period (its end excluded)."""
        us = to_us(moment)
        at = int(np.searchsorted(self.starts, us, side="right")) - 1
        return at >= 0 and us < int(self.ends[at])

    # -- days in words -----------------------------------------------------------------------

    def local(self, us: int) -> datetime:
        """The moment in the district's zone."""
        return from_us(us).astimezone(self.zone)

    def works_on(self, day: date) -> bool:
        """Whether the calendar, else the weekday, makes it a working day."""
        told = self.days.get(day)
        return told.kind == WORKING if told else day.weekday() < 5

    def periods_on(self, day: date) -> Periods:
        """The working periods in force on a day, were it a working day."""
        earlier = [periods for start, periods in self.hours if start <= day]
        return earlier[-1] if earlier else parse_periods(DEFAULT_HOURS)

    def unknown_years(self, first: date, last: date) -> list[int]:
        """The years from one day to another that have no calendar."""
        return [y for y in range(first.year, last.year + 1) if y not in self.known_years]


def _first(row: tuple[date, Periods]) -> date:
    return row[0]


def _within(holds: bool | np.bool_) -> None:
    if not holds:
        raise InvalidInput(
            f"the time lies outside {FIRST_DAY:%Y} to {LAST_DAY:%Y}",
            f"时间超出 {FIRST_DAY:%Y} 至 {LAST_DAY:%Y} 年",
        )
