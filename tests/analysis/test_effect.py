"""The effect of a campaign: published numbers, error rates on simulated districts, what is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gis_service.analysis import effect
from gis_service.analysis.effect import Effect, Panel, correlation_within, difference, measure

SOURCES = (0.5, 0.35, 0.15)


def district(
    rng: np.random.Generator, *, areas: int = 70, treated: int = 3, mean: float = 6.0,
    heavy: float = 10.0, shock: float = 0.3, ratio: float = 1.0, before: float = 1.0,
    lost: int | None = None, ring: float = 1.0,
) -> Panel:  # fmt: skip
    """A district whose areas differ, drift by themselves (``shock``, their spread per window) and
    share a season; the treated ones are busy, as campaigns go where it is needed. ``ratio`` is what
    the campaign does, ``before`` what happened a window earlier, ``lost`` a source that falls
    silent, ``ring`` what happens around."""
    usual = rng.lognormal(np.log(mean), 0.6, areas)
    own = np.arange(areas) < treated
    near = (np.arange(areas) >= treated) & (np.arange(areas) < 2 * treated)
    usual[own] *= heavy
    counts = np.zeros((areas, 3, len(SOURCES)), dtype=np.int64)
    for window in range(3):
        drift = rng.gamma(1 / shock**2, shock**2, areas) if shock else np.ones(areas)
        level = usual * drift * rng.lognormal(0, 0.2)
        for source, share in enumerate(SOURCES):
            factor = np.ones(areas)
            if window >= effect.BEFORE:
                factor[own] *= before
            if window == effect.AFTER:
                factor[own] *= ratio * (0.08 if source == lost else 1.0)
                factor[near] *= ring
            counts[:, window, source] = rng.poisson(level * share * factor)
    traits = np.log(rng.poisson(usual) + 0.5)[:, None]
    return Panel(counts, own, near, np.zeros(areas, dtype=bool), traits)


def many(count: int, seed: int, **facts: Any) -> list[Effect]:
    rng = np.random.default_rng(seed)
    return [measure(district(rng, **facts), n, draws=299) for n in range(count)]


def claimed(found: list[Effect]) -> float:
    return float(np.mean([one.effect for one in found]))


def poisson_claims(found: list[Effect]) -> float:
    """The share that Poisson errors alone would have claimed."""
    upper = [
        one.main.log_ratio
        + 1.96 * np.sqrt(sum(1 / (n + 0.5) for n in (*one.main.treated, *one.main.compared)))
        for one in found
        if one.main
    ]
    return float(np.mean(np.array(upper) < 0))


def test_the_ratio_of_ratios_is_the_odds_ratio_of_the_textbook() -> None:
    """Agresti, Categorical Data Analysis (2002), 3.1: aspirin and heart attacks, log odds ratio
    0.605 with standard error 0.123, 95 % interval of the ratio 1.44 to 2.33."""
    table = np.array([[189, 10845], [104, 10933]])
    first = np.array([True, False])
    found = difference(table[:, ::-1], first, ~first)
    assert found.log_ratio == pytest.approx(0.605, abs=0.003)
    assert found.error == pytest.approx(0.123, abs=0.0005)
    assert found.interval() == pytest.approx((0.44, 1.33), abs=0.01)


@pytest.mark.parametrize("truth", [0.0, 0.05, 0.2])
def test_the_correlation_within_areas_is_found(truth: float) -> None:
    rng = np.random.default_rng(7)
    total = rng.integers(5, 80, 600)
    share = rng.beta(0.4 * (1 / truth - 1), 0.6 * (1 / truth - 1), 600) if truth else 0.4
    later = rng.binomial(total, share)
    counts = np.column_stack((total - later, later))
    assert correlation_within([counts]) == pytest.approx(truth, abs=0.02)
    assert correlation_within([counts[:300], counts[300:]]) == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize(
    "facts", [{}, {"shock": 0.6}, {"treated": 2, "areas": 24}, {"treated": 8, "heavy": 1.0}]
)
def test_nothing_is_claimed_where_nothing_happened(facts: dict[str, Any]) -> None:
    found = many(250, 11, **facts)
    assert all(one.main for one in found)
    assert claimed(found) <= 0.04


def test_poisson_errors_alone_would_claim_too_much() -> None:
    found = many(250, 11, shock=0.4)
    assert poisson_claims(found) > 0.15
    assert claimed(found) <= 0.04


def test_what_happened_is_found() -> None:
    found = many(120, 3, ratio=0.35, shock=0.1)
    assert claimed(found) >= 0.95
    # and its size: the truth lies in the interval about as often as promised
    inside = [one.low <= -0.65 <= one.high for one in found if one.low is not None and one.high]
    assert np.mean(inside) >= 0.9


@pytest.mark.parametrize("source", [0, 1])
def test_what_only_one_source_says_is_warned_of_and_not_claimed(source: int) -> None:
    found = many(120, 5, lost=source, shock=0.1)
    assert np.mean([one.high is not None and one.high < 0 for one in found]) > 0.5
    assert claimed(found) <= 0.05
    assert np.mean(["one_source" in one.warnings for one in found]) >= 0.95


def test_what_began_before_is_not_claimed() -> None:
    rng = np.random.default_rng(2)
    # falls by half from window to window: the campaign is one of the halvings
    found = [measure(district(rng, ratio=0.5, before=0.5, shock=0.1), n) for n in range(60)]
    assert claimed(found) <= 0.05
    assert np.mean(["trend_before" in one.warnings for one in found]) > 0.9


def test_what_moved_next_door_is_told() -> None:
    found = many(40, 8, ratio=0.4, ring=3.0, shock=0.1, heavy=5.0)
    assert np.mean(["spill_over" in one.warnings for one in found]) > 0.9
    assert all(one.nearby and one.nearby.change > 0.5 for one in found)


def test_equal_input_gives_equal_answers() -> None:
    one, other = (measure(district(np.random.default_rng(4)), 9) for _ in range(2))
    assert (one.low, one.high, one.p) == (other.low, other.high, other.p)


def test_the_most_alike_are_compared_with() -> None:
    rng = np.random.default_rng(1)
    panel = district(rng, areas=200, heavy=3.0)
    chosen = effect.choose_comparison(panel)
    assert chosen.sum() >= effect.ENOUGH_AREAS
    assert not (chosen & (panel.treated | panel.near)).any()
    level = panel.traits[:, 0]
    left_out = ~chosen & ~panel.treated & ~panel.near
    middle = level[panel.treated].mean()
    assert np.abs(level[chosen] - middle).max() <= np.abs(level[left_out] - middle).max()
    assert np.abs(level[chosen] - middle).mean() < np.abs(level[left_out] - middle).mean()


def changed(panel: Panel, **facts: Any) -> Panel:
    return Panel(**{**vars(panel), **facts})


def test_what_leaves_nothing_to_compare_with_is_told() -> None:
    panel = district(np.random.default_rng(6))
    everything = np.ones(70, dtype=bool)
    for facts, warning in (
        ({"treated": everything}, "no_comparison"),
        ({"barred": ~panel.treated}, "no_comparison"),
        ({"barred": np.arange(70) > 9}, "too_few_areas"),
        ({"counts": np.where(panel.treated[:, None, None], panel.counts // 40, panel.counts)},
         "too_few_cases"),
        ({"barred": np.arange(70) > 16, "counts": np.where(
            panel.treated[:, None, None], panel.counts, np.array([1, 0, 0]))}, "too_few_compared"),
    ):  # fmt: skip
        found = measure(changed(panel, **facts), 1)
        assert (found.verdict, found.effect, found.warnings) == ("unknown", False, (warning,))
        assert found.main is None


def test_without_an_earlier_window_the_check_is_said_to_be_missing() -> None:
    panel = district(np.random.default_rng(6), ratio=0.3, shock=0.1)
    counts = panel.counts.copy()
    counts[:, effect.EARLIER] = 0
    found = measure(changed(panel, counts=counts, checked=False), 1)
    assert "placebo_unchecked" in found.warnings
    assert found.placebo is None
    assert found.effect
