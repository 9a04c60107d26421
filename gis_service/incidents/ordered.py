"""Incidents in an order, taken from the front without sorting all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LAST = np.iinfo(np.int64).max  # the key of what has no time and stands behind all others
SAMPLE = 32_768
FEW = 20_000  # so many are looked at one by one sooner than a sample


class Place(NamedTuple):
    """Where something stands: its time (UTC microseconds, or LAST) and its id."""

    key: int
    id: int


@dataclass(frozen=True)
class Column:
    """Times, ids, and which of them count (None: all)."""

    keys: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class Ordered:
    """What stands in the columns, by time and id, both rising or both falling."""

    columns: tuple[Column, ...]
    descending: bool

    def first(self, count: int, after: Place | None) -> tuple[list[int], Place | None]:
        """The ids of the first ``count`` behind ``after``, in no order, and the place of the last
        of them; None where there are no more."""
        parts = [self._front(column, count, after) for column in self.columns]
        keys = np.concatenate([keys for keys, _, _ in parts])
        ids = np.concatenate([ids for _, ids, _ in parts])
        if sum(left for _, _, left in parts) <= count:
            return ids.tolist(), None
        order = np.lexsort((self._turned(ids), self._turned(keys)))[:count]
        end = order[-1]
        return ids[order].tolist(), Place(int(keys[end]), int(ids[end]))

    def _front(
        self, column: Column, count: int, after: Place | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """(times, ids) among which the first ``count`` of a column are, and how many are left in
        it."""
        keys, ids, mask = column.keys, column.ids, column.mask
        if after is not None:
            behind = keys <= after.key if self.descending else keys >= after.key
            if mask is not None:
                behind &= mask
            tied = np.flatnonzero(keys == after.key)
            seen = ids[tied] >= after.id if self.descending else ids[tied] <= after.id
            behind[tied[seen]] = False
            mask = behind
        left = len(keys) if mask is None else int(np.count_nonzero(mask))
        if left > max(FEW, 4 * count):
            near = self._near(keys, mask, count, left)
            if np.count_nonzero(near) >= count:
                mask = near
        if mask is not None:
            keys, ids = keys[mask], ids[mask]
        return keys, ids, left

    def _near(
        self,
        keys: npt.NDArray[np.int64],
        mask: npt.NDArray[np.bool_] | None,
        count: int,
        left: int,
    ) -> npt.NDArray[np.bool_]:
        """What a sample says is in front: all up to some time, probably ``count`` or more."""
        step = max(1, len(keys) // SAMPLE)
        seen = keys[::step] if mask is None else keys[::step][mask[::step]]
        if not len(seen):
            return np.zeros(len(keys), np.bool_)
        place = min(len(seen) - 1, int(1.5 * count / left * len(seen)) + 20)
        limit = self._turned(np.partition(self._turned(seen), place))[place]
        near = keys >= limit if self.descending else keys <= limit
        return near if mask is None else mask & near

    def _turned(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return -values if self.descending else values
