from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis_service.demo.areas import VIRTUAL_COMMUNITY
from gis_service.demo.district import District, make_district
from tests.demo.checks import check_codes, check_nesting, check_tiling, in_metres

FRAMES = ("street", "community", "grid", "building", "roads", "water", "green", "gazetteer")


def fingerprint(district: District) -> str:
    """A hash of every value and every coordinate of every frame."""
    digest = hashlib.sha256()
    for name in FRAMES:
        frame = getattr(district, name)
        if isinstance(frame, gpd.GeoDataFrame):
            digest.update(b"".join(frame.geometry.to_wkb()))
            frame = pd.DataFrame(frame.drop(columns="geometry"))
        digest.update(frame.to_csv().encode())
    return digest.hexdigest()


@pytest.mark.parametrize("scale", ["", "large", "FULL"])
def test_an_unknown_scale_is_refused(scale: str) -> None:
    with pytest.raises(ValueError, match="small or full"):
        make_district(1, scale)  # type: ignore[arg-type]


def test_the_small_district_has_the_promised_size(district: District) -> None:
    assert len(district.street) == 3
    assert len(district.community) == 10
    assert 70 <= len(district.grid) <= 95
    assert 1000 <= len(district.building) <= 2500
    assert district.label == "示意数据"


def test_levels_tile_and_buildings_stand_inside(district: District) -> None:
    check_nesting(district)


def test_a_shifted_grid_is_noticed(district: District) -> None:
    moved = district.grid.copy()
    moved.loc[3, "geometry"] = shapely.transform(moved.geometry[3], lambda xy: xy + 1e-6)
    with pytest.raises(AssertionError):
        check_tiling(district.community, moved)


def test_a_missing_grid_is_noticed(district: District) -> None:
    with pytest.raises(AssertionError):
        check_tiling(district.community, district.grid.drop(index=3))


def test_codes_follow_the_rules(district: District) -> None:
    check_codes(district)


def test_the_virtual_community_has_a_polygon_and_no_grids(district: District) -> None:
    virtual = district.community[district.community["code"] == VIRTUAL_COMMUNITY]
    assert len(virtual) == 1
    assert in_metres(virtual).area.iloc[0] > 50_000
    assert VIRTUAL_COMMUNITY not in set(district.grid["parent_code"])


def test_grids_are_numbered_in_rows_from_the_north_each_from_the_west(
    district: District,
) -> None:
    grid = in_metres(district.grid)
    for _, own in grid.groupby("parent_code"):
        row = np.sqrt(own.area.sum() / len(own))
        place = own.sort_values("code").centroid
        band = np.floor((place.y.max() - place.y) / row)
        # degrees are turned back into metres here: allow for a band's edge within millimetres
        clear = np.abs((place.y.max() - place.y) / row - np.round((place.y.max() - place.y) / row))
        if (clear.iloc[1:] < 1e-4).sum() > 0:
            continue
        order = np.lexsort((place.x, band))
        assert order.tolist() == list(range(len(own)))


def test_grids_hold_the_usual_number_of_households(district: District) -> None:
    held = district.grid["households"]
    assert held.between(300, 500).mean() > 0.75
    assert held.between(150, 650).all()
    counted = district.building.groupby("parent_code")["households"].sum()
    assert (counted.reindex(district.grid["code"], fill_value=0).to_numpy() == held).all()
    assert (district.grid["kind"] == "community").all()


def test_grid_borders_run_along_roads_the_river_or_the_outline(district: District) -> None:
    borders = shapely.union_all(in_metres(district.grid).boundary.to_numpy())
    roads = shapely.union_all(in_metres(district.roads).geometry.to_numpy()).buffer(0.05)
    outline = shapely.union_all(in_metres(district.street).boundary.to_numpy()).buffer(0.05)
    off = borders.difference(roads).difference(outline)
    assert off.length < 1e-3 * borders.length


def test_frames_carry_the_columns_others_read(district: District) -> None:
    area = {"code", "name", "parent_code", "geometry"}
    assert set(district.street.columns) == area
    assert set(district.community.columns) == area
    assert set(district.grid.columns) == area | {"kind", "households"}
    assert set(district.building.columns) == area | {"address", "floors", "households"}
    assert set(district.roads.columns) == {"name", "road_class", "geometry"}
    assert set(district.roads["road_class"]) == {
        "primary", "secondary", "tertiary", "residential", "footway",
    }  # fmt: skip
    assert set(district.roads.geom_type) == {"LineString"}
    for frame in (district.water, district.green):
        assert set(frame.columns) == {"name", "geometry"}
        assert frame.is_valid.all()
        assert frame["name"].str.len().gt(0).all()
    for name in FRAMES[:-1]:
        assert getattr(district, name).crs == "EPSG:4326"


def test_the_gazetteer_knows_every_kind_of_place(district: District) -> None:
    book = district.gazetteer
    assert set(book["kind"]) == {"door", "crossing", "estate", "poi", "pole", "former"}
    assert not book.duplicated(["name", "kind"]).any()
    assert book["name"].str.fullmatch(r".*(路|街|巷|弄|大道)\d+(-\d+)?号").sum() > 300
    west, south, east, north = district.street.total_bounds
    assert book["lon"].between(west, east).all()
    assert book["lat"].between(south, north).all()


def test_doors_in_the_gazetteer_stand_at_their_building(district: District) -> None:
    doors = district.gazetteer[district.gazetteer["kind"] == "door"]
    building = in_metres(district.building).set_index("address").geometry[doors["name"]]
    point = gpd.GeoSeries(gpd.points_from_xy(doors["lon"], doors["lat"]), crs=4326).to_crs(4549)
    assert building.reset_index(drop=True).distance(point.reset_index(drop=True)).max() < 0.01


def test_addresses_are_unique_and_on_named_roads(district: District) -> None:
    address = district.building["address"]
    assert address.is_unique
    roads = set(district.roads["name"])
    street = address.str.extract(r"^(.*?(?:路|街|巷|大道|弄))\d+(?:-\d+)?号")[0]
    assert street.notna().all()
    assert set(street) <= roads


def test_the_district_lies_at_the_real_place(district: District) -> None:
    middle = in_metres(district.street).union_all().centroid
    centre = gpd.GeoSeries.from_xy([118.587], [24.907], crs=4326).to_crs(4549).iloc[0]
    assert middle.distance(centre) < 1000


def test_the_same_seed_gives_the_same_bytes_in_another_process(district: District) -> None:
    code = (
        "from gis_service.demo.district import make_district\n"
        "from tests.demo.test_district import fingerprint\n"
        "print(fingerprint(make_district(20, 'small')))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == fingerprint(district)


@pytest.mark.parametrize("seed", [0, 21, 2**40 + 3])
def test_another_seed_is_another_district(district: District, seed: int) -> None:
    other = make_district(seed, "small")
    check_nesting(other)
    check_codes(other)
    one, two = district.street.union_all(), other.street.union_all()
    assert shapely.intersection(one, two).area / shapely.union(one, two).area < 0.97
    shared = set(district.roads["name"]) & set(other.roads["name"])
    assert len(shared) < 0.5 * len(set(district.roads["name"]))


def test_progress_rises_to_one_and_says_what_is_done() -> None:
    seen: list[tuple[float, str]] = []
    make_district(3, "small", lambda share, words: seen.append((share, words)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len({words for _, words in seen}) > 5
