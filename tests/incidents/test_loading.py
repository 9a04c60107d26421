"""Loading incidents: every row ends as loaded, already there, or rejected with its reason."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import shapely

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.hierarchy.gazetteer import load_gazetteer
from gis_service.hierarchy.importing import apply, prepare
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents.loading import Result, load_incidents
from gis_service.incidents.mapping import Mapping, read_mapping
from gis_service.reference.defaults import ensure_default_classes
from gis_service.wiring import REVISION_FOLLOWERS
from tests.conftest import Database
from tests.district import load_small_district
from tests.shapes import small_hierarchy, square, write_hierarchy

HEADER = (
    "external_id,reported_at,closed_at,lon,lat,crs,accuracy_m,address,description,class_code,"
    "state,source"
)
GOOD = "{id},2026-03-01 10:00:00,,{lon},{lat},wgs84,,西街1号,垃圾,E-01-12,reported,patrol"
MAPPING = "standard"


def row(number: int, **changes: Any) -> str:
    """A good row of the standard columns, at a place in the small hierarchy, with changes."""
    names = HEADER.split(",")
    values = dict(
        zip(names, GOOD.format(id=f"A{number}", lon=118.605, lat=24.905).split(","), strict=True)
    )
    values.update({name: str(value) for name, value in changes.items()})
    return ",".join(values[name] for name in names)


def write(path: Path, rows: list[str], header: str = HEADER, encoding: str = "utf-8") -> Path:
    path.write_bytes(("\n".join([header, *rows]) + "\n").encode(encoding))
    return path


@pytest.fixture
def district(database: Database) -> Database:
    load_small_district(database)
    return database


def run(
    database: Database, path: Path, mapping: Mapping | None = None, rejects: Path | None = None
) -> Result:
    with database.sessions.begin() as session:
        ensure_default_classes(session)
        locator = load_locator(session, database.settings)
    result = load_incidents(
        database.sessions, path, mapping or read_mapping(Path(MAPPING)), locator,
        database.settings, rejects=rejects,
    )  # fmt: skip
    assert result.read == result.loaded + result.already + result.rejected
    return result


def reasons(path: Path) -> dict[int, str]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return {int(line["row"]): line["reason"] for line in csv.DictReader(handle)}


# -- bad input -----------------------------------------------------------------------------


def test_malformed_rows_are_rejected_with_number_and_reason(
    district: Database, tmp_path: Path
) -> None:
    future = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%d %H:%M:%S")
    rows = [
        row(1),
        row(2, reported_at="1970-01-01 00:00:00"),
        row(3, reported_at=future),
        row(4, reported_at="last tuesday"),
        row(5, lon="NaN"),
        row(6, lon=24.905, lat=118.605),
        row(7, lon="abc"),
        row(8, lat=""),
        row(9, class_code="Z-99-99"),
        row(10, state="vanished"),
        row(11, crs="moon"),
        row(12, external_id=""),
        row(13, external_id="A1"),
        row(14) + ",one,too,many",
        row(15, accuracy_m=-3),
        row(16, source="gossip"),
        row(17, class_code=""),
        row(18),
    ]
    rejects = tmp_path / "rejects.csv"
    result = run(district, write(tmp_path / "a.csv", rows), rejects=rejects)
    assert (result.read, result.loaded, result.rejected) == (18, 2, 16)
    found = reasons(rejects)
    expected = {
        2: "too early", 3: "in the future", 4: "'last tuesday' is no time", 5: "'NaN' is no number",
        6: "swapped", 7: "'abc' is no number", 8: "only one of", 9: "unknown class 'Z-99-99'",
        10: "unknown state 'vanished'", 11: "unknown coordinate system", 12: "no external_id",
        13: "earlier row", 14: "15 columns instead of 12", 15: "negative accuracy",
        16: "unknown source 'gossip'", 17: "no class_code",
    }  # fmt: skip
    assert set(found) == set(expected)
    for number, words in expected.items():
        assert words in found[number], (number, found[number])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (HEADER.encode() + b"\n", "no rows below the header"),
        (b"\x00\x01\x02\xff" * 100, "not a text file"),
        (HEADER.replace(",", "!").encode() + b"\na!b\n", "delimiter"),
        (b"a,b,a\n1,2,3\n", "columns occur twice: a"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(
    district: Database, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=words):
        run(district, path)
    assert district.value("SELECT count(*) FROM incident") == 0


def test_missing_columns_are_named_beside_those_there_are(
    district: Database, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", ["1,2"], header="id,wann")
    with pytest.raises(InvalidInput, match=r"missing: .*reported_at.*the file has id, wann"):
        run(district, path)


def test_points_that_all_miss_the_district_are_refused_with_a_guess(
    district: Database, tmp_path: Path
) -> None:
    ocean = [row(i, lon=140 + i / 1000, lat=-20) for i in range(30)]
    with pytest.raises(InvalidInput, match=r"no point lies in the district as wgs84 .*140"):
        run(district, write(tmp_path / "ocean.csv", ocean))
    assert district.value("SELECT count(*) FROM incident") == 0


def test_a_file_500_m_off_is_loaded_with_a_warning_that_names_the_system(
    district: Database, tmp_path: Path
) -> None:
    # towards the eastern edge: as WGS84 some of the shifted points fall out of the district
    lon = np.linspace(118.62, 118.679, 60)
    lat = np.linspace(24.901, 24.919, 60)
    x, y = from_wgs84(lon, lat, "gcj02")
    rows = [row(i, lon=x[i], lat=y[i]) for i in range(60)]
    result = run(district, write(tmp_path / "a.csv", rows))
    assert any("gcj02" in warning for warning in result.warnings)


def test_a_mapping_is_checked_entry_by_entry(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    good = 'origin = "x"\ntimezone = "Asia/Shanghai"\n[columns]\nreported_at = "t"\nclass = "c"\n'
    path.write_text(good)
    assert read_mapping(path).columns.reported_at == "t"
    for bad, words in (
        (good.replace("Asia/Shanghai", "Mars/Olympus"), "timezone"),
        (good + '[states]\nOpen = "ajar"\n', "ajar"),
        (good.replace('class = "c"', 'klass = "c"'), "klass|class"),
        ("origin = ", "not a TOML file"),
        (good.replace('origin = "x"', 'origin = "x"\ncrs = "moon"'), "crs"),
    ):
        path.write_text(bad)
        with pytest.raises(InvalidInput, match=words):
            read_mapping(path)
    with pytest.raises(InvalidInput, match="boston_311"):
        read_mapping(tmp_path / "nowhere.toml")


# -- formats -------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_chinese_text_survives_every_usual_encoding(
    district: Database, tmp_path: Path, encoding: str
) -> None:
    path = write(tmp_path / "a.csv", [row(1, description="井盖破损，㙟村")], encoding=encoding)
    assert run(district, path).loaded == 1
    assert district.rows("SELECT address, description FROM incident") == [
        ("西街1号", "井盖破损，㙟村")
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_recognised(
    district: Database, tmp_path: Path, delimiter: str
) -> None:
    path = write(
        tmp_path / "a.csv", [row(1).replace(",", delimiter)], HEADER.replace(",", delimiter)
    )
    assert run(district, path).loaded == 1


def test_line_breaks_inside_quotes_are_one_row(district: Database, tmp_path: Path) -> None:
    quoted = row(1).replace("垃圾", '"two\nlines, and a comma"')
    rejects = tmp_path / "r.csv"
    path = write(tmp_path / "a.csv", [quoted, row(2, lon="x")])
    result = run(district, path, rejects=rejects)
    assert (result.loaded, result.rejected) == (1, 1)
    assert district.value("SELECT description FROM incident") == "two\nlines, and a comma"
    assert list(reasons(rejects)) == [2]


def test_a_workbook_loads(district: Database, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADER.split(","))
    values: list[Any] = list(row(1).split(","))
    values[1] = datetime(2026, 3, 1, 10, 0)  # noqa: DTZ001 - a date as spreadsheets keep it
    values[3], values[4] = 118.605, 24.905
    sheet.append(values)
    book.save(tmp_path / "a.xlsx")
    assert run(district, tmp_path / "a.xlsx").loaded == 1
    assert district.value("SELECT reported_at FROM incident") == datetime(
        2026, 3, 1, 2, 0, tzinfo=UTC
    )


def test_geojson_points_load(district: Database, tmp_path: Path) -> None:
    values = dict(zip(HEADER.split(","), row(1).split(","), strict=True))
    for name in ("lon", "lat", "accuracy_m", "crs", "closed_at"):
        values.pop(name)
    frame = gpd.GeoDataFrame([values], geometry=[shapely.Point(118.605, 24.905)], crs=4326)
    frame.to_file(tmp_path / "a.geojson", driver="GeoJSON")
    mapping = read_mapping(Path(MAPPING))
    columns = {
        name: value
        for name, value in mapping.columns.model_dump(by_alias=True).items()
        if name not in ("lon", "lat", "accuracy_m", "crs", "closed_at")
    }
    mapping = Mapping.model_validate({**mapping.model_dump(by_alias=True), "columns": columns})
    assert run(district, tmp_path / "a.geojson", mapping).loaded == 1
    assert district.value("SELECT grid_id IS NOT NULL FROM incident")


def test_times_are_local_and_a_clock_set_back_loses_nothing(
    district: Database, tmp_path: Path
) -> None:
    mapping = read_mapping(Path(MAPPING)).model_copy(update={"timezone": "America/New_York"})
    rows = [row(1, reported_at="2025-11-02 01:30:00"), row(2, reported_at="2025-03-09 02:30:00")]
    assert run(district, write(tmp_path / "a.csv", rows), mapping).loaded == 2
    times = [r[0] for r in district.rows("SELECT reported_at FROM incident ORDER BY external_id")]
    assert times[0] == datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    assert times[1] == datetime(2025, 3, 9, 7, 0, tzinfo=UTC)


# -- placing -------------------------------------------------------------------------------


def test_rows_without_a_usable_place_go_to_the_unplaced_queue(
    district: Database, tmp_path: Path
) -> None:
    rows = [
        row(1), row(2, lon="", lat=""), row(3, lon=0, lat=0), row(4, lon=119.9, lat=24.9),
    ]  # fmt: skip
    result = run(district, write(tmp_path / "a.csv", rows))
    assert (result.loaded, result.unplaced) == (4, 3)
    assert district.rows(
        "SELECT external_id FROM incident WHERE placement_method = 'none' ORDER BY 1"
    ) == [("A2",), ("A3",), ("A4",)]


def test_the_filed_position_and_path_are_kept_beside_the_converted_ones(
    district: Database, tmp_path: Path
) -> None:
    x, y = from_wgs84(118.605, 24.905, "gcj02")
    run(district, write(tmp_path / "a.csv", [row(1, lon=x, lat=y, crs="gcj02")]))
    lon, lat, crs, px, py, path = district.rows(
        "SELECT lon, lat, crs, ST_X(geom), ST_Y(geom), filed_path FROM incident"
    )[0]
    assert (lon, lat, crs) == (x, y, "gcj02")
    assert (px, py) == (pytest.approx(118.605, abs=1e-9), pytest.approx(24.905, abs=1e-9))
    assert path == {"street": "S0", "community": "S0C0", "grid": "S0C0G0"}


def test_an_address_that_the_gazetteer_knows_once_places_a_row(
    district: Database, tmp_path: Path
) -> None:
    with district.sessions.begin() as session:
        load_gazetteer(
            session,
            [{"name": "西街 １１６号", "kind": "door", "lon": 118.605, "lat": 24.905},
             {"name": "东门", "kind": "poi", "lon": 118.605, "lat": 24.905},
             {"name": "东门", "kind": "poi", "lon": 118.665, "lat": 24.905}],
            "test",
        )  # fmt: skip
    rows = [
        row(1, lon="", lat="", address="西街116号"), row(2, lon="", lat="", address="东门"),
    ]  # fmt: skip
    result = run(district, write(tmp_path / "a.csv", rows))
    assert result.unplaced == 1  # two gates of one name: not guessed
    assert district.rows("SELECT external_id, placement_method FROM incident ORDER BY 1") == [
        ("A1", "address"),
        ("A2", "none"),
    ]


def test_a_border_point_and_an_accuracy_give_candidates(district: Database, tmp_path: Path) -> None:
    edge = square(0, 0).bounds[2]
    rows = [row(1, lon=edge), row(2, lon=edge + 0.0002, accuracy_m=60)]
    run(district, write(tmp_path / "a.csv", rows))
    border, near = (
        r[0] for r in district.rows("SELECT candidates FROM incident ORDER BY external_id")
    )
    assert {c["code"] for c in border if c["level"] == "grid"} == {"S0C0G0", "S0C0G1"}
    assert {c["code"] for c in near if c["level"] == "grid"} == {"S0C0G0", "S0C0G1"}
    chosen = district.rows(
        "SELECT a.code FROM incident i JOIN area a ON a.id = i.grid_id ORDER BY external_id"
    )
    assert chosen == [("S0C0G0",), ("S0C0G1",)]


def test_a_boundary_revision_places_incidents_again_and_keeps_the_filed_path(
    district: Database, tmp_path: Path
) -> None:
    run(district, write(tmp_path / "a.csv", [row(1, lon=118.608), row(2, lon=118.665)]))
    levels = small_hierarchy()
    levels["grid"].loc[0, "geometry"] = square(0, 0, 0.5, 2)
    levels["grid"].loc[1, "geometry"] = square(0.5, 0, 1.5, 2)
    path = write_hierarchy(tmp_path / "b.gpkg", {"grid": levels["grid"]})
    with district.sessions.begin() as session:
        prepared = prepare(session, path, district.settings)
        apply(session, prepared, district.settings, followers=REVISION_FOLLOWERS)
    rows = district.rows(
        "SELECT a.code, i.filed_path ->> 'grid', i.revision_id FROM incident i "
        "JOIN area a ON a.id = i.grid_id ORDER BY i.external_id"
    )
    assert rows == [("S0C0G1", "S0C0G0", 2), ("S1C1G0", "S1C1G0", 1)]
    actions = district.rows("SELECT incident_id, action FROM incident_log WHERE action = 'place'")
    assert len(actions) == 1


# -- repeating and interrupting ------------------------------------------------------------


def test_loading_the_same_file_twice_adds_nothing(district: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [row(i) for i in range(50)] + [row(99, lon="x")])
    first, second = run(district, path), run(district, path)
    assert (first.loaded, first.already, first.rejected) == (50, 0, 1)
    assert (second.loaded, second.already, second.rejected) == (0, 50, 1)
    assert district.value("SELECT count(*) FROM incident") == 50
    assert district.value("SELECT count(*) FROM incident_log") == 50


def test_rows_without_ids_are_known_again_by_their_content(
    district: Database, tmp_path: Path
) -> None:
    mapping = read_mapping(Path(MAPPING))
    columns = mapping.columns.model_copy(update={"external_id": None})
    mapping = mapping.model_copy(update={"columns": columns})
    path = write(tmp_path / "a.csv", [row(1), row(1), row(2)])  # equal rows are two reports
    assert run(district, path, mapping).loaded == 3
    assert run(district, path, mapping).already == 3


# -- the real cases ------------------------------------------------------------------------


@pytest.mark.shared_data
def test_all_boston_cases_load_and_the_reported_precinct_is_matched(
    database: Database, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.sessions.begin() as session:
        prepared = prepare(
            session, shared_data / "boston" / "boston_hierarchy.gpkg.zip", database.settings
        )
        apply(session, prepared, database.settings)
    path = shared_data / "boston" / "boston_311_2011.csv.gz"
    result = run(database, path, read_mapping(Path("boston_311")))
    assert (result.read, result.loaded, result.rejected) == (58_251, 58_251, 0)
    inside = database.value("SELECT count(*) FROM incident WHERE street_id IS NOT NULL")
    assert inside == 17_708  # the data's own description says so
    assert result.unplaced == database.value(
        "SELECT count(*) FROM incident WHERE placement_method = 'none'"
    )
    # the agreement with PostGIS, point by point and level by level
    for level in ("street", "community", "grid", "building"):
        differing = database.value(
            f"""
            SELECT count(*) FROM incident i
            LEFT JOIN LATERAL (SELECT a.area_id FROM {level} a
                WHERE a.valid_to IS NULL AND ST_Covers(a.geom, i.geom)
                ORDER BY a.code LIMIT 1) p ON true
            WHERE i.geom IS NOT NULL AND p.area_id IS DISTINCT FROM
                  CASE WHEN i.placement_distance_m > 0 AND '{level}' = 'building' THEN NULL
                       ELSE i.{level}_id END
            """
        )
        assert differing == 0, level
    with gzip.open(path, "rt") as handle:
        reported = {
            line["case_enquiry_id"]: line["precinct"].strip() for line in csv.DictReader(handle)
        }
    ours = matches = joined = 0
    for external_id, community, covered in database.rows(
        """
        SELECT i.external_id, a.code, p.code FROM incident i
        JOIN area a ON a.id = i.community_id
        LEFT JOIN LATERAL (SELECT c.code FROM community c
            WHERE c.valid_to IS NULL AND ST_Covers(c.geom, i.geom) LIMIT 1) p ON true
        """
    ):
        if reported[external_id]:
            ours += 1
            matches += reported[external_id] == community
            joined += reported[external_id] == covered
    with capsys.disabled():
        print(f"\nreported precinct matched: ours {matches / ours:.2%}, "
              f"plain join {joined / ours:.2%} of {ours:,}")  # fmt: skip
    assert matches >= joined
    assert matches / ours > 0.94
