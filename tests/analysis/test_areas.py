"""Balanced, contiguous areas: what must hold for any district, and against spopt."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.analysis.areas import (
    balance_of,
    balanced_areas,
    border_pairs,
    joined_pairs,
    matched_areas,
)


def lattice(columns: int, rows: int) -> np.ndarray:
    x, y = (side.ravel() * 100.0 for side in np.meshgrid(np.arange(columns), np.arange(rows)))
    return shapely.box(x, y, x + 100, y + 100)


def members(labels: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(labels == one) for one in range(labels.max() + 1)]


def test_a_corner_is_no_border() -> None:
    pairs = border_pairs(lattice(3, 2))
    assert sorted(map(tuple, pairs.tolist())) == [
        (0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5),
    ]  # fmt: skip
    # as drawn by hand: half a metre apart is still one border
    shifted = shapely.transform(lattice(2, 1), lambda xy: xy + [[0.5, 0]] * (xy[:, :1] > 150))
    assert len(border_pairs(shifted)) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(2, 6), st.data())
def test_every_area_hangs_together_and_nothing_is_left_out(
    columns: int, rows: int, data: st.DataObject
) -> None:
    count = columns * rows
    load = np.array(data.draw(st.lists(st.floats(0, 100), min_size=count, max_size=count)))
    areas = data.draw(st.integers(1, min(count, 8)))
    pairs = border_pairs(lattice(columns, rows))
    labels = balanced_areas(load, pairs, areas, seed=data.draw(st.integers(0, 9)), rounds=2)
    assert sorted(np.unique(labels)) == list(range(areas))
    found = balance_of(load, members(labels), pairs)
    assert (found.contiguous, found.areas) == (areas, areas)


def test_equal_cells_are_shared_out_equally_and_a_seed_says_how() -> None:
    pairs = border_pairs(lattice(6, 6))
    labels = balanced_areas(np.ones(36), pairs, 6, seed=3)
    assert np.bincount(labels).tolist() == [6] * 6
    assert (balanced_areas(np.ones(36), pairs, 6, seed=3) == labels).all()


def test_what_a_river_parts_is_joined_by_the_shortest_way() -> None:
    shapes = np.concatenate([lattice(2, 2), shapely.transform(lattice(2, 2), lambda xy: xy + 900)])
    pairs, added = joined_pairs(
        shapely.get_coordinates(shapely.centroid(shapes)), border_pairs(shapes)
    )
    assert added == 1
    assert pairs[-1].tolist() == [3, 4]
    with pytest.raises(ValueError, match="hang together"):
        balanced_areas(np.ones(8), border_pairs(shapes), 2, seed=0)
    with pytest.raises(ValueError, match="cannot be 9 areas"):
        balanced_areas(np.ones(8), pairs, 9, seed=0)


def test_holders_keep_what_they_can() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    today = [np.array([4, 5]), np.array([0, 1, 2]), np.array([3])]
    assert matched_areas(labels, today, np.ones(6), 3).tolist() == [2, 0, 1]


@pytest.mark.timeout(240)
def test_more_even_than_spopts_regionalisations() -> None:
    """max-p (whose threshold must be tried for the number of areas), regional k-means, SKATER."""
    warnings.simplefilter("ignore")
    from libpysal.weights import Rook
    from spopt.region import MaxPHeuristic, RegionKMeansHeuristic, Skater

    rng = np.random.default_rng(11)
    frame = gpd.GeoDataFrame({"load": rng.gamma(2, 1, 36) + 0.1}, geometry=lattice(6, 6))
    load, pairs = frame["load"].to_numpy(), border_pairs(frame.geometry.to_numpy())
    neighbours = Rook.from_dataframe(frame, use_index=False)
    own = balance_of(load, members(balanced_areas(load, pairs, 4, seed=1)), pairs)
    assert own.contiguous == 4
    assert own.ratio is not None
    assert own.ratio < 1.25
    np.random.seed(0)
    maxp = MaxPHeuristic(
        frame, neighbours, ["load"], "load", 0.9 * load.sum() / 4, 2,
        max_iterations_construction=20, max_iterations_sa=3,
    )  # fmt: skip
    maxp.solve()
    assert maxp.p == 4
    kmeans = RegionKMeansHeuristic(frame[["load"]].to_numpy(), 4, neighbours)
    kmeans.solve()
    skater = Skater(frame, neighbours, ["load"], n_clusters=4, floor=4)
    skater.solve()
    others = [np.unique(one.labels_, return_inverse=True)[1] for one in (maxp, kmeans, skater)]
    for labels in others:
        other = balance_of(load, members(labels), pairs)
        assert own.cv is not None
        assert other.cv is not None
        assert own.cv <= other.cv
