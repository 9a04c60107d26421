"""Loading a hierarchy: what is refused, what is listed, and what a revision does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon

from gis_service.errors import Conflict, InvalidInput, TooLarge
from gis_service.hierarchy.importing import Import, apply, prepare, write_report
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.reading import Columns
from gis_service.wiring import REVISION_FOLLOWERS
from tests.conftest import Database
from tests.shapes import small_hierarchy, square, write_hierarchy


def check(database: Database, path: Path, **options: Any) -> Import:
    with database.sessions() as session:
        return prepare(session, path, database.settings, **options)


def load(database: Database, path: Path, *, confirmed: bool = False, **options: Any) -> Import:
    with database.sessions.begin() as session:
        prepared = prepare(session, path, database.settings, **options)
        apply(session, prepared, database.settings, confirmed=confirmed,
              followers=REVISION_FOLLOWERS)  # fmt: skip
    return prepared


def kinds(prepared: Import, severity: str) -> set[tuple[str, str, str]]:
    return {(p.kind, p.level, p.code) for p in prepared.report.problems if p.severity == severity}


# -- bad input -----------------------------------------------------------------------------


def test_a_file_that_is_no_vector_data_is_refused_by_name(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "notes.gpkg"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(InvalidInput, match=r"notes\.gpkg.*|not a vector file") as caught:
        check(database, path)
    assert caught.value.where == "notes.gpkg"


def test_an_empty_file_is_refused(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "empty.geojson"
    path.touch()
    with pytest.raises(InvalidInput, match="empty"):
        check(database, path)


def test_a_layer_without_rows_is_refused(database: Database, tmp_path: Path) -> None:
    levels = small_hierarchy()
    path = write_hierarchy(tmp_path / "a.gpkg", {"street": levels["street"].iloc[:0]})
    with pytest.raises(InvalidInput, match="no rows"):
        check(database, path)


def test_a_file_larger_than_allowed_is_refused_before_it_is_read(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "huge.gpkg"
    with path.open("wb") as handle:
        handle.truncate(2 * 2**30)  # sparse: two gigabytes that take no room
    with pytest.raises(TooLarge, match=r"2,048 MiB.*512 MiB"):
        check(database, path)


def test_a_coordinate_that_is_no_number_is_named_by_its_row(
    database: Database, tmp_path: Path
) -> None:
    levels = small_hierarchy()
    levels["street"].geometry = [
        levels["street"].geometry[0],
        Polygon([(118.6, 24.9), (float("nan"), 24.9), (118.7, 25.0), (118.6, 24.9)]),
    ]
    path = write_hierarchy(tmp_path / "a.gpkg", {"street": levels["street"]})
    with pytest.raises(InvalidInput, match=r"row 2 .*no number"):
        check(database, path)


def test_swapped_longitude_and_latitude_are_named(database: Database, tmp_path: Path) -> None:
    street = small_hierarchy()["street"]
    street.geometry = shapely.transform(street.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    with pytest.raises(InvalidInput, match="swapped"):
        check(database, write_hierarchy(tmp_path / "a.gpkg", {"street": street}))


def test_projected_numbers_called_degrees_are_named(database: Database, tmp_path: Path) -> None:
    street = small_hierarchy()["street"].to_crs("EPSG:4549")
    street = street.set_crs("EPSG:4326", allow_override=True)
    with pytest.raises(InvalidInput, match=r"projected.*--crs"):
        check(database, write_hierarchy(tmp_path / "a.gpkg", {"street": street}))


def test_a_file_in_the_ocean_is_noticed_against_the_district(
    database: Database, tmp_path: Path
) -> None:
    levels = small_hierarchy()
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    grid = levels["grid"].copy()
    grid["code"] = "X" + grid["code"]
    grid.geometry = grid.geometry.translate(5, -10)
    prepared = check(database, write_hierarchy(tmp_path / "b.gpkg", {"grid": grid}))
    elsewhere = [p for p in prepared.report.errors if p.kind == "elsewhere"]
    assert elsewhere
    assert elsewhere[0].measure > 1e6


def test_a_file_500_m_off_is_noticed_and_the_shift_is_measured(
    database: Database, tmp_path: Path
) -> None:
    levels = small_hierarchy()
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    community = levels["community"].copy()
    # numbers in GCJ-02 that call themselves WGS84
    from gis_service.hierarchy.coordinates import from_wgs84

    community.geometry = shapely.transform(
        community.geometry.to_numpy(),
        lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], "gcj02")),
    )
    prepared = check(database, write_hierarchy(tmp_path / "b.gpkg", {"community": community}))
    displaced = [p for p in prepared.report.errors if p.kind == "displaced"]
    assert displaced
    assert 450 < displaced[0].measure < 650
    honest = check(
        database, write_hierarchy(tmp_path / "c.gpkg", {"community": community}), crs="gcj02"
    )
    assert not honest.report.errors


def test_errors_refuse_the_load_and_change_nothing(database: Database, tmp_path: Path) -> None:
    levels = small_hierarchy()
    grid = levels["grid"]
    grid.loc[0, "parent_code"] = "NOBODY"
    grid.loc[1, "code"] = grid.loc[2, "code"]
    grid.loc[3, "geometry"] = square(30, 30)
    grid.loc[4, "geometry"] = shapely.Point(118.6, 24.9)
    grid.loc[5, "code"] = None
    grid.loc[6, "geometry"] = None
    path = write_hierarchy(
        tmp_path / "a.gpkg", {k: v for k, v in levels.items() if k != "building"}
    )
    prepared = check(database, path)
    assert {kind for kind, _, _ in kinds(prepared, "error")} == {
        "missing_parent", "duplicate_code", "outside_parent", "not_polygon", "no_code",
        "no_geometry",
    }  # fmt: skip
    with pytest.raises(InvalidInput, match="6 errors; nothing was changed"):
        load(database, path)
    assert database.value("SELECT count(*) FROM street") == 0
    assert database.value("SELECT count(*) FROM boundary_revision") == 0


def test_codes_follow_the_chosen_rule(database: Database, tmp_path: Path) -> None:
    path = write_hierarchy(tmp_path / "a.gpkg", {"street": small_hierarchy()["street"]})
    database.settings.code_rule = "gb"
    assert ("malformed_code", "street", "S0") in kinds(check(database, path), "error")
    database.settings.code_rule = r"S\d"
    assert not check(database, path).report.errors


def test_an_unknown_layer_or_column_is_answered_with_what_there_is(
    database: Database, tmp_path: Path
) -> None:
    path = write_hierarchy(tmp_path / "a.gpkg", {"wards": small_hierarchy()["street"]})
    with pytest.raises(InvalidInput, match="wards"):
        check(database, path)
    with pytest.raises(InvalidInput, match="no column 'id'"):
        check(database, path, layers={"street": "wards"}, columns=Columns(code="id"))
    assert not check(database, path, layers={"street": "wards"}).report.errors


# -- warnings ------------------------------------------------------------------------------


def test_warnings_carry_their_measure(database: Database, tmp_path: Path) -> None:
    levels = small_hierarchy()
    grid = levels["grid"]
    grid.loc[0, "geometry"] = square(0, 0, 1.1, 2)  # into its neighbour by a tenth
    grid.loc[7, "geometry"] = square(7, 0, 1.25, 2)  # a fifth outside its parent
    grid.loc[3, "geometry"] = square(3, 0, 1, 1)  # half of it is missing
    bow_tie = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    corner = square(4, 0).bounds
    grid.loc[4, "geometry"] = shapely.transform(
        bow_tie, lambda xy: xy * [0.01, 0.02] + [corner[0], corner[1]]
    )
    prepared = check(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    assert not prepared.report.errors
    found = {(p.kind, p.code): p for p in prepared.report.warnings}
    overlap = found["overlap", "S0C0G0"]
    tenth = shapely.area(square(1, 0, 0.1, 2)) / shapely.area(square(0, 0))
    expected_m2 = gpd.GeoSeries([square(0, 0)], crs=4326).to_crs(4549).area[0] * tenth
    assert overlap.measure == pytest.approx(expected_m2, rel=1e-3)
    assert found["partly_outside", "S1C1G1"].measure == pytest.approx(0.2, abs=1e-3)
    assert ("gap", "S0C1") in found
    assert found["repaired", "S1C0G0"].measure == pytest.approx(0, abs=1e-6)


def test_the_report_opens_as_a_geopackage(database: Database, tmp_path: Path) -> None:
    levels = small_hierarchy()
    levels["grid"].loc[0, "geometry"] = square(0, 0, 1.1, 2)
    prepared = check(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    out = tmp_path / "problems.gpkg"
    write_report(prepared.report, out)
    problems = gpd.read_file(out, layer="problems")
    assert "overlap" in set(problems["kind"])
    assert problems.crs == "EPSG:4326"
    assert problems.geometry.area.min() > 0


# -- reading -------------------------------------------------------------------------------


def test_a_shapefile_with_gbk_attributes_reads_chinese(database: Database, tmp_path: Path) -> None:
    street = small_hierarchy()["street"].drop(columns="parent_code")
    street["name"] = ["开元街道", "鲤中街道"]
    street.to_file(tmp_path / "street.shp", encoding="GB18030")
    (tmp_path / "street.cpg").unlink()
    prepared = check(database, tmp_path / "street.shp")
    assert prepared.reading.levels["street"]["name"].tolist() == ["开元街道", "鲤中街道"]


def test_projected_and_zipped_files_read(database: Database, tmp_path: Path) -> None:
    import zipfile

    street = small_hierarchy()["street"].to_crs("EPSG:4549")
    inner = write_hierarchy(tmp_path / "a.gpkg", {"street": street})
    with zipfile.ZipFile(tmp_path / "a.gpkg.zip", "w") as archive:
        archive.write(inner, "a.gpkg")
    prepared = check(database, tmp_path / "a.gpkg.zip")
    assert prepared.reading.crs == "EPSG:4549"
    read = prepared.reading.levels["street"].geometry.iloc[0]
    assert read.symmetric_difference(small_hierarchy()["street"].geometry[0]).area < 1e-10


def test_parents_are_found_by_place_where_none_are_named(
    database: Database, tmp_path: Path
) -> None:
    levels = {name: frame.drop(columns="parent_code") for name, frame in small_hierarchy().items()}
    prepared = check(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    expected = small_hierarchy()
    for level in ("community", "grid", "building"):
        found = prepared.report.frames[level].set_index("code")["parent_code"].to_dict()
        assert found == expected[level].set_index("code")["parent_code"].to_dict()


# -- revisions -----------------------------------------------------------------------------


def test_loading_twice_adds_no_revision(database: Database, tmp_path: Path) -> None:
    path = write_hierarchy(tmp_path / "a.gpkg", small_hierarchy())
    load(database, path)
    again = load(database, path)
    assert {level: change.unchanged for level, change in again.changes.items()} == {
        "street": 2, "community": 4, "grid": 8, "building": 8
    }  # fmt: skip
    assert database.value("SELECT count(*) FROM boundary_revision") == 1


def test_a_revision_touches_changed_areas_only_and_keeps_the_old_ones(
    database: Database, tmp_path: Path
) -> None:
    levels = small_hierarchy()
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    levels["grid"].loc[0, "geometry"] = square(0, 0, 0.5, 2)
    levels["grid"].loc[1, "geometry"] = square(0.5, 0, 1.5, 2)
    prepared = load(database, write_hierarchy(tmp_path / "b.gpkg", {"grid": levels["grid"]}))
    moved = {code for kind, _, code in kinds(prepared, "warning") if kind == "moved"}
    assert moved == {"S0C0G0", "S0C0G1"}
    versions = database.rows(
        "SELECT code, count(*), count(*) FILTER (WHERE valid_to IS NULL) FROM grid "
        "GROUP BY code ORDER BY code"
    )
    assert [row for row in versions if row[1] == 2] == [("S0C0G0", 2, 1), ("S0C0G1", 2, 1)]
    assert all(valid == 1 for _, _, valid in versions)
    gap = database.value(
        "SELECT count(*) FROM grid a JOIN grid b ON b.code = a.code "
        "AND a.valid_to = b.valid_from WHERE a.code = 'S0C0G0'"
    )
    assert gap == 1


def test_closing_a_large_share_wants_confirmation(database: Database, tmp_path: Path) -> None:
    levels = small_hierarchy()
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    part = write_hierarchy(tmp_path / "b.gpkg", {"building": levels["building"].iloc[:4]})
    with pytest.raises(Conflict, match=r"4 of 8 .*--confirm"):
        load(database, part)
    assert database.value("SELECT count(*) FROM building WHERE valid_to IS NULL") == 8
    load(database, part, confirmed=True)
    assert database.value("SELECT count(*) FROM building WHERE valid_to IS NULL") == 4


def test_within_replaces_only_what_lies_in_the_area(database: Database, tmp_path: Path) -> None:
    levels = small_hierarchy()
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    part = levels["building"][levels["building"]["parent_code"].str.startswith("S0")].iloc[:3]
    load(database, write_hierarchy(tmp_path / "b.gpkg", {"building": part}), within="S0",
         confirmed=True)  # fmt: skip
    left = database.rows("SELECT code FROM building WHERE valid_to IS NULL ORDER BY code")
    assert len(left) == 3 + 4
    outside = check(
        database, write_hierarchy(tmp_path / "c.gpkg", {"building": levels["building"]}),
        within="S0",
    )  # fmt: skip
    assert {kind for kind, _, _ in kinds(outside, "error")} == {"outside_within"}


def test_a_parent_may_not_vanish_from_under_its_children(
    database: Database, tmp_path: Path
) -> None:
    levels = small_hierarchy()
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    part = write_hierarchy(tmp_path / "b.gpkg", {"community": levels["community"].iloc[1:]})
    orphans = {
        code for kind, _, code in kinds(check(database, part), "error") if kind == "orphaned"
    }
    assert orphans == {"S0C0G0", "S0C0G1"}


def test_unit_cells_live_beside_the_working_grids_and_map_to_them(
    database: Database, tmp_path: Path
) -> None:
    levels = small_hierarchy()
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    cells = gpd.GeoDataFrame(
        {"code": ["U1", "U2"], "name": ["u1", "u2"], "parent_code": ["S0C0", "S0C0"],
         "kind": ["unit", "unit"]},
        geometry=[square(0, 0, 0.9, 2), square(0.9, 0, 1.1, 2)], crs="EPSG:4326",
    )  # fmt: skip
    prepared = load(database, write_hierarchy(tmp_path / "b.gpkg", {"grid": cells}))
    assert not [p for p in prepared.report.warnings if p.kind in ("overlap", "vanished")]
    assert database.value("SELECT count(*) FROM grid WHERE valid_to IS NULL") == 10
    mapped = database.rows(
        "SELECT c.code, a.code FROM grid c JOIN area a ON a.id = c.working_id ORDER BY 1"
    )
    assert mapped == [("U1", "S0C0G0"), ("U2", "S0C0G1")]


def test_a_hierarchy_may_stop_at_any_level(database: Database, tmp_path: Path) -> None:
    levels = {level: small_hierarchy()[level] for level in ("street", "community")}
    load(database, write_hierarchy(tmp_path / "a.gpkg", levels))
    assert database.value("SELECT count(*) FROM community WHERE valid_to IS NULL") == 4


# -- the real files ------------------------------------------------------------------------


@pytest.mark.shared_data
def test_the_boston_hierarchy_loads_whole(database: Database, shared_data: Path) -> None:
    prepared = load(database, shared_data / "boston" / "boston_hierarchy.gpkg.zip")
    assert not prepared.report.errors
    counts = {
        level: database.value(f"SELECT count(*) FROM {level} WHERE valid_to IS NULL")
        for level in LEVELS
    }
    assert counts == {"street": 10, "community": 94, "grid": 1397, "building": 25960}
    overlaps = [p for p in prepared.report.warnings
                if (p.kind, p.level) == ("overlap", "building")]  # fmt: skip
    assert len(overlaps) == 11  # the data's own description says so
    outside = [p for p in prepared.report.warnings
               if (p.kind, p.level) == ("partly_outside", "building")]  # fmt: skip
    assert sum(p.measure > 0.01 for p in outside) == 296
    assert sum(p.measure > 0.1 for p in outside) == 111
