"""What changed in a few chosen areas, beside comparable ones, when they were chosen for being good.

The change is judged given where an area began: the later value is regressed on the earlier one
over the comparison areas (analysis of covariance), so that what would have fallen back by itself
is not called a loss (regression to the mean; Barnett, van der Pols and Dobson 2005, International
Journal of Epidemiology 34). With two or three treated areas no large-sample error holds; the
uncertainty is that of giving the treatment to other areas instead (permutation over areas; Abadie,
Diamond and Hainmueller 2010, JASA 105), each placement by its own standard error (Chung and Romano
2013, Annals of Statistics 41), as those that began far from the others are told less surely.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ALL_UP_TO = 20_000  # choices of areas that are gone through one by one
DRAWS = 9_999
LEAST_CONTROLS = 6
WIDEST = 10.0  # times what the values range over: an interval beyond says nothing
LEVEL = 0.90
BEST = 2 / 3  # of the others: who is better than so many was chosen for being good


@dataclass(frozen=True)
class Change:
    """``estimate`` in the values' unit: the treated areas' mean later value less what their
    earlier values led to expect; ``low``, ``high`` the 90 % interval (infinite where the areas
    are too much alike to tell one: without the treated hardly any differs), ``p`` two-sided;
    ``expected_fall``: by how much the treated would have moved towards the mean by themselves;
    ``choices``: how many placements of the treatment were gone through."""

    estimate: float
    low: float
    high: float
    p: float
    expected_fall: float
    choices: int


def among_best(own: Floats, others: Floats, *, rising: bool) -> bool:
    """Whether the mean of ``own`` is better than most of ``others``, neither of them empty: then it
    is to be expected that it falls back. ``rising``: more is better."""
    mean = own.mean()
    worse = others < mean if rising else others > mean
    return bool(worse.mean() >= BEST)


def changed(before: Floats, after: Floats, treated: npt.NDArray[np.bool_], seed: int) -> Change:
    """The change of ``treated`` (m,) areas between ``before`` and ``after`` (m,), without gaps.

    Raises ValueError with fewer than ``LEAST_CONTROLS`` others.
    """
    count, size = len(before), int(treated.sum())
    if size < 1 or count - size < LEAST_CONTROLS:
        raise ValueError("too few areas to compare with")
    estimate, error, slope, mean = _adjusted(before, after, treated[None])
    rows = _choices(count, size, seed)
    others, errors, _, _ = _adjusted(before, after, rows)
    strayed = np.abs(others / errors)
    beyond = strayed >= abs(estimate[0]) / error[0] - 1e-9
    complete = comb(count, size) <= ALL_UP_TO
    p = float(beyond.mean()) if complete else float((1 + beyond.sum()) / (1 + len(rows)))
    reach = float(np.quantile(strayed, LEVEL) * error[0])
    if reach > WIDEST * max(np.ptp(before), np.ptp(after)):
        reach = np.inf
    return Change(
        float(estimate[0]), float(estimate[0]) - reach, float(estimate[0]) + reach, p,
        float((slope[0] - 1) * (before[treated].mean() - mean[0])), len(rows),
    )  # fmt: skip


def _adjusted(
    before: Floats, after: Floats, rows: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats, Floats]:
    """For each row (r, m) of treated areas: mean residual of theirs from the line through the
    others and its standard error, which grows with how far from the others they began, that
    line's slope, and the others' mean before."""
    inside = rows.astype(float)
    outside = 1.0 - inside
    n, k = outside.sum(axis=1), inside.sum(axis=1)
    mean_x, mean_y = outside @ before / n, outside @ after / n
    square = np.maximum(outside @ before**2 / n - mean_x**2, 0.0)
    product = outside @ (before * after) / n - mean_x * mean_y
    slope = np.divide(product, square, out=np.ones_like(product), where=square > 1e-12)
    residual = np.maximum(outside @ after**2 / n - mean_y**2 - slope * product, 0.0) * n / (n - 2)
    away = inside @ before / k - mean_x
    lever = np.divide(away**2, n * square, out=np.zeros_like(away), where=square > 1e-12)
    error = np.sqrt(np.maximum(residual, 1e-18) * (1 / k + 1 / n + lever))
    return inside @ after / k - (mean_y + slope * away), error, slope, mean_x


def _choices(count: int, size: int, seed: int) -> npt.NDArray[np.bool_]:
    """Every choice of ``size`` of ``count`` areas, or ``DRAWS`` of them at random."""
    if comb(count, size) <= ALL_UP_TO:
        places = np.array(list(combinations(range(count), size)))
    else:
        rng = np.random.default_rng(seed)
        places = np.argsort(rng.random((DRAWS, count)), axis=1)[:, :size]
    rows = np.zeros((len(places), count), bool)
    rows[np.arange(len(places))[:, None], places] = True
    return rows


def most_similar(
    traits: Floats, treated: npt.NDArray[np.bool_], count: int
) -> npt.NDArray[np.bool_]:
    """The ``count`` areas nearest to any of the ``treated`` (m,) by standardised ``traits``
    (m, t); areas with a gap are left out."""
    spread = np.nanstd(traits, axis=0)
    scaled = (traits - np.nanmean(traits, axis=0)) / np.where(spread > 0, spread, 1.0)
    far = np.sqrt(((scaled[:, None] - scaled[treated][None]) ** 2).sum(axis=2))
    nearest = np.min(np.where(np.isfinite(far), far, np.inf), axis=1)
    nearest[treated] = np.inf
    out = np.zeros(len(traits), bool)
    order = np.argsort(nearest, kind="stable")[:count]
    out[order] = np.isfinite(nearest[order])
    return out
