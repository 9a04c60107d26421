"""One question put to the table: who is ranked where, by which weights, and how far it holds."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel, ConfigDict, Field

from gis_service.analysis.ranking import (
    Method,
    by_library,
    draw_weights,
    entropy_weights,
    ranks,
    scores,
    standing,
    tipping_points,
    top_members,
)
from gis_service.errors import InvalidInput
from gis_service.planning.table import Column, Table

Floats = npt.NDArray[np.float64]
Scheme = Literal["own", "equal", "entropy"]
LIVE_NUMBERS = 700_000  # communities × indicators × draws while somebody moves a slider
TIPPING_ROWS = 40_000  # communities × steps of one weight
LEAST_DRAWS, LIVE_DRAWS, RECORDED_DRAWS = 50, 400, 10_000
_DRAW_BLOCK = 500
_LIMIT = re.compile(r"^\s*(\w+)\s*(>=|<=)\s*(-?\d+(?:\.\d+)?)\s*$")


class Question(BaseModel):
    """What is asked; a round records it. ``weights`` by indicator, any scale; what is not named
    has its default. ``caution``: how many standard errors to the worse side a figure is taken, so
    that few cases cannot win. ``require``: limits such as ``contract_share>=80``."""

    model_config = ConfigDict(extra="forbid")

    method: Method = "topsis"
    top: int = Field(3, ge=1, le=20)
    scheme: Scheme = "own"
    weights: dict[str, float] = Field(default_factory=dict, max_length=200)
    require: list[str] = Field(default_factory=list, max_length=20)
    one_per_street: bool = False
    caution: float = Field(1.0, ge=0, le=3)
    seed: int = Field(1, ge=0, lt=2**31)


def answer(table: Table, question: Question, draws: int | None = None) -> dict[str, Any]:
    """Ranks, scores, shares of draws among the first, tipping points and what has to be said.

    ``draws``: by default as many as are answered while a slider moves. Raises InvalidInput for
    weights that are all zero or name no indicator, and for limits that cannot be read.
    """
    weights = _weights(table, question)
    excluded = _excluded(table, question)
    rows = np.array([n for n in range(len(table.communities)) if n not in excluded], np.int64)
    values = table.careful(question.caution)[rows] if table.columns else np.empty((len(rows), 0))
    notes = {one.indicator.id: _note(one, values[:, n]) for n, one in enumerate(table.columns)}
    used = np.array([not notes[one.indicator.id] for one in table.columns], bool)
    if question.scheme != "own" and used.any():
        weights = np.where(used, 1.0, 0.0) * (np.array(weights) > 0)
        if question.scheme == "entropy" and (weights > 0).any():
            weights[weights > 0] = entropy_weights(values[:, weights > 0])
    if not weights.any():
        raise InvalidInput(
            "all weights are zero: give at least one indicator a weight",
            "权重不能全部为零：请至少给一项指标赋权", where="weights",
        )  # fmt: skip
    usable = used & (weights > 0)
    out: dict[str, Any] = {
        "question": question.model_dump(),
        "since": table.since, "until": table.until,
        "excluded": [
            {"community": _name(table, n), "reasons": reasons} for n, reasons in excluded.items()
        ],
        "indicators": _told_indicators(table, weights, usable, notes),
        "items": [], "tipping": [], "draws": 0, "warnings": _warnings(table, weights, notes),
    }  # fmt: skip
    if not len(rows):
        out["warnings"].append(_say("none_left"))
        return out
    if not usable.any():
        out["warnings"].append(_say("nothing_to_rank_by"))
        return out
    at = np.flatnonzero(usable)
    values, rising = values[:, at], np.array([table.columns[n].indicator.rising for n in at])
    shares = weights[at] / weights[at].sum()
    groups = _streets(table, rows) if question.one_per_street else None
    score = scores(question.method, values, rising, shares[None])[0]
    rank = ranks(score)
    chosen = top_members(score[None], question.top, groups)[0]
    top_share = np.ones(len(rows))
    if len(rows) == 1:
        out["warnings"].append(_say("one_left"))
    else:
        draws = draws or live_draws(len(rows), len(at))
        top_share = _draw(table, question, rows, at, shares, groups, draws)
        out["draws"] = draws
        out["tipping"] = [
            {
                "indicator": table.columns[int(at[one.index])].indicator.id,
                "share": round(one.share, 4), "to": round(one.to, 4),
                "enters": _name(table, int(rows[one.enters])),
                "leaves": _name(table, int(rows[one.leaves])),
            }
            for one in tipping_points(
                question.method, values, rising, shares, question.top, groups,
                # one hundredth of all weights, coarser where there are very many communities
                steps=int(np.clip(TIPPING_ROWS // len(rows), 15, 100)),
            )
        ]  # fmt: skip
    thin = np.array([~table.columns[n].enough for n in at])[:, rows]
    order = np.lexsort(([table.communities[n].code for n in rows], rank))
    for n in order:
        row = int(rows[n])
        out["items"].append(
            {
                "community": _name(table, row),
                "street": {"code": table.communities[row].street,
                           "name": table.communities[row].street_name},
                "rank": int(rank[n]),
                "score": round(float(score[n]), 6),
                "top_share": round(float(top_share[n]), 4),
                "standing": standing(float(top_share[n])),
                "chosen": bool(chosen[n] == 1),
                "tied": bool(np.count_nonzero(rank == rank[n]) > 1),
                "thin": [table.columns[at[k]].indicator.id for k in np.flatnonzero(thin[:, n])],
            }
        )  # fmt: skip
    if ((chosen > 0) & (chosen < 1)).any():
        out["warnings"].append(_say("tie_at_the_edge"))
    return out


def live_draws(communities: int, indicators: int) -> int:
    """How many draws are answered at once while somebody moves a slider."""
    return int(np.clip(LIVE_NUMBERS // max(communities * indicators, 1), LEAST_DRAWS, LIVE_DRAWS))


def confirm(table: Table, question: Question, given: dict[str, Any]) -> str:
    """The version of scikit-criteria, which ranks as ``given`` does. Raises ValueError where it
    does not."""
    weight = {one["id"]: one["share"] for one in given["indicators"] if one["used"]}
    if len(given["items"]) > 1:
        at = [n for n, one in enumerate(table.columns) if one.indicator.id in weight]
        code = {one.code: n for n, one in enumerate(table.communities)}
        rows = [code[item["community"]["code"]] for item in given["items"]]
        theirs = by_library(
            question.method, table.careful(question.caution)[np.ix_(rows, at)],
            np.array([table.columns[n].indicator.rising for n in at]),
            np.array([weight[table.columns[n].indicator.id] for n in at]),
        )  # fmt: skip
        ours = np.array([item["score"] for item in given["items"]])
        if not np.allclose(theirs, ours, atol=1e-4):
            raise ValueError("the library gives other scores")
    return f"scikit-criteria {importlib.metadata.version('scikit-criteria')}"


def digest(given: dict[str, Any], frozen: dict[str, Any]) -> str:
    """SHA-256 of an answer and the figures it was given from: the same sixty-four digits for the
    same, others where any one was changed."""
    both = {"answer": given, "figures": frozen}
    return hashlib.sha256(orjson.dumps(both, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _weights(table: Table, question: Question) -> Floats:
    known = {one.indicator.id for one in table.columns}
    for name, value in question.weights.items():
        if name not in known:
            raise InvalidInput(
                f"no indicator {name!r}; there are {', '.join(sorted(known))}",
                f"没有指标 {name!r}；可用：{'、'.join(sorted(known))}", where="weights",
            )  # fmt: skip
        if not 0 <= value < 1e9:
            raise InvalidInput(
                f"{name}: a weight is zero or more, not {value:g}",
                f"{name}：权重须不小于零，不能为 {value:g}", where="weights",
            )  # fmt: skip
    return np.array(
        [question.weights.get(one.indicator.id, one.indicator.weight) for one in table.columns],
        float,
    )


def _excluded(table: Table, question: Question) -> dict[int, list[dict[str, Any]]]:
    """The communities that do not meet the limits, each with those it fails."""
    out: dict[int, list[dict[str, Any]]] = {}
    for words in question.require:
        parts = _LIMIT.match(words)
        column = table.column(parts[1]) if parts else None
        if parts is None or column is None:
            raise InvalidInput(
                f"{words!r} is no limit such as contract_share>=80",
                f"{words!r} 不是有效的硬性条件（如 contract_share>=80）", where="require",
            )  # fmt: skip
        limit = float(parts[3])
        for n, value in enumerate(column.figures.value):
            meets = value >= limit if parts[2] == ">=" else value <= limit
            if not (np.isfinite(value) and meets):
                reason = {
                    "indicator": parts[1], "sign": parts[2], "limit": limit,
                    "value": round(float(value), 4) if np.isfinite(value) else None,
                }  # fmt: skip
                out.setdefault(n, []).append(reason)
    return out


def _draw(
    table: Table, question: Question, rows: npt.NDArray[np.int64], at: npt.NDArray[np.int64],
    shares: Floats, groups: npt.NDArray[np.int64] | None, draws: int,
) -> Floats:  # fmt: skip
    """The share of draws, of weights and figures together, in which each row is chosen."""
    weights = draw_weights(shares, draws, question.seed)
    total = np.zeros(len(rows))
    size = min(draws, _DRAW_BLOCK, live_draws(len(table.communities), len(table.columns)))
    for number, start in enumerate(range(0, draws, size)):
        own = weights[start : start + size]
        ready = table.drawn_ready(
            question.method, question.caution, size, question.seed + number, rows, at,
            keep=draws <= size,
        )  # fmt: skip
        total += top_members(ready.first(len(own)).scores(own), question.top, groups).sum(axis=0)
    return np.asarray(total / draws)


def _streets(table: Table, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    codes = [table.communities[n].street for n in rows]
    return np.unique(codes, return_inverse=True)[1]


def _note(column: Column, values: Floats) -> str:
    """Why an indicator cannot tell the communities apart; empty where it can."""
    if not column.estimate.usable:
        return "missing" if not np.isfinite(column.figures.value).any() else "thin"
    if len(values) < 2:
        return ""
    figures = column.figures.value[column.enough]
    if len(figures) and np.ptp(figures) == 0 and column.enough.all():
        return "constant"
    return "no_difference" if np.ptp(values) < 1e-9 * max(1.0, float(np.abs(values).max())) else ""


def _told_indicators(
    table: Table, weights: Floats, usable: npt.NDArray[np.bool_], notes: dict[str, str]
) -> list[dict[str, Any]]:
    total = weights[usable].sum()
    return [
        {
            "id": one.indicator.id, "group": one.indicator.group,
            "weight": round(float(weights[n]), 6), "used": bool(usable[n]),
            "share": float(weights[n] / total) if usable[n] else 0.0,
            "note": notes[one.indicator.id],
        }
        for n, one in enumerate(table.columns)
    ]  # fmt: skip


_WORDS = {
    "one_left": ("only one community meets the limits: there is nothing to compare it with",
                 "符合硬性条件的只剩一个社区，无可比较"),
    "none_left": ("no community meets the limits", "没有社区符合硬性条件"),
    "nothing_to_rank_by": (
        "no weighted indicator tells the communities apart: there is no ranking",
        "有权重的指标都无法区分各社区，不予排名"),
    "tie_at_the_edge": (
        "several communities tie for the last place: the figures alone do not decide",
        "末位名次并列，仅凭指标无法取舍"),
    "missing": ("{name}: no community has a value; it is left out",
                "{name}：所有社区均无数据，不参与计算"),
    "thin": ("{name}: no community reaches the minimum sample; it is left out",
             "{name}：所有社区均未达到最小样本量，不参与计算"),
    "constant": ("{name}: equal everywhere; it tells nothing apart",
                 "{name}：各社区数值相同，无区分作用"),
    "no_difference": ("{name}: differences are within chance; it tells nothing apart",
                      "{name}：各社区差异未超出偶然，无区分作用"),
}  # fmt: skip


def _say(kind: str, **words: dict[str, str]) -> dict[str, str]:
    en, zh = _WORDS[kind]
    return {
        "kind": kind,
        "zh": zh.format(**{key: value["zh"] for key, value in words.items()}),
        "en": en.format(**{key: value["en"] for key, value in words.items()}),
    }


def _warnings(table: Table, weights: Floats, notes: dict[str, str]) -> list[dict[str, str]]:
    return [
        _say(notes[one.indicator.id], name=one.indicator.title)
        for n, one in enumerate(table.columns)
        if notes[one.indicator.id] and weights[n] > 0
    ]


def _name(table: Table, row: int) -> dict[str, str]:
    one = table.communities[row]
    return {"code": one.code, "name": one.name}
