"""Counts, medians and ninetieth percentiles of groups, compiled.

Group and duration make one number each; these are sorted, which processors do many at a time, and
the order statistics read off. The durations are shared out among threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from gis_service.incidents.arrays import CLOSED_IN_TIME, PATROL_FIRST, REWORKED, STAGES
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
_NO_TIME = np.iinfo(np.int64).min
_WORKERS = len(os.sched_getaffinity(0))
_WORTH_A_THREAD = 50_000  # rows
_POOL = ThreadPoolExecutor(_WORKERS, thread_name_prefix="metrics")


def figures_of_groups(
    key: npt.NDArray[Any], groups: int, seconds: tuple[npt.NDArray[np.int32], ...],
    marks: npt.NDArray[np.int8], state: npt.NDArray[np.int8], due_at: npt.NDArray[np.int64],
    now: int,
) -> tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]
]:  # fmt: skip
    """Figures of the groups that have rows: (keys (g,), counts (g, 10), how many durations
    (g, 5), their median and ninetieth percentile in seconds (g, 5, 2), NaN where there are none).

    ``key`` is the group of each row in ``[0, groups)``; a row with -1 is left out. ``seconds`` are
    the columns of ``STAGES`` of :class:`~gis_service.incidents.arrays.IncidentTable`, ``marks``,
    ``state`` and ``due_at`` its others. ``now`` is UTC
    microseconds; what fell due before it and is open counts as late.
    """
    found, place = _numbered(key, groups)
    counts = np.zeros((len(found), _COUNTS), np.int32)
    measured = np.zeros((len(found), DURATIONS), np.int32)
    times = np.full((len(found), DURATIONS, len(LEVELS_OF)), np.nan)

    def time(stage: int) -> None:
        # the values of a group side by side, ascending: one sort of numbers that are both
        bits = _B_CLOSED if stage == _CLOSING else _B_EFFECTIVE
        values = _group_values(place, seconds[stage], state, _MEANING, bits)
        values.sort()
        _read_off(values, measured[:, stage], times[:, stage])

    work = [lambda: _count(place, marks, state, due_at, _MEANING, now, counts)]
    work += [lambda stage=stage: time(stage) for stage in range(DURATIONS)]  # type: ignore[misc]
    if len(key) < _WORTH_A_THREAD:
        for task in work:
            task()
    else:
        list(_POOL.map(lambda task: task(), work))
    return found, counts, measured, times


def _numbered(
    key: npt.NDArray[Any], groups: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """(keys that occur, the place of each row's key among them, -1 for rows left out)."""
    there = np.zeros(groups + 1, np.bool_)
    _is_there(key, there)
    found = np.flatnonzero(there[1:])
    numbers = np.full(groups + 1, -1, np.int32)
    numbers[found + 1] = np.arange(len(found), dtype=np.int32)
    return found, _places(key, numbers)


@numba.njit(cache=True, nogil=True)
def _is_there(ids: Any, there: Any) -> None:
    for i in range(len(ids)):
        there[ids[i] + 1] = True


@numba.njit(cache=True, nogil=True)
def _places(key: Any, numbers: Any) -> Any:
    out = np.empty(len(key), np.int32)
    for i in range(len(key)):
        out[i] = numbers[key[i] + 1]
    return out


def ids_there(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Which ids occur, ascending; -1 (none) is one of them."""
    there = np.zeros(int(ids.max()) + 2 if len(ids) else 1, np.bool_)
    _is_there(ids, there)
    return np.flatnonzero(there) - 1


@numba.njit(cache=True, nogil=True)
def group_keys(out: Any, ids: Any, places: Any, width: Any) -> None:
    """Widen the keys ``out`` by one dimension of ``width`` values: ``places[id + 1]`` is the place
    of an id (id -1: none)."""
    for i in range(len(out)):
        if out[i] >= 0:
            out[i] = out[i] * width + places[ids[i] + 1]


@numba.njit(cache=True, nogil=True)
def period_keys(out: Any, moment: Any, edges: Any, hours: Any) -> None:
    """Widen the keys by the period of each moment: ``edges`` are the periods' bounds (one more
    than periods), ``hours`` the period in which each whole hour from ``edges[0]`` on begins. A
    moment outside leaves the row out."""
    first, last = edges[0], edges[-1]
    width = len(edges) - 1
    for i in range(len(out)):
        t = moment[i]
        if out[i] < 0 or t < first or t >= last:
            out[i] = -1
            continue
        period = hours[(t - first) // 3_600_000_000]
        while t >= edges[period + 1]:
            period += 1
        out[i] = out[i] * width + period


@numba.njit(cache=True, nogil=True)
def _count(
    place: Any, marks: Any, state: Any, due_at: Any, meaning: Any, now: Any, counts: Any
) -> None:
    for row in range(len(place)):
        if place[row] < 0:
            continue
        count = counts[place[row]]
        bits = meaning[state[row]]
        mark = marks[row]
        effective = (bits & _B_EFFECTIVE) != 0
        handled = (bits & _B_HANDLED) != 0
        again = effective & ((mark & REWORKED) != 0)
        has_limit = due_at[row] != _NO_TIME
        closed = has_limit & ((bits & _B_CLOSED) != 0)
        late = has_limit & ((bits & _B_RUNNING) != 0) & (due_at[row] < now)
        count[COUNT] += 1
        count[EFFECTIVE] += effective
        count[FROM_PATROL] += effective & ((mark & PATROL_FIRST) != 0)
        count[HANDLED] += handled
        count[TO_HANDLE] += (bits & (_B_HANDLED | _B_WAITING)) != 0
        count[WORKED] += handled | again
        count[AGAIN] += again
        count[CLOSED] += closed
        count[TO_CLOSE] += closed | late
        count[IN_TIME] += closed & ((mark & CLOSED_IN_TIME) != 0)


@numba.njit(cache=True, nogil=True)
def _group_values(place: Any, seconds: Any, state: Any, meaning: Any, wanted: Any) -> Any:
    """``group << 31 | seconds`` of the rows that reached the stage in a ``wanted`` state."""
    out = np.empty(len(place) + 1, np.int64)
    used = 0
    for row in range(len(place)):
        # written in any case, so that the loop does not jump
        out[used] = (np.int64(place[row]) << 31) | seconds[row]
        used += (place[row] >= 0) & (seconds[row] >= 0) & ((meaning[state[row]] & wanted) != 0)
    return out[:used]


@numba.njit(cache=True, nogil=True)
def _read_off(values: Any, measured: Any, times: Any) -> None:
    start = 0
    while start < len(values):
        group = values[start] >> 31
        end = start + 1
        while end < len(values) and values[end] >> 31 == group:
            end += 1
        measured[group] = end - start
        percentiles(values[start:end], times[group])
        start = end


@numba.njit(cache=True, nogil=True)
def percentiles(values: Any, out: Any) -> None:
    """Those of ``LEVELS_OF`` of ascending values (the low 31 bits count) as SQL's percentile_cont
    has them: between two values in proportion."""
    last = len(values) - 1
    for level in range(len(LEVELS_OF)):
        position = LEVELS_OF[level] * last
        below = int(np.floor(position))
        low = values[below] & 0x7FFFFFFF
        high = values[min(below + 1, last)] & 0x7FFFFFFF
        out[level] = low + (position - below) * (high - low)
