"""Filter and count in one pass over the sorted arrays, compiled.

A mask per condition would walk the arrays once each and write as much as it reads; the loop below
reads every incident once and keeps the cells of those that pass.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from gis_service.engines import PROCESSORS
from gis_service.incidents.arrays import IncidentTable
from gis_service.incidents.filters import STATE_NUMBER, IncidentFilter, micros
from gis_service.incidents.masking import to_mask
from gis_service.incidents.models import STATES

Counts = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
_EARLIEST, _LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_WORTH_A_THREAD = 1 << 17  # rows; fewer are counted before a thread has started
_BLOCK = 2048  # rows
_POOL = ThreadPoolExecutor(PROCESSORS, thread_name_prefix="count cells")


def count_cells(part: IncidentTable, wanted: IncidentFilter, shift: int) -> Counts:
    """(cells, counts) of the rows of ``part`` that pass: a cell is ``quadkey >> shift``.

    ``part`` is sorted by quadkey, so are the cells.
    """
    rest = to_mask(replace(wanted, since=None, until=None, classes=(), states=()), part)
    keys, reported_at, class_id, state = (
        column if rest is None else column[rest]
        for column in (part.quadkey, part.reported_at, part.class_id, part.state)
    )
    states = np.zeros(256, dtype=np.bool_)  # a hole is a state that nobody asks for
    among = [STATE_NUMBER[state] for state in wanted.states] or range(len(STATES))
    states[list(among)] = True
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
            keys[rows], np.int64(shift), reported_at[rows], np.int64(since), span,
            class_id[rows].view(np.uint32), classes, state[rows].view(np.uint8), states,
        )  # fmt: skip
        return cells, counts

    pieces = min(PROCESSORS, len(keys) // _WORTH_A_THREAD)
    if pieces < 2:
        return count(slice(None))
    edges = [int(edge) for edge in np.linspace(0, len(keys), pieces + 1)]
    return _joined(list(_POOL.map(count, map(slice, edges[:-1], edges[1:]))))


def _joined(parts: list[Counts]) -> Counts:
    """Neighbouring pieces as one; a cell that a cut goes through is counted once."""
    cells = np.concatenate([cells for cells, _ in parts])
    counts = np.concatenate([counts for _, counts in parts])
    if not len(cells):
        return cells, counts
    starts = np.flatnonzero(np.concatenate(([True], cells[1:] != cells[:-1])))
    return cells[starts], np.add.reduceat(counts, starts)


Clusters = tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64],
    npt.NDArray[np.int64],
]  # fmt: skip


def cluster_cells(
    keys: npt.NDArray[np.int64], passing: npt.NDArray[np.bool_] | None, shift: int
) -> Clusters:
    """Of sorted ``keys`` (of those ``passing``), per cell ``key >> shift``: (cells, counts, sums of
    their columns and of their rows at the keys' own zoom, the row of the first)."""
    every = np.ones(1, np.bool_)
    return _cluster(keys, every if passing is None else passing, np.int64(shift))


@numba.njit(cache=True, nogil=True)
def _evens(key: Any) -> Any:
    """The bits at the even places, side by side."""
    out = key & 0x5555555555555555
    out = (out | (out >> 1)) & 0x3333333333333333
    out = (out | (out >> 2)) & 0x0F0F0F0F0F0F0F0F
    out = (out | (out >> 4)) & 0x00FF00FF00FF00FF
    out = (out | (out >> 8)) & 0x0000FFFF0000FFFF
    return (out | (out >> 16)) & 0x00000000FFFFFFFF


@numba.njit(cache=True, nogil=True)
def _cluster(keys: Any, passing: Any, shift: Any) -> Any:
    out = np.empty((256, 5), np.int64)
    used = -1
    every = len(passing) < len(keys)
    for i in range(len(keys)):
        if not (every or passing[i]):
            continue
        cell = keys[i] >> shift
        if used < 0 or out[used, 0] != cell:
            used += 1
            if used == len(out):
                out = np.concatenate((out, np.empty_like(out)))
            out[used, 0] = cell
            out[used, 1:4] = 0
            out[used, 4] = i
        out[used, 1] += 1
        out[used, 2] += _evens(keys[i])
        out[used, 3] += _evens(keys[i] >> 1)
    out = out[: used + 1]
    return out[:, 0].copy(), out[:, 1].copy(), out[:, 2].copy(), out[:, 3].copy(), out[:, 4].copy()


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
