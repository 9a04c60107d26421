"""What has to be said beside a choice, so that nobody reads more into it than the figures hold."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from gis_service.analysis.review import among_best
from gis_service.planning.profile import told_value
from gis_service.planning.table import Table

Caution = dict[str, str]


def cautions(table: Table, answer: dict[str, Any], chosen: Collection[str]) -> list[Caution]:
    """Of the communities (codes) that are chosen: on which indicators they were the best and will
    fall back by themselves, which of their figures rest on too few cases, and whose place is
    fragile. ``kind, zh, en`` each."""
    at = [n for n, one in enumerate(table.communities) if one.code in chosen]
    used = {one["id"] for one in answer["indicators"] if one["used"]}
    told = [_regression(table, at, used), _thin(table, at, used), _fragile(answer, chosen)]
    return [one for one in told if one is not None]


def _regression(table: Table, at: list[int], used: set[str]) -> Caution | None:
    best = []
    mine = np.isin(np.arange(len(table.communities)), at)
    for one in table.columns:
        own, others = mine & one.enough, ~mine & one.enough
        if one.indicator.group != "performance" or one.indicator.id not in used:
            continue  # what is simply there, as a post or a contract, does not fall back
        if not own.any() or not others.any():
            continue
        values = one.figures.value
        if among_best(values[own], values[others], rising=one.indicator.rising):
            best.append(one.indicator.title)
    if not best:
        return None
    zh, en = ("、".join(one["zh"] for one in best), ", ".join(one["en"] for one in best))
    return {
        "kind": "regression_to_the_mean",
        "zh": f"入选者在这些指标上居前列：{zh}。居前者此后多会自行向平均回落，"
        "今后的回落不等于退步，成效须与情况相近的社区同期比较（见成效复盘）。",
        "en": f"The chosen are among the best on: {en}. The best tend to fall back towards the "
        "average by themselves: a later fall is no failure, and what was achieved is told beside "
        "similar communities only (see the review).",
    }


def _thin(table: Table, at: list[int], used: set[str]) -> Caution | None:
    zh, en = [], []
    for n in at:
        name = table.communities[n].name
        for one in table.columns:
            if one.indicator.id not in used or one.enough[n]:
                continue
            title, least = one.indicator.title, one.indicator.least
            value, sample = float(one.figures.value[n]), int(one.figures.sample[n])
            if np.isfinite(value):
                zh.append(
                    f"{name} {title['zh']} {told_value(value)}（样本 {sample}，不足 {least}）"
                )
                en.append(
                    f"{name}, {title['en']} {told_value(value)} (n = {sample}, below {least})"
                )
            else:
                zh.append(f"{name} {title['zh']}（缺失）")
                en.append(f"{name}, {title['en']} (missing)")
    if not zh:
        return None
    return {
        "kind": "thin_samples",
        "zh": "入选者的这些数字样本不足或缺失，未作判断，按全区平均及其不确定性计："
        f"{'；'.join(zh)}。",
        "en": "These figures of the chosen rest on too few cases or are missing; nothing is "
        f"claimed by them, they count as the average with its uncertainty: {'; '.join(en)}.",
    }


def _fragile(answer: dict[str, Any], chosen: Collection[str]) -> Caution | None:
    weak = [
        item for item in answer["items"]
        if item["community"]["code"] in chosen and item["standing"] in ("fragile", "seldom")
        and answer["draws"]
    ]  # fmt: skip
    if not weak:
        return None
    told = [f"{item['community']['name']} {item['top_share']:.1%}" for item in weak]
    return {
        "kind": "fragile_choice",
        "zh": f"权重和数据稍有变动，这些社区多半就不在前列（入选把握）：{'、'.join(told)}。",
        "en": "With weights or figures a little different these are mostly not among the first "
        f"(share of draws): {', '.join(told)}.",
    }
