"""The placer against brute force with shapely and pyproj, and what it makes of bad input."""

import threading
from pathlib import Path

import geopandas as gpd
import numpy as np
import psycopg
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.db.copy import copy_table
from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.placements import NO_AREA, AreaTable, Method
from gis_service.hierarchy.placing import Placer
from tests.hierarchy.polygon_cases import polygon_arrays, telling_points

METRIC = "EPSG:4549"
X, Y = 118.6, 24.9
METRE = 1 / 111_000  # degrees, about


def table(shapes, codes=None, first_id=100):
    """Identities do not follow the order of codes, as in a database."""
    shapes = np.asarray(shapes, dtype=object)
    codes = codes or [f"{n:03d}" for n in range(len(shapes))]
    ids = first_id + np.arange(len(shapes))[::-1]
    return AreaTable(ids, codes, [f"Area {code}" for code in codes], shapes)


def square(x, y, side_m):
    """A square of about ``side_m`` with its lower left corner x, y metres from (X, Y)."""
    return shapely.box(
        X + x * METRE, Y + y * METRE, X + (x + side_m) * METRE, Y + (y + side_m) * METRE
    )


def metric(shapes):
    return shapely.transform(
        shapes, lambda c: np.column_stack(from_wgs84(c[:, 0], c[:, 1], METRIC))
    )


def candidates_of(placements, i):
    """[(level, row, area, distance)] of one point, in order."""
    c = placements.candidates
    return [
        (LEVELS[c.level[k]], int(c.row[k]), int(c.area_id[k]), float(c.distance_m[k]))
        for k in range(c.offsets[i], c.offsets[i + 1])
    ]


# ---- bad input


def test_unknown_levels_and_lengths_are_refused():
    with pytest.raises(InvalidInput, match="unknown level 'city'"):
        Placer.build({"city": table([square(0, 0, 10)])}, METRIC, 1)
    with pytest.raises(InvalidInput, match="differ in length"):
        AreaTable([1, 2], ["a"], ["A"], [square(0, 0, 10)])
    with pytest.raises(InvalidInput, match="not a polygon"):
        Placer.build({"grid": table([shapely.Point(X, Y)])}, METRIC, 1)
    with pytest.raises(InvalidInput, match="accepted"):
        Placer.build({"grid": table([square(0, 0, 10)])}, "metres", 1)


@pytest.mark.parametrize("crs", ["wgs84", "gcj02", "EPSG:4326", "EPSG:2249"])  # the last: feet
def test_metres_need_a_projected_system(crs):
    with pytest.raises(InvalidInput, match="metres"):
        Placer.build({"grid": table([square(0, 0, 10)])}, crs, 1)


@pytest.mark.parametrize("nearest", [-1, np.nan, np.inf])
def test_a_senseless_reach_is_refused(nearest):
    tables = {"building": table([square(0, 0, 10)])}
    with pytest.raises(InvalidInput, match="nearest_m"):
        Placer.build(tables, METRIC, 1, nearest_m=nearest)
    with pytest.raises(InvalidInput, match="nearest_m"):
        Placer.build(tables, METRIC, 1).place([X], [Y], nearest_m=nearest)


@pytest.mark.parametrize("accuracy", [[5, -1], [5, np.inf], [5, 5, 5], -1, [[5, 5]]])
def test_a_senseless_accuracy_is_refused(accuracy):
    placer = Placer.build({"grid": table([square(0, 0, 10)])}, METRIC, 1)
    with pytest.raises(InvalidInput) as refused:
        placer.place([X, X], [Y, Y], accuracy)
    assert refused.value.where == "accuracy_m"


def test_shapes_must_agree():
    placer = Placer.build({"grid": table([square(0, 0, 10)])}, METRIC, 1)
    with pytest.raises(InvalidInput, match="shape"):
        placer.place([X, X], [Y])


def test_unusable_positions_have_no_area_and_no_candidate():
    placer = Placer.build(
        {"grid": table([square(0, 0, 100)]), "building": table([square(10, 10, 20)])}, METRIC, 1
    )
    lon = [np.nan, X, np.inf, Y, 1e300, X + 20 * METRE]
    lat = [Y, np.nan, Y, X, 1e300, Y + 20 * METRE]  # the fourth is swapped
    for accuracy in (None, 25.0):
        out = placer.place(lon, lat, accuracy)
        for level in ("grid", "building"):
            assert out.levels[level].area_id.tolist() == [NO_AREA] * 5 + [100]
            assert np.isnan(out.levels[level].distance_m[:5]).all()
            assert (out.levels[level].method[:5] == Method.NONE).all()
        assert out.candidates.offsets[5] == 0
    assert placer.place_one(np.nan, np.nan)["method"] == "none"
    assert placer.place_one(np.nan, Y, 30.0)["candidates"] == []


