"""One community beside the others: strengths and weaknesses in words, and its months."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from gis_service.analysis.shrinkage import NINETY
from gis_service.errors import NotFound
from gis_service.incidents.arrays import STAGES, Snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.metrics import kernel
from gis_service.incidents.metrics.grouping import measure
from gis_service.planning.table import Column, Table

TOLD = 4  # strengths and weaknesses each
MONTHLY_LEAST = 10


def row_of(table: Table, code: str) -> int:
    """The number of a community. Raises NotFound."""
    for n, one in enumerate(table.communities):
        if one.code == code:
            return n
    raise NotFound(f"no community {code!r}", f"没有社区 {code!r}", where="community")


def words(table: Table, row: int) -> dict[str, list[dict[str, str]]]:
    """``strengths`` and ``weaknesses``: indicators that judge the work and whose interval (nine in
    ten) lies beyond the district's average, the furthest first; ``thin``: what too few cases say
    nothing about."""
    better: list[tuple[float, dict[str, str]]] = []
    worse: list[tuple[float, dict[str, str]]] = []
    thin: list[dict[str, str]] = []
    for column in table.columns:
        if not column.estimate.usable or column.indicator.weight == 0:
            continue
        if not column.enough[row]:
            thin.append(_thin(column, row))
            continue
        low, high = column.worth(-NINETY)[row], column.worth(NINETY)[row]
        average = column.worth(0.0)[column.enough].mean()
        spread = column.worth(0.0)[column.enough].std() or 1.0
        if low <= average <= high:
            continue
        up = low > average
        distance = abs(float(column.worth(0.0)[row] - average)) / spread
        if distance < 0.5:
            continue
        good = up == column.indicator.rising
        (better if good else worse).append((distance, _sentence(column, row, average, good)))

    def first(found: list[tuple[float, dict[str, str]]]) -> list[dict[str, str]]:
        return [sentence for _, sentence in sorted(found, key=lambda one: -one[0])[:TOLD]]

    return {"strengths": first(better), "weaknesses": first(worse), "thin": thin}


def _sentence(column: Column, row: int, average: float, good: bool) -> dict[str, str]:
    title, unit = column.indicator.title, column.indicator.unit
    value = told_value(column.figures.value[row])
    sample = int(column.figures.sample[row])
    counted = column.indicator.kind != "known"
    return {
        "indicator": column.indicator.id,
        "zh": f"{title['zh']} {value} {unit['zh']}".rstrip() + f"，{'优于' if good else '不及'}"
        f"全区平均 {told_value(average)}" + (f"（{sample} 件）" if counted else ""),
        "en": f"{title['en']} {value} {unit['en']}".rstrip()
        + f", {'better' if good else 'worse'} than the "
        f"average of {told_value(average)}" + (f" ({sample} cases)" if counted else ""),
    }


def _thin(column: Column, row: int) -> dict[str, str]:
    title, sample = column.indicator.title, int(column.figures.sample[row])
    least = column.indicator.least
    return {
        "indicator": column.indicator.id,
        "zh": f"{title['zh']}：样本 {sample}，不足 {least}，不作判断",
        "en": f"{title['en']}: a sample of {sample} is below {least}; nothing is claimed",
    }


def told_value(value: float) -> str:
    """A figure within a sentence."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def months(
    incidents: Snapshot, zone: ZoneInfo, since: datetime, until: datetime, area_id: int
) -> list[dict[str, Any]]:
    """Each month of the period: cases, median hours to close and the share closed in time (%);
    null where fewer than ten stand behind it."""
    found = measure(
        incidents, IncidentFilter(since=since, until=until), ("community", "month"), zone, until
    )
    closing = STAGES.index("closed")
    out = []
    for n in np.flatnonzero(found.values["community"] == area_id):
        closed = int(found.measured[n, closing])
        judged = int(found.counts[n, kernel.TO_CLOSE])
        hours = found.times[n, closing, 0] / 3600
        share = found.counts[n, kernel.IN_TIME] / judged * 100 if judged else 0.0
        out.append(
            {
                "month": date.fromordinal(int(found.values["month"][n])).isoformat()[:7],
                "cases": int(found.counts[n, kernel.EFFECTIVE]),
                "closed": closed,
                "close_hours": round(float(hours), 1) if closed >= MONTHLY_LEAST else None,
                "judged": judged,
                "in_time": round(float(share), 1) if judged >= MONTHLY_LEAST else None,
            }
        )
    return sorted(out, key=lambda one: str(one["month"]))
