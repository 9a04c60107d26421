"""Why a deadline falls when it does, in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gis_service.reference.holidays import english_name
from gis_service.reference.working_time import OFF, WorkingCalendar


@dataclass(frozen=True)
class Event:
    """What happened at the start of a limit."""

    zh: str
    en: str


FILED = Event("立案", "filed")
EXTENDED = Event("原时限到期后延期", "extended from the former deadline")

_UNITS = {
    "urgent_hour": ("紧急工作时", "urgent hour"),
    "urgent_day": ("紧急工作日", "urgent day"),
    "natural_day": ("自然日", "calendar day"),
    "working_hour": ("工作时", "working hour"),
    "working_day": ("工作日", "working day"),
}
_WEEKDAYS_ZH = "一二三四五六日"
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL_WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def explain(
    calendar: WorkingCalendar,
    amount: float,
    unit: str,
    mode: str,
    *,
    begin: int,
    runs_from: int,
    due: int,
    paused_us: int,
    wall: bool,
    event: Event,
) -> tuple[dict[str, str], dict[str, Any]]:
    """(words by language, facts as plain values) of a deadline; moments in microseconds UTC."""
    start, running, end = (calendar.local(us) for us in (begin, runs_from, due))
    skipped: list[tuple[str, date, date]] = []
    made_up: list[date] = []
    years: list[int] = []
    if not wall:
        skipped = skipped_days(calendar, start.date(), end.date())
        made_up = [
            day
            for day in _days(start.date(), end.date())
            if day.weekday() >= 5 and calendar.works_on(day)
        ]
        years = calendar.unknown_years(start.date(), end.date())
    zh = [_limit(amount, unit, mode, "zh"), f"{_moment_zh(start, None)} {event.zh}"]
    en = [_limit(amount, unit, mode, "en"), f"{event.en} {_moment_en(start, None)}"]
    if runs_from != begin:
        moved_zh = f"自 {_moment_zh(running, start)} 起算"
        moved_en = f"runs from {_moment_en(running, start)}"
        if running.date() in made_up:
            made_up = [day for day in made_up if day != running.date()]
            moved_zh += f"（该周{_WEEKDAYS_ZH[running.weekday()]}为调休工作日）"
            moved_en += f" (that {_FULL_WEEKDAYS_EN[running.weekday()]} is a make-up working day)"
        zh.append(moved_zh)
        en.append(moved_en)
    for day in made_up:
        zh.append(f"{_day_zh(day, start)}为调休工作日")
        en.append(f"{_day_en(day, start)} is a make-up working day")
    for note, first, last in skipped:
        zh.append(f"跳过{note or '休息日'} {_range_zh(first, last, start)}")
        en.append(f"skips {english_name(note) or 'days off'} {_range_en(first, last, start)}")
    if not wall and _passes_weekend(calendar, start.date(), end.date()):
        zh.append("跳过周末")
        en.append("skips weekends")
    if paused_us:
        zh.append(f"暂停 {_length(paused_us, '小时', '分钟', '秒')}")
        en.append(f"paused {_length(paused_us, 'h', 'min', 's')}")
    zh.append(f"{_moment_zh(end, start)} 到期")
    en.append(f"due {_moment_en(end, start)}")
    if years:
        named = [str(year) for year in years]
        zh.append(f"暂定：{'、'.join(named)} 年尚无工作日历，按周一至周五推算")
        en.append(f"provisional: no calendar for {', '.join(named)}, Monday to Friday assumed")
    facts = {
        "start": start.isoformat(), "runs_from": running.isoformat(), "due": end.isoformat(),
        "amount": float(amount), "unit": unit, "mode": mode, "paused_s": paused_us / 1_000_000,
        "skipped": [
            {"note": note, "from": first.isoformat(), "to": last.isoformat()}
            for note, first, last in skipped
        ],
        "make_up_days": [
            day.isoformat()
            for day in _days(start.date(), end.date())
            if not wall and day.weekday() >= 5 and calendar.works_on(day)
        ],
        "provisional_years": years,
    }  # fmt: skip
    return {"zh": "，".join(zh), "en": ", ".join(en)}, facts


def skipped_days(
    calendar: WorkingCalendar, first: date, last: date
) -> list[tuple[str, date, date]]:
    """The days off by the calendar from ``first`` to ``last``, as runs of one note each."""
    runs: list[tuple[str, date, date]] = []
    for day in sorted(day for day in calendar.days if first <= day <= last):
        told = calendar.days[day]
        if told.kind != OFF:
            continue
        if runs and runs[-1][0] == told.note and runs[-1][2] == day - timedelta(days=1):
            runs[-1] = (told.note, runs[-1][1], day)
        else:
            runs.append((told.note, day, day))
    return runs


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _passes_weekend(calendar: WorkingCalendar, first: date, last: date) -> bool:
    return any(day.weekday() >= 5 and day not in calendar.days for day in _days(first, last))


def _limit(amount: float, unit: str, mode: str, locale: str) -> str:
    number = f"{amount:g}"
    zh, en = _UNITS[unit]
    en = f"{en}s" if amount != 1 else en
    if unit in ("urgent_hour", "urgent_day", "natural_day"):
        return f"{number} {zh}（昼夜连续计算）" if locale == "zh" else f"{number} {en} (wall clock)"
    if unit == "working_day" and mode == "hours8":
        hours = f"{amount * 8:g}"
        return f"{number} {zh}（{hours} 工作时）" if locale == "zh" else (
            f"{number} {en} ({hours} working hours)"
        )  # fmt: skip
    if unit == "working_day":
        return f"{number} {zh}（至当日下班）" if locale == "zh" else (
            f"{number} {en} (to the end of the day)"
        )  # fmt: skip
    return f"{number} {zh}" if locale == "zh" else f"{number} {en}"


def _day_zh(day: date, since: datetime | None) -> str:
    year = "" if since and since.year == day.year else f"{day.year}年"
    return f"{year}{day.month}月{day.day}日周{_WEEKDAYS_ZH[day.weekday()]}"


def _day_en(day: date, since: datetime | None) -> str:
    year = "" if since and since.year == day.year else f" {day.year}"
    return f"{_WEEKDAYS_EN[day.weekday()]} {day.day} {_MONTHS_EN[day.month - 1]}{year}"


def _moment_zh(moment: datetime, since: datetime | None) -> str:
    return f"{_day_zh(moment.date(), since)} {moment:%H:%M}"


def _moment_en(moment: datetime, since: datetime | None) -> str:
    return f"{_day_en(moment.date(), since)} {moment:%H:%M}"


def _range_zh(first: date, last: date, since: datetime) -> str:
    return _day_zh(first, since) if first == last else (
        f"{_day_zh(first, since)}至{_day_zh(last, since)}"
    )  # fmt: skip


def _range_en(first: date, last: date, since: datetime) -> str:
    return _day_en(first, since) if first == last else (
        f"{_day_en(first, since)} to {_day_en(last, since)}"
    )  # fmt: skip


def _length(us: int, hours: str, minutes: str, seconds: str) -> str:
    """Such as ``2 h 5 min``; seconds only where there is nothing longer."""
    whole = round(us / 60_000_000)
    parts = [f"{whole // 60} {hours}"] * (whole >= 60) + [f"{whole % 60} {minutes}"] * (
        whole % 60 > 0
    )
    return " ".join(parts) or f"{us / 1_000_000:g} {seconds}"