# ---- meaning


def test_a_hierarchy_may_stop_at_any_level_and_be_empty():
    empty = Placer.build({}, METRIC, 7)
    assert len(empty.place([X], [Y])) == 1
    assert empty.place([X], [Y]).levels == {}
    assert empty.place_one(X, Y) == {
        "street": None,
        "community": None,
        "grid": None,
        "building": None,
        "method": "none",
        "distance_m": None,
        "levels": {
            level: {"method": "none", "distance_m": None}
            for level in ("street", "community", "grid", "building")
        },
        "candidates": [],
        "revision": 7,
    }
    inside = (X + 5 * METRE, Y + 5 * METRE)
    for level in ("street", "community", "grid", "building"):
        placer = Placer.build({level: table([square(0, 0, 10)])}, METRIC, 7)
        assert placer.levels == (level,)
        one = placer.place_one(*inside)
        assert one[level] == {"code": "000", "name": "Area 000"}
        assert (one["method"], one["distance_m"]) == ("inside", 0.0)
        nothing = Placer.build({level: table([])}, METRIC, 7)
        assert nothing.place([X], [Y], 10.0).levels[level].area_id.tolist() == [NO_AREA]
        assert nothing.place_one(X, Y)["method"] == "none"
    assert len(placer.place([], [])) == 0


def test_the_finest_level_answered_gives_method_and_distance():
    placer = Placer.build(
        {
            "building": table([square(200, 0, 50)]),
            "street": table([square(0, 0, 400)], ["S"]),
            "grid": table([square(0, 0, 100)], ["G"]),
        },
        METRIC,
        3,
        nearest_m=30,
    )
    assert placer.levels == ("street", "grid", "building")
    lon = X + np.array([50, 150, 190, 220, -50]) * METRE
    out = placer.place(lon, np.full(5, Y + 25 * METRE))
    method, distance = out.finest
    assert [Method(m).label for m in method] == ["inside", "inside", "nearest", "inside", "none"]
    assert distance[[0, 1, 3]].tolist() == [0, 0, 0]
    assert distance[2] == pytest.approx(10, rel=0.1)
    assert np.isnan(distance[4])
    assert out.levels["grid"].area_id.tolist() == [100, NO_AREA, NO_AREA, NO_AREA, NO_AREA]
    assert placer.codes("grid", out.levels["grid"].row).tolist() == ["G", None, None, None, None]
    assert placer.names("street", [0]).tolist() == ["Area S"]
    one = placer.place_one(lon[2], Y + 25 * METRE)
    assert one["street"] == {"code": "S", "name": "Area S"}
    assert one["grid"] is None
    assert one["building"] == {"code": "000", "name": "Area 000"}
    assert one["levels"]["building"] == {
        "method": "nearest",
        "distance_m": pytest.approx(distance[2], abs=0.01),
    }
    assert (one["method"], one["revision"]) == ("nearest", 3)
    assert one["candidates"] == []


def test_lowest_code_leads_on_overlap_and_on_a_border_whatever_the_order_of_rows():
    left, right, over = square(0, 0, 100), square(100, 0, 100), square(50, 0, 100)
    placer = Placer.build({"grid": table([left, over, right], codes=["C", "A", "B"])}, METRIC, 1)
    lon = [X + 75 * METRE, X + 25 * METRE, shapely.bounds(right)[0], X + 199 * METRE]
    out = placer.place(lon, [Y + 50 * METRE] * 4)
    assert placer.codes("grid", out.levels["grid"].row).tolist() == ["A", "C", "A", "B"]
    assert out.levels["grid"].area_id.tolist() == [101, 102, 101, 100]
    assert [c[2] for c in candidates_of(out, 0)] == [101, 102]  # A, C
    assert candidates_of(out, 1) == candidates_of(out, 3) == []
    assert [c[2] for c in candidates_of(out, 2)] == [101, 100, 102]  # A, B, C
    assert [c["code"] for c in placer.place_one(lon[2], Y + 50 * METRE)["candidates"]] == list(
        "ABC"
    )


