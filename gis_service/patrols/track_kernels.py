"""Compiled loops over fixes: which are usable, which belong together, which grids they were in.

All of them stand in this one file: compiled code is renewed when its own file changes.
"""

from __future__ import annotations

from math import cos, radians, sin, sqrt

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.kernels import kernel
from gis_service.hierarchy.lookup_raster import cell_at, covering_list

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
LongArray = npt.NDArray[np.int64]
ByteArray = npt.NDArray[np.uint8]

# what became of a fix
KEPT, NOWHERE, FUTURE, INACCURATE, DUPLICATE, TOO_FAST = 0, 1, 2, 3, 4, 5

_SEMI_MAJOR_M = 6378137.0  # WGS84
_ECCENTRICITY2 = 0.00669437999014
_NONE, _POSSIBLE, _IMPOSSIBLE = 0, 1, 2


@kernel
def metres_between(lon: float, lat: float, to_lon: float, to_lat: float) -> float:
    """Metres between two WGS84 positions, by the ellipsoid's radii at their middle latitude.

    Within 1e-6 of the geodesic for the few kilometres that one fix is from the next.
    """
    phi = radians(0.5 * (lat + to_lat))
    sine = sin(phi)
    w2 = 1.0 - _ECCENTRICITY2 * sine * sine
    w = sqrt(w2)
    east = radians(to_lon - lon) * _SEMI_MAJOR_M / w * cos(phi)
    north = radians(to_lat - lat) * _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY2) / (w2 * w)
    return sqrt(east * east + north * north)


@kernel
def _step(
    i: int,
    k: int,
    device: IntArray,
    at: LongArray,
    lon: FloatArray,
    lat: FloatArray,
    accuracy: FloatArray,
    speed: FloatArray,
    break_us: int,
    unknown_m: float,
) -> int:
    """Whether the device can have come from fix i to the later fix k; _NONE: nothing joins them."""
    if device[i] != device[k] or at[k] - at[i] > break_us:
        return _NONE
    slack = unknown_m if np.isnan(accuracy[i]) else accuracy[i]
    slack += unknown_m if np.isnan(accuracy[k]) else accuracy[k]
    reach = speed[device[i]] * (at[k] - at[i]) * 1e-6 + slack
    return _POSSIBLE if metres_between(lon[i], lat[i], lon[k], lat[k]) <= reach else _IMPOSSIBLE


@kernel
def clean(
    device: IntArray,
    at: LongArray,
    lon: FloatArray,
    lat: FloatArray,
    accuracy: FloatArray,
    speed: FloatArray,
    latest: int,
    worst_m: float,
    break_us: int,
    unknown_m: float,
) -> tuple[ByteArray, IntArray]:
    """(reason of each fix, its run or -1); see :func:`gis_service.patrols.cleaning.clean_fixes`."""
    n = len(device)
    reason = np.zeros(n, np.uint8)
    usable = np.empty(n, np.int32)
    count = 0
    for i in range(n):
        if not (abs(lon[i]) <= 180.0 and abs(lat[i]) <= 90.0):
            reason[i] = NOWHERE
        elif at[i] > latest:
            reason[i] = FUTURE
        elif accuracy[i] > worst_m:
            reason[i] = INACCURATE
        elif count and device[usable[count - 1]] == device[i] and at[usable[count - 1]] == at[i]:
            reason[i] = DUPLICATE
        else:
            usable[count] = i
            count += 1
    before = _NONE
    for m in range(count):
        after = _NONE
        if m + 1 < count:
            after = _step(
                usable[m], usable[m + 1], device, at, lon, lat, accuracy, speed, break_us, unknown_m
            )
        if before == _IMPOSSIBLE and after == _IMPOSSIBLE:
            reason[usable[m]] = TOO_FAST
        before = after
    run = np.full(n, -1, np.int32)
    number, last = -1, -1
    for m in range(count):
        i = usable[m]
        if reason[i] != KEPT:
            continue
        joined = _NONE
        if last >= 0:
            joined = _step(last, i, device, at, lon, lat, accuracy, speed, break_us, unknown_m)
        if joined != _POSSIBLE:
            number += 1
        run[i] = number
        last = i
    return reason, run


