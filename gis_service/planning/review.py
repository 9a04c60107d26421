"""Before and after in chosen communities, each indicator beside similar communities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.analysis.review import LEAST_CONTROLS, among_best, changed, most_similar
from gis_service.errors import InvalidInput
from gis_service.planning.experience import proposals
from gis_service.planning.profile import row_of
from gis_service.planning.table import Column, Table

Floats = npt.NDArray[np.float64]
CONTROLS = 20
CLEAR = 0.05
TRAITS = ("buildings", "area_km2", "per_building", "contract_share", "closed_in_time")
SEED = 1
FINDINGS = {
    "better": ("better by more than chance gives", "改善，超出偶然"),
    "worse": ("worse by more than chance gives", "变差，超出偶然"),
    "unclear": ("no more than chance gives", "未超出偶然，不能断言"),
    "no_baseline": ("no baseline: too few cases before", "无基线：起点前样本不足"),
    "undated": ("no baseline: only today's state is on record",
                "无基线：只有当前状态，没有起点前的记录"),
    "thin": ("too few cases after", "起点后样本不足"),
    "too_few_compared": ("too few communities to compare with", "可对照的社区太少"),
    "constant": ("the same everywhere", "各社区相同"),
}  # fmt: skip


def review(
    before: Table, after: Table, codes: Sequence[str], weights: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """What changed in the communities ``codes`` between two tables of equal length. ``weights``:
    those of the choice that is looked back on, by indicator; else the usual ones.

    Raises InvalidInput where none is asked for, NotFound for an unknown one.
    """
    if not codes:
        raise InvalidInput("name the communities", "请指定社区", where="community")
    treated = np.zeros(len(before.communities), bool)
    treated[[row_of(before, code) for code in dict.fromkeys(codes)]] = True
    traits = np.column_stack(
        [
            column.worth(0.0) if column.estimate.usable else np.zeros(len(treated))
            for column in map(before.column, TRAITS)
            if column is not None
        ]
    )
    controls = most_similar(traits, treated, CONTROLS)
    items, chosen_best, permutations = [], [], 0
    for one in before.columns:
        later = after.column(one.indicator.id)
        if later is None:
            continue
        item, best, count = _indicator(one, later, treated, controls)
        weight = one.indicator.weight if weights is None else weights.get(one.indicator.id, 0.0)
        items.append({**item, "weighed": weight > 0})
        permutations = max(permutations, count)
        if best:
            chosen_best.append(one.indicator.title)
    # what the choice was made by comes first, in the order of the indicators
    items.sort(key=lambda item: not item["weighed"])
    found = {
        "at": after.since, "before": [before.since, before.until],
        "after": [after.since, after.until],
        "communities": _named(before, treated), "controls": _named(before, controls),
        "indicators": items, "permutations": permutations,
        "warnings": _warnings(chosen_best, sum(item["p"] is not None for item in items)),
    }  # fmt: skip
    return {**found, "proposals": proposals(found, before, after)}


def _indicator(
    one: Column, later: Column, treated: npt.NDArray[np.bool_], controls: npt.NDArray[np.bool_]
) -> tuple[dict[str, Any], bool, int]:
    dated = one.indicator.dated
    had = one.enough if dated else np.zeros(len(one.enough), bool)
    enough = had & later.enough
    own, others = treated & enough, controls & enough
    x, y = one.figures.value, later.figures.value
    item: dict[str, Any] = {
        "id": one.indicator.id, "title": one.indicator.title, "unit": one.indicator.unit,
        "rising": one.indicator.rising, "dated": dated,
        "treated": {"before": _mean(x, treated & had),
                    "after": _mean(y, treated & later.enough), "communities": int(own.sum())},
        "others": {"before": _mean(x, controls & had),
                   "after": _mean(y, controls & later.enough), "communities": int(others.sum())},
        "estimate": None, "low": None, "high": None, "p": None, "expected_fall": None,
    }  # fmt: skip
    verdict, best, count = "unclear", False, 0
    part = own | others
    if not own.any():
        verdict = "thin" if (treated & had).any() else "no_baseline"
    elif others.sum() < LEAST_CONTROLS:
        verdict = "too_few_compared"
    elif np.ptp(x[part]) == 0 and np.ptp(y[part]) == 0:
        verdict = "constant"
    else:
        found = changed(x[part], y[part], own[part], SEED)
        count = found.choices
        for name in ("estimate", "low", "high", "p", "expected_fall"):
            value = round(getattr(found, name), 4)
            item[name] = value if np.isfinite(value) else None
        if found.p < CLEAR:
            verdict = "better" if (found.estimate > 0) == one.indicator.rising else "worse"
        best = among_best(x[own], x[others], rising=one.indicator.rising)
    en, zh = FINDINGS[verdict if dated else "undated"]
    return {**item, "verdict": verdict, "words": {"zh": zh, "en": en}}, best, count


def _mean(values: Floats, which: npt.NDArray[np.bool_]) -> float | None:
    return round(float(values[which].mean()), 4) if which.any() else None


def _named(table: Table, which: npt.NDArray[np.bool_]) -> list[dict[str, str]]:
    return [
        {"code": table.communities[n].code, "name": table.communities[n].name}
        for n in np.flatnonzero(which)
    ]


def _warnings(best: list[dict[str, str]], tested: int) -> list[dict[str, str]]:
    out = []
    if best:
        zh, en = ("、".join(one["zh"] for one in best), ", ".join(one["en"] for one in best))
        out.append(
            {
                "kind": "regression_to_the_mean",
                "zh": f"选点时这些指标已属前列：{zh}。前列者此后多会向平均回落，"
                "净变化已扣除这一回落；单看前后数字会低估成效。",
                "en": f"The chosen were among the best already on: {en}. The best tend to fall "
                "back towards the average; the net change allows for that, bare figures do not.",
            }
        )
    if tested > 1:
        out.append(
            {
                "kind": "several_tests",
                "zh": f"共检验 {tested} 项指标，即使毫无变化，也可能有个别项“显著”。",
                "en": f"{tested} indicators were tested: one of them may seem clear by chance.",
            }
        )
    return out