def test_equally_near_buildings_are_all_candidates():
    placer = Placer.build(
        {"building": table([square(0, 10, 10), square(-10, 10, 10), square(50, 0, 10)])},
        METRIC,
        1,
    )
    corner = shapely.bounds(square(0, 10, 10))[0]
    out = placer.place([corner], [Y])
    assert out.levels["building"].row.tolist() == [0]
    assert [c[1] for c in candidates_of(out, 0)] == [0, 1]
    # an accuracy that reaches neither does not hide that there are two
    out = placer.place([corner] * 2, [Y] * 2, [2.0, 20.0])
    assert [c[1] for c in candidates_of(out, 0)] == [0, 1]
    assert [c[1] for c in candidates_of(out, 1)] == [0, 1]


def test_accuracy_reaches_over_the_street():
    placer = Placer.build(
        {"grid": table([square(0, 0, 100), square(110, 0, 100), square(300, 0, 50)])}, METRIC, 1
    )
    middle = (X + 104 * METRE, Y + 50 * METRE)
    assert placer.place_one(*middle)["grid"] is None
    one = placer.place_one(*middle, 8.0)
    assert one["grid"] is None
    assert [c["code"] for c in one["candidates"]] == ["000", "001"]
    assert one["candidates"][0]["distance_m"] == pytest.approx(4, rel=0.1)
    assert one["candidates"][1]["distance_m"] == pytest.approx(6, rel=0.1)
    assert placer.place_one(*middle, 1.0)["candidates"] == []
    out = placer.place([middle[0]] * 3, [middle[1]] * 3, [np.nan, 5.0, 400.0])
    assert [len(candidates_of(out, i)) for i in range(3)] == [0, 1, 3]


# ---- against brute force


@settings(max_examples=60, deadline=None)
@given(
    tables=st.fixed_dictionaries(
        {}, optional={level: polygon_arrays() for level in ("street", "grid", "building")}
    ),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([300.0, 1500.0, 6000.0]),
)
def test_agrees_with_brute_force(tables, seed, scale):
    rng = np.random.default_rng(seed)
    every = np.concatenate(list(tables.values())) if tables else np.array([square(0, 0, 9)])
    lon, lat = telling_points(every, rng)
    accuracy = np.where(rng.random(len(lon)) < 0.5, np.nan, rng.uniform(0, scale, len(lon)))
    placer = Placer.build(
        {level: table(shapes) for level, shapes in tables.items()}, METRIC, 1, nearest_m=scale
    )
    out = placer.place(lon, lat, accuracy)
    points = shapely.points(lon, lat)
    metric_points = shapely.points(*from_wgs84(lon, lat, METRIC))
    expected: list[dict] = [{} for _ in lon]
    for level, shapes in tables.items():
        answer = out.levels[level]
        covers = shapely.covers(shapes[:, None], points[None, :])
        distance = shapely.distance(
            shapely.boundary(metric(shapes))[:, None], metric_points[None, :]
        )
        distance = np.where(covers, 0, distance)
        lead = np.where(covers.any(axis=0), covers.argmax(axis=0), -1)
        nearest = distance.min(axis=0)
        for i in range(len(lon)):
            by_nearest = level == "building" and lead[i] < 0 and nearest[i] <= scale
            if by_nearest:
                assert answer.method[i] == Method.NEAREST
                assert distance[answer.row[i], i] == pytest.approx(nearest[i], abs=1e-6)
                assert answer.distance_m[i] == pytest.approx(nearest[i], rel=1e-6, abs=1e-6)
            else:
                assert answer.row[i] == lead[i]
                assert answer.method[i] == (Method.INSIDE if lead[i] >= 0 else Method.NONE)
            row = answer.row[i]
            assert answer.area_id[i] == (100 + len(shapes) - 1 - row if row >= 0 else NO_AREA)
            near = np.flatnonzero(distance[:, i] <= accuracy[i])  # none for NaN
            if np.isnan(accuracy[i]) and covers[:, i].sum() > 1:
                near = np.flatnonzero(covers[:, i])
            if by_nearest and not nearest[i] <= accuracy[i]:
                ties = np.flatnonzero(distance[:, i] <= nearest[i] + 1e-6)
                near = ties if len(ties) > 1 else near
            expected[i] |= {(level, int(row)): distance[row, i] for row in near}
    for i in range(len(lon)):
        found = candidates_of(out, i)
        assert {(level, row): d for level, row, _, d in found} == pytest.approx(
            expected[i], rel=1e-6, abs=1e-6
        )
        order = [(LEVELS.index(c[0]), c[3]) for c in found]
        assert order == sorted(order)


