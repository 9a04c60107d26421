"""What the answers of a round say, per community and in all: counts, shares and means with their
intervals, and nothing claimed from fewer answers than the setting ``survey_minimum``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gis_service.analysis.intervals import bootstrap_mean, wilson

SEED = 1  # of the resampling: the same answers give the same interval


def round_results(
    questions: Sequence[Mapping[str, Any]], answers: Iterable[Mapping[str, Any]], minimum: int
) -> dict[str, Any]:
    """``all`` and ``communities`` (in order of code): ``responses``, how many of them by QR code,
    whether they are ``enough``, and per question what :func:`question_result` says.

    ``answers`` are rows of ``survey_queries.answers_of``.
    """
    rows = list(answers)
    by_community: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_community.setdefault(row["community_code"], []).append(row)
    return {
        "minimum": minimum,
        "all": _told(questions, rows, minimum),
        "communities": [
            {
                "community": {"code": code, "name": found[0]["community_name"] or code},
                **_told(questions, found, minimum),
            }
            for code, found in sorted(by_community.items())
        ],
        "enough": sum(len(found) >= minimum for found in by_community.values()),
    }


def _told(
    questions: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], minimum: int
) -> dict[str, Any]:
    return {
        "responses": len(rows),
        "by_qr": sum(row["channel"] == "qr" for row in rows),
        "enough": len(rows) >= minimum,
        "questions": [
            question_result(
                question,
                [row["answers"][question["key"]] for row in rows
                 if question["key"] in row["answers"]],
                minimum,
            )
            for question in questions
        ],
    }  # fmt: skip


def question_result(
    question: Mapping[str, Any], values: Sequence[Any], minimum: int
) -> dict[str, Any]:
    """What the ``values`` answered to a question say: ``answers`` (how many), ``counts`` per
    option, and, from ``minimum`` answers on, ``shares`` with Wilson's 95 % interval, for a scale
    also the ``mean`` with its bootstrap interval. Below it these are None: too few answers."""
    kind = question["type"]
    total = len(values)
    enough = total >= minimum
    told: dict[str, Any] = {
        "key": question["key"], "type": kind, "text": question["text"],
        "text_en": question.get("text_en") or question["text"], "answers": total,
        "enough": enough, "measure": question.get("measure"),
    }  # fmt: skip
    if kind == "text":
        return told
    if kind == "multiple":
        counted = Counter(key for value in values for key in value)
    else:
        counted = Counter(values)
    counts = [{**label, "count": counted.get(value, 0)} for value, label in _labels(question)]
    for one in counts:
        one["share"] = _share(one["count"], total) if enough else None
    told["counts"] = counts
    if kind == "quiz":
        right = counted.get(question["right"], 0)
        told |= {"right": right, "right_share": _share(right, total) if enough else None}
    if kind == "yes_no":
        told["satisfied"] = counted.get(True, 0)
        told["satisfied_share"] = _share(counted.get(True, 0), total) if enough else None
    if kind == "scale":
        limit = question["high"] - (question["high"] - question["low"]) / 4
        satisfied = sum(count for value, count in counted.items() if value >= limit)
        told |= {
            "mean": _mean(counted, total) if enough else None, "satisfied": satisfied,
            "satisfied_share": _share(satisfied, total) if enough else None,
        }  # fmt: skip
    return told


def _labels(question: Mapping[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Every possible value with what it is called."""
    kind = question["type"]
    if kind == "yes_no":
        return [(True, {"key": "yes", "text": "是", "text_en": "yes"}),
                (False, {"key": "no", "text": "否", "text_en": "no"})]  # fmt: skip
    if kind == "scale":
        ends = {question["low"]: "low", question["high"]: "high"}
        return [
            (n, {"key": str(n), **{
                f"text{suffix}": f"{n} {question.get(f'{ends[n]}_text{suffix}') or ''}".strip()
                if n in ends else str(n) for suffix in ("", "_en")
            }})
            for n in range(question["low"], question["high"] + 1)
        ]  # fmt: skip
    return [
        (one["key"], {"key": one["key"], "text": one["text"],
                      "text_en": one.get("text_en") or one["text"]})
        for one in question["options"]
    ]  # fmt: skip


def _share(count: int, of: int) -> dict[str, float] | None:
    if not of:
        return None
    low, high = wilson(count, of)
    return {"value": count / of, "low": low, "high": high}


def _mean(counted: Mapping[Any, int], total: int) -> dict[str, float | None]:
    value = sum(value * count for value, count in counted.items()) / total
    interval = bootstrap_mean({float(v): count for v, count in counted.items()}, SEED)
    low, high = interval or (None, None)
    return {"value": value, "low": low, "high": high}


def satisfaction_told(row: Mapping[str, Any], minimum: int) -> dict[str, Any]:
    """A row of ``survey_queries.satisfaction`` as pages show it; ``share`` None: too few."""
    answers = int(row["answers"])
    return {
        "answers": answers, "satisfied": row["satisfied"], "minimum": minimum,
        "share": _share(int(row["satisfied"]), answers) if answers >= minimum else None,
    }  # fmt: skip
