"""What is said beside a choice, and what a question on a made-up table has to be told: schemes,
ties, tipping weights."""

from __future__ import annotations

import numpy as np
import pytest

from gis_service.planning.cautions import cautions
from gis_service.planning.table import Table
from gis_service.planning.weighing import Question, answer
from tests.planning.made import known, made, share

SIZE = 12


def table() -> Table:
    """Twelve communities: the first three close nearly all in time, of the first there are five
    cases of something else; the last has no record of activities."""
    in_time = np.array([196, 194, 192, *range(120, 102, -2)], float)
    found = np.linspace(150, 40, SIZE).round()
    cases = np.full(SIZE, 200.0)
    found[0], cases[0] = 5, 5
    held = np.linspace(12, 1, SIZE)
    held[-1] = np.nan
    return made(
        {
            "closed_in_time": share(in_time, np.full(SIZE, 200.0)),
            "early_found": share(found, cases),
            "activities": known(held),
            "contract_share": known(np.linspace(60, 100, SIZE)),
        }
    )


def ask(**question: object) -> dict:
    return answer(table(), Question(**question))  # type: ignore[arg-type]


def test_the_best_are_said_to_fall_back_and_thin_figures_are_named() -> None:
    found = {one["kind"]: one for one in cautions(table(), ask(), ["C00", "C01", "C02"])}
    assert "社区1 " not in found["fragile_choice"]["zh"]  # among the first in most draws
    assert "按期结案率、主动发现率、进社区活动" in found["regression_to_the_mean"]["zh"]
    assert "Closed in time" in found["regression_to_the_mean"]["en"]
    # simply there or not, and not among the best: not named
    assert "网格包干率" not in found["regression_to_the_mean"]["zh"]
    assert "社区0 主动发现率 100（样本 5，不足 20）" in found["thin_samples"]["zh"]
    assert "C01" not in found["thin_samples"]["zh"]
    assert "社区1" not in found["thin_samples"]["zh"]


def test_who_is_chosen_against_the_figures_is_fragile_and_no_fall_back_is_said() -> None:
    given = ask()
    found = {one["kind"]: one for one in cautions(table(), given, ["C10", "C11"])}
    assert "regression_to_the_mean" not in found
    assert "社区11 进社区活动（缺失）" in found["thin_samples"]["zh"]
    shares = {item["community"]["name"]: item["top_share"] for item in given["items"]}
    assert f"社区11 {shares['社区11']:.1%}" in found["fragile_choice"]["zh"]


@pytest.mark.parametrize("scheme", ["equal", "entropy"])
def test_a_scheme_weighs_what_has_a_weight_and_nothing_else(scheme: str) -> None:
    found = ask(scheme=scheme, weights={"activities": 0})
    shares = {one["id"]: one["share"] for one in found["indicators"]}
    assert shares["activities"] == 0
    assert sum(shares.values()) == pytest.approx(1)
    used = [one["share"] for one in found["indicators"] if one["used"]]
    if scheme == "equal":
        assert used == pytest.approx([1 / len(used)] * len(used))
    else:
        # Shannon's entropy of each column over the communities, by hand
        one = table()
        names = [column.indicator.id for column in one.columns]
        at = [names.index(name) for name in shares if name != "activities"]
        parts = one.careful(1.0)[:, at] / one.careful(1.0)[:, at].sum(axis=0)
        told = 1 + (parts * np.log(parts)).sum(axis=0) / np.log(SIZE)
        assert used == pytest.approx(list(told / told.sum()))


def test_a_tie_at_the_edge_is_told() -> None:
    level = np.array([90.0, 80, 80, 70, 60, 50, 40, 30])
    tied = made({"contract_share": known(level)})
    found = answer(tied, Question(top=2))
    assert [item["rank"] for item in found["items"][:4]] == [1, 2, 2, 4]
    assert [item["tied"] for item in found["items"][:4]] == [False, True, True, False]
    assert "tie_at_the_edge" in {one["kind"] for one in found["warnings"]}
    # a tie that the choice does not cut through needs no telling
    whole = answer(tied, Question(top=3))
    assert "tie_at_the_edge" not in {one["kind"] for one in whole["warnings"]}
    assert whole["items"][1]["chosen"]
    assert whole["items"][2]["chosen"]


def test_a_tipping_weight_tips_where_it_says() -> None:
    found = ask(top=3)
    assert found["tipping"]
    first = found["tipping"][0]
    gaps = [abs(one["to"] - one["share"]) for one in found["tipping"]]
    assert gaps == sorted(gaps)

    def chosen(to: float) -> set[str]:
        """The choice with one weight at a share, the others keeping their proportions."""
        others = {one["id"]: one["share"] for one in found["indicators"] if one["used"]}
        rest = 1 - others.pop(first["indicator"])
        weights = {name: value / rest * (1 - to) for name, value in others.items()}
        again = ask(top=3, weights={**weights, first["indicator"]: to})
        return {item["community"]["code"] for item in again["items"] if item["chosen"]}

    now = {item["community"]["code"] for item in found["items"] if item["chosen"]}
    there = chosen(first["to"])
    assert first["enters"]["code"] in there - now
    assert first["leaves"]["code"] in now - there
    # a step before it the choice still holds
    step = 0.01 if first["to"] > first["share"] else -0.01
    if abs(first["to"] - first["share"]) > 0.02:
        assert chosen(first["to"] - 2 * step) == now
