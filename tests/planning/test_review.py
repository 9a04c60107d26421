"""The review on made-up tables: what it says of a planted change, of none, and of the best."""

from __future__ import annotations

import numpy as np
import pytest

from gis_service.planning.review import review
from gis_service.planning.table import Table
from tests.planning.made import known, made, share

BEFORE, AFTER = ("2026-01-01T00:00:00+08:00", "2026-04-01T00:00:00+08:00"), (
    "2026-04-01T00:00:00+08:00", "2026-07-01T00:00:00+08:00",
)  # fmt: skip
SIZE, TREATED = 30, ("C00", "C01", "C02")


def tables(rise: float, first: float = 0.0) -> tuple[Table, Table]:
    """Thirty communities of 200 cases each; those of ``TREATED`` begin ``first`` above the others
    and rise by ``rise`` points. What is done again is theirs and the others' alike."""
    rng = np.random.default_rng(11)
    level = 60 + rng.normal(0, 6, SIZE)
    level[:3] = 60 + first
    sides = []
    for number, (since, until) in enumerate((BEFORE, AFTER)):
        hits = level + rng.normal(0, 1.5, SIZE)
        if number == 1:
            hits[:3] += rise
        few = np.full(SIZE, 200.0)
        few[0] = 5.0  # of one community too few were handled
        sides.append(
            made(
                {
                    "closed_in_time": share(np.round(hits * 2), np.full(SIZE, 200.0)),
                    "early_found": share(
                        np.round(few * (0.5 + rng.normal(0, 0.02, SIZE))), few
                    ),
                    "rework": share(np.full(SIZE, 4.0), np.full(SIZE, 200.0)),
                    "buildings": known(100 + 10 * np.arange(SIZE)),
                    "campaigns": known(rng.integers(0, 4, SIZE)),
                },
                since, until,
            )
        )  # fmt: skip
    return sides[0], sides[1]


def test_a_planted_change_is_told_with_its_uncertainty_and_proposed_as_experience() -> None:
    before, after = tables(rise=15)
    found = review(before, after, TREATED)
    by_id = {one["id"]: one for one in found["indicators"]}
    closing = by_id["closed_in_time"]
    assert closing["verdict"] == "better"
    assert closing["low"] < 15 < closing["high"]
    assert closing["p"] < 0.05
    assert by_id["rework"]["verdict"] == "constant"
    assert by_id["buildings"]["verdict"] == "no_baseline"
    assert [by_id[name]["weighed"] for name in ("closed_in_time", "campaigns")] == [True, False]
    [first, second, _] = found["proposals"]
    zh, en = first["body"]["zh"].splitlines(), second["body"]["en"].splitlines()
    assert zh[0] == "超出偶然的变化："
    assert zh[1].startswith("- 按期结案率 ")
    assert f"合计净变化 {closing['estimate']:+.1f}（90% 区间 {closing['low']:+.1f}" in zh[1]
    assert "（200 → 200 件）" in zh[1]
    assert "改善，超出偶然" in zh[1]
    assert zh[-1] == "做法与经验（请补充）："
    # five cases of the first community: nothing is said of them; of the second they are told
    assert "- 主动发现率" in zh[zh.index("样本不足或无基线，不作判断：") + 1]
    assert not any("主动发现率" in line and "→" in line for line in zh)
    start = en.index("Moved, but no more than chance gives, so that nothing is claimed:")
    assert any("Found by patrols first" in line and "→" in line for line in en[start:])


def test_where_nothing_was_done_nothing_is_claimed() -> None:
    before, after = tables(rise=0)
    found = review(before, after, TREATED)
    assert {one["verdict"] for one in found["indicators"]} <= {"unclear", "constant", "no_baseline"}
    for one in found["proposals"]:
        assert "超出偶然的变化" not in one["body"]["zh"]


@pytest.mark.parametrize(("first", "warned"), [(20.0, True), (-20.0, False)])
def test_who_was_chosen_for_being_best_is_warned_of_the_fall_back(
    first: float, warned: bool
) -> None:
    found = review(*tables(rise=0, first=first), TREATED)
    kinds = {one["kind"]: one for one in found["warnings"]}
    assert ("regression_to_the_mean" in kinds) is warned
    if warned:
        assert "按期结案率" in kinds["regression_to_the_mean"]["zh"]
        assert "Closed in time" in kinds["regression_to_the_mean"]["en"]


def test_weights_of_the_choice_say_what_weighed() -> None:
    found = review(*tables(rise=0), TREATED, {"campaigns": 1.0})
    assert [one["id"] for one in found["indicators"] if one["weighed"]] == ["campaigns"]
    assert found["indicators"][0]["id"] == "campaigns"
