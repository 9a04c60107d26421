"""Encode point features as a Mapbox Vector Tile layer (specification 2.1), vectorised.

PostGIS encodes what it holds; bins and clusters are computed here and need no way through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

EXTENT = 4096
_MOVE_TO_ONE = (1 << 3) | 1  # geometry command: one MoveTo


@dataclass(frozen=True)
class Points:
    """Points of one kind: ``x, y`` (n,) in tile units, ``columns`` of n ints or strings."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    columns: Mapping[str, Sequence[Any] | npt.NDArray[Any]]


def encode_layer(name: str, groups: Sequence[Points]) -> bytes:
    """A tile that holds one layer ``name`` with the points of all groups; empty without points.

    Groups may have different columns; keys and values are shared.
    """
    keys: dict[str, int] = {}
    values: list[bytes] = []
    features = b"".join(_features(group, keys, values) for group in groups if len(group.x))
    if not features:
        return b""
    body = (
        b"\x78\x02"  # version 2
        + _bytes_field(1, name.encode())
        + features
        + b"".join(_bytes_field(3, key.encode()) for key in keys)
        + b"".join(_bytes_field(4, value) for value in values)
        + b"\x28" + _varint(EXTENT)
    )  # fmt: skip
    return _bytes_field(3, body)


def _features(group: Points, keys: dict[str, int], values: list[bytes]) -> bytes:
    count = len(group.x)
    tags: list[npt.NDArray[np.uint64]] = []
    for name, column in group.columns.items():
        distinct, place = np.unique(np.asarray(column), return_inverse=True)
        key = keys.setdefault(name, len(keys))
        tags.append(np.full(count, key, dtype=np.uint64))
        tags.append(place.reshape(-1).astype(np.uint64) + np.uint64(len(values)))
        values.extend(_value(value) for value in distinct.tolist())
    geometry = [
        np.full(count, _MOVE_TO_ONE, dtype=np.uint64), _zigzag(group.x), _zigzag(group.y)
    ]  # fmt: skip
    tag_bytes = sum((_lengths(tag) for tag in tags), np.zeros(count, dtype=np.uint64))
    geometry_bytes = sum((_lengths(g) for g in geometry), np.zeros(count, dtype=np.uint64))

    def constant(value: int) -> npt.NDArray[np.uint64]:
        return np.full(count, value, dtype=np.uint64)

    inner = [
        constant(0x12), tag_bytes, *tags, constant(0x18), constant(1), constant(0x22),
        geometry_bytes, *geometry,
    ]  # fmt: skip
    length = sum((_lengths(part) for part in inner), np.zeros(count, dtype=np.uint64))
    return _varints(np.column_stack([constant(0x12), length, *inner]))


def _varints(numbers: npt.NDArray[np.uint64]) -> bytes:
    """The varints of a matrix, row by row."""
    width = 1
    top = int(numbers.max(initial=0))
    while top >> (7 * width):
        width += 1
    shifts = (7 * np.arange(width)).astype(np.uint64)
    parts = numbers[..., None] >> shifts
    used = parts > 0
    used[..., 0] = True
    more = np.zeros_like(used)
    more[..., :-1] = used[..., 1:]
    encoded = (parts & np.uint64(0x7F)).astype(np.uint8) | (more.astype(np.uint8) << 7)
    return encoded[used].tobytes()


def _lengths(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    out = np.ones(len(numbers), dtype=np.uint64)
    rest = numbers >> np.uint64(7)
    while rest.any():
        out += (rest > 0).astype(np.uint64)
        rest = rest >> np.uint64(7)
    return out


def _zigzag(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    whole = np.asarray(values).astype(np.int64)
    return ((whole << 1) ^ (whole >> 63)).astype(np.uint64)


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return _bytes_field(1, value.encode())
    if isinstance(value, int):
        return b"\x28" + _varint(value) if value >= 0 else b"\x30" + _varint(-2 * value - 1)
    raise TypeError(f"no vector tile value for {type(value).__name__}")


def _bytes_field(number: int, payload: bytes) -> bytes:
    return _varint((number << 3) | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
