"""Intervals against published numbers and a library."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gis_service.analysis.intervals import bootstrap_mean, wilson


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17, table I, method 3 (score)
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)  # fmt: skip
def test_wilson_as_published(count: int, of: int, low: float, high: float) -> None:
    assert wilson(count, of) == pytest.approx((low, high), abs=5e-5)
    # and mirrored
    assert wilson(of - count, of) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize(("count", "of"), [(0, 0), (-1, 5), (6, 5)])
def test_no_interval_without_a_sample(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="of"):
        wilson(count, of)


def test_the_bootstrap_agrees_with_the_library_and_repeats() -> None:
    counts = {1.0: 3, 2.0: 5, 3.0: 12, 4.0: 20, 5.0: 10}
    sample = np.repeat(list(counts), list(counts.values()))
    wanted = stats.bootstrap(
        (sample,), np.mean, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    found = bootstrap_mean(counts, 1)
    assert found == pytest.approx((wanted.low, wanted.high), abs=0.02)
    assert found == bootstrap_mean(dict(reversed(list(counts.items()))), 1)


def test_equal_values_are_no_certainty() -> None:
    assert bootstrap_mean({5.0: 40, 4.0: 0}, 1) is None
    assert bootstrap_mean({}, 1) is None
