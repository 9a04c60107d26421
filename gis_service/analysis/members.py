"""Which rows of a long column hold one of a few numbers."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

_BITS = 1 << 15


def rows_among(values: npt.NDArray[np.int64], few: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows (r,), ascending, of ``values`` (n,) that are among ``few`` (m,).

    One pass that reads each value once; a table of bits that stays in the nearest cache keeps
    most from being looked for.
    """
    wanted = np.unique(few)
    if not len(values) or not len(wanted):
        return np.empty(0, np.int64)
    marked = np.zeros(_BITS, np.bool_)
    marked[wanted & (_BITS - 1)] = True
    return _rows_among(values, wanted, marked)


@numba.njit(cache=True, nogil=True)
def _rows_among(
    values: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], marked: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    out = np.empty(len(wanted), np.int64)
    found = 0
    bits = len(marked) - 1
    for row in range(len(values)):
        # nearly always not, which a processor can guess; how numbers compare it cannot
        if not marked[values[row] & bits]:
            continue
        at = np.searchsorted(wanted, values[row])
        if at == len(wanted) or wanted[at] != values[row]:
            continue
        if found == len(out):
            out = np.concatenate((out, np.empty(len(out), np.int64)))
        out[found] = row
        found += 1
    return out[:found].copy()
