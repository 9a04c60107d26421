"""The review of a few areas: it keeps its level, finds what is there, and is not taken in by
regression to the mean."""

from __future__ import annotations

import numpy as np
import pytest

from gis_service.analysis.review import changed, most_similar


def districts(rng: np.random.Generator, size: int = 20) -> tuple[np.ndarray, np.ndarray]:
    true = rng.normal(50, 6, size)
    return true + rng.normal(0, 5, size), true + rng.normal(0, 5, size)


def test_chosen_for_being_best_and_nothing_done_is_not_called_a_loss() -> None:
    rng = np.random.default_rng(1)
    claimed, plain, falls = 0, [], []
    for seed in range(300):
        before, after = districts(rng)
        treated = np.zeros(20, bool)
        treated[np.argsort(-before)[:3]] = True
        found = changed(before, after, treated, seed)
        claimed += found.p < 0.05
        plain.append((after - before)[treated].mean() - (after - before)[~treated].mean())
        falls.append(found.expected_fall)
    assert np.mean(plain) < -2.5  # what a comparison of differences would have blamed on them
    assert np.mean(falls) == pytest.approx(np.mean(plain), abs=1.5)
    assert claimed / 300 < 0.09


def test_a_real_change_is_found_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(2)
    found = []
    for seed in range(200):
        before, after = districts(rng)
        treated = np.zeros(20, bool)
        treated[rng.choice(20, 3, replace=False)] = True
        after[treated] += 20
        found.append(changed(before, after, treated, seed))
    assert np.mean([one.p < 0.05 for one in found]) > 0.9
    assert np.mean([one.low <= 20 <= one.high for one in found]) > 0.8
    assert np.mean([one.estimate for one in found]) == pytest.approx(20, abs=1)


def test_too_few_others_is_told() -> None:
    with pytest.raises(ValueError, match="too few"):
        changed(np.ones(6), np.ones(6), np.array([True, False, False, False, False, False]), 1)


def test_similar_areas_are_the_nearest_and_never_the_treated() -> None:
    traits = np.array([[0.0], [0.1], [5.0], [0.2], [np.nan], [9.0]])
    treated = np.array([True, False, False, False, False, False])
    assert most_similar(traits, treated, 2).tolist() == [False, True, False, True, False, False]
    assert most_similar(traits, treated, 9).sum() == 4


def test_where_all_others_are_alike_no_interval_is_made_up() -> None:
    before = np.full(9, 100.0)
    after = before.copy()
    before[4] = after[5] = 83.0
    treated = np.zeros(9, bool)
    treated[:3] = True
    found = changed(before, after, treated, 1)
    assert np.isinf([found.low, found.high]).all()
    assert found.p > 0.05
