"""Filter and count in one pass over the sorted arrays, compiled.

A mask per condition would walk the arrays once each and write as much as it reads; the loop below
reads every incident once and keeps the cells of those that pass.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from gis_service.incidents.arrays import IncidentTable
from gis_service.incidents.filters import STATE_NUMBER, IncidentFilter, micros
from gis_service.incidents.models import STATES

Counts = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
_EARLIEST, _LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_WORKERS = len(os.sched_getaffinity(0))
_WORTH_A_THREAD = 1 << 17  # rows; fewer are counted before a thread has started
_BLOCK = 2048  # rows
_POOL = ThreadPoolExecutor(_WORKERS, thread_name_prefix="count cells")


def count_cells(part: IncidentTable, wanted: IncidentFilter, shift: int) -> Counts:
    """(cells, counts) of the rows of ``part`` that pass: a cell is ``quadkey >> shift``.

    ``part`` is sorted by quadkey, so are the cells.
    """
    rest = part.select(replace(wanted, since=None, until=None, classes=(), states=()))
    if not isinstance(rest, slice):
        part = part.take(rest)
    states = np.ones(len(STATES), dtype=np.bool_)
    if wanted.states:
        states[:] = False
        states[[STATE_NUMBER[state] for state in wanted.states]] = True
    classes = np.ones(1, dtype=np.bool_)
    if wanted.classes:
        classes = np.zeros(max(wanted.classes) + 2, dtype=np.bool_)
        classes[list(wanted.classes)] = True
    since = micros(wanted.since) if wanted.since else _EARLIEST
    until = micros(wanted.until) if wanted.until else _LATEST
    # one comparison of unsigned numbers says whether a moment lies between the two
    span = np.uint64(until - since)

    def count(rows: slice) -> Counts:
        cells, counts = _count(
            part.quadkey[rows], np.int64(shift), part.reported_at[rows], np.int64(since), span,
            part.class_id[rows].view(np.uint32), classes, part.state[rows].view(np.uint8), states,
        )  # fmt: skip
        return cells, counts

    pieces = min(_WORKERS, len(part) // _WORTH_A_THREAD)
    if pieces < 2:
        return count(slice(None))
    edges = [int(edge) for edge in np.linspace(0, len(part), pieces + 1)]
    return _joined(list(_POOL.map(count, map(slice, edges[:-1], edges[1:]))))


def _joined(parts: list[Counts]) -> Counts:
    """Neighbouring pieces as one; a cell that a cut goes through is counted once."""
    cells = np.concatenate([cells for cells, _ in parts])
    counts = np.concatenate([counts for _, counts in parts])
    if not len(cells):
        return cells, counts
    starts = np.flatnonzero(np.concatenate(([True], cells[1:] != cells[:-1])))
    return cells[starts], np.add.reduceat(counts, starts)


@numba.njit(cache=True, nogil=True)
def _passing(
    keys: Any, shift: Any, reported_at: Any, since: Any, span: Any, class_id: Any, classes: Any,
    state: Any, states: Any, out: Any,
) -> Any:  # fmt: skip
    """Writes the cells of the rows that pass to ``out`` (one longer); their number.

    The loop does not jump: whether a row passes cannot be guessed, so the cell of every row is
    written and the next one overwrites those that do not.
    """
    passed = 0
    # a number behind the table's end means the last entry: no class, or every class
    last = np.uint32(len(classes) - 1)
    for i in range(len(keys)):
        out[passed] = keys[i] >> shift
        passes = np.uint64(reported_at[i] - since) < span
        passes &= classes[min(class_id[i], last)] & states[state[i]]
        passed += passes
    return passed


@numba.njit(cache=True, nogil=True)
def _count(
    keys: Any, shift: Any, reported_at: Any, since: Any, span: Any, class_id: Any, classes: Any,
    state: Any, states: Any,
) -> Any:  # fmt: skip
    """(cells, counts) of one piece, block by block: a block stays in the nearest cache."""
    cells = np.empty(4 * _BLOCK, np.int64)
    counts = np.zeros(4 * _BLOCK, np.int64)
    block = np.empty(_BLOCK + 1, np.int64)
    used = -1  # place of the cell being counted
    before = np.int64(-1)
    for start in range(0, len(keys), _BLOCK):
        end = min(start + _BLOCK, len(keys))
        passed = _passing(
            keys[start:end], shift, reported_at[start:end], since, span, class_id[start:end],
            classes, state[start:end], states, block,
        )  # fmt: skip
        if used + passed + 1 > len(cells):
            cells = np.concatenate((cells, np.empty(len(cells), np.int64)))
            counts = np.concatenate((counts, np.zeros(len(counts), np.int64)))
        for k in range(passed):
            cell = block[k]
            used += cell != before
            before = cell
            cells[used] = cell
            counts[used] += 1
    return cells[: used + 1].copy(), counts[: used + 1].copy()
