"""Quadkeys as integers: positions on the web-mercator square in Morton (Z) order, so that every
tile of every zoom is one contiguous range of a sorted array."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ZOOM = 24  # 2.4 m at the equator is a 1/4096 of a zoom-12 tile: finer than any cell we draw
SIDE = 1 << ZOOM
NOWHERE = 1 << (2 * ZOOM)  # sorts behind every position
MAX_LATITUDE = 85.0511287798066

Keys = npt.NDArray[np.int64]


def of_positions(lon: npt.ArrayLike, lat: npt.ArrayLike) -> Keys:
    """Quadkeys (n,) of WGS84 positions; ``NOWHERE`` for NaN and beyond web mercator."""
    x = np.asarray(lon, dtype=float)
    y = np.asarray(lat, dtype=float)
    usable = np.isfinite(x) & np.isfinite(y) & (np.abs(x) <= 180) & (np.abs(y) <= MAX_LATITUDE)
    px = np.floor((np.where(usable, x, 0) + 180) / 360 * SIDE)
    sine = np.sin(np.radians(np.where(usable, y, 0)))
    py = np.floor((0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)) * SIDE)
    px = np.clip(px, 0, SIDE - 1).astype(np.uint64)
    py = np.clip(py, 0, SIDE - 1).astype(np.uint64)
    keys = (_spread(px) | (_spread(py) << np.uint64(1))).astype(np.int64)
    return np.where(usable, keys, NOWHERE)


def to_columns_rows(keys: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(column, row) at the keys' own zoom."""
    values = np.asarray(keys).astype(np.uint64)
    return _gather(values).astype(np.int64), _gather(values >> np.uint64(1)).astype(np.int64)


def tile_range(z: int, x: int, y: int) -> tuple[int, int]:
    """First key inside tile ``z/x/y`` and first behind it, at ``ZOOM``."""
    shift = 2 * (ZOOM - z)
    key = int(_spread(np.uint64(x)) | (_spread(np.uint64(y)) << np.uint64(1)))
    return key << shift, (key + 1) << shift


def to_positions(
    column: npt.ArrayLike, row: npt.ArrayLike, zoom: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """WGS84 (lon, lat) of the middles of cells at ``zoom``."""
    side = 1 << zoom
    x = (np.asarray(column) + 0.5) / side
    y = (np.asarray(row) + 0.5) / side
    return x * 360 - 180, np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y))))


_MASKS = (
    (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333), (1, 0x5555555555555555),
)  # fmt: skip


def _spread(values: Any) -> Any:
    """Bits of each value moved to the even places."""
    out = values
    for shift, mask in _MASKS:
        out = (out | (out << np.uint64(shift))) & np.uint64(mask)
    return out


def _gather(values: Any) -> Any:
    """The inverse of :func:`_spread`."""
    out = values & np.uint64(_MASKS[-1][1])
    for (shift, _), (_, mask) in zip(reversed(_MASKS), reversed(_MASKS[:-1]), strict=False):
        out = (out | (out >> np.uint64(shift))) & np.uint64(mask)
    return (out | (out >> np.uint64(16))) & np.uint64(0x00000000FFFFFFFF)
