"""Drafted grids: exact borders, sizes near the target, and a file that loads."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, box

from gis_service.errors import InvalidInput
from gis_service.hierarchy.checking import to_metric
from gis_service.hierarchy.drafting import draft_grids

WEST, SOUTH, EAST, NORTH = 118.60, 24.90, 118.61, 24.91
METRIC = "EPSG:4549"


def community() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": ["350502002001"], "name": ["甲社区"]}, geometry=[box(WEST, SOUTH, EAST, NORTH)],
        crs="EPSG:4326",
    )  # fmt: skip


def streets(seed: int, count: int = 14) -> gpd.GeoDataFrame:
    """Slanted through streets and some that end inside."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        a, b = rng.uniform(0, 0.01, 2)
        lines.append(LineString([(WEST + a, SOUTH - 0.001), (WEST + b, NORTH + 0.001)]))
        lines.append(LineString([(WEST - 0.001, SOUTH + a), (EAST + 0.001, SOUTH + b)]))
    x, y = rng.uniform(0.002, 0.008, 2)
    lines.append(LineString([(WEST + x, SOUTH + y), (WEST + x + 0.001, SOUTH + y)]))
    return gpd.GeoDataFrame(geometry=lines, crs="EPSG:4326")


@pytest.mark.parametrize("seed", range(5))
def test_no_gap_no_overlap_and_sizes_near_the_target(seed: int) -> None:
    grids = draft_grids(community(), streets(seed), metric_crs=METRIC, target_m2=60_000)
    shapes = grids.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    whole = community().geometry[0]
    assert shapely.area(shapely.symmetric_difference(shapely.union_all(shapes), whole)) < 1e-15
    area = shapely.area(to_metric(shapes, METRIC))
    assert 30_000 < np.median(area) < 110_000
    assert grids["code"].tolist() == [f"350502002001{n:03d}" for n in range(1, len(grids) + 1)]
    assert grids["area_m2"].to_numpy() == pytest.approx(area, abs=0.1)


def test_households_are_the_size_when_asked_for() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(WEST, EAST, 400), rng.uniform(SOUTH, NORTH, 400)
    buildings = gpd.GeoDataFrame(
        {"households": np.full(400, 10)}, geometry=gpd.points_from_xy(x, y), crs="EPSG:4326"
    )
    grids = draft_grids(
        community(), streets(2), metric_crs=METRIC, buildings=buildings, target_households=400
    )
    assert grids["households"].sum() == 4000
    assert 200 <= grids["households"].median() <= 700


def test_without_buildings_households_cannot_be_the_size() -> None:
    with pytest.raises(InvalidInput, match="households are counted from buildings"):
        draft_grids(community(), streets(1), metric_crs=METRIC, target_households=400)


def test_a_community_without_streets_is_one_grid() -> None:
    far = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs="EPSG:4326")
    grids = draft_grids(community(), far, metric_crs=METRIC)
    assert len(grids) == 1
