"""Whether each promise was kept: one row per grid and contract, from plain arrays.

A visit counts for a contract when somebody who answered for it on that day (who leads, a member,
a stand-in) stayed in the grid at least as long, and walked as far, as promised, within the
contract's hours. Earlier versions of a contract count for its present one: a hand-over does not
begin anew. The promise is ``visits`` visits on different days in every ``period`` days; it falls
due ``period`` days after the ``visits``-th last of them (or after the window or the contract
began), on the next of its weekdays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.patrols.promises import (
    WEEK_MINUTES,
    Absence,
    Answering,
    Contract,
    Ints,
    next_promised_day,
    who_answers_when,
)

STATES = (
    "no_contract", "expired", "no_track", "never_visited", "overdue", "due", "on_time",
)  # fmt: skip
NO_CONTRACT, EXPIRED, NO_TRACK, NEVER_VISITED, OVERDUE, DUE, ON_TIME = range(len(STATES))
NEVER = np.iinfo(np.int64).min
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Visits:
    """Visits as columns. ``entered`` are UTC microseconds, ``day`` and ``minute`` (of the week,
    from Monday 00:00) the same in the district's zone, ``minutes`` how many minutes of the clock
    it touches."""

    officer: Ints
    area: Ints
    entered: Ints
    day: Ints
    minute: Ints
    minutes: Ints
    stay_s: Floats
    length_m: Floats

    def take(self, rows: Any) -> Visits:
        """The rows of a mask or index array."""
        return Visits(*(column[rows] for column in vars(self).values()))


@dataclass(frozen=True)
class Window:
    """``[since, until)`` in UTC microseconds, and the days in the district's zone of its first and
    last moment; what is told is told as of the last."""

    since: int
    until: int
    first_day: int
    last_day: int


@dataclass(frozen=True)
class Coverage:
    """One row per grid and contract, in the order of the grids given.

    ``contract`` is a place in ``contracts`` or -1, ``state`` a place in :data:`STATES`,
    ``last_visit`` UTC microseconds (:data:`NEVER` for none in the window), ``overdue_days`` -1
    where nothing can be said (no contract, expired, no track), ``visits`` the visits that count,
    ``tracked_days`` the days of the window with a track of somebody who answered.
    """

    contracts: tuple[Contract, ...]
    area: Ints
    contract: Ints
    state: Ints
    last_visit: Ints
    overdue_days: Ints
    visits: Ints
    tracked_days: Ints
    overlapping: Flags
    out_of_hours: Flags
    outside_area: Flags


def coverage(
    grids: Sequence[int],
    contracts: Sequence[Contract],
    visits: Visits,
    received: tuple[Ints, Ints],
    absences: Sequence[Absence],
    window: Window,
) -> Coverage:
    """The state of every grid (area ids) and contract as of the window's end.

    ``received`` are officers and days (n,) on which their tracks came in. Grids without a contract
    in force stand there once: for each of the contracts that expired last, or for none.
    """
    contracts = tuple(contracts)
    day = window.last_day
    area, contract = _rows(grids, contracts, day)
    answering = who_answers_when(contracts, absences)
    inside = visits.take((visits.entered >= window.since) & (visits.entered < window.until))
    # a contract's earlier versions speak for the version in force
    row_of = _row_places(area, contract, contracts)
    visit, version = _answered(answering, inside, contracts)
    row = _looked_up(row_of, version, inside.area[visit], contracts)
    in_hours = _in_hours(contracts, version, inside, visit)
    count = len(area)
    out_of_hours = np.zeros(count, dtype=bool)
    out_of_hours[row[~in_hours & (row >= 0)]] = True
    stays = np.array([one.min_stay_s for one in contracts], dtype=np.float64)
    lengths = np.array([one.min_length_m for one in contracts])
    counted = in_hours & (row >= 0)
    if len(version):
        counted &= inside.stay_s[visit] >= stays[version]
        counted &= inside.length_m[visit] >= lengths[version]
    strangers = np.ones(len(inside.area), dtype=bool)
    strangers[visit] = False
    outside_area = np.isin(area, inside.area[strangers])

    pairs = _different(row[counted], visit[counted])
    last_visit = np.full(count, NEVER)
    np.maximum.at(last_visit, pairs[0], inside.entered[pairs[1]])
    number = np.bincount(pairs[0], minlength=count)
    # nobody promised it: who came last is told all the same
    bare = np.flatnonzero(contract < 0)
    if len(bare):
        by_area = _last_by_area(inside)
        last_visit[bare] = [by_area.get(one, NEVER) for one in area[bare].tolist()]

    tracked = _tracked_days(contracts, answering, received, inside, window)
    state = np.full(count, NO_CONTRACT)
    overdue_days = np.full(count, -1)
    days = _visit_days(pairs[0], inside.day[pairs[1]], count)
    starts = _starts(contracts, day)
    tracked_days = np.zeros(count, dtype=np.int64)
    for place in np.flatnonzero(contract >= 0).tolist():
        one = contracts[contract[place]]
        tracked_days[place] = tracked[one.code]
        if not one.holds(day):
            state[place] = EXPIRED
            continue
        if not tracked[one.code]:
            state[place] = NO_TRACK
            continue
        own = days[place]
        begun = max(window.first_day, starts[int(contract[place]), int(area[place])])
        base = own[-one.visits] if len(own) >= one.visits else begun
        late = day - next_promised_day(one, base + one.period)
        overdue_days[place] = max(late, 0)
        if not number[place]:
            state[place] = NEVER_VISITED
        else:
            state[place] = OVERDUE if late > 0 else DUE if late == 0 else ON_TIME
    return Coverage(
        contracts, area, contract, state, last_visit, overdue_days, number, tracked_days,
        _overlapping(area, contract, contracts, day), out_of_hours, outside_area,
    )  # fmt: skip


def _rows(grids: Sequence[int], contracts: Sequence[Contract], day: int) -> tuple[Ints, Ints]:
    """(area ids, places of contracts or -1) of the rows."""
    valid: dict[int, list[int]] = {}
    expired: dict[int, list[int]] = {}
    for place, one in enumerate(contracts):
        if one.holds(day):
            for grid in one.grids:
                valid.setdefault(grid, []).append(place)
        elif one.ends <= day and not one.closed_by(day):
            for grid in one.grids:
                expired.setdefault(grid, []).append(place)
    rows = []
    for grid in grids:
        own = valid.get(grid)
        if own is None:
            gone = expired.get(grid, [])
            latest = max((contracts[place].ends for place in gone), default=0)
            own = [place for place in gone if contracts[place].ends == latest]
        rows += [(grid, place) for place in own or [-1]]
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _row_places(area: Ints, contract: Ints, contracts: Sequence[Contract]) -> dict[Any, int]:
    return {
        (contracts[own].code, grid): row
        for row, (grid, own) in enumerate(zip(area.tolist(), contract.tolist(), strict=True))
        if own >= 0
    }


def _answered(
    answering: Answering, visits: Visits, contracts: Sequence[Contract]
) -> tuple[Ints, Ints]:
    """(places of visits, places of contracts): every visit with each contract of its grid for
    which its officer answered on its day."""
    grids = [np.array(contracts[own].grids, dtype=np.int64) for own in answering.contract]
    sizes = np.array([len(one) for one in grids], dtype=np.int64)
    span = np.repeat(np.arange(len(grids)), sizes)
    area = np.concatenate(grids) if grids else np.empty(0, np.int64)
    width = max(int(area.max(initial=0)), int(visits.area.max(initial=0))) + 1
    keys = answering.officer[span] * width + area
    order = np.argsort(keys, kind="stable")
    visit, found = _joined(visits.officer * width + visits.area, keys[order])
    span = span[order][found]
    day = visits.day[visit]
    on_duty = (day >= answering.starts[span]) & (day < answering.ends[span])
    return visit[on_duty], answering.contract[span[on_duty]]


def _joined(wanted: Ints, keys: Ints) -> tuple[Ints, Ints]:
    """Places in ``wanted`` and in sorted ``keys`` of every pair that is equal."""
    low = np.searchsorted(keys, wanted, side="left")
    number = np.searchsorted(keys, wanted, side="right") - low
    one = np.repeat(np.arange(len(wanted)), number)
    step = np.arange(len(one)) - np.repeat(np.cumsum(number) - number, number)
    return one, low[one] + step


def _looked_up(
    row_of: dict[Any, int], version: Ints, area: Ints, contracts: Sequence[Contract]
) -> Ints:
    """The row of each pair of a contract's version and a grid, -1 where it has none."""
    width = int(area.max(initial=0)) + 1
    pairs, back = np.unique(version * width + area, return_inverse=True)
    rows = [
        row_of.get((contracts[pair // width].code, pair % width), -1) for pair in pairs.tolist()
    ]
    return np.array(rows, dtype=np.int64)[back] if rows else np.empty(0, np.int64)


def _in_hours(
    contracts: Sequence[Contract], version: Ints, visits: Visits, visit: Ints
) -> npt.NDArray[np.bool_]:
    """Whether a visit touches the hours of a contract."""
    patterns = {hours: place for place, hours in enumerate({one.hours for one in contracts})}
    if not patterns:
        return np.zeros(0, dtype=bool)
    # twice the week: a visit may run past its end
    sums = np.zeros((len(patterns), 2 * WEEK_MINUTES + 1), dtype=np.int32)
    for hours, place in patterns.items():
        sums[place, 1:] = np.cumsum(np.tile(hours.minutes, 2))
    pattern = np.array([patterns[one.hours] for one in contracts], dtype=np.int64)[version]
    first = visits.minute[visit]
    behind = first + np.clip(visits.minutes[visit], 1, WEEK_MINUTES)
    return np.asarray(sums[pattern, behind] > sums[pattern, first])


def _tracked_days(
    contracts: Sequence[Contract],
    answering: Answering,
    received: tuple[Ints, Ints],
    visits: Visits,
    window: Window,
) -> dict[str, int]:
    """By contract's code the days of the window on which somebody who answered sent a track."""
    officer = np.concatenate([received[0], visits.officer])
    day = np.concatenate([received[1], visits.day])
    near = (day >= window.first_day) & (day <= window.last_day)
    officer, day = _different(officer[near], day[near])
    order = np.argsort(answering.officer, kind="stable")
    one, found = _joined(officer, answering.officer[order])
    span = order[found]
    on_duty = (day[one] >= answering.starts[span]) & (day[one] < answering.ends[span])
    codes = {one.code: place for place, one in enumerate(contracts)}
    number = np.array([codes[one.code] for one in contracts], dtype=np.int64)
    told, _ = _different(number[answering.contract[span[on_duty]]], day[one[on_duty]])
    counts = np.bincount(told, minlength=len(contracts))
    return {code: int(counts[place]) for code, place in codes.items()}


def _visit_days(row: Ints, day: Ints, count: int) -> list[list[int]]:
    """The different days of visits of each row, in order."""
    row, day = _different(row, day)
    bounds = np.searchsorted(row, np.arange(count + 1)).tolist()
    days = day.tolist()
    return [days[low:high] for low, high in pairwise(bounds)]


def _different(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """The different pairs of two columns without negative values, in order."""
    width = int(other.max(initial=0)) + 1
    pairs = np.sort(one * width + other)  # sorting is several times faster than hashing here
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // width, pairs % width


def _starts(contracts: Sequence[Contract], day: int) -> dict[tuple[int, int], int]:
    """Since which day a contract in force (by its place) has promised a grid without a break."""
    versions: dict[str, list[Contract]] = {}
    for one in contracts:
        versions.setdefault(one.code, []).append(one)
    starts: dict[tuple[int, int], int] = {}
    for place, one in enumerate(contracts):
        if not one.holds(day):
            continue
        earlier = sorted(versions[one.code], key=lambda other: -other.starts)
        for grid in one.grids:
            begun = one.starts
            for other in earlier:
                if other.starts < begun <= other.last_day and grid in other.grids:
                    begun = other.starts
            starts[place, grid] = begun
    return starts


def _last_by_area(visits: Visits) -> dict[int, int]:
    areas, place = np.unique(visits.area, return_inverse=True)
    last = np.full(len(areas), NEVER)
    np.maximum.at(last, place, visits.entered)
    return dict(zip(areas.tolist(), last.tolist(), strict=True))


def _overlapping(
    area: Ints, contract: Ints, contracts: Sequence[Contract], day: int
) -> npt.NDArray[np.bool_]:
    """Rows whose contract meets another one of the same grid."""
    out = np.zeros(len(area), dtype=bool)
    shared, counts = np.unique(area, return_counts=True)
    meets: dict[tuple[int, int], bool] = {}
    for grid in shared[counts > 1].tolist():
        rows = [r for r in np.flatnonzero(area == grid) if contracts[contract[r]].holds(day)]
        for n, one in enumerate(rows):
            for other in rows[n + 1 :]:
                pair = (int(contract[one]), int(contract[other]))
                if pair not in meets:
                    meets[pair] = contracts[pair[0]].overlaps(contracts[pair[1]])
                if meets[pair]:
                    out[[one, other]] = True
    return out
