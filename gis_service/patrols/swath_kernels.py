"""Compiled loops of the swath: how far every sample of streets and outlines is from a walk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.kernels import kernel

FloatArray = npt.NDArray[np.float64]
LongArray = npt.NDArray[np.int64]

TOGETHER = 32  # steps


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
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(ax, ay, bx, by) of the steps between fixes that follow each other in one run (-1: passed
    over), and of lone fixes to themselves, where all of it is finite.

    Their order is that of the squares of ``size`` in which they begin, which begin anew every
    1,024: those near each other mostly follow each other.
    """
    end = np.full(len(x), -1, np.int64)  # of the step that begins at each fix; -1: none
    last, lone = -1, False  # the kept fix before, and whether it has joined none yet
    for i in range(len(x)):
        if run[i] < 0:
            continue
        if last >= 0:
            joined = run[last] == run[i]
            if joined:
                end[last] = i
            elif lone:
                end[last] = last
            lone = not joined
        else:
            lone = True
        last = i
    if last >= 0 and lone:
        end[last] = last
    square = np.full(len(x), -1, np.int64)
    starts = np.zeros((1 << 20) + 1, np.int64)
    for i in range(len(x)):
        k = end[i]
        if k < 0 or not np.isfinite(x[i] + y[i] + x[k] + y[k]):
            continue
        column, row = int(np.floor(x[i] / size)), int(np.floor(y[i] / size))
        square[i] = ((row & 1023) << 10) | (column & 1023)
        starts[square[i] + 1] += 1
    for c in range(1 << 20):
        starts[c + 1] += starts[c]
    count = starts[1 << 20]
    ax, ay, bx, by = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    for i in range(len(x)):
        if square[i] >= 0:
            at, k = starts[square[i]], end[i]
            starts[square[i]] += 1
            ax[at], ay[at], bx[at], by[at] = x[i], y[i], x[k], y[k]
    return ax, ay, bx, by


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
    ax: FloatArray,
    ay: FloatArray,
    bx: FloatArray,
    by: FloatArray,
    least: float,
    reach: float,
) -> FloatArray:
    """Squared distance of each slot to the nearest step, the least over the samples (in order of
    cells) that have it and lie in the rows from ``from_row`` on and before ``rows``; reach² where
    none is nearer, and up to least² as good as none.

    Walks repeat, so that few steps of a month tell anything new: a cell of which all is nearer
    than a step can come is not looked into. Steps that follow each other are near each other, and
    which cells may come into question is asked for :data:`TOGETHER` of them at once.
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
    asked = np.empty(cells, np.int64)
    for begin in range(0, len(ax), TOGETHER):
        end = min(begin + TOGETHER, len(ax))
        x0 = min(ax[begin:end].min(), bx[begin:end].min())
        x1 = max(ax[begin:end].max(), bx[begin:end].max())
        y0 = min(ay[begin:end].min(), by[begin:end].min())
        y1 = max(ay[begin:end].max(), by[begin:end].max())
        first_column = max(int((x0 - reach - west) / size), 0)
        last_column = min(int((x1 + reach - west) / size), columns - 1)
        first_row = max(int((y0 - reach - south) / size), from_row)
        last_row = min(int((y1 + reach - south) / size), rows - 1)
        count = 0
        for row in range(first_row, last_row + 1):
            for c in range(row * columns + first_column, row * columns + last_column + 1):
                gap_x = max(max(x_min[c] - x1, x0 - x_max[c]), 0.0)
                gap_y = max(max(y_min[c] - y1, y0 - y_max[c]), 0.0)
                if gap_x * gap_x + gap_y * gap_y < worst[c]:
                    asked[count] = c
                    count += 1
        if count == 0:
            continue
        for k in range(begin, end):
            x0, x1 = min(ax[k], bx[k]), max(ax[k], bx[k])
            y0, y1 = min(ay[k], by[k]), max(ay[k], by[k])
            dx, dy = bx[k] - ax[k], by[k] - ay[k]
            square = dx * dx + dy * dy
            share = 1.0 / square if square > 0.0 else 0.0
            for n in range(count):
                c = asked[n]
                gap_x = max(max(x_min[c] - x1, x0 - x_max[c]), 0.0)
                gap_y = max(max(y_min[c] - y1, y0 - y_max[c]), 0.0)
                if gap_x * gap_x + gap_y * gap_y >= worst[c]:
                    continue
                largest = 0.0
                for i in range(starts[c], starts[c + 1]):
                    px, py = x[i] - ax[k], y[i] - ay[k]
                    t = min(max((px * dx + py * dy) * share, 0.0), 1.0)
                    ex, ey = px - t * dx, py - t * dy
                    distance = ex * ex + ey * ey
                    if distance < best[slot[i]]:
                        best[slot[i]] = distance
                    if best[slot[i]] > largest:
                        largest = best[slot[i]]
                worst[c] = largest if largest > least * least else 0.0
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
