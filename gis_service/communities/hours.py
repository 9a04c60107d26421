"""Opening times as people write them, and read again."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

from gis_service.sheet_reading import narrow

_ZH, _EN = "一二三四五六日", ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TO = re.compile(r"\s*[-–—~至到]\s*")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?-(\d{1,2}):(\d{2})(?::\d{2})?")
_BETWEEN = re.compile(r"[、,\s]*")
_EVERY = {"每天": (1, 7), "每日": (1, 7), "daily": (1, 7), "工作日": (1, 5), "weekdays": (1, 5)}


def hours_in_words(opening: list[dict[str, Any]], locale: str) -> str:
    """Opening times as people write them: ``周一至周五 08:30–12:00、14:30–17:30``."""
    by_days: dict[tuple[int, ...], list[str]] = {}
    for one in opening:
        span = f"{one['from'][:5]}–{one['to'][:5]}"
        by_days.setdefault(tuple(sorted(one["weekdays"])), []).append(span)
    parts = []
    for days, spans in by_days.items():
        runs: list[list[int]] = []
        for day in days:
            if runs and day == runs[-1][1] + 1:
                runs[-1][1] = day
            else:
                runs.append([day, day])
        if locale == "zh":
            called = "、".join(
                f"周{_ZH[low - 1]}" + (f"至周{_ZH[high - 1]}" if high > low else "")
                for low, high in runs
            )
            parts.append(f"{called} {'、'.join(spans)}")
        else:
            called = ", ".join(
                _EN[low - 1].title() + (f"–{_EN[high - 1].title()}" if high > low else "")
                for low, high in runs
            )
            parts.append(f"{called} {', '.join(spans)}")
    return ("；" if locale == "zh" else "; ").join(parts)


def read_hours(words: str) -> list[dict[str, Any]] | None:
    """What :func:`hours_in_words` wrote, in either language, or ``1-5 08:30-12:00``: one entry a
    span, days split off by semicolons or lines. None where it is anything else."""
    found: list[dict[str, Any]] = []
    for part in re.split(r"[;\n]+", narrow(words)):
        group = _TO.sub("-", part.strip())
        if not group:
            continue
        spans = list(_SPAN.finditer(group))
        weekdays = _weekdays(group[: spans[0].start()]) if spans else None
        if not weekdays:
            return None
        ends = [one.end() for one in spans]
        starts = [*(one.start() for one in spans[1:]), len(group)]
        between = [group[end:start] for end, start in zip(ends, starts, strict=True)]
        if any(_BETWEEN.fullmatch(one) is None for one in between):
            return None
        for span in spans:
            first, first_minute, last, last_minute = (int(one) for one in span.groups())
            if max(first, last) > 23 or max(first_minute, last_minute) > 59:
                return None
            opens, closes = time(first, first_minute), time(last, last_minute)
            if opens >= closes:
                return None
            found.append({"weekdays": weekdays, "from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}"})
    return found


def _weekdays(words: str) -> list[int] | None:
    out: set[int] = set()
    for part in re.split(r"[、,\s]+", words.strip().lower()):
        if part in _EVERY:
            low, high = _EVERY[part]
        else:
            first, _, last = part.partition("-")
            low, high = _weekday(first), _weekday(last or first)
        if not 0 < low <= high:
            return None
        out.update(range(low, high + 1))
    return sorted(out)


def _weekday(words: str) -> int:
    """From Monday, 1; 0 where it is no day."""
    plain = re.sub(r"^(周|星期|礼拜)", "", words).replace("天", "日")
    if len(plain) == 1 and plain in "1234567":
        return int(plain)
    if len(plain) == 1 and plain in _ZH:
        return _ZH.index(plain) + 1
    english = len(plain) == 3 or plain.endswith("day")
    return _EN.index(plain[:3]) + 1 if english and plain[:3] in _EN else 0
