"""Calendars of tests, and a slow way to the same deadlines."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from gis_service.reference.holidays import published_days, published_years
from gis_service.reference.working_time import WorkingCalendar

ZONE = ZoneInfo("Asia/Shanghai")
SUMMER = (date(2026, 6, 1), [["08:00", "12:00"], ["15:00", "18:30"]])
AUTUMN = (date(2026, 10, 8), [["08:30", "12:00"], ["14:00", "17:30"]])


@cache
def national() -> WorkingCalendar:
    """Every published year, default hours."""
    days = {}
    for year in published_years():
        days.update(published_days(year))
    return WorkingCalendar(days, [], ZONE)


@cache
def seasonal() -> WorkingCalendar:
    """The same with summer hours and others from autumn on."""
    return WorkingCalendar(national().days, [SUMMER, AUTUMN], ZONE)


def at(words: str) -> datetime:
    """A moment of the district's clock."""
    return datetime.fromisoformat(words).replace(tzinfo=ZONE)


def slowly(
    start: datetime,
    need: timedelta,
    calendar: WorkingCalendar,
    pauses: list[tuple[datetime, datetime]],
) -> datetime:
    """The deadline of ``need`` working time, by walking through the days one period at a time."""
    day = start.astimezone(calendar.zone).date()
    while True:
        free = []
        if calendar.works_on(day):
            midnight = datetime.combine(day, datetime.min.time(), calendar.zone)
            free = [
                (midnight + timedelta(minutes=first), midnight + timedelta(minutes=last))
                for first, last in calendar.periods_on(day)
            ]
        free = [(max(first, start), last) for first, last in free]
        for pause_from, pause_to in pauses:
            if pause_to > pause_from:
                free = [
                    part
                    for first, last in free
                    for part in ((first, min(last, pause_from)), (max(first, pause_to), last))
                ]
        for first, last in sorted(free):
            if last > first:
                if last - first >= need:
                    return first + need
                need -= last - first
        day += timedelta(days=1)
