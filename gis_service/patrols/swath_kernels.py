"""Compiled loops of the swath: how far every sample of streets and outlines is from a walk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.kernels import kernel

FloatArray = npt.NDArray[np.float64]
LongArray = npt.NDArray[np.int64]
IndexArray = npt.NDArray[np.int32]

SQUARES = 2048  # along each side
TOGETHER = 32  # steps of a square, asked of one cell after the other


@kernel
def into_cells(
    x: FloatArray, y: FloatArray, west: float, south: float, size: float, columns: int, rows: int
) -> tuple[LongArray, LongArray]:
    """(order of the samples by cell, where each cell begins in it)."""
    cell = np.empty(len(x), np.int64)
    starts = np.zeros(columns * rows + 1, np.int64)
    for i in range(len(x)):
        cell[i] = int((y[i] - south) / size) * columns + int((x[i] - west) / size)
        starts[cell[i] + 1] += 1
    for c in range(columns * rows):
        starts[c + 1] += starts[c]
    at = starts.copy()
    order = np.empty(len(x), np.int64)
    for i in range(len(x)):
        order[at[cell[i]]] = i
        at[cell[i]] += 1
    return order, starts


@kernel
def steps_by_place(
    x: FloatArray, y: FloatArray, run: LongArray, size: float
) -> tuple[IndexArray, IndexArray, LongArray, FloatArray]:
    """(begin, end, starts, boxes): the fixes between which steps run, those of one square of
    ``size`` together; where each square begins among them; and (x_min, x_max, y_min, y_max) of its
    steps. A step runs between fixes that follow each other in one run (-1: passed over), or from a
    lone fix to itself, where all of it is finite.

    Squares begin anew every :data:`SQUARES`; a step belongs where its middle lies.
    """
    to = np.full(len(x), -1, np.int32)  # where the step that begins at each fix ends; -1: none
    last, lone = -1, False  # the kept fix before, and whether it has joined none yet
    for i in range(len(x)):
        if run[i] < 0:
            continue
        if last >= 0:
            joined = run[last] == run[i]
            if joined:
                to[last] = i
            elif lone:
                to[last] = last
            lone = not joined
        else:
            lone = True
        last = i
    if last >= 0 and lone:
        to[last] = last
    square = np.empty(len(x), np.int32)
    counts = np.zeros(SQUARES * SQUARES, np.int32)
    for i in range(len(x)):
        k = to[i]
        if k < 0:
            continue
        middle_x, middle_y = (x[i] + x[k]) * 0.5, (y[i] + y[k]) * 0.5
        if not np.isfinite(middle_x + middle_y):
            to[i] = -1
            continue
        column, row = int(np.floor(middle_x / size)), int(np.floor(middle_y / size))
        square[i] = (row % SQUARES) * SQUARES + column % SQUARES
        counts[square[i]] += 1
    some = np.flatnonzero(counts)
    starts = np.zeros(len(some) + 1, np.int64)
    for n in range(len(some)):
        starts[n + 1] = starts[n] + counts[some[n]]
        counts[some[n]] = n  # from here on the number of the square
    at = starts[:-1].copy()
    boxes = np.empty((len(some), 4))
    boxes[:, 0::2], boxes[:, 1::2] = np.inf, -np.inf
    begin, end = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int32)
    for i in range(len(x)):
        k = to[i]
        if k < 0:
            continue
        n = counts[square[i]]
        begin[at[n]], end[at[n]] = i, k
        at[n] += 1
        box = boxes[n]
        box[0], box[1] = min(box[0], x[i], x[k]), max(box[1], x[i], x[k])
        box[2], box[3] = min(box[2], y[i], y[k]), max(box[3], y[i], y[k])
    return begin, end, starts, boxes


@kernel
def _gap2(
    west: float, east: float, south: float, north: float,
    x_min: float, x_max: float, y_min: float, y_max: float,
) -> float:  # fmt: skip
    """Squared distance of two boxes."""
    x = max(max(west - x_max, x_min - east), 0.0)
    y = max(max(south - y_max, y_min - north), 0.0)
    return x * x + y * y


@kernel
def _measure(
    x: FloatArray, y: FloatArray, slot: LongArray, first: int, behind: int,
    ax: float, ay: float, bx: float, by: float, best: FloatArray,
) -> float:  # fmt: skip
    """Take the squared distances of some samples to a step from a to b into ``best`` where they
    are less; the largest of these slots then."""
    dx, dy = bx - ax, by - ay
    length2 = dx * dx + dy * dy
    share = 1.0 / length2 if length2 > 0.0 else 0.0
    largest = 0.0
    for i in range(first, behind):
        px, py = x[i] - ax, y[i] - ay
        t = min(max((px * dx + py * dy) * share, 0.0), 1.0)
        ex, ey = px - t * dx, py - t * dy
        best[slot[i]] = min(best[slot[i]], ex * ex + ey * ey)
        largest = max(largest, best[slot[i]])
    return largest


@kernel
def nearest_walk(
    x: FloatArray,
    y: FloatArray,
    slot: LongArray,
    slots: int,
    starts: LongArray,
    west: float,
    south: float,
    size: float,
    columns: int,
    from_row: int,
    rows: int,
    fix_x: FloatArray,
    fix_y: FloatArray,
    begin: IndexArray,
    end: IndexArray,
    square_starts: LongArray,
    boxes: FloatArray,
    least: float,
    reach: float,
) -> FloatArray:
    """Squared distance of each slot to the nearest step, the least over the samples (in order of
    cells) that have it and lie in the rows from ``from_row`` on and before ``rows``; reach² where
    none is nearer, and up to least² as good as none. Steps are as :func:`steps_by_place` has them.

    Walks repeat, so that few steps of a month tell anything new: a cell of which all is nearer
    than a step can come is not looked into, and a square without such cells is not asked again.
    All squares have a few steps looked at before any has more: those near a cell should be the
    first to be measured, else each a little nearer than the last is measured in vain.
    """
    best = np.full(slots, reach * reach)
    cells = columns * rows
    worst = np.zeros(cells)  # of each cell, the largest distance; 0 where nothing more is asked
    x_min, x_max = np.full(cells, np.inf), np.full(cells, -np.inf)
    y_min, y_max = np.full(cells, np.inf), np.full(cells, -np.inf)
    for c in range(from_row * columns, cells):
        for i in range(starts[c], starts[c + 1]):
            worst[c] = reach * reach
            x_min[c], x_max[c] = min(x_min[c], x[i]), max(x_max[c], x[i])
            y_min[c], y_max[c] = min(y_min[c], y[i]), max(y_max[c], y[i])
    ax, ay, bx, by = np.empty(TOGETHER), np.empty(TOGETHER), np.empty(TOGETHER), np.empty(TOGETHER)
    x0, x1, y0, y1 = np.empty(TOGETHER), np.empty(TOGETHER), np.empty(TOGETHER), np.empty(TOGETHER)
    asked = np.empty(cells, np.int64)
    squares = np.arange(len(boxes))
    first, behind = 0, 4  # the steps of each square that are looked at in this turn
    while len(squares):
        still = 0
        for square in squares:
            left, right, low, high = boxes[square]
            first_column = max(int((left - reach - west) / size), 0)
            last_column = min(int((right + reach - west) / size), columns - 1)
            first_row = max(int((low - reach - south) / size), from_row)
            last_row = min(int((high + reach - south) / size), rows - 1)
            count = 0
            for row in range(first_row, last_row + 1):
                for c in range(row * columns + first_column, row * columns + last_column + 1):
                    if (
                        _gap2(x_min[c], x_max[c], y_min[c], y_max[c], left, right, low, high)
                        < worst[c]
                    ):
                        asked[count] = c
                        count += 1
            if count == 0:
                continue
            steps_end = min(square_starts[square] + behind, square_starts[square + 1])
            for begun in range(square_starts[square] + first, steps_end, TOGETHER):
                many = min(TOGETHER, steps_end - begun)
                for k in range(many):
                    i, j = begin[begun + k], end[begun + k]
                    ax[k], ay[k], bx[k], by[k] = fix_x[i], fix_y[i], fix_x[j], fix_y[j]
                    x0[k], x1[k] = min(ax[k], bx[k]), max(ax[k], bx[k])
                    y0[k], y1[k] = min(ay[k], by[k]), max(ay[k], by[k])
                for n in range(count):
                    c = asked[n]
                    cell = x_min[c], x_max[c], y_min[c], y_max[c]
                    limit = worst[c]
                    near = 0  # a plain count is compiled to several steps at a time
                    for k in range(many):
                        near += _gap2(*cell, x0[k], x1[k], y0[k], y1[k]) < limit
                    if near == 0:
                        continue
                    for k in range(many):
                        if _gap2(*cell, x0[k], x1[k], y0[k], y1[k]) >= worst[c]:
                            continue
                        largest = _measure(
                            x, y, slot, starts[c], starts[c + 1], ax[k], ay[k], bx[k], by[k], best
                        )
                        worst[c] = largest if largest > least * least else 0.0
            if steps_end < square_starts[square + 1]:
                squares[still] = square
                still += 1
        squares = squares[:still]
        first, behind = behind, behind * 4
    return best


@kernel
def covered_lengths(
    distance: FloatArray, step: FloatArray, line: LongArray, lines: int, width: float
) -> FloatArray:
    """Metres of each line whose distance is at most ``width``; ``step[i]`` metres join sample i to
    the next (0 at the end of a part). Between two samples the distance runs straight."""
    out = np.zeros(lines)
    for i in range(len(distance) - 1):
        if step[i] <= 0.0:
            continue
        a, b = distance[i], distance[i + 1]
        if a <= width and b <= width:
            out[line[i]] += step[i]
        elif (a <= width) != (b <= width):
            near, far = min(a, b), max(a, b)
            out[line[i]] += step[i] * (width - near) / (far - near)
    return out
