"""Filter and count in one pass over the sorted arrays, compiled.

A mask per condition would walk the arrays once each and write as much as it reads; the loop below
reads every incident once and keeps nothing but the cells.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from gis_service.incidents.arrays import IncidentTable
from gis_service.incidents.filters import STATE_NUMBER, IncidentFilter, micros, to_mask
from gis_service.incidents.models import STATES

Counts = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
_EARLIEST, _LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_EVERYONE = np.ones(0, dtype=np.bool_)


def count_cells(part: IncidentTable, wanted: IncidentFilter, shift: int) -> Counts:
    """(cells, counts) of the rows of ``part`` that pass: a cell is ``quadkey >> shift``.

    ``part`` is sorted by quadkey, so are the cells.
    """
    rest = to_mask(replace(wanted, since=None, until=None, classes=(), states=()), part)
    states = np.ones(len(STATES), dtype=np.bool_)
    if wanted.states:
        states[:] = False
        states[[STATE_NUMBER[state] for state in wanted.states]] = True
    classes = np.ones(1, dtype=np.bool_)
    if wanted.classes:
        classes = np.zeros(max(wanted.classes) + 2, dtype=np.bool_)
        classes[list(wanted.classes)] = True
    cells, counts = _count(
        part.quadkey, shift, part.reported_at,
        micros(wanted.since) if wanted.since else _EARLIEST,
        micros(wanted.until) if wanted.until else _LATEST,
        part.class_id, classes, part.state, states, _EVERYONE if rest is None else rest,
    )  # fmt: skip
    return cells, counts


@numba.njit(cache=True, nogil=True)
def _count(
    keys: Any, shift: Any, reported_at: Any, since: Any, until: Any, class_id: Any, classes: Any,
    state: Any, states: Any, rest: Any,
) -> Any:  # fmt: skip
    cells = np.empty(1024, np.int64)
    counts = np.empty(1024, np.int64)
    used = 0
    everyone = len(rest) == 0
    # a number behind the table's end means the last entry: no class, or every class
    last = len(classes) - 1
    for i in range(len(keys)):
        at = reported_at[i]
        # one jump for all conditions: which of them fails cannot be guessed, that one does can
        passes = (at >= since) & (at < until) & states[state[i]] & classes[min(class_id[i], last)]
        if not passes or not (everyone or rest[i]):
            continue
        cell = keys[i] >> shift
        if used > 0 and cells[used - 1] == cell:
            counts[used - 1] += 1
            continue
        if used == len(cells):
            cells = np.concatenate((cells, np.empty(used, np.int64)))
            counts = np.concatenate((counts, np.empty(used, np.int64)))
        cells[used] = cell
        counts[used] = 1
        used += 1
    return cells[:used].copy(), counts[:used].copy()
