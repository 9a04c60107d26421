"""How many incidents of a class were reported on a day in a cell: a heat map of the whole district
over whole days costs the same with a million and with ten million of them.

Of each incident no more is kept than its cell, in the order of class and day. Every so many rows
stands how many came before in each cell, so what lies between two rows is the difference of two
such sums and of a short count beside them: prefix sums in blocks (Ho, Agrawal, Megiddo, Srikant,
"Range queries in OLAP data cubes", SIGMOD 1997). Every count is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numba
import numpy as np
import numpy.typing as npt

from gis_service.analysis import quadkey
from gis_service.incidents.arrays import IncidentTable
from gis_service.incidents.filters import IncidentFilter, micros
from gis_service.incidents.metrics.grouping import period_edges
from gis_service.incidents.metrics.kernel import group_keys, ids_there, period_keys

WORTH_IT = 200_000  # incidents; fewer are counted one by one as fast
MOST_CELLS = 1 << 14  # four tiles of 64 × 64: a district at a glance may lie across a corner
MOST_RUNS = 1 << 22  # classes × days
MOST_DAYS = 40_000  # a wrong clock may be centuries wrong
LEAST_STEP = 4096  # rows between two sums
# what these filters ask for is all that the counts can tell apart
_KNOWN = ("since", "until", "classes")
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class DayCounts:
    """``cells`` (c,) are quadkeys of ``zoom``, ascending; ``cell`` (n,) is the place among them of
    each incident, by class and day; ``starts`` (classes × days + 1,) where each run begins;
    ``edges`` (days + 1,) the days' bounds (UTC microseconds); ``sums`` (n // step + 1, c) how many
    lie before row ``step × i``."""

    zoom: int
    cells: npt.NDArray[np.int64]
    cell: npt.NDArray[np.uint16]
    classes: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    step: int
    sums: npt.NDArray[np.int32]

    def count(
        self, wanted: IncidentFilter, first: int, behind: int, zoom: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
        """(cells of ``zoom`` with quadkeys in ``[first, behind)``, counts > 0) of what passes, the
        cells ascending; None where the counts do not tell: cells that are too small, a time that
        is no midnight of the district, or a filter of something else."""
        rows = self._rows(wanted) if zoom <= self.zoom else None
        if rows is None:
            return None
        shift = 2 * (quadkey.ZOOM - self.zoom)
        low, high = np.searchsorted(self.cells, (first >> shift, behind >> shift))
        out = np.zeros(len(self.cells), np.int32)
        _between(self.cell, self.sums, self.step, *rows, out)
        counts = out[low:high].astype(np.int64)
        cells = self.cells[low:high][counts > 0] >> (2 * (self.zoom - zoom))
        counts = counts[counts > 0]
        if not len(cells):
            return cells, counts
        starts = np.flatnonzero(np.concatenate(([True], cells[1:] != cells[:-1])))
        return cells[starts], np.add.reduceat(counts, starts)

    def _rows(
        self, wanted: IncidentFilter
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
        """(first rows, rows behind) of the runs that pass."""
        plain = IncidentFilter(**{name: getattr(wanted, name) for name in _KNOWN}, now=wanted.now)
        days = len(self.edges) - 1
        since = self._day(wanted.since, 0)
        until = self._day(wanted.until, days)
        if plain != wanted or since is None or until is None:
            return None
        if not wanted.classes and since == 0 and until == days:
            return np.array([0]), np.array([len(self.cell)])
        chosen = np.arange(len(self.classes))
        if wanted.classes:
            chosen = np.flatnonzero(np.isin(self.classes, wanted.classes))
        return self.starts[chosen * days + since], self.starts[chosen * days + max(since, until)]

    def _day(self, moment: datetime | None, without: int) -> int | None:
        """The day that begins at a moment; what lies before or behind all is where they begin or
        end."""
        if moment is None:
            return without
        at = micros(moment)
        if at <= self.edges[0]:
            return 0
        if at >= self.edges[-1]:
            return len(self.edges) - 1
        day = int(np.searchsorted(self.edges, at))
        return day if self.edges[day] == at else None


def count_days(table: IncidentTable, zone: ZoneInfo) -> DayCounts | None:
    """The counts of a table without holes, its days those of ``zone``; None where they are not
    worth their keep, or would be too many."""
    rows = int(np.searchsorted(table.quadkey, quadkey.NOWHERE))
    if rows < WORTH_IT or table.holes:
        return None
    keys, reported = table.quadkey[:rows], table.reported_at[:rows]
    classes = ids_there([(table.class_id[:rows], None)])
    first, last = int(reported.min()), int(reported.max())
    days = (last - first) // (24 * _HOUR_US) + 2
    if days > MOST_DAYS or days * len(classes) > MOST_RUNS:
        return None
    _, edges = period_edges("day", first, last, zone)
    days = len(edges) - 1
    places = np.zeros(int(classes[-1]) + 2, np.int32)
    places[classes + 1] = np.arange(len(classes))
    hours = np.arange(edges[0], edges[-1] + _HOUR_US, _HOUR_US)
    begun = np.minimum(np.searchsorted(edges, hours, side="right") - 1, days - 1).astype(np.int32)
    run = np.zeros(rows, np.int32)
    group_keys(run, table.class_id[:rows], None, places, len(classes))
    period_keys(run, reported, None, edges, begun)
    zoom = _finest(keys)
    shift = 2 * (quadkey.ZOOM - zoom)
    starts = np.zeros(len(classes) * days + 1, np.int64)
    np.cumsum(np.bincount(run, minlength=len(starts) - 1), out=starts[1:])
    cells, cell = _scattered(keys, np.int64(shift), run, starts[:-1].copy(), MOST_CELLS)
    step = max(len(cells), LEAST_STEP)
    sums = np.zeros((rows // step + 1, len(cells)), np.int32)
    _add_up(cell, step, sums)
    return DayCounts(zoom, cells, cell, classes, edges, starts, step, sums)


def _finest(keys: npt.NDArray[np.int64]) -> int:
    """The finest zoom at which sorted quadkeys lie in no more than ``MOST_CELLS`` cells."""
    bits = np.zeros(2 * quadkey.ZOOM + 1, np.int64)
    _differing(keys, bits)
    for zoom in range(quadkey.ZOOM, 0, -1):
        if 1 + bits[2 * (quadkey.ZOOM - zoom) + 1 :].sum() <= MOST_CELLS:
            return zoom
    return 0


@numba.njit(cache=True, nogil=True)
def _differing(keys: Any, bits: Any) -> None:
    """Counts neighbours by the highest bit in which they differ (1: the lowest)."""
    for i in range(1, len(keys)):
        rest = keys[i] ^ keys[i - 1]
        highest = 0
        while rest:
            rest >>= 1
            highest += 1
        bits[highest] += 1


@numba.njit(cache=True, nogil=True)
def _scattered(keys: Any, shift: Any, run: Any, free: Any, most: Any) -> Any:
    """(cells, at most ``most``, the place of each row's cell) with the rows put in the order of
    their runs, where ``free`` is the next place of each."""
    cells = np.empty(most, np.int64)
    out = np.empty(len(keys), np.uint16)
    known = 0
    for i in range(len(keys)):
        key = keys[i] >> shift
        if known == 0 or cells[known - 1] != key:
            cells[known] = key
            known += 1
        out[free[run[i]]] = known - 1
        free[run[i]] += 1
    return cells[:known].copy(), out


@numba.njit(cache=True, nogil=True)
def _add_up(cell: Any, step: Any, sums: Any) -> None:
    for block in range(1, len(sums)):
        row = sums[block]
        row[:] = sums[block - 1]
        for i in range((block - 1) * step, block * step):
            row[cell[i]] += 1


@numba.njit(cache=True, nogil=True)
def _between(cell: Any, sums: Any, step: Any, lows: Any, highs: Any, out: Any) -> None:
    """Adds to ``out`` how many of the rows ``[low, high)`` lie in each cell."""
    for k in range(len(lows)):
        low, high = lows[k], highs[k]
        first, last = -(-low // step), high // step
        if first >= last:
            for i in range(low, high):
                out[cell[i]] += 1
            continue
        for i in range(low, first * step):
            out[cell[i]] += 1
        for i in range(last * step, high):
            out[cell[i]] += 1
        before, behind = sums[first], sums[last]
        for j in range(len(out)):
            out[j] += behind[j] - before[j]
