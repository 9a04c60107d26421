"""How well city management works in each community of a demo district, as one number.

What is generated about communities (posts, activities, answers of surveys) follows it, so that
what a page shows of one community hangs together.
"""

from __future__ import annotations

from collections.abc import Iterable

from gis_service.demo.noise import stream


def community_quality(seed: int, codes: Iterable[str]) -> dict[str, float]:
    """The quality of each community, 0 (nothing works) to 1 (all does).

    Evenly spread over the codes in an order drawn from ``seed``: equal arguments, in whatever
    order, give equal numbers.
    """
    known = sorted(set(codes))
    order = stream(seed, "community quality").permutation(len(known)).tolist()
    return {code: (place + 0.5) / len(known) for code, place in zip(known, order, strict=True)}
