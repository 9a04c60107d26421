"""Ranking alternatives by several criteria, many weightings at a time, and how far it holds.

Three methods, each one matrix product for all weightings:

* ``weighted_sum`` of criteria scaled to 0–1 (simple additive weighting; Hwang and Yoon 1981),
* ``topsis``: closeness to the ideal point after vector normalisation (Hwang and Yoon 1981),
* ``vikor``: 1 - Q with v = 0.5 (Opricovic and Tzeng 2004, EJOR 156).

A higher score is better in all three. :func:`by_library` gives the same by scikit-criteria, one
weighting at a time; the tests hold both against each other and against the published example.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Method = Literal["topsis", "weighted_sum", "vikor"]
METHODS: tuple[Method, ...] = ("topsis", "weighted_sum", "vikor")
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# how far weights are moved: the coefficient of variation of each weight's factor
WEIGHT_SPREAD = 0.5
# of all draws, to be called always or usually among the chosen
ALWAYS, USUALLY = 0.95, 0.6
_VIKOR_V = 0.5
_BLOCK = 4_000_000  # numbers held at a time
_TIE = 10  # decimals to which scores are told apart


def scores(method: Method, values: Floats, rising: Bools, weights: Floats) -> Floats:
    """Scores (b, m), higher is better.

    ``values`` (m, n): alternatives by criteria, without gaps, or (b, m, n): other values for each
    weighting; ``rising`` (n,): whether more is better; ``weights`` (b, n), not negative, none all
    zero: only their proportions count. A criterion that is equal for all tells nothing apart and
    changes no order. Raises ValueError for other shapes, gaps and weights.
    """
    return prepare(method, values, rising).scores(weights)


@dataclass(frozen=True)
class Prepared:
    """Values made ready for a method, whatever the weights: the dear part of :func:`scores`."""

    method: Method
    parts: tuple[Floats, ...]

    def first(self, count: int) -> Prepared:
        """Of values (b, m, n) the first ``count``."""
        return Prepared(self.method, tuple(part[:count] for part in self.parts))

    def scores(self, weights: Floats) -> Floats:
        """As :func:`scores`."""
        if weights.shape[-1] != self.parts[0].shape[-1]:
            raise ValueError("values, rising and weights must agree in their criteria")
        if (weights < 0).any() or not (weights.sum(axis=1) > 0).all():
            raise ValueError("weights must not be negative, and not all zero")
        shares = weights / weights.sum(axis=1, keepdims=True)
        first = self.parts[0]
        if self.method == "topsis":
            return np.round(_topsis(first, self.parts[1], shares), _TIE)
        return np.round((_vikor if self.method == "vikor" else _product)(first, shares), _TIE)


def prepare(method: Method, values: Floats, rising: Bools) -> Prepared:
    """Shapes and errors as in :func:`scores`."""
    if method not in METHODS:
        raise ValueError(f"no method {method!r}")
    if not np.isfinite(values).all():
        raise ValueError("values must have no gaps")
    if values.shape[-1] != len(rising):
        raise ValueError("values, rising and weights must agree in their criteria")
    if method == "topsis":
        length = np.sqrt((values**2).sum(axis=-2, keepdims=True))
        scaled = np.divide(values, length, out=np.zeros_like(values), where=length > 0)
        best, worst = _ends(scaled, rising)
        return Prepared(method, ((scaled - best) ** 2, (scaled - worst) ** 2))
    short = _shortfall(values, rising)
    return Prepared(method, (short if method == "vikor" else 1.0 - short,))


def _topsis(from_best: Floats, from_worst: Floats, weights: Floats) -> Floats:
    to_best = np.sqrt(_product(from_best, weights**2))
    to_worst = np.sqrt(_product(from_worst, weights**2))
    both = to_best + to_worst
    # all equal: neither nearer to the best nor to the worst
    return np.divide(to_worst, both, out=np.full_like(both, 0.5), where=both > 0)


def _vikor(short: Floats, weights: Floats) -> Floats:
    total = _product(short, weights)
    worst = np.empty_like(total)
    for rows in _blocks(len(weights), short.shape[-2] * short.shape[-1]):
        own = short[rows] if short.ndim == 3 else short
        worst[rows] = (own * weights[rows, None, :]).max(axis=-1)
    return 1.0 - (_VIKOR_V * _spread(total) + (1 - _VIKOR_V) * _spread(worst))


def _product(values: Floats, weights: Floats) -> Floats:
    """Sum over criteria: (m, n) or (b, m, n) by (b, n) gives (b, m)."""
    if values.ndim == 2:
        return np.asarray(weights @ values.T)
    return np.asarray(np.matmul(values, weights[:, :, None])[..., 0])


def _ends(values: Floats, rising: Bools) -> tuple[Floats, Floats]:
    low, high = values.min(axis=-2, keepdims=True), values.max(axis=-2, keepdims=True)
    return np.where(rising, high, low), np.where(rising, low, high)


def _shortfall(values: Floats, rising: Bools) -> Floats:
    """How far from the best, 0 to 1; 0 everywhere where all are equal."""
    best, worst = _ends(values, rising)
    width = np.abs(best - worst)
    return np.divide(
        np.abs(values - best), width, out=np.zeros_like(values),
        where=np.broadcast_to(width > 0, values.shape),
    )  # fmt: skip


def _spread(rows: Floats) -> Floats:
    low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    width = high - low
    return np.divide(
        rows - low, width, out=np.zeros_like(rows), where=np.broadcast_to(width > 0, rows.shape)
    )


def _blocks(count: int, each: int) -> Iterator[slice]:
    step = max(1, _BLOCK // max(each, 1))
    for start in range(0, count, step):
        yield slice(start, start + step)


def ranks(score: Floats) -> npt.NDArray[np.int64]:
    """Places (m,) of scores (m,), 1 the best; equals share the better place (1, 2, 2, 4)."""
    order = np.sort(-score)
    return np.asarray(np.searchsorted(order, -score, side="left") + 1)


def top_members(score: Floats, top: int, groups: npt.NDArray[np.int64] | None = None) -> Floats:
    """Who is among the first ``top`` of each row: (b, m) of 1 and 0, and parts of 1 for those
    that tie for the last places, whatever their order. With ``groups`` (m,) only the best of each
    group can be (not two communities of one street)."""
    if groups is not None:
        score = score.copy()
        for group in np.unique(groups):
            own = np.flatnonzero(groups == group)
            if len(own) > 1:
                part = score[:, own]
                first = part.argmax(axis=1)
                kept = part[np.arange(len(part)), first]
                score[:, own] = -np.inf
                score[np.arange(len(part)), own[first]] = kept
    count = score.shape[1]
    if top >= count:
        return np.isfinite(score).astype(float)
    last = np.partition(score, count - top, axis=1)[:, count - top, None]
    above = score > last
    tied = (score == last) & np.isfinite(score)
    left = top - above.sum(axis=1, keepdims=True)
    share = np.divide(
        left, tied.sum(axis=1, keepdims=True), out=np.zeros(left.shape),
        where=tied.any(axis=1)[:, None],
    )  # fmt: skip
    return above + tied * np.minimum(share, 1.0)


def entropy_weights(values: Floats) -> Floats:
    """Weights (n,) that sum to 1 by how far each criterion tells the alternatives apart: one
    minus the entropy of its shares (Shannon; Zeleny 1982). A criterion of ``values`` (m, n) with
    negative numbers is moved up to begin at zero; where nothing differs, all weights are equal."""
    count, criteria = values.shape
    moved = values - np.minimum(values.min(axis=0), 0.0)
    total = moved.sum(axis=0)
    share = np.divide(moved, total, out=np.full_like(moved, 1 / count), where=total > 0)
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    entropy = -(share * logs).sum(axis=0) / np.log(count) if count > 1 else np.ones(criteria)
    told = np.maximum(1.0 - entropy, 0.0)
    told[(total <= 0) | (told < 1e-12)] = 0.0
    return told / told.sum() if told.sum() > 0 else np.full(criteria, 1 / criteria)


def draw_weights(weights: Floats, count: int, seed: int) -> Floats:
    """``count`` weightings (count, n) around ``weights`` (n,): each is multiplied by a factor of
    mean 1 and coefficient of variation ``WEIGHT_SPREAD`` (gamma); a weight of zero stays zero."""
    rng = np.random.default_rng(seed)
    shape = 1 / WEIGHT_SPREAD**2
    drawn = weights * rng.gamma(shape, 1 / shape, (count, len(weights)))
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Tipping:
    """The least change of one weight (as shares of all weights) that changes who is chosen:
    criterion ``index``, from ``share`` to ``to``; then ``enters`` comes in for ``leaves``."""

    index: int
    share: float
    to: float
    enters: int
    leaves: int


def tipping_points(
    method: Method,
    values: Floats,
    rising: Bools,
    weights: Floats,
    top: int,
    groups: npt.NDArray[np.int64] | None = None,
    steps: int = 100,
) -> list[Tipping]:
    """For each weight the nearest change that changes the first ``top``, the others keeping their
    proportions; to ``1 / steps`` of all weights. Weights whose change changes nothing are left
    out. Shapes as in :func:`scores`, ``weights`` (n,); the nearest first."""
    share = weights / weights.sum()
    ready = prepare(method, values, rising)
    chosen = top_members(ready.scores(share[None]), top, groups)[0]
    to = np.linspace(0, 1, steps + 1)[:-1]
    found = []
    for index, now in enumerate(share):
        if now >= 1:
            continue
        rest = share.copy()
        rest[index] = 0.0
        moved = rest / rest.sum() * (1 - to)[:, None]
        moved[:, index] = to
        members = top_members(ready.scores(moved), top, groups)
        changed = np.flatnonzero((np.abs(members - chosen) > 1e-9).any(axis=1))
        if len(changed):
            nearest = changed[np.abs(to[changed] - now).argmin()]
            gain = members[nearest] - chosen
            found.append(
                Tipping(index, float(now), float(to[nearest]), int(gain.argmax()),
                        int(gain.argmin()))
            )  # fmt: skip
    return sorted(found, key=lambda one: abs(one.to - one.share))


def standing(share: float) -> str:
    """``always``, ``usually`` or ``fragile``: what a share of draws among the chosen is called;
    ``seldom`` below one in twenty."""
    if share >= ALWAYS:
        return "always"
    if share >= USUALLY:
        return "usually"
    return "fragile" if share > 1 - ALWAYS else "seldom"


def by_library(method: Method, values: Floats, rising: Bools, weights: Floats) -> Floats:
    """Scores (m,) of one weighting (n,) by scikit-criteria, as :func:`scores` gives them."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skcriteria
        from skcriteria.agg.simple import WeightedSumModel
        from skcriteria.agg.topsis import TOPSIS
        from skcriteria.agg.vikor import VIKOR
        from skcriteria.pipelines import mkpipe
        from skcriteria.preprocessing.scalers import CenitDistanceMatrixScaler, VectorScaler

        matrix = skcriteria.mkdm(
            values, [1 if up else -1 for up in rising], weights=weights / weights.sum()
        )
        if method == "topsis":
            result = mkpipe(VectorScaler(target="matrix"), TOPSIS()).evaluate(matrix)
            return np.asarray(result.e_.similarity, float)
        if method == "vikor":
            result = VIKOR(v=_VIKOR_V, use_compromise_set=False).evaluate(matrix)
            return 1.0 - np.asarray(result.e_.q_k, float)
        # distances to the zenith are all to be maximised already
        scaled = CenitDistanceMatrixScaler().transform(matrix)
        up = skcriteria.mkdm(
            np.nan_to_num(scaled.matrix.to_numpy(), nan=1.0), [1] * len(rising),
            weights=weights / weights.sum(),
        )  # fmt: skip
        return np.asarray(WeightedSumModel().evaluate(up).e_.score, float)
