"""What is taken home: the same rows as on screen, readable by the tools people have."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import openpyxl
import pyogrio
import pytest
import shapely
from fastapi.testclient import TestClient

from gis_service.app import create_app
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.interop.exports import queries, writing
from gis_service.interop.exports.catalog import known_column, read_lists
from tests.conftest import Database, token_headers
from tests.incidents.test_loading import row
from tests.test_http import fill

FORMULA = '=HYPERLINK("http://x")'
WORDS = ("+86 说明", "－全角", "两行\n文字", 'he said "a,b"', "-", "@home", "普通")


@pytest.fixture(scope="module")
def served(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    rows = [
        row(i, lon=118.605 + (i % 4) * 0.01, lat=24.905, state="closed" if i % 2 else "reported",
            closed_at="2026-03-09 10:00:00" if i % 2 else "")
        for i in range(40)
    ]  # fmt: skip
    rows += [row(100, lon="", lat="")]
    fill(module_database, tmp_path_factory.mktemp("files"), rows)
    with module_database.engine.begin() as connection:
        for number, words in enumerate((FORMULA, *WORDS)):
            connection.exec_driver_sql(
                "UPDATE incident SET description = %s, address = '' WHERE id = %s",
                (words, number + 1),
            )
    headers = {"accept-language": "en", **token_headers(module_database)}
    with TestClient(create_app(module_database.settings), headers=headers) as client:
        yield client


def lines(client: TestClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def geopackage(client: TestClient, path: str, folder: Path) -> tuple[Any, dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    file = folder / "x.gpkg"
    file.write_bytes(answer.content)
    return pyogrio.read_dataframe(file), pyogrio.read_info(file)


def on_screen(client: TestClient, query: str = "") -> dict[int, dict[str, Any]]:
    items = client.get(f"/api/incidents?limit=1000{query}").json()["items"]
    return {item["id"]: item for item in items}


@pytest.mark.parametrize(
    "query", ["", "&state=closed", "&grid=S0C0G0", "&q=说明", "&unplaced=true"]
)
def test_a_file_holds_the_incidents_of_the_list(
    served: TestClient, tmp_path: Path, query: str
) -> None:
    seen = on_screen(served, query)
    assert seen
    tail = f"?{query[1:]}" if query else ""
    table = lines(served, f"/api/exports/incidents.csv{tail}")
    assert {int(one["id"]) for one in table} == set(seen)
    frame, info = geopackage(served, f"/api/exports/incidents.gpkg{tail}", tmp_path)
    assert set(frame["id"]) == set(seen)
    assert info["crs"] == "EPSG:4326"
    for one in frame.itertuples():
        item = seen[one.id]
        code = one.grid_code if isinstance(one.grid_code, str) else None
        assert code == (item["grid"]["code"] if item["grid"] else None)
        assert (one.geometry is None) == (item["lon"] is None)
        if item["lon"] is not None:
            assert (one.geometry.x, one.geometry.y) == (item["lon"], item["lat"])
    features = json.loads(served.get(f"/api/exports/incidents.geojson{tail}").content)["features"]
    assert {one["properties"]["id"] for one in features} == set(seen)


@pytest.mark.parametrize("form", ["csv", "geojson"])
def test_a_long_file_is_the_same(
    served: TestClient, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    short = served.get(f"/api/exports/incidents.{form}").content
    monkeypatch.setattr(queries, "BLOCK_BYTES", 1 << 10)  # as if these were many rows
    with mock.patch("subprocess.Popen", wraps=subprocess.Popen) as started:
        assert served.get(f"/api/exports/incidents.{form}").content == short
    started.assert_called_once()


def test_what_people_wrote_is_no_formula_and_comes_back_whole(
    served: TestClient, tmp_path: Path
) -> None:
    table = {int(one["id"]): one for one in lines(served, "/api/exports/incidents.csv")}
    guarded = [table[n + 1]["description"] for n in range(len(WORDS) + 1)]
    assert guarded == [f"'{FORMULA}", "'+86 说明", "'－全角", *WORDS[2:4], "'-", "'@home", "普通"]
    book = openpyxl.load_workbook(io.BytesIO(served.get("/api/exports/incidents.xlsx").content))
    sheet = book.active
    head = [cell.value for cell in sheet[1]]
    column = head.index("description")
    found = {line[0].value: line[column] for line in sheet.iter_rows(min_row=2)}
    assert [found[n + 1].value for n in range(len(WORDS) + 1)] == [FORMULA, *WORDS]
    assert all(cell.data_type != "f" for line in sheet.iter_rows() for cell in line)
    frame, _ = geopackage(served, "/api/exports/incidents.gpkg", tmp_path)
    plain = frame.set_index("id")
    assert [plain["description"][n + 1] for n in range(len(WORDS) + 1)] == [FORMULA, *WORDS]
    # nothing said is not the same as nothing known
    assert plain["address"][1] == ""
    assert plain["case_number"].isna().all()


def test_times_are_the_districts_clock_in_tables_and_exact_elsewhere(
    served: TestClient, tmp_path: Path
) -> None:
    item = next(one for one in on_screen(served).values() if one["closed_at"])
    head = served.get("/api/exports/incidents.csv").content.decode("utf-8-sig").splitlines()[0]
    assert "closed at (Asia/Shanghai)" in head
    zh = served.get("/api/exports/incidents.csv?lang=zh").content.decode("utf-8-sig")
    assert "结案时间 (Asia/Shanghai)" in zh.splitlines()[0]
    table = {one["id"]: one for one in lines(served, "/api/exports/incidents.csv")}
    assert table[str(item["id"])]["closed at (Asia/Shanghai)"] == "2026-03-09 10:00:00"
    frame, _ = geopackage(served, "/api/exports/incidents.gpkg", tmp_path)
    told = frame.set_index("id")["closed_at"][item["id"]]
    assert told.tz_convert("UTC").isoformat() == "2026-03-09T02:00:00+00:00"
    features = json.loads(served.get("/api/exports/incidents.geojson").content)["features"]
    times = {one["properties"]["id"]: one["properties"]["closed_at"] for one in features}
    assert times[item["id"]] == "2026-03-09T10:00:00+08:00"
    assert None in times.values()


@pytest.mark.parametrize("crs", ["4326", "EPSG:4490", "4549"])
def test_every_file_names_the_system_of_its_coordinates(
    served: TestClient, tmp_path: Path, crs: str
) -> None:
    number = crs.removeprefix("EPSG:")
    item = next(one for one in on_screen(served).values() if one["lon"] is not None)
    x, y = from_wgs84(item["lon"], item["lat"], f"EPSG:{number}")
    close = 1e-6 if number != "4549" else 2e-3
    frame, info = geopackage(served, f"/api/exports/incidents.gpkg?crs={crs}", tmp_path)
    assert info["crs"] == f"EPSG:{number}"
    point = frame.set_index("id").geometry[item["id"]]
    assert (point.x, point.y) == pytest.approx((x, y), abs=close)
    answer = served.get(f"/api/exports/incidents.geojson?crs={crs}")
    assert answer.headers["content-crs"].endswith(f"/{number}>")
    (tmp_path / "x.geojson").write_bytes(answer.content)
    read = pyogrio.read_dataframe(tmp_path / "x.geojson")
    assert read.crs.to_epsg() == int(number)
    point = read.set_index("id").geometry[item["id"]]
    assert (point.x, point.y) == pytest.approx((x, y), abs=close)
    table = lines(served, f"/api/exports/incidents.csv?crs={crs}")
    names = [name for name in table[0] if f"EPSG:{number}" in name]
    assert len(names) == 2
    assert ("longitude" in names[0]) == (number != "4549")
    line = next(one for one in table if one["id"] == str(item["id"]))
    assert [float(line[name]) for name in names] == pytest.approx([x, y], abs=close)
    unplaced = next(one for one in table if one["placement method"] == "none")
    assert [unplaced[name] for name in names] == ["", ""]


@pytest.mark.parametrize(
    ("path", "where", "status"),
    [
        ("incidents.csv?crs=3857", "crs", 400),
        ("incidents.gpkg?crs=gcj02", "crs", 400),
        ("incidents.pdf", "format", 400),
        ("incidents.csv?colour=red", "colour", 400),
        ("incidents.csv?street=NOWHERE", "street", 400),
        ("contracts.xlsx?colour=red", "colour", 400),
        ("contracts.gpkg?state=x", "state", 400),
        ("areas/house.csv", "level", 400),
        ("layers/grid.csv?state=closed", "state", 400),
        ("layers/moon.csv", None, 404),
        ("moon.csv", None, 404),
        ("incidents.csv?q=%00", None, 400),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    served: TestClient, path: str, where: str | None, status: int
) -> None:
    answer = served.get(f"/api/exports/{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    if where:
        assert answer.json()["where"] == where


def test_a_scope_holds_for_files_too(module_database: Database, served: TestClient) -> None:
    headers = token_headers(module_database, "street_office", name="of-s0", scopes=["street=S0"])
    seen = served.get("/api/incidents?limit=1000", headers=headers).json()["items"]
    got = served.get("/api/exports/incidents.csv", headers=headers)
    numbers = [one["id"] for one in csv.DictReader(io.StringIO(got.content.decode("utf-8-sig")))]
    assert {int(one) for one in numbers} == {one["id"] for one in seen}
    assert 0 < len(seen) < len(on_screen(served))
    layer = served.get("/api/exports/layers/incidents.geojson", headers=headers).json()
    assert len(layer["features"]) == len(seen)


def test_an_export_is_in_the_audit_log(module_database: Database, served: TestClient) -> None:
    served.get("/api/exports/incidents.csv?state=closed")
    subject, detail = module_database.rows(
        "SELECT subject, detail FROM audit_entry WHERE action = 'export' ORDER BY id DESC LIMIT 1"
    )[0]
    assert subject == "incidents"
    assert detail == {"format": "csv", "query": "state=closed"}


def test_areas_and_layers_at_their_finest(served: TestClient, tmp_path: Path) -> None:
    for level in ("street", "community", "grid", "building"):
        known = served.get(f"/api/areas/{level}?limit=1000").json()["items"]
        frame, info = geopackage(served, f"/api/exports/areas/{level}.gpkg", tmp_path)
        assert set(frame["code"]) == {one["code"] for one in known}
        assert info["geometry_type"] == "MultiPolygon"
        drawn, _ = geopackage(served, f"/api/exports/layers/{level}.gpkg", tmp_path)
        both = frame.set_index("code").geometry, drawn.set_index("code").geometry
        for code in set(drawn["code"]):
            assert shapely.equals_exact(
                shapely.normalize(both[0][code]), shapely.normalize(both[1][code]), 1e-8
            )
    heat, _ = geopackage(served, "/api/exports/layers/incident_heat.gpkg?state=closed", tmp_path)
    placed = [one for one in on_screen(served, "&state=closed").values() if one["lon"] is not None]
    assert heat["count"].sum() == len(placed)


def test_a_visitor_takes_home_what_is_public_only(
    module_database: Database, served: TestClient
) -> None:
    with TestClient(create_app(module_database.settings)) as visitor:
        offered = {one["path"] for one in visitor.get("/api/exports").json()["items"]}
        assert "/api/exports/layers/grid" in offered
        assert "/api/exports/incidents" not in offered
        for path in offered:
            assert visitor.get(f"{path}.csv").status_code == 200
        assert visitor.get("/api/exports/incidents.csv").status_code == 401


def test_more_than_a_few_at_once_are_asked_to_wait(served: TestClient) -> None:
    slots = served.app.state.exports  # type: ignore[attr-defined]
    free, slots.free = slots.free, 0
    try:
        answer = served.get("/api/exports/incidents.csv")
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "10"
    finally:
        slots.free = free
    assert served.get("/api/exports/incidents.csv").status_code == 200
    assert slots.free == free


def test_a_sheet_that_is_too_long_is_refused(
    served: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_SHEET_ROWS", 10)
    answer = served.get("/api/exports/incidents.xlsx")
    assert answer.status_code == 413
    assert "GeoPackage" in answer.json()["detail"]
    assert served.app.state.exports.free > 0  # type: ignore[attr-defined]


def test_every_column_has_words_and_every_list_a_route(served: TestClient) -> None:
    routes = served.get("/api/openapi.json").json()["paths"]
    for listed in read_lists().values():
        assert listed.path in routes
        nameless = [one for one in (*listed.columns, *listed.some) if not known_column(one)]
        assert not nameless, (listed.id, nameless)
