"""Exact tests of a point against polygon edges, compiled.

``orientation`` follows J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast
Robust Geometric Predicates" (1997): a filtered determinant, and exact expansions where the filter
cannot tell. A point exactly on an edge is therefore told apart from one that is 1e-17 beside it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.kernels import kernel

_FILTER = (3.0 + 16.0 * 2.0**-53) * 2.0**-53
_SPLITTER = 2.0**27 + 1.0


@kernel
def _two_product(a: float, b: float) -> tuple[float, float]:
    """``a * b`` as an unevaluated sum of two doubles (Dekker)."""
    product = a * b
    c = _SPLITTER * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = _SPLITTER * b
    b_high = c - (c - b)
    b_low = b - b_high
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


@kernel
def _two_difference(a: float, b: float) -> tuple[float, float]:
    """``a - b`` as an unevaluated sum of two doubles (Knuth)."""
    difference = a - b
    b_part = a - difference
    a_part = difference + b_part
    return difference, (a - a_part) + (b_part - b)


@kernel
def _exact_orientation(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    left_x = _two_difference(ax, px)
    left_y = _two_difference(by, py)
    right_x = _two_difference(bx, px)
    right_y = _two_difference(ay, py)
    expansion = np.zeros(16)  # grows by one non-overlapping component per term, smallest first
    size = 0
    for i in range(2):
        for j in range(2):
            for side in range(2):
                if side == 0:
                    high, low = _two_product(left_x[i], left_y[j])
                else:
                    high, low = _two_product(-right_x[i], right_y[j])
                for term in (low, high):
                    carry = term
                    for k in range(size):
                        total = carry + expansion[k]
                        b_part = total - carry
                        expansion[k] = (carry - (total - b_part)) + (expansion[k] - b_part)
                        carry = total
                    expansion[size] = carry
                    size += 1
    for k in range(size - 1, -1, -1):
        if expansion[k] > 0.0:
            return 1
        if expansion[k] < 0.0:
            return -1
    return 0


@kernel
def orientation(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """1 if p lies left of the line a → b, -1 if right, 0 if exactly on it."""
    left = (ax - px) * (by - py)
    right = (ay - py) * (bx - px)
    determinant = left - right
    bound = _FILTER * (abs(left) + abs(right))
    if determinant > bound:
        return 1
    if determinant < -bound:
        return -1
    return _exact_orientation(ax, ay, bx, by, px, py)


@kernel
def edges_cover(words: npt.NDArray[np.float64], start: int, stop: int, x: float, y: float) -> bool:
    """Whether a polygon covers (x, y), its edges (x1, y1, x2, y2) being ``words[start:stop]``.

    Boundary points are covered, as ST_Covers has it. Edges that a ray from the point towards +x
    does not meet may be missing.
    """
    inside = False
    for i in range(start, stop, 4):
        x1, y1, x2, y2 = words[i], words[i + 1], words[i + 2], words[i + 3]
        if x1 < x and x2 < x:
            continue
        if x2 == x and y2 == y:
            return True
        if (y1 > y) != (y2 > y):
            turn = orientation(x1, y1, x2, y2, x, y)
            if turn == 0:
                return True
            if (turn > 0) == (y2 > y1):
                inside = not inside
        elif y1 == y and y2 == y and (x1 <= x or x2 <= x):
            return True
    return inside
