"""Siting against every choice there is, and walks along streets against straight lines."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import shapely

from gis_service.analysis.siting import StreetNetwork, cover_most, straight_within


def test_no_other_choice_reaches_more() -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        reaches = rng.random((11, 60)) < 0.2
        weights = rng.integers(1, 20, 60).astype(float)
        found = cover_most(reaches, weights, 3)
        assert found.proven
        best = max(
            weights[reaches[list(some)].any(axis=0)].sum() for some in combinations(range(11), 3)
        )
        assert sum(found.added) == pytest.approx(best)
        assert weights[reaches[list(found.sites)].any(axis=0)].sum() == pytest.approx(best)
        assert list(found.added) == sorted(found.added, reverse=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_spopt_finds_no_more() -> None:
    from pulp import PULP_CBC_CMD
    from spopt.locate import MCLP

    rng = np.random.default_rng(6)
    doors, sites = rng.random((300, 2)) * 2_000, rng.random((40, 2)) * 2_000
    weights = rng.integers(1, 9, 300).astype(float)
    for count in (1, 3, 6):
        found = cover_most(straight_within(sites, doors, 350), weights, count)
        cost = np.hypot(*(doors[:, None] - sites[None]).transpose(2, 0, 1))
        model = MCLP.from_cost_matrix(cost, weights, service_radius=350, p_facilities=count)
        model = model.solve(PULP_CBC_CMD(msg=False))
        assert sum(found.added) == pytest.approx(model.problem.objective.value())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_beside_open_stations_and_many_buildings_alike_spopt_finds_no_more() -> None:
    """As the service asks: what open stations reach counts no more, along streets of which one
    only knows who reaches whom; in blocks whose buildings the same places reach."""
    from pulp import PULP_CBC_CMD
    from spopt.locate import MCLP

    rng = np.random.default_rng(8)
    blocks = rng.random((24, 40)) < 0.12
    reaches = np.repeat(blocks, 9, axis=1)  # nine buildings alike in each block
    weights = rng.integers(1, 5, reaches.shape[1]).astype(float)
    taken = [0, 5]  # candidates where a station is open already
    reached = reaches[taken].any(axis=0)
    predefined = np.zeros(len(reaches), bool)
    predefined[taken] = True
    for count in (1, 2, 4):
        found = cover_most(reaches, np.where(reached, 0.0, weights), count)
        assert found.proven
        model = MCLP.from_cost_matrix(
            np.where(reaches.T, 1.0, 9.0), weights, service_radius=2,
            p_facilities=count + len(taken), predefined_facilities_arr=predefined,
        ).solve(PULP_CBC_CMD(msg=False))  # fmt: skip
        ours = weights[reached].sum() + sum(found.added)
        assert ours == pytest.approx(model.problem.objective.value())


def test_nothing_to_reach_and_more_places_than_candidates() -> None:
    assert cover_most(np.zeros((3, 4), bool), np.ones(4), 2).sites == ()
    everything = cover_most(np.eye(2, dtype=bool), np.ones(2), 9)
    assert sorted(everything.sites) == [0, 1]


def test_a_walk_follows_the_streets() -> None:
    # a U of 300 m a side: across the gap 300 m, along the streets 900 m
    streets = np.array([shapely.LineString([(0, 0), (0, 300), (300, 300), (300, 0)])])
    here, there = np.array([[0.0, 0.0]]), np.array([[300.0, 0.0], [0.0, 200.0]])
    network = StreetNetwork(streets)
    assert straight_within(here, there, 400).tolist() == [[True, True]]
    assert network.within(here, there, 400).tolist() == [[False, True]]
    assert network.within(here, there, 901).tolist() == [[True, True]]
    # the way from the street to the door counts
    assert network.within(here, np.array([[-50.0, 200.0]]), 240).tolist() == [[False]]


def test_streets_that_cross_without_a_common_vertex_are_joined() -> None:
    cross = np.array(
        [shapely.LineString([(-100, 0), (100, 0)]), shapely.LineString([(0, -100), (0, 100)])]
    )
    reached = StreetNetwork(cross).within(np.array([[-100.0, 0.0]]), np.array([[0.0, 100.0]]), 201)
    assert reached.all()
