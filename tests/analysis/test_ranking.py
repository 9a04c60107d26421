"""Ranking: the published example, the library's own numbers, stability, and thin data."""

from __future__ import annotations

import time

import numpy as np
import pytest

from gis_service.analysis.ranking import (
    METHODS,
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
from gis_service.analysis.shrinkage import Measured, estimate

# Hwang and Yoon 1981, Multiple Attribute Decision Making: four fighter aircraft
AIRCRAFT = np.array(
    [[2.0, 1500, 20000, 5.5, 5, 9], [2.5, 2700, 18000, 6.5, 3, 5],
     [1.8, 2000, 21000, 4.5, 7, 7], [2.2, 1800, 20000, 5.0, 5, 5]]
)  # fmt: skip
RISING = np.array([True, True, True, False, True, True])
WEIGHTS = np.array([0.2, 0.1, 0.1, 0.1, 0.2, 0.3])


def test_topsis_gives_the_published_closeness() -> None:
    found = scores("topsis", AIRCRAFT, RISING, WEIGHTS[None])[0]
    assert np.round(found, 3).tolist() == [0.643, 0.268, 0.614, 0.312]
    assert ranks(found).tolist() == [1, 4, 2, 3]


@pytest.mark.parametrize("method", METHODS)
def test_all_weightings_at_once_are_those_of_the_library_one_by_one(method: Method) -> None:
    rng = np.random.default_rng(7)
    values, rising = rng.random((82, 20)) * 9 + 0.1, rng.random(20) > 0.4
    values[:, 3] = 2.5  # tells nothing apart
    weights = draw_weights(np.arange(20) + 1.0, 10_000, 3)
    begun = time.perf_counter()
    found = scores(method, values, rising, weights)
    members = top_members(found, 3)
    assert time.perf_counter() - begun < 2.0
    assert members.sum(axis=1) == pytest.approx(3)
    for number in rng.choice(10_000, 12, replace=False):
        one = by_library(method, values, rising, weights[number])
        assert found[number] == pytest.approx(one, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_own_values_for_each_weighting_are_the_same_sums(method: Method) -> None:
    rng = np.random.default_rng(8)
    values, rising = rng.random((6, 9, 4)), np.array([True, False, True, True])
    weights = draw_weights(np.ones(4), 6, 1)
    together = scores(method, values, rising, weights)
    apart = [scores(method, values[n], rising, weights[n : n + 1])[0] for n in range(6)]
    assert together == pytest.approx(np.array(apart), abs=1e-9)


def test_weights_that_are_all_zero_negative_or_gaps_are_refused() -> None:
    for weights in (np.zeros((1, 6)), np.array([[1, 1, 1, 1, 1, -0.1]])):
        with pytest.raises(ValueError, match="negative"):
            scores("topsis", AIRCRAFT, RISING, weights)
    gap = AIRCRAFT.copy()
    gap[0, 0] = np.nan
    with pytest.raises(ValueError, match="gaps"):
        scores("topsis", gap, RISING, WEIGHTS[None])


@pytest.mark.parametrize("method", METHODS)
def test_alternatives_that_are_equal_share_their_place_and_the_last_seat(method: Method) -> None:
    values = np.array([[3.0, 3], [2, 2], [2, 2], [1, 1]])
    found = scores(method, values, np.array([True, True]), np.ones((1, 2)))
    assert ranks(found[0]).tolist() == [1, 2, 2, 4]
    assert top_members(found, 2)[0].tolist() == [1, 0.5, 0.5, 0]
    one_alone = scores(method, values[:1], np.array([True, True]), np.ones((1, 2)))
    assert np.isfinite(one_alone).all()
    nothing_differs = scores(method, np.ones((3, 2)), np.array([True, True]), np.ones((1, 2)))
    assert len(set(nothing_differs[0])) == 1


def test_only_the_best_of_a_group_takes_a_seat() -> None:
    score = np.array([[9.0, 8, 7, 6], [1, 2, 3, 4]])
    groups = np.array([0, 0, 1, 2])
    assert top_members(score, 2, groups).tolist() == [[1, 0, 1, 0], [0, 0, 1, 1]]


def test_a_tipping_point_changes_the_choice_and_less_does_not() -> None:
    rng = np.random.default_rng(5)
    values, rising, weights = rng.random((12, 5)), np.ones(5, bool), np.ones(5)
    chosen = top_members(scores("topsis", values, rising, weights[None] / 5), 3)[0]
    found = tipping_points("topsis", values, rising, weights, 3)
    assert found
    for one in found:
        assert chosen[one.leaves] == 1
        assert chosen[one.enters] == 0
        for to, same in ((one.to, False), (one.share + (one.to - one.share) * 0.8, True)):
            moved = np.full(5, (1 - to) / 4)
            moved[one.index] = to
            now = top_members(scores("topsis", values, rising, moved[None]), 3)[0]
            near_the_edge = abs(one.to - one.share) < 0.05
            assert near_the_edge or (now == chosen).all() == same


def test_entropy_weights_favour_what_tells_apart() -> None:
    values = np.column_stack([np.ones(6), [0, 0, 0, 0, 0, 9], [5, 6, 5, 6, 5, 6.0]])
    found = entropy_weights(values)
    assert found.sum() == pytest.approx(1)
    assert found[0] == 0
    assert found[1] > found[2] > 0
    assert entropy_weights(np.ones((4, 2))).tolist() == [0.5, 0.5]
    from skcriteria.preprocessing.weighters import entropy_weights as theirs

    assert entropy_weights(AIRCRAFT) == pytest.approx(theirs(AIRCRAFT), abs=1e-12)
    assert np.isfinite(entropy_weights(AIRCRAFT - 4)).all()


def test_draws_keep_zero_weights_and_the_mean() -> None:
    drawn = draw_weights(np.array([0.0, 1.0, 3.0]), 20_000, 11)
    assert (drawn[:, 0] == 0).all()
    assert drawn[:, 2].mean() == pytest.approx(0.75, abs=0.03)
    assert (drawn == draw_weights(np.array([0.0, 1.0, 3.0]), 20_000, 11)).all()
    assert [standing(share) for share in (1.0, 0.7, 0.3, 0.01)] == [
        "always", "usually", "fragile", "seldom",
    ]  # fmt: skip


def shares(numerator: list[float], denominator: list[float], least: int = 0) -> Measured:
    x, n = np.array(numerator, float), np.array(denominator, float)
    with np.errstate(invalid="ignore"):
        return Measured("share", x / n, x, n, n, np.full(len(x), np.nan), least)


def test_few_cases_are_drawn_to_the_average_and_many_are_not() -> None:
    found = estimate(shares([5, 850, 700, 620, 760], [5, 1000, 1000, 1000, 1000]))
    middle = found.at(0.0)
    assert abs(middle[1] - 0.85) < 0.01
    assert middle[0] < 0.85  # five of five is no proof of being the best
    assert (found.at(-1.0) < middle).all()
    assert found.at(-1.0)[0] < found.at(-1.0)[1] - 0.05


def test_what_is_below_the_minimum_or_missing_is_as_uncertain_as_areas_differ() -> None:
    found = estimate(shares([5, 0, 850, 700, 620], [5, 0, 1000, 1000, 1000], least=20))
    assert found.middle[0] == found.middle[1] == pytest.approx(found.mean)
    assert found.error[0] == found.error[1] == pytest.approx(found.between)
    assert found.at(-1.0)[0] < found.at(-1.0)[3]
    nothing = estimate(shares([0, 0], [0, 0]))
    assert not nothing.usable


def test_the_intervals_hold_what_they_promise() -> None:
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(200):
        true = 1 / (1 + np.exp(-rng.normal(1, 0.5, 40)))
        n = rng.integers(10, 200, 40).astype(float)
        found = estimate(shares(rng.binomial(n.astype(int), true).tolist(), n.tolist()))
        inside.append((found.at(-1.645) <= true) & (true <= found.at(1.645)))
    assert np.mean(inside) == pytest.approx(0.90, abs=0.03)
