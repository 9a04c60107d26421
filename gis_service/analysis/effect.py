"""Did a campaign change anything? Before and after, against comparable areas without one.

The measure is a ratio of ratios of counts: (after / before) of the treated areas over (after /
before) of the comparison areas, in two windows of equal length. Given how many cases an area had
in both windows together, the number that fell into the later one is binomial; what areas differ by
beyond chance is a beta-binomial's correlation, estimated by moments (J. C. Kleinman, Proportions
with extraneous variance, JASA 68, 1973). How far a ratio of untreated areas strays by itself is
then taken from groups of comparison areas of the same number, as if they had been treated
(M. Bertrand, E. Duflo and S. Mullainathan, How much should we trust differences-in-differences
estimates?, QJE 119, 2004; studentised as in E. Chung and J. P. Romano, Exact and asymptotically
robust permutation tests, Annals of Statistics 41, 2013): the interval is widened by it, never
narrowed. ``bench/effect.py`` compares this with a cluster bootstrap and with Poisson errors on
simulated districts: those claim too much where few areas are treated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EARLIER, BEFORE, AFTER = 0, 1, 2  # windows of a panel
NORMAL = 1.959964  # 95 %, two-sided
POWER = NORMAL + 0.841621  # what is found in four of five cases
LEAST_CASES = 20  # of the treated areas in both windows
LEAST_COMPARED = 30  # cases of the comparison areas
LEAST_AREAS = 8  # comparison areas
ENOUGH_AREAS, ENOUGH_CASES = 20, 3.0  # areas, and cases as a multiple of the treated areas' cases
SHARE_TOLD = 0.05  # of the cases: a smaller source is not looked at by itself
LEAVE_OUT = 1.644854  # one-sided 95 %: what has to remain without a source

Verdict = Literal["fewer", "more", "unclear", "unknown"]


@dataclass(frozen=True)
class Panel:
    """What is known of areas.

    ``counts`` (areas, 3, sources): cases in the windows EARLIER, BEFORE and AFTER, all of equal
    length; EARLIER ends where BEFORE begins. Of the areas (areas,) ``treated`` had the campaign,
    ``near`` lie next to them (the spill-over ring) and ``barred`` had another one about the same:
    neither serves for comparison. ``traits`` (areas, t): by what areas resemble each other,
    measured before EARLIER where possible: to choose by the very counts that are compared takes
    their chance along (regression to the mean). ``checked``: EARLIER is covered by the data.
    """

    counts: Ints
    treated: Mask
    near: Mask
    barred: Mask
    traits: Floats
    checked: bool = True


@dataclass(frozen=True)
class Difference:
    """Cases of both groups in both windows, and the log of the ratio of their ratios with its
    standard error."""

    treated: tuple[int, int]
    compared: tuple[int, int]
    log_ratio: float
    error: float

    def interval(self, widened: float = 1.0) -> tuple[float, float]:
        """The 95 % interval of the relative change."""
        reach = NORMAL * widened * self.error
        return float(np.expm1(self.log_ratio - reach)), float(np.expm1(self.log_ratio + reach))

    @property
    def change(self) -> float:
        """The relative change: -0.4 is 40 % fewer than without a campaign."""
        return float(np.expm1(self.log_ratio))


@dataclass(frozen=True)
class SourceShift:
    """How one source (place on the third axis) moved against all others together; ``moved``: more
    than chance explains, one source looked at alone."""

    source: int
    own: Difference
    others: Difference
    z: float
    moved: bool


@dataclass(frozen=True)
class Effect:
    """What can be said. ``comparison`` (areas,) are those compared with, ``widened`` the factor by
    which permutation widened the interval, ``p`` its two-sided value, ``detectable`` the smallest
    decrease that would have been found in four cases of five."""

    verdict: Verdict
    effect: bool
    comparison: Mask
    main: Difference | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    widened: float = 1.0
    detectable: float | None = None
    placebo: Difference | None = None
    nearby: Difference | None = None
    shifts: tuple[SourceShift, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def measure(panel: Panel, seed: int, draws: int = 999) -> Effect:
    """The effect of a campaign on the treated areas of a panel.

    ``effect`` is true only where the 95 % interval lies below zero, no source moved apart from the
    others (Bonferroni over the sources), a decrease remains without any one of them (one-sided
    95 %), and no decrease of half the size or more was there already in the windows before.
    ``warnings`` are codes: ``no_comparison, too_few_areas, too_few_cases, too_few_compared``
    (nothing is said), ``one_source, few_sources`` (a decrease that rests on one source, or that
    the others are too few to confirm), ``trend_before, spill_over`` and ``placebo_unchecked``.
    """
    comparison = choose_comparison(panel)
    missing = _missing(panel, comparison)
    if missing:
        return Effect("unknown", False, comparison, warnings=(missing,))
    counts = panel.counts.sum(axis=2)
    pairs = [[BEFORE, AFTER], [EARLIER, BEFORE]] if panel.checked else [[BEFORE, AFTER]]
    alike = correlation_within(
        [counts[group][:, pair] for group in (panel.treated, comparison) for pair in pairs]
    )
    main = difference(counts[:, [BEFORE, AFTER]], panel.treated, comparison, alike)
    rng = np.random.default_rng(seed)
    widened, p = _permute(rng, counts[:, BEFORE:], panel.treated, comparison, main, alike, draws)
    low, high = main.interval(widened)
    placebo = nearby = None
    warnings: list[str] = []
    if panel.checked:
        placebo = difference(counts[:, [EARLIER, BEFORE]], panel.treated, comparison, alike)
    else:
        warnings.append("placebo_unchecked")
    trend = placebo is not None and _is_clear(placebo)
    if trend:
        warnings.append("trend_before")
    shifts = _by_source(panel, comparison, alike)
    moved = any(abs(one.z) > -ndtri(0.025 / len(shifts)) for one in shifts)
    remains = (
        all(one.others.log_ratio + LEAVE_OUT * one.others.error < 0 for one in shifts)
        and len(shifts) > 1
    )
    if any(one.moved for one in shifts):
        warnings.append("one_source")
    elif high < 0 and not remains:
        warnings.append("few_sources")
    if counts[panel.near, BEFORE:].any():
        nearby = difference(counts[:, [BEFORE, AFTER]], panel.near, comparison, alike)
        if nearby.log_ratio > 0 and _is_clear(nearby):
            warnings.append("spill_over")
    begun = placebo is not None and trend and placebo.log_ratio < main.log_ratio / 2 < 0
    verdict: Verdict = "fewer" if high < 0 else "more" if low > 0 else "unclear"
    holds = high < 0 and remains and not moved and not begun
    return Effect(
        verdict, holds, comparison, main, low, high, p, widened,
        float(-np.expm1(-POWER * widened * main.error)), placebo, nearby, shifts, tuple(warnings),
    )  # fmt: skip


def _missing(panel: Panel, comparison: Mask) -> str | None:
    """Why nothing can be said, if so."""
    cases = panel.counts[:, [BEFORE, AFTER]].sum(axis=(1, 2))
    if not comparison.any():
        return "no_comparison"
    if comparison.sum() < LEAST_AREAS:
        return "too_few_areas"
    if cases[panel.treated].sum() < LEAST_CASES:
        return "too_few_cases"
    if cases[comparison].sum() < LEAST_COMPARED:
        return "too_few_compared"
    return None


def choose_comparison(panel: Panel) -> Mask:
    """The areas most like the treated ones (areas,), of those that may serve.

    Distance is Euclidean over standardised traits, to the nearest treated area. The closest are
    taken until they are ``ENOUGH_AREAS`` and have ``ENOUGH_CASES`` times the treated areas' cases
    in EARLIER (or, where that is not known, BEFORE), so that the comparison adds little
    uncertainty; all of them where there are no more. Areas without a case in any window tell
    nothing and are left out.
    """
    cases = panel.counts.sum(axis=2)
    may = ~(panel.treated | panel.near | panel.barred) & (cases.sum(axis=1) > 0)
    found = np.flatnonzero(may)
    if not len(found) or not panel.treated.any():
        return np.zeros(len(may), dtype=bool)
    spread = panel.traits.std(axis=0)
    scaled = panel.traits / np.where(spread > 0, spread, 1.0)
    apart = np.linalg.norm(scaled[found][:, None] - scaled[panel.treated][None], axis=2).min(axis=1)
    order = found[np.argsort(apart, kind="stable")]
    window = EARLIER if panel.checked else BEFORE
    rising = np.cumsum(cases[order, window])
    wanted = ENOUGH_CASES * cases[panel.treated, window].sum()
    number = max(ENOUGH_AREAS, int(np.searchsorted(rising, wanted)) + 1)
    chosen = np.zeros(len(may), dtype=bool)
    chosen[order[:number]] = True
    return chosen


def difference(
    counts: Ints, treated: Mask, comparison: Mask, correlation: float = 0.0
) -> Difference:
    """The difference in differences of ``counts`` (areas, 2: before and after), ``correlation``
    being that of cases within an area.

    Half a case is added to each of the four sums, so that none is zero (Haldane-Anscombe).
    """
    one, other = counts[treated], counts[comparison]
    log_ratio = _log_odds(one.sum(axis=0)) - _log_odds(other.sum(axis=0))
    variance = _variance(one, correlation) + _variance(other, correlation)
    sums = [tuple(int(n) for n in part.sum(axis=0)) for part in (one, other)]
    return Difference(
        (sums[0][0], sums[0][1]), (sums[1][0], sums[1][1]), float(log_ratio),
        float(np.sqrt(variance)),
    )  # fmt: skip


def _log_odds(sums: npt.NDArray[Any]) -> Floats:
    """log(after / before) of sums (…, 2)."""
    return np.asarray(np.log((sums[..., 1] + 0.5) / (sums[..., 0] + 0.5)), dtype=np.float64)


def correlation_within(groups: list[Ints]) -> float:
    """How alike the cases of one area are in when they fall, over what chance gives; 0 to below 1.

    Each group (areas, 2) has a share of its own that falls into the later window; its areas differ
    by chance and by this one number, found by moments over all groups. Areas with many cases tell
    most, so the treated ones count here, too.
    """
    excess = weight = 0.0
    for counts in groups:
        total = counts.sum(axis=1)
        own, total = counts[total > 0, 1], total[total > 0]
        if len(total) < 2:
            continue
        share = (own.sum() + 0.5) / (total.sum() + 1.0)
        free = 1 - total / total.sum()
        chi2 = ((own - total * share) ** 2 / (total * share * (1 - share))).sum()
        excess += float(chi2 - free.sum())
        weight += float(((total - 1) * free).sum())
    return float(np.clip(excess / weight, 0.0, 0.99)) if weight > 0 else 0.0


def _variance(counts: Ints, correlation: float) -> float:
    """Of the log ratio of one group's sums (areas, 2)."""
    total = counts.sum(axis=1).astype(float)
    before, after = counts.sum(axis=0) + 0.5
    whole = before + after
    share = after / whole
    extra = correlation * (total * np.maximum(total - 1, 0)).sum() / whole**2
    return float(1 / before + 1 / after + extra / (share * (1 - share)))


