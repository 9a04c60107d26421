"""How often an effect is claimed that is not there, by four ways to state the uncertainty.

``python -m bench.effect`` draws districts in which nothing happened, few of whose areas are
treated, and counts the claims of a decrease (2.5 % is what was promised) of Poisson errors, of a
bootstrap over areas, of the permutation alone and of the product's own measure.
"""

from __future__ import annotations

import numpy as np

from gis_service.analysis import effect
from tests.analysis.test_effect import district

DRAWS = 400
CASES = {
    "2 of 70 areas, no drift": {"treated": 2, "shock": 0.0},
    "3 of 70 areas": {"treated": 3},
    "3 of 70 areas, strong drift": {"treated": 3, "shock": 0.6},
    "2 of 24 areas": {"treated": 2, "areas": 24},
    "8 of 70 areas, not busier": {"treated": 8, "heavy": 1.0},
}


def bootstrap_claims(rng: np.random.Generator, panel: effect.Panel, found: effect.Effect) -> bool:
    """Whether the 95 % interval of a bootstrap over areas lies below zero."""
    counts = panel.counts.sum(axis=2)[:, effect.BEFORE :]
    sums = []
    for group in (panel.treated, found.comparison):
        own = np.flatnonzero(group)
        sums.append(counts[rng.choice(own, (DRAWS, len(own)))].sum(axis=1) + 0.5)
    ratio = np.diff(np.log(sums[0]), axis=1) - np.diff(np.log(sums[1]), axis=1)
    return bool(np.quantile(ratio, 0.975) < 0)


def main() -> None:
    print(f"{'':34}{'Poisson':>9}{'bootstrap':>11}{'permuted':>10}{'claimed':>9}")
    for name, facts in CASES.items():
        rng = np.random.default_rng(1)
        claims = np.zeros(4)
        for n in range(DRAWS):
            panel = district(rng, **facts)  # type: ignore[arg-type]
            found = effect.measure(panel, n)
            assert found.main is not None
            assert found.p is not None
            sums = (*found.main.treated, *found.main.compared)
            poisson = effect.NORMAL * np.sqrt(sum(1 / (count + 0.5) for count in sums))
            claims += (
                found.main.log_ratio + poisson < 0,
                bootstrap_claims(rng, panel, found),
                found.p <= 0.05 and found.main.log_ratio < 0,
                found.effect,
            )
        print(
            f"{name:34}"
            + "".join(f"{c / DRAWS:>{w}.1%}" for c, w in zip(claims, (9, 11, 10, 9), strict=True))
        )


if __name__ == "__main__":
    main()
