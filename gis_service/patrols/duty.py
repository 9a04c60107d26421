"""When officers are on duty: what is asked before a position is kept.

On duty is who has a shift in the roster (their own by name, or their squad's), and everybody in
the daily duty hours of the settings; nobody who is on leave. Contract hours are another question:
a position outside them, but on duty, is kept and counts as out of hours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from sqlalchemy import text

from gis_service.errors import ConfigurationError
from gis_service.settings import Settings

LongArray = npt.NDArray[np.int64]

ON, OFF, LEAVE = 0, 1, 2
EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC).date()
_QUARTER_US = 900 * 1_000_000  # no zone changes its offset within a quarter of an hour
_DAY_US = 86_400 * 1_000_000

# :since and :until bound what is read; officers of a squad share the squad's shifts
SHIFTS = text("""
    SELECT o.id AS officer_id, s.starts_at, s.ends_at
    FROM officer o JOIN duty_shift s
      ON s.person = o.name OR (s.squad_id = o.squad_id AND s.person = '')
    WHERE s.ends_at > :since AND s.starts_at < :until
    ORDER BY 1, 2
""")
LEAVES = text("""
    SELECT officer_id, from_day, to_day FROM officer_absence
    WHERE kind = 'leave' AND to_day >= :first AND from_day <= :last ORDER BY 1, 2
""")


def parse_hours(words: str) -> tuple[int, int] | None:
    """``HH:MM-HH:MM`` as microseconds of the day, the end exclusive (24:00 allowed, and an end
    before the start: over midnight); None where it is empty. Raises ConfigurationError."""
    if not words.strip():
        return None
    match = re.fullmatch(r"\s*(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)\s*", words)
    if match:
        h1, m1, h2, m2 = (int(part) for part in match.groups())
        first, last = h1 * 60 + m1, h2 * 60 + m2
        if max(m1, m2) < 60 and first < 1440 and last <= 1440 and first != last:
            return first * 60_000_000, last * 60_000_000
    raise ConfigurationError(
        f"GIS_DUTY_HOURS {words!r} is no HH:MM-HH:MM", f"GIS_DUTY_HOURS {words!r} 不是 HH:MM-HH:MM"
    )


def local_micros(at: LongArray, zone: ZoneInfo) -> LongArray:
    """Wall-clock microseconds since 1970 of UTC microseconds: one day is ``// 86_400_000_000``."""
    quarters, place = np.unique(at // _QUARTER_US, return_inverse=True)
    offsets = np.array(
        [
            _offset(datetime.fromtimestamp(int(quarter) * 900, zone)) for quarter in quarters
        ],
        np.int64,
    )  # fmt: skip
    return at + offsets[place] if len(at) else at


def _offset(moment: datetime) -> int:
    return int((moment.utcoffset() or timedelta()).total_seconds()) * 1_000_000


def local_days(at: LongArray, zone: ZoneInfo) -> LongArray:
    """Days since 1970-01-01 in ``zone`` of UTC microseconds."""
    return local_micros(at, zone) // _DAY_US


def day_date(day: int) -> date:
    """The date of a day counted as in :func:`local_days`."""
    return EPOCH_DAY + timedelta(days=day)


def day_start(day: int, zone: ZoneInfo) -> datetime:
    """The beginning of a day, counted as in :func:`local_days`."""
    return datetime.combine(EPOCH_DAY + timedelta(days=int(day)), time(), zone)


@dataclass(frozen=True)
class DutyTimes:
    """Shifts and leaves of the officers that have any; see :meth:`read` for the query results."""

    zone: ZoneInfo
    hours: tuple[int, int] | None
    shifts: dict[int, LongArray]  # (n, 2) half-open microseconds
    leaves: dict[int, LongArray]  # (n, 2) days, both included

    @classmethod
    def of_rows(cls, settings: Settings, shifts: Sequence[Any], leaves: Sequence[Any]) -> DutyTimes:
        """From the rows of SHIFTS and LEAVES."""
        by_officer: dict[int, list[tuple[int, int]]] = {}
        for row in shifts:
            by_officer.setdefault(row.officer_id, []).append(
                (micros(row.starts_at), micros(row.ends_at))
            )
        away: dict[int, list[tuple[int, int]]] = {}
        for row in leaves:
            span = ((row.from_day - EPOCH_DAY).days, (row.to_day - EPOCH_DAY).days)
            away.setdefault(row.officer_id, []).append(span)
        return cls(
            ZoneInfo(settings.timezone),
            parse_hours(settings.duty_hours),
            {key: np.array(spans, np.int64) for key, spans in by_officer.items()},
            {key: np.array(spans, np.int64) for key, spans in away.items()},
        )

    def of(self, officer_id: int, at: LongArray) -> npt.NDArray[np.uint8]:
        """uint8 (n): ON, OFF or LEAVE of an officer at UTC microseconds ``at`` (n)."""
        return self.of_many(np.full(len(at), officer_id, np.int32), at)

    def of_many(self, officers: npt.NDArray[np.int32], at: LongArray) -> npt.NDArray[np.uint8]:
        """:meth:`of` for an officer (n) each."""
        local = local_micros(at, self.zone)
        out = np.full(len(at), OFF, np.uint8)
        if self.hours:
            first, last = self.hours
            clock = local % _DAY_US
            if first < last:
                out[(clock >= first) & (clock < last)] = ON
            else:
                out[(clock >= first) | (clock < last)] = ON
        days = local // _DAY_US
        here = set(officers.tolist())
        for officer_id in here & self.shifts.keys():
            own = officers == officer_id
            for starts, ends in self.shifts[officer_id]:
                out[own & (at >= starts) & (at < ends)] = ON
        for officer_id in here & self.leaves.keys():
            own = officers == officer_id
            for first, last in self.leaves[officer_id]:
                out[own & (days >= first) & (days <= last)] = LEAVE
        return out


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def moment_of(at: int) -> datetime:
    """The reverse of :func:`micros`."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at))
