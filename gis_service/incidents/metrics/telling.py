"""Groups as the API and the exports tell them: every figure with the number it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from gis_service.incidents.arrays import STAGES
from gis_service.incidents.metrics.grouping import PERIODS, Groups
from gis_service.incidents.metrics.kernel import (
    AGAIN,
    CLOSED,
    COUNT,
    EFFECTIVE,
    FROM_PATROL,
    HANDLED,
    IN_TIME,
    TO_CLOSE,
    TO_HANDLE,
    WORKED,
)

Names = Mapping[str, Mapping[int, dict[str, str]]]  # dimension -> id -> {code, name}
# rate -> (what it counts, out of what)
RATES = {
    "patrol_first": (FROM_PATROL, EFFECTIVE),
    "handled": (HANDLED, TO_HANDLE),
    "closed": (CLOSED, TO_CLOSE),
    "on_time": (IN_TIME, TO_CLOSE),
    "rework": (AGAIN, WORKED),
}
# figure -> the stage whose time since the report it is
TIMES = dict(zip(("verify", "dispatch", "accept", "resolve", "close"), STAGES, strict=True))


def rate(part: int, whole: int) -> dict[str, Any]:
    """``n`` of ``of`` as a share from 0 to 1; null where there is nothing to compare with."""
    return {"n": part, "of": whole, "share": part / whole if whole else None}


def duration(count: int, median: float, high: float) -> dict[str, Any]:
    """How many, and their median and ninetieth percentile in seconds; null where there are none."""
    return {
        "n": count,
        "median_s": round(median, 3) if count else None,
        "p90_s": round(high, 3) if count else None,
    }


def figures(groups: Groups, row: int) -> dict[str, Any]:
    """The figures of one group."""
    counts = groups.counts[row].tolist()
    measured = groups.measured[row].tolist()
    called, came, in_time = groups.called[row].tolist()
    times = groups.times[row].tolist()
    return {
        "count": counts[COUNT],
        "effective": counts[EFFECTIVE],
        **{name: rate(counts[part], counts[whole]) for name, (part, whole) in RATES.items()},
        **{
            name: duration(measured[place], *times[place])
            for place, name in enumerate(TIMES)
        },
        "report_in": {
            "called": called,
            "in_time": rate(in_time, called),
            **duration(came, *groups.delays[row].tolist()),
        },
    }  # fmt: skip


def nothing() -> dict[str, Any]:
    """The figures of no incident at all."""
    none = {"n": 0, "median_s": None, "p90_s": None}
    return {
        "count": 0,
        "effective": 0,
        **{name: rate(0, 0) for name in RATES},
        **dict.fromkeys(TIMES, none),
        "report_in": {"called": 0, "in_time": rate(0, 0), **none},
    }


def items(groups: Groups, names: Names, first: int, limit: int) -> list[dict[str, Any]]:
    """Groups from ``first`` on, at most ``limit``, with what they are by name."""
    return [
        {**label(groups, names, row), **figures(groups, row)}
        for row in range(first, min(first + limit, len(groups)))
    ]


def label(groups: Groups, names: Names, row: int) -> dict[str, Any]:
    """What a group is: an area, class, unit or squad (null: none), the first day of a period."""
    out: dict[str, Any] = {}
    for name in groups.dimensions:
        value = int(groups.values[name][row])
        if name in PERIODS:
            out[name] = date.fromordinal(value).isoformat()
        else:
            out[name] = names.get(name, {}).get(value) if value >= 0 else None
    return out


# -- tables to take home ---------------------------------------------------------------------

WORDS = {
    "street": ("街道", "street"), "community": ("社区", "community"), "grid": ("网格", "grid"),
    "building": ("楼栋", "building"), "class": ("类别", "class"), "unit": ("责任单位", "unit"),
    "squad": ("中队", "squad"), "day": ("日", "day"), "week": ("周（周一）", "week from"),
    "month": ("月", "month from"), "count": ("案件数", "incidents"),
    "effective": ("有效案件数", "effective incidents"),
    "patrol_first": ("巡查先于投诉发现", "found by patrol first"), "handled": ("处置", "handled"),
    "closed": ("结案", "closed"), "on_time": ("按期结案", "closed on time"),
    "rework": ("返工", "reworked"), "verify": ("上报至核实", "report to verification"),
    "dispatch": ("上报至派遣", "report to dispatch"),
    "accept": ("上报至接单", "report to acceptance"),
    "resolve": ("上报至处置完成", "report to resolution"),
    "close": ("上报至结案", "report to closing"),
    "report_in": ("吹哨至报到", "whistle to report-in"), "code": ("编码", "code"),
    "name": ("名称", "name"), "n": ("数", "n"), "of": ("应数", "of"), "share": ("率", "share"),
    "median_h": ("中位数（小时）", "median, hours"), "p90_h": ("90%分位（小时）", "p90, hours"),
    "called": ("被吹哨单位次", "units called"), "in_time": ("按时报到", "reported in on time"),
}  # fmt: skip


def table(
    rows: Sequence[Mapping[str, Any]], dimensions: Sequence[str], locale: str
) -> tuple[list[str], list[list[Any]]]:
    """(headings, rows) of ``items`` as a flat table: hours instead of seconds, blanks for null."""
    at = 0 if locale == "zh" else 1

    def word(*names: str) -> str:
        return " ".join(WORDS[name][at] for name in names)

    head: list[str] = []
    for name in dimensions:
        head += [word(name)] if name in PERIODS else [word(name, "code"), word(name, "name")]
    head += [word("count"), word("effective")]
    for name in RATES:
        head += [word(name, "n"), word(name, "of"), word(name, "share")]
    for name in (*TIMES, "report_in"):
        head += [word(name, "n"), word(name, "median_h"), word(name, "p90_h")]
    head += [word("called"), word("in_time")]
    out = []
    for row in rows:
        line: list[Any] = []
        for name in dimensions:
            if name in PERIODS:
                line.append(row[name])
            else:
                named = row[name] or {"code": "", "name": ""}
                line += [named["code"], named["name"]]
        line += [row["count"], row["effective"]]
        for name in RATES:
            line += [row[name]["n"], row[name]["of"], _rounded(row[name]["share"], 1)]
        for name in (*TIMES, "report_in"):
            line += [
                row[name]["n"], _rounded(row[name]["median_s"], 3600),
                _rounded(row[name]["p90_s"], 3600),
            ]  # fmt: skip
        line += [row["report_in"]["called"], row["report_in"]["in_time"]["n"]]
        out.append(line)
    return head, out


def _rounded(value: float | None, unit: float) -> float | None:
    return None if value is None or math.isnan(value) else round(value / unit, 4)
