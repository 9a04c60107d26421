"""What was promised, as plain values: contracts, their hours, and when two of them overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
DAY_MINUTES = 1_440
WEEK_MINUTES = 7 * DAY_MINUTES
WEEK_DAYS = 7
# 1970-01-01 was a Thursday: day numbers count from there
EPOCH_WEEKDAY = 3


@dataclass(frozen=True)
class Hours:
    """The part of a week that a contract promises: ISO ``weekdays`` (Monday is 1) and the minutes
    of the day ``[start, end)``, past midnight where ``end`` is not later than ``start``."""

    weekdays: tuple[int, ...]
    start: int
    end: int

    @cached_property
    def minutes(self) -> npt.NDArray[np.bool_]:
        """Which minutes of the week (from Monday 00:00) lie in it, bool (10080,)."""
        return _minutes(self)

    def meets(self, other: Hours) -> bool:
        """Whether some minute lies in both."""
        return bool((self.minutes & other.minutes).any())


@lru_cache(maxsize=1_000)
def _minutes(hours: Hours) -> npt.NDArray[np.bool_]:
    inside = np.zeros(WEEK_MINUTES, dtype=bool)
    length = (hours.end - hours.start) % DAY_MINUTES or DAY_MINUTES
    for weekday in hours.weekdays:
        first = (weekday - 1) * DAY_MINUTES + hours.start
        inside[np.arange(first, first + length) % WEEK_MINUTES] = True
    return inside


@dataclass(frozen=True)
class Contract:
    """One version of a patrol contract. Days are numbers from 1970-01-01: it holds on
    ``[starts, ends)``; from ``closed`` on (None: never) another version, or nobody, answers.
    ``visits`` visits of different days are promised in every ``period`` days."""

    id: int
    code: str
    version: int
    officer_id: int
    people: tuple[int, ...]  # who leads and the members
    grids: tuple[int, ...]  # area ids
    duties: frozenset[str]
    starts: int
    ends: int
    closed: int | None
    period: int
    visits: int
    hours: Hours
    min_stay_s: int = 0
    min_length_m: float = 0.0
    weekly: bool = False  # promised as so many visits a week

    def holds(self, day: int) -> bool:
        """Whether it is in force on a day."""
        return self.starts <= day < self.ends and not self.closed_by(day)

    def closed_by(self, day: int) -> bool:
        """Whether another version or a withdrawal has ended it by a day."""
        return self.closed is not None and self.closed <= day

    @property
    def last_day(self) -> int:
        """The day behind the last on which it holds."""
        return self.ends if self.closed is None else min(self.ends, self.closed)

    def overlaps(self, other: Contract) -> bool:
        """Whether the same duty and the same hours meet (in a grid that both promise)."""
        return not self.duties.isdisjoint(other.duties) and self.hours.meets(other.hours)


@dataclass(frozen=True)
class Absence:
    """Days ``[starts, ends)`` on which an officer is away and ``stand_in`` (or nobody) answers."""

    officer_id: int
    starts: int
    ends: int
    stand_in: int | None


@dataclass(frozen=True)
class Answering:
    """Who answers for which contract when: arrays of equal length, a span of days each.
    ``contract`` are places in the list of contracts."""

    officer: Ints
    contract: Ints
    starts: Ints
    ends: Ints


def who_answers_when(contracts: Sequence[Contract], absences: Sequence[Absence]) -> Answering:
    """The people of each contract while it holds, and who stands in for them meanwhile."""
    away: dict[int, list[tuple[int, Absence]]] = {}
    for absence in absences:
        if absence.stand_in is not None:
            away.setdefault(absence.officer_id, []).append((absence.stand_in, absence))
    spans = set()
    for place, contract in enumerate(contracts):
        for person in contract.people:
            spans.add((person, place, contract.starts, contract.last_day))
            for stand_in, absence in away.get(person, ()):
                starts = max(contract.starts, absence.starts)
                ends = min(contract.last_day, absence.ends)
                spans.add((stand_in, place, starts, ends))
    kept = sorted(span for span in spans if span[2] < span[3])
    columns = np.array(kept, dtype=np.int64).reshape(-1, 4).T
    return Answering(*columns)


def weekday_of(day: Ints) -> Ints:
    """ISO weekday (Monday is 1) of day numbers."""
    return (day + EPOCH_WEEKDAY) % WEEK_DAYS + 1


def next_promised_day(contract: Contract, day: int) -> int:
    """The first day from ``day`` on that the contract's weekdays hold."""
    weekday = (day + EPOCH_WEEKDAY) % WEEK_DAYS + 1
    return day + min((one - weekday) % WEEK_DAYS for one in contract.hours.weekdays)
