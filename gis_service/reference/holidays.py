"""The published national calendar: days off and make-up working days, year by year."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import chinese_calendar
from chinese_calendar.constants import Holiday, holidays

from gis_service.errors import InvalidInput
from gis_service.reference.working_time import OFF, WORKING, Day

SOURCE = "chinesecalendar"
MAKE_UP = "调休上班"


def published_years() -> range:
    """The years that the installed calendar knows."""
    return range(min(holidays).year, max(holidays).year + 1)


def published_days(year: int) -> dict[date, Day]:
    """The days of a year that do not follow the weekday, and every day of a holiday.

    Raises InvalidInput for a year whose notice the installed calendar does not hold: it guesses
    none.
    """
    out: dict[date, Day] = {}
    try:
        day = date(year, 1, 1)
        while day.year == year:
            off, name = chinese_calendar.get_holiday_detail(day)
            if off and (name or day.weekday() < 5):
                out[day] = Day(OFF, _chinese_names().get(name or "", name or ""))
            elif not off and day.weekday() >= 5:
                holiday = _chinese_names().get(name or "", "")
                out[day] = Day(WORKING, f"{MAKE_UP}（{holiday}）" if holiday else MAKE_UP)
            day += timedelta(days=1)
    except (NotImplementedError, ValueError, OverflowError):
        known = published_years()
        raise InvalidInput(
            f"no published calendar for {year}; the installed one knows {known[0]} to {known[-1]}",
            f"尚无 {year} 年的放假安排；已安装的日历含 {known[0]}–{known[-1]} 年",
            where=str(year),
        ) from None
    return out


@cache
def _chinese_names() -> dict[str, str]:
    return {holiday.value: holiday.chinese for holiday in Holiday}


def english_name(note: str) -> str:
    """The English name of a national holiday, else the note as it is."""
    return {chinese: english for english, chinese in _chinese_names().items()}.get(note, note)
