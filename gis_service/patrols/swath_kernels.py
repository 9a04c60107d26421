"""Compiled loops of the swath: how far every sample of streets and outlines is from a walk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.kernels import kernel

FloatArray = npt.NDArray[np.float64]
LongArray = npt.NDArray[np.int64]


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
def nearest_walk(
    x: FloatArray,
    y: FloatArray,
    starts: LongArray,
    west: float,
    south: float,
    size: float,
    columns: int,
    rows: int,
    ax: FloatArray,
    ay: FloatArray,
    bx: FloatArray,
    by: FloatArray,
    reach: float,
) -> FloatArray:
    """Squared distance of each sample (in order of cells) to the nearest step; reach² where none
    is nearer. A cell whose samples are all nearer than a step can come is not looked into: walks
    repeat, so that few steps of a month tell anything new."""
    best = np.full(len(x), reach * reach)
    worst = np.zeros(columns * rows)  # of each cell, the largest distance of its samples
    for c in range(columns * rows):
        if starts[c + 1] > starts[c]:
            worst[c] = reach * reach
    for k in range(len(ax)):
        x0, x1 = min(ax[k], bx[k]), max(ax[k], bx[k])
        y0, y1 = min(ay[k], by[k]), max(ay[k], by[k])
        first_column = max(int((x0 - reach - west) / size), 0)
        last_column = min(int((x1 + reach - west) / size), columns - 1)
        first_row = max(int((y0 - reach - south) / size), 0)
        last_row = min(int((y1 + reach - south) / size), rows - 1)
        dx, dy = bx[k] - ax[k], by[k] - ay[k]
        square = dx * dx + dy * dy
        for row in range(first_row, last_row + 1):
            low = south + row * size
            gap_y = max(max(low - y1, y0 - low - size), 0.0)
            for column in range(first_column, last_column + 1):
                c = row * columns + column
                left = west + column * size
                gap_x = max(max(left - x1, x0 - left - size), 0.0)
                if gap_x * gap_x + gap_y * gap_y >= worst[c]:
                    continue
                largest = 0.0
                for i in range(starts[c], starts[c + 1]):
                    px, py = x[i] - ax[k], y[i] - ay[k]
                    t = 0.0
                    if square > 0.0:
                        t = min(max((px * dx + py * dy) / square, 0.0), 1.0)
                    ex, ey = px - t * dx, py - t * dy
                    distance = ex * ex + ey * ey
                    if distance < best[i]:
                        best[i] = distance
                    if best[i] > largest:
                        largest = best[i]
                worst[c] = largest
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


@kernel
def nearest_of(distance: FloatArray, line: LongArray, lines: int) -> FloatArray:
    """The least distance of each line's samples; inf for lines without any."""
    out = np.full(lines, np.inf)
    for i in range(len(distance)):
        if distance[i] < out[line[i]]:
            out[line[i]] = distance[i]
    return out