def test_many_points_over_several_threads_are_answered_as_few_on_one():
    rng = np.random.default_rng(11)
    shapes = shapely.buffer(
        shapely.points(rng.uniform((X, Y), (X + 0.02, Y + 0.02), (60, 2))), 2e-3
    )
    placer = Placer.build({"grid": table(shapes), "building": table(shapes)}, METRIC, 1, 200)
    n = 150_000
    lon, lat = rng.uniform(X - 0.01, X + 0.03, n), rng.uniform(Y - 0.01, Y + 0.03, n)
    accuracy = np.where(rng.random(n) < 0.9, np.nan, 30.0)
    whole = placer.place(lon, lat, accuracy, threads=3)
    for part in (slice(0, 1000), slice(65_000, 66_000), slice(149_000, n)):
        few = placer.place(lon[part], lat[part], accuracy[part], threads=1)
        for level in placer.levels:
            for field in ("row", "area_id", "method", "distance_m"):
                np.testing.assert_array_equal(
                    getattr(few.levels[level], field), getattr(whole.levels[level], field)[part]
                )
        for i in range(0, 1000, 7):
            assert candidates_of(few, i) == candidates_of(whole, part.start + i)


def test_one_point_answers_as_many():
    rng = np.random.default_rng(13)
    shapes = shapely.buffer(
        shapely.points(rng.uniform((X, Y), (X + 0.02, Y + 0.02), (30, 2))), 2e-3
    )
    placer = Placer.build({"grid": table(shapes), "building": table(shapes[::3])}, METRIC, 1)
    lon, lat = rng.uniform(X - 0.01, X + 0.03, 300), rng.uniform(Y - 0.01, Y + 0.03, 300)
    for accuracy in (None, 40.0):
        many = placer.place(lon, lat, accuracy)
        for i in range(300):
            one = placer.place_one(lon[i], lat[i], accuracy)
            for level, answer in many.levels.items():
                code = placer.codes(level, answer.row)[i]
                assert (one[level] or {}).get("code") == code
                assert one["levels"][level]["method"] == Method(answer.method[i]).label
            expected = candidates_of(many, i)
            assert [(c["level"], c["distance_m"]) for c in one["candidates"]] == [
                (level, pytest.approx(distance, abs=0.006)) for level, _, _, distance in expected
            ]


# ---- kept in a folder


def test_saved_and_opened_by_several_it_answers_the_same(tmp_path: Path):
    shapes = [square(0, 0, 100), square(100, 0, 100)]
    names = AreaTable([5, 6], ["甲", "乙"], ["西街社区", "涂门街"], shapely.to_wkb(shapes))
    built = Placer.build({"grid": names, "building": table(shapes[:1])}, METRIC, 42, nearest_m=12)
    folder = tmp_path / "kept" / "42"
    built.save(folder)
    opened = Placer.open(folder)
    assert (opened.levels, opened.revision) == (("grid", "building"), 42)
    assert (opened.metric_crs, opened.nearest_m) == (METRIC, 12)
    for point in [(X + 5 * METRE, Y + 5 * METRE), (X + 105 * METRE, Y + 9 * METRE), (X, Y)]:
        assert opened.place_one(*point, 9.0) == built.place_one(*point, 9.0)
        assert opened.place_one(*point) == built.place_one(*point)
    assert opened.place_one(X + 105 * METRE, Y + METRE)["grid"] == {
        "code": "乙",
        "name": "涂门街",
    }
    built.save(folder)  # replaced as a whole, while the other still answers
    assert opened.place_one(X, Y) == built.place_one(X, Y)
    assert [p.name for p in folder.parent.iterdir()] == ["42"]


def test_saving_by_several_at_once_leaves_one_whole_folder(tmp_path: Path):
    placer = Placer.build({"grid": table([square(0, 0, 100)])}, METRIC, 1)
    failures = []

    def save():
        try:
            placer.save(tmp_path / "kept")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=save) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert Placer.open(tmp_path / "kept").place_one(X, Y)["grid"] is not None


