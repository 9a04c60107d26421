"""Gi* against its definition computed by hand, and what is said where nothing can be said."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from scipy.stats import norm
from shapely.geometry import box

from gis_service.analysis.density import class_breaks
from gis_service.analysis.hotspots import contiguity, getis_ord

SIDE = 7


def board() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        geometry=[box(x, y, x + 1, y + 1) for y in range(SIDE) for x in range(SIDE)]
    )


def by_definition(values: np.ndarray) -> np.ndarray:
    """Ord and Getis (1995), equation 14.3 with binary weights and the area itself included."""
    n = len(values)
    mean, spread = values.mean(), np.sqrt((values**2).mean() - values.mean() ** 2)
    out = np.empty(n)
    for i in range(n):
        y, x = divmod(i, SIDE)
        near = [
            b * SIDE + a
            for b in range(max(y - 1, 0), min(y + 2, SIDE))
            for a in range(max(x - 1, 0), min(x + 2, SIDE))
        ]
        w = len(near)
        out[i] = (values[near].sum() - mean * w) / (spread * np.sqrt((n * w - w**2) / (n - 1)))
    return out


def test_scores_are_those_of_the_definition() -> None:
    values = np.random.default_rng(1).poisson(4, SIDE * SIDE).astype(float)
    values[16:19] += 30
    values[23:26] += 30
    found = getis_ord(values, contiguity(board()))
    expected = by_definition(values)
    assert found.z == pytest.approx(expected, abs=1e-9)
    assert found.p == pytest.approx(2 * norm.sf(np.abs(expected)), abs=1e-12)
    assert found.significance[24] == "hot99"
    assert set(found.significance[expected > 2.5759]) == {"hot99"}
    assert set(found.significance[np.abs(expected) < 1.6448]) == {"none"}


@pytest.mark.parametrize("values", [np.full(49, 3.0), np.zeros(49)])
def test_where_all_are_equal_nothing_stands_out(values: np.ndarray) -> None:
    found = getis_ord(values, contiguity(board()))
    assert set(found.significance) == {"none"}
    assert not found.z.any()


def test_an_island_is_no_error() -> None:
    frame = board()
    frame.loc[0, "geometry"] = box(100, 100, 101, 101)
    found = getis_ord(np.arange(49, dtype=float), contiguity(frame))
    assert np.isfinite(found.z).all()


def test_two_areas_are_too_few() -> None:
    assert set(getis_ord(np.array([1.0, 2.0]), None).significance) == {"none"}


def test_breaks_rise_hold_every_value_and_shrink_where_values_repeat() -> None:
    values = np.random.default_rng(2).lognormal(5, 1, 500)
    bounds = class_breaks(values)
    assert bounds == sorted(set(bounds))
    assert len(bounds) == 5
    assert bounds[-1] >= values.max()
    shares = np.bincount(np.searchsorted(bounds, values), minlength=5) / 500
    assert (shares > 0.1).all()
    assert class_breaks(np.array([3.0, 3.0, np.nan])) == [3.0]
    assert class_breaks(np.array([np.nan])) == []
