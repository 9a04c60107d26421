"""What was seen from a walk, against buffers cut by GEOS."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.errors import InvalidInput
from gis_service.patrols.swath import (
    LEAST_M,
    OUTLINE_STEP_M,
    REACH_M,
    Seen,
    Steps,
    near_to,
    sample_lines,
    seen_from,
)


def walk_steps(walks: list[np.ndarray]) -> Steps:
    run = np.concatenate([np.full(len(walk), number) for number, walk in enumerate(walks)])
    points = np.concatenate(walks)
    return Steps.of_runs(points[:, 0], points[:, 1], run)


def swath(walks: list[np.ndarray], width: float) -> shapely.Geometry:
    lines = [
        shapely.LineString(walk) if len(walk) > 1 else shapely.Point(walk[0]) for walk in walks
    ]
    return shapely.union_all(shapely.buffer(lines, width, quad_segs=64))


def test_a_street_beside_a_walk() -> None:
    street = shapely.LineString([(0, 0), (100, 0)])
    seen = seen_from(sample_lines([street]), walk_steps([np.array([(20.0, 6.0), (60.0, 6.0)])]))
    assert seen.covered_m(5) == pytest.approx([0])
    assert seen.covered_m(10) == pytest.approx([40 + 2 * 8], abs=0.1)
    assert seen.samples.lengths_m == pytest.approx([100])
    for width in (0, -1, 4.9, 50, float("nan")):
        with pytest.raises(InvalidInput):
            seen.covered_m(width)


def test_nothing_walked_and_nothing_to_see() -> None:
    street = shapely.LineString([(0, 0), (100, 0)])
    nobody = Steps.of_runs([], [], [])
    assert seen_from(sample_lines([street]), nobody).covered_m(10).tolist() == [0]
    assert seen_from(sample_lines([]), nobody).covered_m(10).tolist() == []
    empty = seen_from(sample_lines([shapely.LineString(), street]), nobody)
    assert empty.covered_m(10).tolist() == [0, 0]
    lines = near_to(sample_lines([shapely.LineString(), street]), nobody)
    assert lines.within(10).tolist() == [False, False]
    assert near_to(sample_lines([]), nobody).within(10).tolist() == []
    away = Steps.of_runs([np.nan, 1e6], [0.0, 1e6], [0, 0])
    assert seen_from(sample_lines([street]), away).covered_m(10).tolist() == [0]


def test_breaks_are_not_walked_and_a_lone_fix_sees() -> None:
    steps = Steps.of_runs([0, 50, 100, 0, 7], [0, 0, 0, 30, 30], [0, -1, 1, 2, 2])
    assert sorted(zip(steps.x[steps.begin], steps.x[steps.end], strict=True)) == [
        (0, 0),
        (0, 7),
        (100, 100),
    ]
    street = shapely.LineString([(-20, 0), (120, 0)])
    covered = seen_from(sample_lines([street]), steps).covered_m(10)
    assert covered == pytest.approx([40], abs=0.1)


def test_buildings_in_sight() -> None:
    houses = [shapely.box(x, 8, x + 10, 20) for x in (0, 30, 60)]
    court = shapely.Polygon(shapely.box(90, -10, 130, 30).exterior.coords,
                            [shapely.box(95, -5, 125, 25).exterior.coords])  # fmt: skip
    samples = sample_lines(
        [*houses, court, shapely.MultiPolygon([houses[2], court])], OUTLINE_STEP_M
    )
    seen = near_to(samples, walk_steps([np.array([(-5.0, 0.0), (33.0, 0.0)])]))
    assert seen.within(9).tolist() == [True, True, False, False, False]
    assert seen.within(49).tolist() == [True, True, True, False, True]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_as_buffers_cut_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    streets = []
    for _ in range(8):
        turns = np.cumsum(rng.normal(0, 40, (rng.integers(2, 6), 2)), axis=0)
        streets.append(shapely.LineString(turns + rng.uniform(-100, 100, 2)))
    walks = [
        np.cumsum(rng.normal(0, 12, (rng.integers(1, 40), 2)), axis=0) + rng.uniform(-80, 80, 2)
        for _ in range(5)
    ]
    seen: Seen = seen_from(sample_lines(streets), walk_steps(walks))
    for width in (5.0, 10.0, 25.0):
        exact = shapely.length(shapely.intersection(streets, swath(walks, width)))
        found = seen.covered_m(width)
        assert (np.abs(found - exact) <= np.maximum(1.0, 0.01 * exact)).all(), (width, found, exact)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_every_distance_is_that_of_the_nearest_of_all_steps(seed: int) -> None:
    """Walks that go the same way again and again, among them one far away and one of long steps,
    asked one by one."""
    rng = np.random.default_rng(seed)
    way = np.cumsum(rng.normal(0, 15, (40, 2)), axis=0)
    walks = [way[rng.integers(0, 30) :] + rng.normal(0, 3, 2) for _ in range(rng.integers(1, 150))]
    walks += [rng.uniform(-400, 400, (5, 2)), rng.uniform(-1, 1, (3, 2)) + 1e7]
    lines = [
        shapely.LineString(rng.uniform(-150, 150, (3, 2))) if n % 2
        else shapely.box(*(corner := rng.uniform(-150, 150, 2)), *(corner + rng.uniform(3, 30, 2)))
        for n in range(12)
    ]  # fmt: skip
    samples, steps = sample_lines(lines), walk_steps(walks)
    fixes = np.stack([steps.x, steps.y], 1)
    paths = shapely.linestrings(np.stack([fixes[steps.begin], fixes[steps.end]], 1))
    points = shapely.points(samples.x, samples.y)
    (_, _), exact = shapely.STRtree(paths).query_nearest(
        points, all_matches=False, return_distance=True
    )
    exact = np.clip(exact, LEAST_M, REACH_M)
    found = np.maximum(seen_from(samples, steps).distance_m, LEAST_M)
    assert found == pytest.approx(exact, abs=1e-6)
    nearest = np.full(len(lines), np.inf)
    np.minimum.at(nearest, samples.line, exact)
    found = np.maximum(near_to(samples, steps).distance_m, LEAST_M)
    assert found == pytest.approx(nearest, abs=1e-6)
