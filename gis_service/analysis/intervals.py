"""What a sample says of all: intervals for shares and means."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np

Z95 = 1.959963984540054  # of the standard normal, two-sided 95 %
DRAWS = 4_000


def wilson(count: int, of: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share, ``count`` of ``of`` (Wilson, 1927), within 0 and 1.

    It holds its coverage with small samples and never has width zero, so 5 of 5 is no certainty.
    Raises ValueError for an empty sample or a count outside it.
    """
    if not 0 <= count <= of or of == 0:
        raise ValueError(f"{count} of {of}")
    share = count / of
    scale = 1 + z * z / of
    middle = (share + z * z / (2 * of)) / scale
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_mean(
    counts: Mapping[float, int], seed: int, *, level: float = 0.95, draws: int = DRAWS
) -> tuple[float, float] | None:
    """The percentile bootstrap interval (Efron & Tibshirani, 1993, ch. 13) of the mean of a sample
    given as value → how often. None where all values are equal: resampling shows no spread then,
    which is no certainty.

    Drawing a resample is drawing the counts from a multinomial distribution. Equal arguments give
    equal intervals.
    """
    total = sum(counts.values())
    known = sorted((value, count) for value, count in counts.items() if count)
    if len(known) < 2:
        return None
    values = np.array([value for value, _ in known], dtype=float)
    shares = np.array([count for _, count in known], dtype=float) / total
    means = np.random.default_rng(seed).multinomial(total, shares, draws) @ values / total
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
