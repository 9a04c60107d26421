"""What a few cases are worth: estimates drawn towards the average by how uncertain they are.

Empirical Bayes with a normal prior on a suitable scale (Morris 1983, JASA 78; the spread between
areas after DerSimonian and Laird 1986): shares on the logit, rates and durations on the log scale.
An area without a usable value is as uncertain as the areas differ among themselves, so that it can
neither win nor be counted as zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Kind = Literal["share", "rate", "duration", "mean", "known"]
# of a normal distribution: nine in ten lie within
NINETY = 1.6448536269514722
MEDIAN_LOSS = 1.2533141373155001  # a median is so much less certain than a mean: sqrt(pi / 2)


@dataclass(frozen=True)
class Measured:
    """One criterion as measured in m areas.

    ``kind``: a ``share`` (numerator of denominator), a ``rate`` (numerator events by exposure
    denominator), a ``duration`` (``value`` a median, ``spread`` the standard deviation of its
    logarithms), a ``mean`` (``spread`` the standard deviation) or ``known`` (counted fully).
    ``value``, ``numerator``, ``denominator`` (m,), NaN where there is none; ``sample`` (m,) how
    many cases stand behind it, and less than ``least`` are too few.
    """

    kind: Kind
    value: Floats
    numerator: Floats
    denominator: Floats
    sample: Floats
    spread: Floats
    least: int = 0

    @property
    def enough(self) -> npt.NDArray[np.bool_]:
        """Where the value may be judged by."""
        return np.isfinite(self.value) & (self.sample >= self.least)


@dataclass(frozen=True)
class Estimate:
    """On the scale of its kind: ``middle`` and ``error`` (m,) of each area, drawn towards
    ``mean``; ``between`` is how far areas differ, beyond chance. ``usable`` False: nothing can be
    told, as no area has enough."""

    kind: Kind
    middle: Floats
    error: Floats
    mean: float
    between: float
    usable: bool

    def at(self, step: float | Floats) -> Floats:
        """The value ``step`` errors above the middle, in the criterion's own unit; the step may
        be (m,) or (b, m)."""
        return _back(self.kind, self.middle + np.asarray(step) * self.error)


def estimate(measured: Measured) -> Estimate:
    """The areas' values with their uncertainty; see the module. Of m areas, all m are answered."""
    theta, error = _on_scale(measured)
    enough = measured.enough & np.isfinite(theta) & np.isfinite(error)
    if not enough.any():
        nothing = np.zeros(len(theta))
        return Estimate(measured.kind, nothing, nothing, 0.0, 0.0, False)
    mean, between = _between(theta[enough], error[enough])
    kept = np.divide(
        between**2, between**2 + error**2, out=np.zeros_like(theta),
        where=enough & (between**2 + error**2 > 0),
    )  # fmt: skip
    middle = np.where(enough, mean + kept * (np.where(enough, theta, mean) - mean), mean)
    left = np.where(enough, np.sqrt(kept) * error, between)
    return Estimate(measured.kind, middle, left, mean, between, True)


def _on_scale(measured: Measured) -> tuple[Floats, Floats]:
    """Values and standard errors on the scale of the kind."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x, n = measured.numerator, measured.denominator
        if measured.kind == "share":
            return np.log((x + 0.5) / (n - x + 0.5)), np.sqrt(1 / (x + 0.5) + 1 / (n - x + 0.5))
        if measured.kind == "rate":
            return np.log((x + 0.5) / n), np.sqrt(1 / (x + 0.5))
        if measured.kind == "duration":
            error = MEDIAN_LOSS * measured.spread / np.sqrt(measured.sample)
            return np.log(np.maximum(measured.value, 1e-9)), error
        if measured.kind == "mean":
            return measured.value, measured.spread / np.sqrt(measured.sample)
    return measured.value, np.zeros(len(measured.value))


def _between(theta: Floats, error: Floats) -> tuple[float, float]:
    """Mean and standard deviation between areas (DerSimonian and Laird)."""
    if len(theta) == 1:
        return float(theta[0]), 0.0
    if not error.any():
        return float(theta.mean()), float(theta.std(ddof=1))
    error = np.maximum(error, error[error > 0].min() * 1e-3)
    weight = error**-2.0
    mean = float((weight * theta).sum() / weight.sum())
    q = float((weight * (theta - mean) ** 2).sum())
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    squared = max(0.0, (q - (len(theta) - 1)) / scale)
    weight = 1 / (error**2 + squared)
    return float((weight * theta).sum() / weight.sum()), float(np.sqrt(squared))


def _back(kind: Kind, theta: Floats) -> Floats:
    if kind == "share":
        return np.asarray(1 / (1 + np.exp(-theta)))
    if kind in ("rate", "duration"):
        return np.asarray(np.exp(theta))
    return np.asarray(theta)
