"""Deadlines: a limit run over the working calendar, minus pauses, explained in words.

Wall-clock units (``urgent_hour, urgent_day, natural_day``) run through nights and holidays;
``working_hour`` only inside working periods; ``working_day`` is eight working hours
(``mode="hours8"``) or ends with the n-th working day after the start's (``"end_of_day"``). A start
outside a period moves to the next one; paused time is taken off the time used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.errors import InvalidInput
from gis_service.reference.deadline_words import FILED, Event, explain
from gis_service.reference.working_time import Ints, WorkingCalendar, from_us, to_us

HOUR_US = 3_600_000_000
WALL_CLOCK = {"urgent_hour": HOUR_US, "urgent_day": 24 * HOUR_US, "natural_day": 24 * HOUR_US}
WORKING_UNITS = {"working_hour": HOUR_US, "working_day": 8 * HOUR_US}
LIMIT_UNITS = (*WALL_CLOCK, *WORKING_UNITS)
MODES = ("hours8", "end_of_day")
NO_MOMENT = np.iinfo(np.int64).max

__all__ = [
    "LIMIT_UNITS", "MODES", "NO_MOMENT", "Deadline", "WorkingCalendar", "deadline", "deadlines",
    "on_time", "provisional", "working_seconds",
]  # fmt: skip

Pause = tuple[datetime, datetime]


@dataclass(frozen=True)
class Deadline:
    """When something falls due (UTC), whether a year without a calendar was reached, why in
    words (``zh``, ``en``), and the facts behind the words as plain values."""

    due_at: datetime
    provisional: bool
    words: dict[str, str]
    basis: dict[str, Any]


def deadline(
    start: datetime,
    amount: float,
    unit: str,
    calendar: WorkingCalendar,
    *,
    mode: str = "hours8",
    pauses: Sequence[Pause] = (),
    event: Event = FILED,
) -> Deadline:
    """When ``amount`` of ``unit`` from ``start`` is used up.

    ``pauses`` are (from, to); they may overlap, and one that ends before it begins counts for
    nothing. ``event`` names what happened at ``start`` in the words. Raises InvalidInput for an
    unknown unit or mode, an amount that is not above 0, a time without zone or outside the
    calendar's days.
    """
    begin = to_us(start)
    wall = unit in WALL_CLOCK
    need = int(_needed(np.int64(begin), amount, unit, calendar, mode))
    worked: Callable[[int], int] = int if wall else lambda us: int(calendar.worked(us))
    reached: Callable[[int], int] = int if wall else lambda used: int(calendar.reached(used))
    at = begin
    taken_off = 0
    for pause_from, pause_to in _merged(pauses, begin):
        used = worked(pause_from) - worked(at)
        if used >= need:
            break
        need -= used
        taken_off += worked(pause_to) - worked(pause_from)
        at = pause_to
    due = reached(worked(at) + need)
    calendar.day_of(due)
    runs_from = begin if wall else calendar.next_start(begin)
    words, basis = explain(
        calendar, amount, unit, mode, begin=begin, runs_from=runs_from, due=due,
        paused_us=taken_off, wall=wall, event=event,
    )  # fmt: skip
    return Deadline(from_us(due), bool(basis["provisional_years"]), words, basis)


def deadlines(
    starts_utc_us: Ints,
    amount: float | npt.NDArray[np.float64],
    unit: str,
    calendar: WorkingCalendar,
    mode: str = "hours8",
) -> Ints:
    """:func:`deadline` without pauses for many starts (n,), microseconds since 1970 UTC.

    ``amount`` is one for all or one each. Raises as :func:`deadline` does.
    """
    starts = np.asarray(starts_utc_us, dtype=np.int64)
    calendar.day_of(starts)
    need = _needed(starts, amount, unit, calendar, mode)
    due = starts + need if unit in WALL_CLOCK else calendar.reached(calendar.worked(starts) + need)
    calendar.day_of(due)
    return np.asarray(due)


def provisional(
    starts_utc_us: Ints, due_utc_us: Ints, unit: str, calendar: WorkingCalendar
) -> npt.NDArray[np.bool_]:
    """Which of :func:`deadlines` reach a year without a calendar, (n,); wall-clock ones never."""
    if unit in WALL_CLOCK:
        return np.zeros(len(starts_utc_us), dtype=bool)
    return calendar.reaches_unknown(starts_utc_us, due_utc_us)


def _needed(
    starts: Any, amount: Any, unit: str, calendar: WorkingCalendar, mode: str
) -> npt.NDArray[np.int64]:
    """The time to be used up, in the unit's own measure (wall clock or working time)."""
    amounts = np.asarray(amount, dtype=np.float64)
    # a century, in the smallest unit: more is a slip of the hand
    if not np.all((amounts > 0) & (amounts < 900_000)):
        raise InvalidInput(
            f"a limit must be above 0 (and below 900 000): {amount!r}",
            f"时限须大于 0（且小于 900000）：{amount!r}",
            where="amount",
        )
    if mode not in MODES:
        raise InvalidInput(
            f"unknown mode {mode!r}; one of {', '.join(MODES)}",
            f"未知工作日口径 {mode!r}：{'、'.join(MODES)}",
            where="mode",
        )
    if unit in WALL_CLOCK:
        return np.asarray(np.rint(amounts * WALL_CLOCK[unit])).astype(np.int64)
    if unit not in WORKING_UNITS:
        raise InvalidInput(
            f"unknown unit {unit!r}; one of {', '.join(LIMIT_UNITS)}",
            f"未知时限单位 {unit!r}：{'、'.join(LIMIT_UNITS)}",
            where="unit",
        )
    day = calendar.day_of(starts)
    if unit == "working_day" and mode == "end_of_day":
        end = calendar.nth_end(day, np.ceil(amounts).astype(np.int64))
        return np.asarray(calendar.worked(end) - calendar.worked(starts))
    return np.asarray(np.rint(amounts * WORKING_UNITS[unit])).astype(np.int64)


def _merged(pauses: Sequence[Pause], begin: int) -> list[tuple[int, int]]:
    """The pauses from ``begin`` on, in order, none overlapping."""
    out: list[tuple[int, int]] = []
    for first, last in sorted((max(to_us(one), begin), to_us(other)) for one, other in pauses):
        if last <= first:
            continue
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out


def working_seconds(start: datetime, end: datetime, calendar: WorkingCalendar) -> float:
    """Working time between two moments; below 0 where ``end`` is the earlier."""
    first, last = to_us(start), to_us(end)
    calendar.day_of(np.array([first, last]))
    return float((int(calendar.worked(last)) - int(calendar.worked(first))) / 1_000_000)


def on_time(due_us: Ints, closed_us: Ints, as_of_us: int) -> npt.NDArray[np.bool_]:
    """按期: what was closed by its deadline, or is open and not yet due at ``as_of_us``.

    Microseconds since 1970 UTC, (n,); :data:`NO_MOMENT` where there is no deadline (which is always
    on time) or no closing.
    """
    ended = np.minimum(closed_us, as_of_us)
    return np.asarray(ended <= due_us)
