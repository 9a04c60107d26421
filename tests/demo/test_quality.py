"""The quality of communities in the demo."""

from __future__ import annotations

from gis_service.demo.quality import community_quality

CODES = [f"35050200100{number}" for number in range(9)]


def test_quality_depends_on_the_seed_and_not_on_the_order_of_codes() -> None:
    found = community_quality(7, CODES)
    assert found == community_quality(7, reversed(CODES))
    assert found != community_quality(8, CODES)


def test_quality_is_spread_evenly() -> None:
    values = sorted(community_quality(7, CODES).values())
    assert values == [(place + 0.5) / 9 for place in range(9)]
