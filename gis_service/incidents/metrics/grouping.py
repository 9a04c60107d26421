"""Incidents of a filter in groups: by area, class, unit, squad and period, with their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gis_service.analysis.members import rows_among
from gis_service.errors import InvalidInput
from gis_service.hierarchy.models import LEVELS
from gis_service.incidents.arrays import IncidentTable, Snapshot
from gis_service.incidents.beside import Moved
from gis_service.incidents.filters import NO_TIME, IncidentFilter, micros
from gis_service.incidents.metrics.kernel import (
    Part,
    bounds,
    figures_of_groups,
    group_keys,
    ids_there,
    percentiles,
    period_keys,
    sizes_of,
)

Period = Literal["day", "week", "month"]
Boundaries = Literal["current", "filed"]
Moment = Literal["reported", "due"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")
OWNERS = ("class", "unit", "squad")
DIMENSIONS = (*LEVELS, *OWNERS, *PERIODS)
_DENSE = 1 << 22  # more possible groups than this are numbered by those that are there
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Groups:
    """Figures of groups, in the order of their dimensions' values.

    ``values[dimension]`` are ids (-1 none) or, of a period, ordinals of its first day;
    ``counts`` (g, 10), ``measured`` (g, 5), ``times`` (g, 5, 2) as the kernel has them;
    ``called`` (g, 3): units called, come, come in time; ``delays`` (g, 2): median and ninetieth
    percentile until they came, seconds, NaN where none came.
    """

    dimensions: tuple[str, ...]
    values: dict[str, npt.NDArray[np.int64]]
    counts: npt.NDArray[np.int32]
    measured: npt.NDArray[np.int32]
    times: npt.NDArray[np.float64]
    called: npt.NDArray[np.int64]
    delays: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.counts)


def measure(
    snapshot: Snapshot, wanted: IncidentFilter, by: tuple[str, ...], zone: ZoneInfo, now: datetime,
    *, boundaries: Boundaries = "current", moment: Moment = "reported",
) -> Groups:  # fmt: skip
    """Figures of what passes ``wanted``, grouped ``by`` some of ``DIMENSIONS`` (none: one group).

    ``boundaries``: the areas, in the filter and in the groups, are today's or those as filed.
    ``moment``: the filter's times and the periods mean the report or the deadline; what has no
    deadline is then left out. The scope of the asker is always today's. A period begins in
    ``zone``.
    """
    return measure_all(
        snapshot, wanted, (by,), zone, now, boundaries=boundaries, moment=moment
    )[0]  # fmt: skip


def measure_all(
    snapshot: Snapshot, wanted: IncidentFilter, groupings: Sequence[tuple[str, ...]],
    zone: ZoneInfo, now: datetime,
    *, boundaries: Boundaries = "current", moment: Moment = "reported",
) -> list[Groups]:  # fmt: skip
    """:func:`measure` by each of ``groupings``, filtered once."""
    data = _Rows(snapshot, wanted, boundaries, moment)
    return [_measured(data, by, zone, now) for by in groupings]


def _measured(data: _Rows, by: tuple[str, ...], zone: ZoneInfo, now: datetime) -> Groups:
    keys = _Keys(data, by, zone)
    key, groups = keys.of_rows()
    found, counts, measured, times = figures_of_groups(key, groups, data.parts, micros(now))
    found = keys.sparse[found] if keys.sparse is not None else found
    called_key = keys.of_calls()
    # a unit may have been called to a group in which it has no incident of its own
    called_there = np.unique(called_key[called_key >= 0])
    without = np.setdiff1d(called_there, found, assume_unique=True)
    every = np.sort(np.concatenate([found, without])) if len(without) else found

    def spread(rows: npt.NDArray[Any], fill: float) -> npt.NDArray[Any]:
        if not len(without):
            return rows
        out = np.full((len(every), *rows.shape[1:]), fill, rows.dtype)
        out[np.searchsorted(every, found)] = rows
        return out

    called, delays = _calls(data, called_key, every)
    return Groups(
        by, keys.values_of(every), spread(counts, 0), spread(measured, 0), spread(times, np.nan),
        called, delays,
    )  # fmt: skip


class _Rows:
    """The rows that pass, of all tables of a snapshot, and the calls of their incidents."""

    def __init__(
        self, snapshot: Snapshot, wanted: IncidentFilter, boundaries: Boundaries, moment: Moment
    ) -> None:
        scope = IncidentFilter(visible=wanted.visible)
        rest = replace(wanted, visible=None)
        if moment == "due":
            rest = replace(rest, since=None, until=None)
        self.moment = "due_at" if moment == "due" else "reported_at"
        self.calls = snapshot.calls
        self.parts: list[Part] = []
        # of each call the part and the row of its incident; part -1 where that does not pass
        self.call_part = np.full(len(self.calls), -1, np.int64)
        self.call_row = np.zeros(len(self.calls), np.int64)
        tables = [table for table in snapshot.tables if len(table)] or [snapshot.tables[0]]
        for table in tables:
            seen = table.mask(scope)
            placed = as_filed(table, snapshot.moved) if boundaries == "filed" else table
            mask = placed.mask(rest)
            if moment == "due":
                inside = placed.due_at != NO_TIME
                if wanted.since:
                    inside &= placed.due_at >= micros(wanted.since)
                if wanted.until:
                    inside &= placed.due_at < micros(wanted.until)
                mask = inside if mask is None else mask & inside
            if seen is not None:
                mask = seen if mask is None else mask & seen
            self._find_calls(placed, mask)
            # None where all pass; what does not is never looked at again
            self.parts.append((placed, None if mask is None else np.flatnonzero(mask)))

    def _find_calls(self, table: IncidentTable, mask: npt.NDArray[np.bool_] | None) -> None:
        if not len(self.calls):
            return
        rows = rows_among(table.id, self.calls.incident_id)
        rows = rows if mask is None else rows[mask[rows]]
        rows = rows[np.argsort(table.id[rows])]
        there = table.id[rows]
        at = np.searchsorted(there, self.calls.incident_id)
        known = at < len(there)
        known[known] = there[at[known]] == self.calls.incident_id[known]
        self.call_part[known] = len(self.parts)
        self.call_row[known] = rows[at[known]]

    def columns(self, name: str) -> list[tuple[npt.NDArray[Any], npt.NDArray[np.intp] | None]]:
        """A column of each part, whole, and which of its rows are meant (None: all)."""
        return [(getattr(table, name), rows) for table, rows in self.parts]

    def of_calls(self, name: str) -> npt.NDArray[Any]:
        """What a column says of the incident of each call; nothing that means anything where that
        does not pass."""
        first = getattr(self.parts[0][0], name)
        out = np.zeros(len(self.calls), first.dtype)
        for part, (table, _) in enumerate(self.parts):
            mine = self.call_part == part
            out[mine] = getattr(table, name)[self.call_row[mine]]
        return out


def as_filed(table: IncidentTable, moved: Moved) -> IncidentTable:
    """The table with the areas as filed."""
    rows = np.flatnonzero(np.isin(table.id, moved.id))
    if not len(rows):
        return table
    filed = moved.filed[np.searchsorted(moved.id, table.id[rows])]
    columns = {}
    for place, level in enumerate(LEVELS):
        columns[f"{level}_id"] = getattr(table, f"{level}_id").copy()
        columns[f"{level}_id"][rows] = filed[:, place]
    return replace(table, **columns)


class _Keys:
    """Numbers the groups: the dimensions' values as digits of one number."""

    def __init__(self, data: _Rows, by: tuple[str, ...], zone: ZoneInfo) -> None:
        self.data = data
        self.by = by
        self.sparse: npt.NDArray[np.int64] | None = None
        self.known: dict[str, npt.NDArray[np.int64]] = {}  # the values of each dimension, sorted
        self.hours: dict[str, npt.NDArray[np.int32]] = {}
        self.edges: dict[str, npt.NDArray[np.int64]] = {}
        for name in by:
            if name in PERIODS:
                self._periods(name, zone)
            else:
                ids = ids_there(data.columns(f"{name}_id"))
                if name == "unit":
                    ids = np.union1d(ids, data.calls.unit_id)
                self.known[name] = ids.astype(np.int64)

    def _periods(self, name: Any, zone: ZoneInfo) -> None:
        ends = [bounds(*column) for column in self.data.columns(self.data.moment)]
        first, last = min(one for one, _ in ends), max(one for _, one in ends)
        if first > last:  # no row has a moment
            first = last = 0
        days, edges = period_edges(name, first, last, zone)
        self.known[name], self.edges[name] = days, edges
        hours = np.arange(edges[0], edges[-1] + _HOUR_US, _HOUR_US)
        at = np.searchsorted(edges, hours, side="right") - 1
        self.hours[name] = np.minimum(at, len(days) - 1).astype(np.int32)

    def of_rows(self) -> tuple[npt.NDArray[Any], int]:
        """The group of each row, -1 of those that do not pass, and how many there may be."""
        possible = int(np.prod([len(self.known[name]) for name in self.by], dtype=float))
        if possible >= 2**62:
            raise InvalidInput("too many groups", "分组过多", where="by")
        kind: Any = np.int32 if possible < 2**31 else np.int64
        sizes = sizes_of(self.data.parts)
        key: npt.NDArray[Any] = np.zeros(sum(sizes), kind)
        for name in self.by:
            columns = self.data.columns(self._column(name))
            for mine, column in zip(np.split(key, np.cumsum(sizes)[:-1]), columns, strict=True):
                self._widen(mine, name, *column)
        if possible <= _DENSE:
            return key, possible
        self.sparse, dense = np.unique(key[key >= 0], return_inverse=True)
        out = np.full(len(key), -1, np.int32)
        out[key >= 0] = dense
        return out, len(self.sparse)

    def of_calls(self) -> npt.NDArray[np.int64]:
        """The group of each call: by the unit that was called, else like its incident."""
        key = np.where(self.data.call_part >= 0, 0, -1).astype(np.int64)
        for name in self.by:
            own = name == "unit"
            column = self.data.calls.unit_id if own else self.data.of_calls(self._column(name))
            self._widen(key, name, column, None)
        return key

    def _column(self, name: str) -> str:
        return self.data.moment if name in PERIODS else f"{name}_id"

    def _widen(self, key: npt.NDArray[Any], name: str, column: Any, rows: Any) -> None:
        if name in PERIODS:
            period_keys(key, column, rows, self.edges[name], self.hours[name])
            return
        known = self.known[name]
        places = np.zeros(int(known[-1]) + 2 if len(known) else 1, np.int32)
        places[known + 1] = np.arange(len(known))
        group_keys(key, column, rows, places, len(known))

    def values_of(self, keys: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
        """The dimensions' values of groups."""
        out = {}
        rest = keys.astype(np.int64)
        for name in reversed(self.by):
            rest, place = np.divmod(rest, len(self.known[name]))
            out[name] = self.known[name][place]
        return {name: out[name] for name in self.by}


def period_edges(
    period: Period, first: int, last: int, zone: ZoneInfo
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(ordinals of the periods' first days (p,), bounds in UTC microseconds (p + 1,)) of the
    periods that hold the moments ``first`` to ``last``; weeks begin on Monday."""
    start = datetime(1970, 1, 1, tzinfo=UTC)
    begin, end = (
        (start + timedelta(microseconds=moment)).astimezone(zone).date() for moment in (first, last)
    )
    if period == "month":
        begin = begin.replace(day=1)
    elif period == "week":
        begin -= timedelta(days=begin.weekday())
    days = [begin]
    while days[-1] <= end:
        days.append(_following(period, days[-1]))
    bounds = [micros(datetime(day.year, day.month, day.day, tzinfo=zone)) for day in days]
    return (
        np.array([day.toordinal() for day in days[:-1]], np.int64),
        np.array(bounds, np.int64),
    )


def _following(period: Period, day: date) -> date:
    if period == "month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if period == "week" else 1)


def _calls(
    data: _Rows, key: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    called = np.zeros((len(groups), 3), np.int64)
    delays = np.full((len(groups), 2), np.nan)
    rows = np.flatnonzero(key >= 0)
    if not len(rows):
        return called, delays
    place = np.searchsorted(groups, key[rows])
    order = np.argsort(place, kind="stable")
    rows, place = rows[order], place[order]
    cuts = np.flatnonzero(np.diff(place)) + 1
    for a, b in pairwise([0, *cuts.tolist(), len(rows)]):
        delay = data.calls.delay_s[rows[a:b]]
        came = delay[delay >= 0]
        group = place[a]
        called[group] = b - a, len(came), np.count_nonzero(data.calls.in_time[rows[a:b]])
        if len(came):
            percentiles(np.sort(came), -1, delays[group])
    return called, delays
