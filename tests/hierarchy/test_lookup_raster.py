"""The lookup raster against shapely, polygon by polygon, on points that sit on borders."""

from fractions import Fraction
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.errors import InvalidInput
from gis_service.hierarchy.lookup_raster import PolygonIndex
from gis_service.hierarchy.ring_tests import orientation
from tests.hierarchy.polygon_cases import polygon_arrays, telling_points


def brute_force(shapes, lon, lat):
    """(polygons × points) of ST_Covers, by GEOS."""
    return shapely.covers(shapes[:, None], shapely.points(lon, lat)[None, :])


def as_matrix(index, count, lon, lat):
    offsets, polygons = index.covering(lon, lat)
    out = np.zeros((count, len(lon)), bool)
    out[polygons, np.repeat(np.arange(len(lon)), np.diff(offsets))] = True
    assert out.sum() == len(polygons)  # none is named twice
    return out


def lowest(covers):
    return np.where(covers.any(axis=0), covers.argmax(axis=0), -1)


@pytest.mark.parametrize(
    "shapes",
    [[shapely.Point(1, 2)], [shapely.box(0, 0, 1, 1), shapely.LineString([(0, 0), (1, 1)])]],
)
def test_what_is_no_polygon_is_refused_by_number(shapes):
    with pytest.raises(InvalidInput, match=f"area {len(shapes) - 1} is a"):
        PolygonIndex.build(shapes)


