"""Incidents in an order, taken from the front without sorting or filtering all of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

LAST = np.iinfo(np.int64).max  # the key of what has no time and stands behind all others
SAMPLE = 32_768
FEW = 20_000  # so many are looked at one by one sooner than a sample
# one row in so many is looked at along an order, which costs as much as to look at all in one go
WALKED = 50
FIRST_STEP = 1_000
Times = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int64]
Rows = npt.NDArray[np.integer]


class Place(NamedTuple):
    """Where something stands: its time (UTC microseconds, or LAST) and its id."""

    key: int
    id: int


class Front(NamedTuple):
    """Times and ids among which the first so many are, and how many are left in all: more than
    were asked for, where they were not counted."""

    keys: Times
    ids: Ids
    left: int


class Source(Protocol):
    """Times and ids, to be had from the front."""

    def front(self, count: int, after: Place | None, descending: bool) -> Front:
        """What the first ``count`` behind ``after`` are among."""
        ...


@dataclass(frozen=True)
class Ordered:
    """What stands in the columns, by time and id, both rising or both falling."""

    columns: tuple[Source, ...]
    descending: bool

    def first(self, count: int, after: Place | None) -> tuple[list[int], Place | None]:
        """The ids of the first ``count`` behind ``after``, in no order, and the place of the last
        of them; None where there are no more."""
        parts = [column.front(count, after, self.descending) for column in self.columns]
        keys = np.concatenate([part.keys for part in parts])
        ids = np.concatenate([part.ids for part in parts])
        if sum(part.left for part in parts) <= count:
            return ids.tolist(), None
        order = np.lexsort((_turned(ids, self.descending), _turned(keys, self.descending)))[:count]
        end = order[-1]
        return ids[order].tolist(), Place(int(keys[end]), int(ids[end]))


@dataclass(frozen=True)
class Column:
    """Times, ids, and which of them count (None: all)."""

    keys: Times
    ids: Ids
    mask: npt.NDArray[np.bool_] | None

    def front(self, count: int, after: Place | None, descending: bool) -> Front:
        """See :class:`Source`."""
        keys, ids, mask = self.keys, self.ids, self.mask
        if after is not None:
            behind = keys <= after.key if descending else keys >= after.key
            if mask is not None:
                behind &= mask
            tied = np.flatnonzero(keys == after.key)
            behind[tied[_told(ids[tied], after, descending)]] = False
            mask = behind
        left = len(keys) if mask is None else int(np.count_nonzero(mask))
        if left > max(FEW, 4 * count):
            near = self._near(mask, count, left, descending)
            if np.count_nonzero(near) >= count:
                mask = near
        if mask is not None:
            keys, ids = keys[mask], ids[mask]
        return Front(keys, ids, left)

    def _near(
        self, mask: npt.NDArray[np.bool_] | None, count: int, left: int, descending: bool
    ) -> npt.NDArray[np.bool_]:
        """What a sample says is in front: all up to some time, probably ``count`` or more."""
        keys = self.keys
        step = max(1, len(keys) // SAMPLE)
        seen = keys[::step] if mask is None else keys[::step][mask[::step]]
        if not len(seen):
            return np.zeros(len(keys), np.bool_)
        place = min(len(seen) - 1, int(1.5 * count / left * len(seen)) + 20)
        limit = _turned(np.partition(_turned(seen, descending), place), descending)[place]
        near = keys >= limit if descending else keys <= limit
        return near if mask is None else mask & near


@dataclass(frozen=True)
class Walk:
    """A table that is walked along an order until enough was found. ``order`` are its rows by
    rising time, of which those in [``since``, ``until``) may count, ``counting`` gives those of
    some rows that do, ``whole`` is all as a column."""

    keys: Times
    ids: Ids
    order: Rows
    counting: Callable[[Rows], Rows]
    whole: Callable[[], Column]
    since: int | None = None
    until: int | None = None

    def front(self, count: int, after: Place | None, descending: bool) -> Front:
        """See :class:`Source`."""
        low, high = 0, len(self.order)
        if self.since is not None:
            low = bisect_left(self.order, self.since, key=self._key)
        if self.until is not None:
            high = bisect_left(self.order, self.until, low, key=self._key)
        if after is not None and descending:
            high = bisect_right(self.order, after.key, low, high, key=self._key)
        elif after is not None:
            low = bisect_left(self.order, after.key, low, high, key=self._key)
        found: list[Rows] = [self.order[:0]]
        many = walked = 0
        step = max(FIRST_STEP, 4 * count)
        most = len(self.order) // WALKED
        while low < high and many < count:
            # those of one time belong together
            if descending:
                start = max(low, high - step)
                start = bisect_left(self.order, self._key(self.order[start]), key=self._key)
                rows, high = self.order[start:high], start
            else:
                end = min(high, low + step)
                end = bisect_right(self.order, self._key(self.order[end - 1]), key=self._key)
                rows, low = self.order[low:end], end
            walked += len(rows)
            if walked > most:
                return self.whole().front(count, after, descending)
            rows = self.counting(rows)
            if after is not None:
                tied = self.keys[rows] == after.key
                rows = rows[~(tied & _told(self.ids[rows], after, descending))]
            found.append(rows)
            many += len(rows)
            step *= 4
            # at this rate it would take more than that
            if many < count and low < high and walked * count > most * (many + 1):
                return self.whole().front(count, after, descending)
        rows = np.concatenate(found)
        return Front(self.keys[rows], self.ids[rows], many if low >= high else max(many, count + 1))

    def _key(self, row: np.integer) -> int:
        return int(self.keys[row])


def _told(ids: Ids, after: Place, descending: bool) -> npt.NDArray[np.bool_]:
    """Which of the ids that share its time lie before a place, or are it."""
    return ids >= after.id if descending else ids <= after.id


def _turned(values: npt.NDArray[np.int64], descending: bool) -> npt.NDArray[np.int64]:
    return -values if descending else values
