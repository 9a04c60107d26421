"""Many seeds: every small district tiles, holds its buildings, and its hot spots are found."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis_service.analysis.hotspots import contiguity, getis_ord
from gis_service.demo.district import make_district
from gis_service.demo.incidents import make_incidents
from gis_service.hierarchy.coordinates import to_wgs84
from tests.demo.checks import AS_OF

pytestmark = pytest.mark.long


@pytest.mark.parametrize("seed", range(200, 220))
def test_a_district_of_any_seed_holds(seed: int) -> None:
    district = make_district(seed, "small")
    for level in ("street", "community", "grid"):
        assert shapely.coverage_is_valid(getattr(district, level).geometry.to_numpy()), level
    cases, truth = make_incidents(district, seed, AS_OF)
    lon, lat = cases["lon"].to_numpy(copy=True), cases["lat"].to_numpy(copy=True)
    shifted = (cases["crs"] == "gcj02").to_numpy()
    lon[shifted], lat[shifted] = to_wgs84(lon[shifted], lat[shifted], "gcj02")
    grid = district.grid
    _, area = shapely.STRtree(grid.geometry.to_numpy()).query(
        shapely.points(np.column_stack([lon, lat])[np.isfinite(lon)]), "intersects"
    )
    counts = np.bincount(area, minlength=len(grid))
    km2 = grid.to_crs("EPSG:4549").area.to_numpy() / 1e6
    found = getis_ord(counts / km2, contiguity(grid))
    hot = set(grid["code"][np.char.startswith(found.significance, "hot")])
    missed = set(truth.to_json()["hotspots"]) - hot
    assert not missed, f"{len(missed)} of {len(truth.to_json()['hotspots'])} planted not found"