@kernel
def find_visits(
    device: IntArray,
    at: LongArray,
    lon: FloatArray,
    lat: FloatArray,
    run: IntArray,
    frame: FloatArray,
    cells: IntArray,
    records: FloatArray,
) -> tuple[IntArray, IntArray, LongArray, LongArray, FloatArray, IntArray]:
    """(device, grid, entered, left, length, fixes) of every stay in a grid, in order of leaving."""
    size = len(device) // 8 + 64
    of_device, grid = np.empty(size, np.int32), np.empty(size, np.int32)
    entered, left = np.empty(size, np.int64), np.empty(size, np.int64)
    length, fixes = np.empty(size), np.empty(size, np.int32)
    done = 0
    # the grids the device is in now: mostly one, several where grids overlap
    most = 64
    now_grid, now_fixes = np.empty(most, np.int32), np.empty(most, np.int32)
    now_entered, now_length = np.empty(most, np.int64), np.empty(most)
    now = 0
    here = np.empty(16, np.int32)
    x0, y0, x1, y1, per_x, per_y = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    last = -1
    for i in range(len(device) + 1):
        end = i == len(device)
        if not end and run[i] < 0:
            continue
        same = (not end) and last >= 0 and run[i] == run[last]
        moment = at[i] if same else (at[last] if last >= 0 else 0)
        metres = metres_between(lon[last], lat[last], lon[i], lat[i]) if same else 0.0
        found = 0
        if not end:
            value = cell_at(x0, y0, x1, y1, per_x, per_y, cells, lon[i], lat[i])
            here, found = covering_list(records, value, lon[i], lat[i], here, 0)
        kept = 0
        for k in range(now):
            length_now = now_length[k] + metres
            stays = False
            if same:
                for m in range(found):
                    if here[m] == now_grid[k]:
                        stays = True
                        here[m] = -1  # is open already
            if stays:
                now_grid[kept], now_entered[kept] = now_grid[k], now_entered[k]
                now_fixes[kept], now_length[kept] = now_fixes[k] + 1, length_now
                kept += 1
                continue
            if done == size:
                size *= 2
                of_device, grid = _longer(of_device, size), _longer(grid, size)
                entered, left = _longer_long(entered, size), _longer_long(left, size)
                length, fixes = _longer_float(length, size), _longer(fixes, size)
            of_device[done], grid[done] = device[last], now_grid[k]
            entered[done], left[done] = now_entered[k], moment
            length[done], fixes[done] = length_now, now_fixes[k]
            done += 1
        now = kept
        for m in range(found):
            if here[m] >= 0:
                if now == most:
                    most *= 2
                    now_grid, now_fixes = _longer(now_grid, most), _longer(now_fixes, most)
                    now_entered = _longer_long(now_entered, most)
                    now_length = _longer_float(now_length, most)
                now_grid[now], now_entered[now] = here[m], at[i]
                now_fixes[now], now_length[now] = 1, 0.0
                now += 1
        last = i
    return of_device[:done], grid[:done], entered[:done], left[:done], length[:done], fixes[:done]


@kernel
def run_lengths(lon: FloatArray, lat: FloatArray, run: IntArray, runs: int) -> FloatArray:
    """Metres of each run, along its fixes."""
    out = np.zeros(runs)
    last = -1
    for i in range(len(run)):
        if run[i] >= 0:
            if last >= 0 and run[last] == run[i]:
                out[run[i]] += metres_between(lon[last], lat[last], lon[i], lat[i])
            last = i
    return out


@kernel
def _longer(values: IntArray, size: int) -> IntArray:
    out = np.empty(size, np.int32)
    out[: len(values)] = values
    return out


@kernel
def _longer_long(values: LongArray, size: int) -> LongArray:
    out = np.empty(size, np.int64)
    out[: len(values)] = values
    return out


@kernel
def _longer_float(values: FloatArray, size: int) -> FloatArray:
    out = np.empty(size, np.float64)
    out[: len(values)] = values
    return out
