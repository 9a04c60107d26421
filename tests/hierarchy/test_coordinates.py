"""Coordinates: published numbers, an independent implementation, round trips and bad input."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import numpy as np
import prcoords
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer
from shapely.geometry import Point

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import (
    frame_to_wgs84,
    from_wgs84,
    guess_metric_crs,
    parse_crs,
    to_wgs84,
)

GEOD = Geod(ellps="WGS84")


def metres(lon1, lat1, lon2, lat2):
    return GEOD.inv(lon1, lat1, lon2, lat2)[2]


def random_points_in_china(n=2000, seed=7):
    rng = np.random.default_rng(seed)
    return rng.uniform(73.5, 134.7, n), rng.uniform(18, 53.5, n)


@pytest.mark.parametrize(
    "text", ["", "mars", "EPSG:", "EPSG:abc", "EPSG:0", "EPSG:99999999", "EPSG:4978", "EPSG:5773"]
)
def test_unknown_systems_are_refused_with_what_is_accepted(text):
    with pytest.raises(InvalidInput) as refused:
        parse_crs(text)
    assert refused.value.where == "crs"
    assert "EPSG" in str(refused.value)


def test_names_are_normalised():
    assert parse_crs(" GCJ-02 ") == "gcj02"
    assert parse_crs("WGS 84") == "wgs84"
    assert parse_crs("bd_09") == "bd09"
    assert parse_crs("CGCS2000") == "cgcs2000"
    assert parse_crs("epsg:4549") == "EPSG:4549"


def test_shapes_must_agree():
    with pytest.raises(InvalidInput, match="shape"):
        to_wgs84([118.6, 118.7], [24.9], "gcj02")


@pytest.mark.parametrize(("crs", "expected_m"), [("gcj02", 558.9), ("bd09", 1152.3)])
def test_published_offset_at_quanzhou(crs, expected_m):
    assert metres(118.6, 24.9, *from_wgs84(118.6, 24.9, crs)) == pytest.approx(expected_m, abs=0.05)


def test_published_projected_point():
    east, north = from_wgs84(118.6, 24.9, "EPSG:4549")
    assert east == pytest.approx(358546.550, abs=2e-3)
    assert north == pytest.approx(2755704.677, abs=2e-3)
    assert to_wgs84(east, north, "EPSG:4549") == pytest.approx((118.6, 24.9), abs=1e-9)


@pytest.mark.parametrize(
    ("crs", "reference"), [("gcj02", prcoords.wgs_gcj), ("bd09", prcoords.wgs_bd)]
)
def test_forward_agrees_with_prcoords(crs, reference):
    lon, lat = random_points_in_china()
    x, y = from_wgs84(lon, lat, crs)
    expected = np.array([reference(prcoords.Coords(b, a)) for a, b in zip(lon, lat, strict=True)])
    assert metres(x, y, expected[:, 1], expected[:, 0]).max() < 1e-5


def test_inverse_agrees_with_prcoords():
    lon, lat = random_points_in_china(500)
    x, y = to_wgs84(lon, lat, "gcj02")
    expected = np.array(
        [prcoords.gcj_wgs_bored(prcoords.Coords(b, a)) for a, b in zip(lon, lat, strict=True)]
    )
    # it stops a step earlier than we do: 1e-5 deg times the shift's slope
    assert metres(x, y, expected[:, 1], expected[:, 0]).max() < 0.01
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = np.array(
            [prcoords.wgs_gcj(prcoords.Coords(b, a)) for a, b in zip(x, y, strict=True)]
        )
    assert metres(lon, lat, again[:, 1], again[:, 0]).max() < 1e-5


@pytest.mark.parametrize("crs", ["gcj02", "bd09"])
@given(lon=st.floats(72.004, 137.8347), lat=st.floats(0.8293, 55.8271))
def test_round_trip_is_exact_over_the_whole_box(crs, lon, lat):
    back = to_wgs84(*from_wgs84(lon, lat, crs), crs)
    # the formula holds sqrt(|lon - 105|): on that meridian one rounding step is worth more
    assert metres(lon, lat, *back) < (1e-7 if abs(lon - 105) > 1e-6 else 1e-6)


@pytest.mark.parametrize("crs", ["gcj02", "bd09"])
@pytest.mark.parametrize(
    "point", [(-71.06, 42.36), (0.0, 0.0), (2.35, 48.86), (151.2, -33.9), (139.7, 35.7), (180, 90)]
)
def test_outside_china_nothing_moves(crs, point):
    assert from_wgs84(*point, crs) == point
    assert to_wgs84(*point, crs) == point


@pytest.mark.parametrize("crs", ["wgs84", "cgcs2000", "EPSG:4490", "EPSG:4326"])
def test_equal_systems_pass_through_unchanged(crs):
    lon, lat = random_points_in_china(10)
    for convert in (to_wgs84, from_wgs84):
        x, y = convert(lon, lat, crs)
        assert (x == lon).all()
        assert (y == lat).all()


@pytest.mark.parametrize("crs", ["wgs84", "gcj02", "bd09", "EPSG:4549"])
def test_nan_stays_nan_and_the_rest_is_converted(crs):
    lon = np.array([np.nan, 118.6, np.inf, 118.6])
    lat = np.array([24.9, np.nan, 24.9, 24.9])
    for convert in (to_wgs84, from_wgs84):
        x, y = convert(lon, lat, crs)
        assert np.isnan(x[:3]).all()
        assert np.isnan(y[:3]).all()
        assert (x[3], y[3]) == pytest.approx(convert(118.6, 24.9, crs), nan_ok=True)
    assert np.isnan(to_wgs84(np.nan, 24.9, crs)).all()


def test_a_position_outside_the_projection_is_nan():
    assert np.isnan(to_wgs84(1e30, 1e30, "EPSG:4549")).all()


def test_scalars_shapes_and_inputs_are_kept():
    assert all(type(v) is float for v in to_wgs84(118.6, 24.9, "gcj02"))
    lon, lat = np.full((2, 3), 118.6), np.full((2, 3), 24.9)
    x, y = to_wgs84(lon, lat, "bd09")
    assert x.shape == y.shape == (2, 3)
    assert (lon == 118.6).all()
    assert to_wgs84([], [], "gcj02")[0].shape == (0,)


# one way over (a Gauss-Krüger zone, feet, another ellipsoid) and several, told by the place
@pytest.mark.parametrize("code", [4549, 4547, 2249, 2154, 2000, 27700, 26786])
def test_projected_as_pyproj_does_from_the_two_systems(code: int):
    ours = CRS.from_epsg(code)
    west, south, east, north = ours.area_of_use.bounds
    rng = np.random.default_rng(code)
    lon, lat = rng.uniform(west, east, 2000), rng.uniform(south, north, 2000)
    there = from_wgs84(lon, lat, f"EPSG:{code}")
    wanted = Transformer.from_crs(4326, ours, always_xy=True).transform(lon, lat)
    np.testing.assert_allclose(there, wanted, rtol=0, atol=1e-6)
    back = Transformer.from_crs(ours, 4326, always_xy=True).transform(*wanted)
    np.testing.assert_allclose(to_wgs84(*wanted, f"EPSG:{code}"), back, rtol=0, atol=1e-11)


def test_threads_share_the_transformers():
    lon, lat = random_points_in_china(20_000)
    expected = from_wgs84(lon, lat, "EPSG:4549")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: from_wgs84(lon, lat, "EPSG:4549"), range(16)))
    assert all(np.array_equal(r, expected) for r in results)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((118.6, 24.9), "EPSG:4549"),  # Quanzhou
        ((116.4, 39.9), "EPSG:4548"),  # Beijing
        ((87.6, 43.8), "EPSG:4538"),  # Urumqi
        ((-71.06, 42.36), "EPSG:32619"),  # Boston
        ((126.98, 37.57), "EPSG:32652"),  # Seoul, inside the shift's box but not in China
        ((151.2, -33.9), "EPSG:32756"),  # Sydney
        ((180.0, 10.0), "EPSG:32660"),
    ],
)
def test_metric_system_is_guessed_from_the_place(point, expected):
    assert guess_metric_crs(*point) == expected


def test_metric_system_of_many_points_ignores_the_unusable():
    assert guess_metric_crs([118.5, np.nan, 118.7, 1e9], [24.8, 24.9, 25.0, 24.9]) == "EPSG:4549"
    with pytest.raises(InvalidInput):
        guess_metric_crs([np.nan], [24.9])
    with pytest.raises(InvalidInput):
        guess_metric_crs([], [])


def test_frame_without_a_system_is_refused():
    with pytest.raises(InvalidInput, match="no coordinate system"):
        frame_to_wgs84(gpd.GeoDataFrame(geometry=[Point(118.6, 24.9)]))


def test_frame_conversion_prefers_the_given_system():
    frame = gpd.GeoDataFrame({"n": [1, 2]}, geometry=[Point(118.6, 24.9), None], crs=4326)
    out = frame_to_wgs84(frame, "gcj02")
    assert out.crs.to_epsg() == 4326
    assert (out.geometry[0].x, out.geometry[0].y) == to_wgs84(118.6, 24.9, "gcj02")
    assert out.geometry[1] is None
    assert frame.geometry[0].x == 118.6  # the input is not touched
    east, north = from_wgs84(118.6, 24.9, "EPSG:4549")
    projected = gpd.GeoDataFrame(geometry=[Point(east, north)], crs=4549)
    for out in (
        frame_to_wgs84(projected),
        frame_to_wgs84(projected.set_crs(None, allow_override=True), "EPSG:4549"),
    ):
        assert out.geometry[0].x == pytest.approx(118.6, abs=1e-9)
        assert out.crs.to_epsg() == 4326
    same = gpd.GeoDataFrame(geometry=[Point(118.6, 24.9)], crs=4490)
    for out in (frame_to_wgs84(same), frame_to_wgs84(same, "cgcs2000")):
        assert out.geometry[0].x == 118.6
        assert out.crs.to_epsg() == 4326


@pytest.mark.shared_data
def test_the_two_outlines_of_licheng_meet_after_conversion(shared_data: Path):
    gcj = gpd.read_file(shared_data / "licheng/licheng_district_gcj02.geojson")
    wgs = gpd.read_file(shared_data / "licheng/licheng_district_wgs84.geojson")

    def overlap(a, b):
        a, b = (f.to_crs(4549).geometry.union_all() for f in (a, b))
        return a.intersection(b).area / a.union(b).area

    assert overlap(gcj, wgs) == pytest.approx(0.79, abs=0.01)
    assert overlap(frame_to_wgs84(gcj, "gcj02"), wgs) >= 0.97
