"""The days on which an activity recurs."""

from __future__ import annotations

from datetime import date, datetime

from dateutil.rrule import DAILY, FR, MO, MONTHLY, SA, SU, TH, TU, WE, WEEKLY, rrule

from gis_service.communities.activity_schemas import Repeat
from gis_service.errors import InvalidInput

MOST = 100
_WEEKDAYS = (MO, TU, WE, TH, FR, SA, SU)


def occurrences(first: datetime, repeat: Repeat) -> list[datetime]:
    """The beginnings, the ``first`` (local, without a zone) included: the clock stays the same
    whatever the days. A month without such a day is left out, as RFC 5545 has it.

    Raises InvalidInput without an end, for one that lies before a second time, and for more than
    100 times.
    """
    if (repeat.until is None) == (repeat.times is None):
        raise InvalidInput("say either until or times", "until 与 times 须且只能填一个",
                           where="repeat")  # fmt: skip
    options: dict[str, object] = {"interval": repeat.interval}
    if repeat.times is not None:
        options["count"] = repeat.times
    else:
        assert repeat.until is not None  # noqa: S101 - checked above
        options["until"] = datetime.combine(repeat.until, datetime.max.time())
    if repeat.every == "month_weekday":
        options["byweekday"] = _WEEKDAYS[first.weekday()](_which(first.date()))
    kind = {"day": DAILY, "week": WEEKLY}.get(repeat.every, MONTHLY)
    found: list[datetime] = []
    for one in rrule(kind, dtstart=first, **options):
        found.append(one)
        if len(found) > MOST:
            raise InvalidInput(f"more than {MOST} times", f"超过 {MOST} 次", where="repeat")
    if len(found) < 2:
        raise InvalidInput("it does not recur before its end", "在截止日期前没有重复",
                           where="repeat")  # fmt: skip
    return found


def _which(day: date) -> int:
    """Which of the month's weekdays it is; the fifth counts as the last, which every month has."""
    which = (day.day - 1) // 7 + 1
    return -1 if which == 5 else which