def test_an_unfinished_folder_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput):
        Placer.open(tmp_path / "nothing")
    Placer.build({"grid": table([square(0, 0, 100)])}, METRIC, 1).save(tmp_path / "kept")
    (tmp_path / "kept/grid/raster/cells.npy").unlink()
    with pytest.raises(InvalidInput, match="cells"):
        Placer.open(tmp_path / "kept")


# ---- real areas


@pytest.mark.shared_data
def test_nearest_parcels_agree_with_geos(shared_data: Path):
    frame = gpd.read_file(shared_data / "boston/boston_hierarchy.gpkg.zip", layer="building")
    shapes = frame.geometry.to_numpy()
    placer = Placer.build(
        {"building": AreaTable(np.arange(len(frame)), frame["code"], frame["name"], shapes)},
        "EPSG:32619",
        1,
    )
    rng = np.random.default_rng(17)
    low, high = np.reshape(shapely.total_bounds(shapes), (2, 2))
    lon, lat = rng.uniform(low, high, (30_000, 2)).T
    answer = placer.place(lon, lat).levels["building"]
    projected = frame.to_crs(32619).geometry.to_numpy()
    tree = shapely.STRtree(projected)
    points = shapely.points(*from_wgs84(lon, lat, "EPSG:32619"))
    (at, _), distance = tree.query_nearest(
        points, max_distance=30, return_distance=True, all_matches=False
    )
    expected = np.full(len(lon), np.nan)
    expected[at] = distance
    np.testing.assert_allclose(answer.distance_m, expected, rtol=1e-6, atol=1e-4)
    own = shapely.distance(points[at], projected[answer.area_id[at]])
    np.testing.assert_allclose(own, distance, atol=1e-4)


@pytest.mark.shared_data
def test_agrees_with_postgis_on_vertices_and_edges_of_real_areas(shared_data: Path, database):
    levels = ("street", "community", "grid", "building")
    tables, vertices = {}, []
    with psycopg.connect(database.address) as connection:
        for level in levels:
            frame = gpd.read_file(shared_data / "boston/boston_hierarchy.gpkg.zip", layer=level)
            shapes = frame.geometry.to_numpy()
            ids = np.arange(1, len(frame) + 1, dtype=np.int32)
            tables[level] = AreaTable(ids, frame["code"], frame["name"], shapes)
            vertices.append(shapely.get_coordinates(shapes))
            connection.execute(f"CREATE TEMP TABLE areas_{level} (id int, geom bytea)")
            rows = pa.table({"id": ids, "geom": pa.array(shapely.to_wkb(shapes), pa.binary())})
            copy_table(connection, f"areas_{level}", rows)
        rng = np.random.default_rng(19)
        corners = np.concatenate(
            [rng.choice(v, min(1000, len(v)), replace=False) for v in vertices]
        )
        middles = np.concatenate([(v[1:] + v[:-1]) / 2 for v in vertices])
        middles = rng.choice(middles, 4000, replace=False)  # some between rings: any point will do
        lon, lat = np.concatenate([corners, middles]).T
        connection.execute("CREATE TEMP TABLE points (id int, x float8, y float8)")
        rows = pa.table({"id": np.arange(len(lon), dtype=np.int32), "x": lon, "y": lat})
        copy_table(connection, "points", rows)
        expected = set()
        for level in levels:
            connection.execute(
                f"CREATE TEMP TABLE shapes_{level} AS SELECT id, ST_GeomFromWKB(geom, 4326) geom "
                f"FROM areas_{level}; CREATE INDEX ON shapes_{level} USING gist (geom)"
            )
            found = connection.execute(
                f"SELECT p.id, a.id FROM points p JOIN shapes_{level} a "
                "ON ST_Covers(a.geom, ST_SetSRID(ST_MakePoint(p.x, p.y), 4326))"
            ).fetchall()
            expected |= {(point, level, area) for point, area in found}
    placements = Placer.build(tables, "EPSG:32619", 1, nearest_m=0).place(lon, lat)
    ours = {
        (i, level, int(area))
        for level, answer in placements.levels.items()
        for i, area in enumerate(answer.area_id)
        if area != NO_AREA
    }
    ours |= {(i, c[0], c[2]) for i in range(len(lon)) for c in candidates_of(placements, i)}
    assert len(expected) > len(lon)
    assert ours == expected