def _permute(
    rng: np.random.Generator, counts: Ints, treated: Mask, comparison: Mask, main: Difference,
    correlation: float, draws: int,
) -> tuple[float, float]:  # fmt: skip
    """By what factor the interval is too narrow, and the two-sided p: groups of comparison areas
    in the treated areas' place, the rest in theirs."""
    own = counts[comparison].astype(float)
    size = min(int(treated.sum()), len(own) // 2)
    place = np.argsort(rng.random((draws, len(own))), axis=1)[:, :size]
    total = own.sum(axis=1)
    squares = total * np.maximum(total - 1, 0)
    chosen = own[place].sum(axis=1)
    rest = own.sum(axis=0) - chosen
    log_ratio = _log_odds(chosen) - _log_odds(rest)
    part = squares[place].sum(axis=1)
    variance = _variances(chosen, part, correlation)
    variance += _variances(rest, squares.sum() - part, correlation)
    z = np.abs(log_ratio) / np.sqrt(variance)
    widened = max(1.0, float(np.quantile(z, 0.95)) / NORMAL)
    beyond = np.count_nonzero(z >= abs(main.log_ratio) / main.error)
    return widened, (1 + beyond) / (draws + 1)


def _variances(sums: Floats, squares: Floats, correlation: float) -> Floats:
    """:func:`_variance` of many groups by their sums (n, 2) and Σ n(n-1) (n,)."""
    padded = sums + 0.5
    whole = padded.sum(axis=1)
    share = padded[:, 1] / whole
    extra = correlation * squares / whole**2 / (share * (1 - share))
    return np.asarray(1 / padded[:, 0] + 1 / padded[:, 1] + extra)


def _by_source(panel: Panel, comparison: Mask, alike: float) -> tuple[SourceShift, ...]:
    """How each source of some size moved against all others."""
    windows = panel.counts[:, [BEFORE, AFTER]]
    whole = windows.sum(axis=2)
    cases = windows[panel.treated].sum(axis=(0, 1))
    shifts = []
    for source in np.flatnonzero(cases >= SHARE_TOLD * cases.sum()).tolist():
        own = difference(windows[:, :, source], panel.treated, comparison, alike)
        others = difference(whole - windows[:, :, source], panel.treated, comparison, alike)
        z = (own.log_ratio - others.log_ratio) / float(np.hypot(own.error, others.error))
        shifts.append(SourceShift(source, own, others, z, abs(z) > NORMAL))
    return tuple(shifts)


def _is_clear(one: Difference) -> bool:
    return abs(one.log_ratio) > NORMAL * one.error
