"""Counts, medians and ninetieth percentiles of groups, compiled.

Group and duration make one number each; these are sorted, which processors do many at a time, and
the order statistics read off. So that a number has 32 bits, which sort three times as fast as 64,
it holds the group only within a block of groups; blocks are sorted one by one and stay in the
nearest cache. The durations are shared out among threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from gis_service.engines import PROCESSORS
from gis_service.incidents.arrays import (
    CLOSED_IN_TIME,
    PATROL_FIRST,
    REWORKED,
    STAGES,
    IncidentTable,
)
from gis_service.incidents.models import ENDED_STATES, STATES

# columns of the counts
(COUNT, EFFECTIVE, FROM_PATROL, HANDLED, TO_HANDLE, WORKED, AGAIN, CLOSED, TO_CLOSE,
 IN_TIME) = range(10)  # fmt: skip
DURATIONS = len(STAGES)
LEVELS_OF = (0.5, 0.9)  # what is told of durations
_COUNTS = 10
_CLOSING = STAGES.index("closed")

# what a state says, as bits
_VOID = frozenset({"merged", "not_accepted", "cancelled"})  # no incident of its own (any more)
_IS_HANDLED = frozenset({"resolved", "checked", "closed", "transferred"})
_IS_WAITING = frozenset({"filed", "dispatched", "accepted", "in_progress", "returned", "deferred"})
_B_EFFECTIVE, _B_HANDLED, _B_WAITING, _B_CLOSED, _B_RUNNING = 1, 2, 4, 8, 16
_MEANING = np.array(
    [
        (state not in _VOID) * _B_EFFECTIVE
        | (state in _IS_HANDLED) * _B_HANDLED
        | (state in _IS_WAITING) * _B_WAITING
        | (state == "closed") * _B_CLOSED
        | (state not in ENDED_STATES and state != "deferred") * _B_RUNNING
        for state in STATES
    ],
    np.uint8,
)
_NO_TIME, _NEVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_MARKS = 2 * max(CLOSED_IN_TIME, PATROL_FIRST, REWORKED)  # the higher bits say other things
_LIMITS = 3
_WORTH_A_THREAD = 50_000  # rows
_WIDTH = 32  # bits of a number that is sorted
_POOL = ThreadPoolExecutor(PROCESSORS, thread_name_prefix="metrics")


# a table and which of its rows, None: all
Part = tuple[IncidentTable, npt.NDArray[np.intp] | None]


def figures_of_groups(
    key: npt.NDArray[Any], groups: int, parts: Sequence[Part], now: int
) -> tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]
]:  # fmt: skip
    """Figures of the groups that have rows: (keys (g,), counts (g, 10), how many durations
    (g, 5), their median and ninetieth percentile in seconds (g, 5, 2), NaN where there are none).

    ``key`` is the group of each row of ``parts``, one part after the other, in ``[0, groups)``; a
    row with -1 is left out. ``now`` is UTC microseconds; what fell due before it and is open
    counts as late.
    """
    found, place, sizes = _numbered(key, groups)
    counts = np.zeros((len(found), _COUNTS), np.int32)
    measured = np.zeros((len(found), DURATIONS), np.int32)
    times = np.full((len(found), DURATIONS, len(LEVELS_OF)), np.nan)
    columns = [[getattr(table, f"{stage}_s") for table, _ in parts] for stage in STAGES]
    longest = max((int(one.max()) for stage in columns for one in stage if len(one)), default=0)
    bits = max(1, longest.bit_length())
    starts = _block_starts(sizes, _WIDTH - bits)
    places = np.split(place, np.cumsum(sizes_of(parts))[:-1])

    def count() -> None:
        for mine, (table, rows) in zip(places, parts, strict=True):
            _count(mine, rows, table.marks, table.state, table.due_at, _COUNTED, now, counts)

    def time(stage: int) -> None:
        # the values of a group side by side, ascending: one sort of numbers that are both
        reached = _MEANING & (_B_CLOSED if stage == _CLOSING else _B_EFFECTIVE)
        values = np.empty(len(key) + len(starts), np.uint32)
        ends = starts.copy()
        for mine, (table, rows), seconds in zip(places, parts, columns[stage], strict=True):
            _add_values(mine, rows, seconds, table.state, reached, bits, values, ends)
        for start, end in zip(starts[1:], ends[1:], strict=True):
            values[start:end].sort()
        _read_off(values, starts, ends, bits, measured[:, stage], times[:, stage])

    work = [count]
    work += [lambda stage=stage: time(stage) for stage in range(DURATIONS)]  # type: ignore[misc]
    if len(key) < _WORTH_A_THREAD:
        for task in work:
            task()
    else:
        list(_POOL.map(lambda task: task(), work))
    return found, counts, measured, times


def sizes_of(parts: Sequence[Part]) -> list[int]:
    """How many rows each part has."""
    return [len(table) if rows is None else len(rows) for table, rows in parts]


def _numbered(
    key: npt.NDArray[Any], groups: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """(keys that occur, the place of each row's key among them, -1 for rows left out, how many
    rows have each)."""
    rows = np.zeros(groups + 1, np.int64)
    _add_ones(key, rows)
    found = np.flatnonzero(rows[1:])
    numbers = np.full(groups + 1, -1, np.int32)
    numbers[found + 1] = np.arange(len(found), dtype=np.int32)
    return found, _places(key, numbers), rows[1:][found]


def ids_there(columns: Sequence[tuple[npt.NDArray[np.int32], Any]]) -> npt.NDArray[np.int64]:
    """Which ids occur in the rows (None: all) of columns, ascending; -1 (none) is one of them."""
    most = max((int(ids.max()) for ids, _ in columns if len(ids)), default=-1)
    there = np.zeros(most + 2, np.bool_)
    for ids, rows in columns:
        _is_there(ids, rows, there)
    return np.flatnonzero(there) - 1


# In the kernels ``rows`` is None where all rows are meant, which is compiled for itself.


@numba.njit(cache=True, nogil=True)
def _is_there(ids: Any, rows: Any, there: Any) -> None:
    for i in range(len(ids) if rows is None else len(rows)):
        there[ids[i if rows is None else rows[i]] + 1] = True


@numba.njit(cache=True, nogil=True)
def _add_ones(key: Any, rows: Any) -> None:
    for i in range(len(key)):
        rows[np.uint64(np.int64(key[i]) + 1)] += 1


@numba.njit(cache=True, nogil=True)
def _places(key: Any, numbers: Any) -> Any:
    out = np.empty(len(key), np.int32)
    for i in range(len(key)):
        out[i] = numbers[key[i] + 1]
    return out


@numba.njit(cache=True, nogil=True)
def bounds(moment: Any, rows: Any) -> Any:
    """(the first, the last) of moments; the greatest and the least number where there are none."""
    first, last = np.int64(_NEVER), np.int64(_NO_TIME)
    for i in range(len(moment) if rows is None else len(rows)):
        t = moment[i if rows is None else rows[i]]
        if t != _NO_TIME:
            first, last = min(first, t), max(last, t)
    return first, last


@numba.njit(cache=True, nogil=True)
def group_keys(out: Any, ids: Any, rows: Any, places: Any, width: Any) -> None:
    """Widen the keys ``out`` by one dimension of ``width`` values: ``places[id + 1]`` is the place
    of an id (id -1: none)."""
    for i in range(len(out)):
        if out[i] >= 0:
            out[i] = out[i] * width + places[ids[i if rows is None else rows[i]] + 1]


@numba.njit(cache=True, nogil=True)
def period_keys(out: Any, moment: Any, rows: Any, edges: Any, hours: Any) -> None:
    """Widen the keys by the period of each moment: ``edges`` are the periods' bounds (one more
    than periods), ``hours`` the period in which each whole hour from ``edges[0]`` on begins. A
    moment outside leaves the row out."""
    first, last = edges[0], edges[-1]
    width = len(edges) - 1
    for i in range(len(out)):
        t = moment[i if rows is None else rows[i]]
        if out[i] < 0 or t < first or t >= last:
            out[i] = -1
            continue
        period = hours[(t - first) // 3_600_000_000]
        while t >= edges[period + 1]:
            period += 1
        out[i] = out[i] * width + period


def _counted() -> npt.NDArray[np.int32]:
    """What a row adds to each count, by its state, marks and limit (0 none, 1 ahead, 2 past)."""
    out = np.zeros((len(STATES), _MARKS, _LIMITS, _COUNTS), np.int32)
    for state, mark, limit in np.ndindex(out.shape[:3]):
        bits = _MEANING[state]
        effective, handled = bool(bits & _B_EFFECTIVE), bool(bits & _B_HANDLED)
        again = effective and bool(mark & REWORKED)
        closed = limit > 0 and bool(bits & _B_CLOSED)
        count = out[state, mark, limit]
        count[COUNT] = 1
        count[EFFECTIVE] = effective
        count[FROM_PATROL] = effective and bool(mark & PATROL_FIRST)
        count[HANDLED] = handled
        count[TO_HANDLE] = bool(bits & (_B_HANDLED | _B_WAITING))
        count[WORKED] = handled or again
        count[AGAIN] = again
        count[CLOSED] = closed
        count[TO_CLOSE] = closed or (limit == 2 and bool(bits & _B_RUNNING))
        count[IN_TIME] = closed and bool(mark & CLOSED_IN_TIME)
    return out.reshape(-1, _COUNTS)


_COUNTED = _counted()


@numba.njit(cache=True, nogil=True)
def _count(
    place: Any, rows: Any, marks: Any, state: Any, due_at: Any, counted: Any, now: Any, counts: Any
) -> None:
    for i in range(len(place)):
        if place[i] < 0:
            continue
        row = i if rows is None else rows[i]
        due = due_at[row]
        limit = np.int64(due != _NO_TIME) + ((due != _NO_TIME) & (due < now))
        mark = np.int64(marks[row]) & (_MARKS - 1)
        # unsigned, so that nobody asks whether it counts from the end
        kind = np.uint64((np.int64(state[row]) * _MARKS + mark) * _LIMITS + limit)
        group = np.uint64(place[i])
        for n in range(_COUNTS):
            counts[group, n] += counted[kind, n]


def _block_starts(sizes: npt.NDArray[np.int64], shift: int) -> npt.NDArray[np.int64]:
    """Where the values of each block of ``2 ** shift`` groups begin, which have ``sizes`` rows:
    room for each of them and one more. The first block is of what is in no group."""
    if not len(sizes):
        return np.zeros(1, np.int64)
    rows = np.add.reduceat(sizes, np.arange(0, len(sizes), 1 << shift))
    return np.concatenate([[0], 1 + np.cumsum(rows + 1) - (rows + 1)])


@numba.njit(cache=True, nogil=True)
def _add_values(
    place: Any, rows: Any, seconds: Any, state: Any, reached: Any, bits: Any, values: Any, ends: Any
) -> None:
    """``group << bits | seconds`` of the rows that reached the stage, the group counted from the
    first of its block; ``ends`` tells where the values of each block end so far."""
    shift = _WIDTH - bits
    within = (np.int64(1) << shift) - 1
    for i in range(len(place)):
        row = i if rows is None else rows[i]
        group = place[i]
        block = np.uint64((group >> shift) + 1)
        # written in any case, so that the loop does not jump
        values[np.uint64(ends[block])] = ((group & within) << bits) | seconds[row]
        ends[block] += ((group | seconds[row]) >= 0) & (reached[np.uint8(state[row])] != 0)


@numba.njit(cache=True, nogil=True)
def _read_off(values: Any, starts: Any, ends: Any, bits: Any, measured: Any, times: Any) -> None:
    mask = (np.int64(1) << bits) - 1
    for block in range(1, len(starts)):
        first = np.int64(block - 1) << (_WIDTH - bits)
        start = starts[block]
        while start < ends[block]:
            within = values[start] >> bits
            end = start + 1
            while end < ends[block] and values[end] >> bits == within:
                end += 1
            measured[first + within] = end - start
            percentiles(values[start:end], mask, times[first + within])
            start = end


@numba.njit(cache=True, nogil=True)
def percentiles(values: Any, mask: Any, out: Any) -> None:
    """Those of ``LEVELS_OF`` of ascending values (of which the bits of ``mask`` count) as SQL's
    percentile_cont has them: between two values in proportion."""
    last = len(values) - 1
    for level in range(len(LEVELS_OF)):
        position = LEVELS_OF[level] * last
        below = int(np.floor(position))
        low = np.int64(values[below]) & mask
        high = np.int64(values[min(below + 1, last)]) & mask
        out[level] = low + (position - below) * (high - low)