def test_a_polygon_that_is_not_valid_is_refused_by_number():
    bow_tie = shapely.polygons([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(InvalidInput, match="area 1 is not valid: Self-intersection"):
        PolygonIndex.build([shapely.box(0, 0, 1, 1), bow_tie])


def test_coordinates_that_are_not_finite_are_refused():
    broken = shapely.polygons([(0, 0), (1, 0), (1, np.inf)])
    with pytest.raises(InvalidInput, match="not finite"):
        PolygonIndex.build([broken])


@pytest.mark.parametrize("cells", [0, -1, 100_000])
def test_the_raster_has_a_sensible_size(cells):
    with pytest.raises(InvalidInput, match="cells"):
        PolygonIndex.build([shapely.box(0, 0, 1, 1)], cells)


def test_arrays_must_agree():
    index = PolygonIndex.build([shapely.box(0, 0, 1, 1)], 4)
    with pytest.raises(InvalidInput, match="shape"):
        index.first([0.5, 0.5], [0.5])


@pytest.mark.parametrize("shapes", [[], [None], [shapely.Polygon()], [shapely.MultiPolygon()]])
def test_nothing_covers_nothing(shapes):
    index = PolygonIndex.build(shapes, 16)
    assert index.first([0.0, np.nan], [0.0, 1.0]).tolist() == [-1, -1]
    assert index.first_one(0.0, 0.0) == -1
    assert index.covering([0.0], [0.0])[1].size == 0
    assert index.first([], []).shape == (0,)


def test_missing_and_empty_polygons_keep_their_numbers():
    shapes = [None, shapely.box(0, 0, 1, 1), shapely.Polygon(), shapely.box(2, 0, 3, 1)]
    index = PolygonIndex.build(shapes, 16)
    assert index.first([0.5, 2.5, 1.5], [0.5, 0.5, 0.5]).tolist() == [1, 3, -1]


def test_unusable_positions_are_nowhere():
    index = PolygonIndex.build([shapely.box(118, 24, 119, 25)], 64)
    lon = [np.nan, 118.5, np.inf, -np.inf, 1e300, 24.5, 118.5]
    lat = [24.5, np.nan, 24.5, 24.5, -1e300, 118.5, 24.5]  # the last but one is swapped
    assert index.first(lon, lat).tolist() == [-1] * 6 + [0]
    assert index.covering(lon, lat)[0].tolist() == [0] * 7 + [1]
    assert [index.first_one(*p) for p in zip(lon, lat, strict=True)] == [-1] * 6 + [0]


@settings(max_examples=150, deadline=None)
@given(shapes=polygon_arrays(), cells=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_agrees_with_geos_on_borders_and_everywhere(shapes, cells, seed):
    lon, lat = telling_points(shapes, np.random.default_rng(seed))
    index = PolygonIndex.build(shapes, cells)
    expected = brute_force(shapes, lon, lat)
    np.testing.assert_array_equal(as_matrix(index, len(shapes), lon, lat), expected)
    np.testing.assert_array_equal(index.first(lon, lat), lowest(expected))
    assert [index.first_one(*p) for p in zip(lon, lat, strict=True)] == lowest(expected).tolist()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_orientation_is_exact(data):
    number = st.floats(-200, 200, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-30)
    ax, ay, bx, by = (data.draw(number) for _ in range(4))
    if data.draw(st.booleans()):  # on the line, or within rounding of it
        t = data.draw(st.floats(0, 1, allow_subnormal=False))
        px, py = ax + t * (bx - ax), ay + t * (by - ay)
    else:
        px, py = data.draw(number), data.draw(number)
    a, b, c, d, p, q = map(Fraction, (ax, ay, bx, by, px, py))
    exact = (a - p) * (d - q) - (b - q) * (c - p)
    assert orientation(ax, ay, bx, by, px, py) == (exact > 0) - (exact < 0)


@pytest.mark.parametrize("cells", [1, 7, 256])
def test_saved_and_opened_it_answers_the_same(tmp_path: Path, cells):
    rng = np.random.default_rng(3)
    shapes = shapely.buffer(shapely.points(rng.uniform(0, 1, (40, 2))), 0.1)
    lon, lat = telling_points(shapes, rng)
    built = PolygonIndex.build(shapes, cells)
    built.save(tmp_path / "index")
    opened = PolygonIndex.open(tmp_path / "index")
    np.testing.assert_array_equal(opened.first(lon, lat), built.first(lon, lat))
    np.testing.assert_array_equal(as_matrix(opened, 40, lon, lat), brute_force(shapes, lon, lat))
    with pytest.raises(ValueError, match="read-only"):
        opened.arrays.cells[0] = 5


def test_a_damaged_folder_is_refused_by_name(tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"no usable array folder") as refused:
        PolygonIndex.open(tmp_path / "missing")
    assert "missing" in str(refused.value.where)
    PolygonIndex.build([shapely.box(0, 0, 1, 1)], 4).save(tmp_path / "index")
    whole = (tmp_path / "index/records.npy").read_bytes()
    (tmp_path / "index/records.npy").write_bytes(whole[:-8])
    with pytest.raises(InvalidInput, match="no usable"):
        PolygonIndex.open(tmp_path / "index")
    (tmp_path / "index/records.npy").write_bytes(whole)
    (tmp_path / "index/about.json").write_text('{"version": 0}')
    with pytest.raises(InvalidInput, match="build it again"):
        PolygonIndex.open(tmp_path / "index")


@pytest.mark.shared_data
@pytest.mark.parametrize("layer", ["street", "community", "grid", "building"])
def test_agrees_with_geos_on_real_areas(shared_data: Path, layer):
    shapes = gpd.read_file(
        shared_data / "boston/boston_hierarchy.gpkg.zip", layer=layer
    ).geometry.to_numpy()
    rng = np.random.default_rng(5)
    low, high = np.reshape(shapely.total_bounds(shapes), (2, 2))
    vertices = shapely.get_coordinates(shapes)
    vertices = vertices[rng.choice(len(vertices), min(5000, len(vertices)), replace=False)]
    points = np.concatenate([rng.uniform(low, high, (40_000, 2)), vertices])
    lon, lat = points[:, 0].copy(), points[:, 1].copy()
    index = PolygonIndex.build(shapes)
    offsets, polygons = index.covering(lon, lat)
    ours = set(zip(np.repeat(np.arange(len(lon)), np.diff(offsets)), polygons, strict=True))
    geos = shapely.STRtree(shapes).query(shapely.points(points), predicate="covered_by")
    assert ours == set(zip(*geos, strict=True))
