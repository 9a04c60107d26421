"""What must hold of a generated district at any scale, and Gi* written down once more."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis_service.demo.district import District

METRIC = "EPSG:4549"
# a fixed end of the generated year: tests of it say the same every day
AS_OF = datetime(2026, 11, 20, tzinfo=timezone(timedelta(hours=8)))


def check_nesting(district: District) -> None:
    """Every level tiles its parents exactly and buildings stand clear inside their grid."""
    levels = [district.street, district.community, district.grid]
    for frame in levels:
        assert frame.is_valid.all()
        assert set(frame.geom_type) <= {"Polygon", "MultiPolygon"}
        assert frame["code"].is_unique
    assert shapely.coverage_is_valid(district.street.geometry.to_numpy())
    for parent, child in pairwise(levels):
        check_tiling(parent, child)
    check_buildings(district)


def check_tiling(parent: gpd.GeoDataFrame, child: gpd.GeoDataFrame) -> None:
    """Children fill their parent: equal area, nothing outside; only the parent of a virtual
    community has none. Siblings share their borders to the vertex."""
    assert shapely.coverage_is_valid(child.geometry.to_numpy())
    assert set(child["parent_code"]) <= set(parent["code"])
    shape = parent.set_index("code").geometry
    groups = dict(list(child.groupby("parent_code")))
    childless = set(parent["code"]) - set(groups)
    assert childless <= {"350502400498"}
    for code, group in groups.items():
        whole, parts = shape[code], group.geometry.to_numpy()
        assert abs(shapely.area(parts).sum() / whole.area - 1) < 1e-9
        together = shapely.coverage_union_all(parts)
        assert shapely.symmetric_difference(together, whole).area < 1e-9 * whole.area


def check_buildings(district: District) -> None:
    """No building leaves its grid, touches its border, another building, water or a road."""
    building = district.building
    assert building.is_valid.all()
    shape = building.geometry.to_numpy()
    grid = district.grid.set_index("code").geometry[building["parent_code"]].to_numpy()
    assert shapely.contains_properly(grid, shape).all()
    tree = shapely.STRtree(shape)
    a, b = tree.query(shape, predicate="intersects")
    assert (a == b).all()
    for other in (district.roads, district.water):
        assert tree.query(other.geometry.to_numpy(), predicate="intersects").size == 0


def check_codes(district: District) -> None:
    """9, 12 and 15 digits, each beginning with the parent's; buildings add five."""
    for frame, length in (
        (district.street, 9),
        (district.community, 12),
        (district.grid, 15),
        (district.building, 20),
    ):
        assert frame["code"].str.fullmatch(rf"\d{{{length}}}").all()
    assert district.street["parent_code"].isna().all()
    assert (district.community["code"].str[:9] == district.community["parent_code"]).all()
    assert (district.grid["code"].str[:12] == district.grid["parent_code"]).all()
    assert (district.building["code"].str[:15] == district.building["parent_code"]).all()
    for frame, digits in ((district.grid, 3), (district.building, 5)):
        number = frame["code"].str[-digits:].astype(int)
        for _, own in number.groupby(frame["parent_code"]):
            assert sorted(own) == list(range(1, len(own) + 1))


def in_metres(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame.to_crs(METRIC)


def grid_density(district: District, incidents: pd.DataFrame) -> np.ndarray:
    """Incidents per hectare of each grid, by WGS84 positions only."""
    given = incidents[incidents["lon"].notna() & (incidents["crs"] == "wgs84")]
    points = shapely.points(given["lon"], given["lat"])
    grid, _ = shapely.STRtree(points).query(district.grid.geometry.to_numpy(), predicate="contains")
    count = np.bincount(grid, minlength=len(district.grid))
    return np.asarray(count / (in_metres(district.grid).area.to_numpy() / 1e4))


def gi_star(values: np.ndarray, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard scores of Gi* with binary weights over an area and its neighbours (Ord and Getis
    1995, equation 14), and the matrix of neighbours."""
    n = len(values)
    near = np.eye(n, dtype=bool)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="touches")
    near[a, b] = True
    size = near.sum(axis=1)
    mean, spread = values.mean(), values.std()
    score = (near @ values - mean * size) / (
        spread * np.sqrt((n * size - size.astype(float) ** 2) / (n - 1))
    )
    return score, near
