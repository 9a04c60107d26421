"""Frontage contracts: their line, inspections, what is overdue, sheets, and bad input."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
import shapely
from PIL import Image
from sqlalchemy import text
from typer.testing import CliRunner

from gis_service.cli import app
from gis_service.communities.people import purge_people
from tests.communities.conftest import Bureau
from tests.conftest import token_headers
from tests.days import day
from tests.test_http import features, tile_of

# beside the building of S0C0G0, outside of it
WALL = {"lon": 118.6050, "lat": 24.9089, "crs": "wgs84"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def body(code: str = "M1", **more: Any) -> dict[str, Any]:
    return {
        "code": code, "shop": "老街面馆", "address": "西街 1 号", **WALL, "length_m": 12.5,
        "items": ["sanitation", "order"], "valid_from": day(-100),
        "valid_to": day(200), "signatory": "林某", "phone": "13800000000",
        **more,
    }  # fmt: skip


def make(bureau: Bureau, **more: Any) -> dict[str, Any]:
    answer = bureau.call("POST", "/api/frontages", "street", json=body(**more))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_its_line_runs_along_the_wall_and_says_so(bureau: Bureau) -> None:
    made = make(bureau)
    assert made["measured"] == "building"
    assert made["community"]["code"] == "S0C0"
    assert made["grid"]["code"] == "S0C0G0"
    line = shapely.geometry.shape(made["geometry"])
    assert line.geom_type == "LineString"
    stored = bureau.database.value("SELECT ST_AsBinary(geom) FROM building WHERE code = 'S0C0G0B'")
    assert line.distance(shapely.from_wkb(bytes(stored)).boundary) < 1e-6
    metres = bureau.database.value("SELECT ST_Length(geom::geography) FROM frontage_contract")
    assert metres == pytest.approx(12.5, rel=0.01)
    # far from every building and street there is only the point
    other = make(bureau, code="M2", lon=118.6012, lat=24.9012)
    assert other["measured"] == "point"
    assert other["geometry"]["type"] == "Point"
    assert other["length_m"] == 12.5


def test_along_a_street_where_there_is_no_building(bureau: Bureau) -> None:
    with bureau.database.sessions.begin() as session:
        session.execute(text(
            "INSERT INTO basemap_feature (theme, kind, name, rank, source, mercator) VALUES ("
            "'road', 'residential', '小路', 1, 'test', ST_Transform(ST_SetSRID(ST_MakeLine("
            "ST_MakePoint(118.6, 24.9013), ST_MakePoint(118.61, 24.9013)), 4326), 3857))"
        ))  # fmt: skip
    made = make(bureau, lon=118.6050, lat=24.9012)
    assert made["measured"] == "road"
    line = shapely.geometry.shape(made["geometry"])
    assert {round(y, 6) for _, y in line.coords} == {24.9013}


def test_what_was_looked_at_and_what_is_overdue(bureau: Bureau) -> None:
    make(bureau)

    def due(kind: str) -> list[str]:
        return [one["code"] for one in bureau.get(f"/api/frontages?due={kind}")["items"]]

    assert due("inspection") == ["M1"]
    path = "/api/frontages/M1/inspections"
    look = {"inspected_on": day(-20), "failed": ["order"],
            "rectify_by": day(-1), "note": "占道"}  # fmt: skip
    made = bureau.call("POST", path, "worker", json=look)
    assert made.status_code == 201, made.text
    assert due("inspection") == []
    assert due("rectification") == due("rectification_overdue") == ["M1"]
    done = bureau.call("POST", f"{path}/{made.json()['id']}/rectified", "worker",
                       json={"rectified_on": day()})  # fmt: skip
    assert done.status_code == 200
    assert due("rectification") == due("rectification_overdue") == []
    assert done.json()["history"][0]["rectified_on"] == day()
    again = bureau.call("POST", f"{path}/{made.json()['id']}/rectified", "worker",
                        json={"rectified_on": day()})  # fmt: skip
    assert again.status_code == 409
    assert bureau.call("DELETE", "/api/frontages/M1", "street").status_code == 409
    log = [one["action"] for one in bureau.get("/api/frontages/M1/log")["items"]]
    assert log == ["rectify", "inspect", "add"]


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(out, "JPEG")
    return out.getvalue()


def test_photos_are_seen_and_the_scan_by_those_who_may_see_who_signed(bureau: Bureau) -> None:
    def upload(colour: str) -> int:
        files = {"photo": ("a.jpg", picture(colour), "image/jpeg")}
        answer = bureau.call("POST", "/api/attachments", "worker", files=files)
        number: int = answer.json()["id"]
        return number

    scan, photo, other = upload("white"), upload("red"), upload("blue")
    make(bureau, attachment_id=scan)
    look = {"inspected_on": day(), "attachment_id": photo}
    assert bureau.call("POST", "/api/frontages/M1/inspections", "worker", json=look).is_success
    path = "/api/frontages/M1/photos"
    shown = bureau.call("GET", f"{path}/{photo}?size=thumb", "viewer")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    # neither the scan nor a photo of something else is one of its photos
    for number in (scan, other):
        assert bureau.call("GET", f"{path}/{number}", "worker").status_code == 404
    assert bureau.call("GET", "/api/frontages/M1/scan", "viewer").status_code == 403
    assert bureau.call("GET", "/api/frontages/M1/scan", "worker").status_code == 200
    logged = "action = 'personal.read' AND subject LIKE '%M1 scan'"
    assert bureau.database.value(f"SELECT count(*) FROM audit_entry WHERE {logged}") == 1
    make(bureau, code="M2", lon=118.6051)
    assert bureau.call("GET", "/api/frontages/M2/scan", "worker").status_code == 404


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lon": 24.9089, "lat": 118.605}, "lon"),
        ({"crs": "mars"}, "crs"),
        ({"length_m": 0}, "length_m"),
        ({"items": []}, "items"),
        ({"items": ["singing"]}, "items"),
        ({"valid_to": "2020-01-01"}, None),
        ({"attachment_id": 99}, "attachment_id"),
        ({"code": "a b"}, "code"),
    ],
)
def test_a_bad_contract_is_refused(bureau: Bureau, change: dict[str, Any], where: str) -> None:
    answer = bureau.call("POST", "/api/frontages", "street", json=body(**change))
    assert answer.status_code == 400, answer.text
    if where:
        assert answer.json()["where"] == where
    assert bureau.get("/api/frontages")["items"] == []


DRAWN = [[118.6049, 24.9088], [118.6051, 24.9088], [118.6051, 24.9089]]


def test_a_line_that_somebody_drew_stays_until_it_is_measured_anew(bureau: Bureau) -> None:
    made = make(bureau, line=DRAWN)
    assert made["measured"] == "drawn"
    assert made["geometry"]["coordinates"] == DRAWN

    def change(**more: Any) -> dict[str, Any]:
        version = bureau.get("/api/frontages/M1")["version"]
        fields = {**body(), "version": version, **more}
        del fields["code"]
        answer = bureau.call("PUT", "/api/frontages/M1", "street", json=fields)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert change(shop="新店名", ended_on=day())["geometry"] == made["geometry"]
    # a sheet knows no line: what it changes leaves it alone
    data = bureau.call("GET", "/api/frontages?format=csv&lang=zh", "street").content
    assert upload(bureau, data.replace("新店名".encode(), "改名店".encode())).json()["loaded"] == 1
    kept = bureau.get("/api/frontages/M1")
    assert (kept["shop"], kept["measured"], kept["geometry"]) == (
        "改名店", "drawn", made["geometry"],
    )  # fmt: skip
    # a shop that moved has another line; so has one that is measured anew
    assert change(lon=118.60501)["measured"] == "building"
    assert change(line=DRAWN)["measured"] == "drawn"
    assert change(line=[])["measured"] == "building"
    for line in ([DRAWN[0]], [DRAWN[0], DRAWN[0]], [DRAWN[0], [118.62, 24.9]], [[1], [2]]):
        refused = bureau.call("POST", "/api/frontages", "street", json=body("M2", line=line))
        assert refused.status_code == 400, line
    assert len(bureau.get("/api/frontages")["items"]) == 1


def test_the_line_is_told_before_anything_is_written(bureau: Bureau) -> None:
    asked = {**WALL, "length_m": 12.5}
    found = bureau.get("/api/frontages/measure", "street", params=asked)
    made = make(bureau)
    assert found["measured"] == made["measured"]
    ends = np.array(found["geometry"]["coordinates"])
    assert ends == pytest.approx(np.array(made["geometry"]["coordinates"]), abs=1e-7)
    for wrong in ({"crs": "mars"}, {"length_m": 0}, {"lat": "north"}):
        answer = bureau.call("GET", "/api/frontages/measure", "street", params={**asked, **wrong})
        assert answer.status_code == 400
    assert bureau.call("GET", "/api/frontages/measure", "viewer", params=asked).status_code == 403


def test_scope_and_versions(bureau: Bureau) -> None:
    made = make(bureau)
    far = body(code="M9", lon=118.645)
    assert bureau.call("POST", "/api/frontages", "street", json=far).status_code == 403
    assert bureau.call("POST", "/api/frontages", "viewer", json=far).status_code == 403
    stale = {**body(), "version": made["version"], "shop": "新店名"}
    del stale["code"]
    assert bureau.call("PUT", "/api/frontages/M1", "worker", json=stale).status_code == 200
    second = bureau.call("PUT", "/api/frontages/M1", "worker", json=stale)
    assert second.status_code == 409


SCOPES: list[tuple[str, list[str], set[str]]] = [
    ("viewer", [], {"M1", "M2"}),
    ("squad_leader", ["squad=Q0"], {"M1"}),
    ("street_office", ["street=S1"], {"M2"}),
    ("community_worker", ["community=S0C0"], {"M1"}),
    ("community_worker", ["community=S0C1"], set()),
    ("street_office", ["street=NOPE"], set()),
    # a unit works all over the district
    ("unit_handler", ["unit=SRG"], {"M1", "M2"}),
    ("unit_handler", ["unit=SRG", "street=S1"], {"M2"}),
]


def test_map_list_and_file_show_the_same_scope(bureau: Bureau) -> None:
    make(bureau)
    admin = token_headers(bureau.database)
    east = body(code="M2", lon=118.665)
    assert bureau.client.post("/api/frontages", json=east, headers=admin).status_code == 201
    x, y = tile_of(118.63, 24.91, 9)
    for number, (role, scopes, seen) in enumerate([("admin", [], {"M1", "M2"}), *SCOPES]):
        asker = token_headers(bureau.database, role, name=f"asker{number}", scopes=scopes)
        listed = bureau.client.get("/api/frontages", headers=asker).json()["items"]
        assert {one["code"] for one in listed} == seen, scopes
        # one by one, and what happened to it
        for code in ("M1", "M2"):
            alone = bureau.client.get(f"/api/frontages/{code}", headers=asker)
            assert alone.status_code == (200 if code in seen else 404)
            log = bureau.client.get(f"/api/frontages/{code}/log", headers=asker)
            assert bool(log.json()["items"]) == (code in seen), scopes
        # also from the cache, whoever asked before
        for _ in range(2):
            tile = bureau.client.get(f"/tiles/frontages/9/{x}/{y}.mvt", headers=asker)
            drawn = features(tile.content, "frontages") if seen else []
            assert {one["properties"]["code"] for one in drawn} == seen, scopes
            assert seen or tile.status_code == 204
        if role != "viewer":  # a viewer takes nothing home
            file = bureau.client.get("/api/exports/layers/frontages.geojson", headers=asker)
            assert {one["properties"]["code"] for one in file.json()["features"]} == seen, scopes


def test_who_signed_is_sealed_logged_and_purged_after_its_end(bureau: Bureau) -> None:
    make(bureau)
    assert "林某" not in bureau.call("GET", "/api/frontages").text
    assert bureau.call("GET", "/api/frontages/M1/signatory", "viewer").status_code == 403
    assert bureau.get("/api/frontages/M1/signatory", "worker") == {
        "name": "林某", "phone": "13800000000",
    }  # fmt: skip
    assert bureau.database.value("SELECT count(*) FROM audit_entry WHERE action = 'personal.read'")
    long_ago = "UPDATE community_person SET created_at = '2020-01-01'"
    with bureau.database.sessions.begin() as session:
        session.execute(text(long_ago))
        assert purge_people(session, bureau.database.settings) == 0
        session.execute(text("UPDATE frontage_contract SET valid_from = '2020-01-01', "
                             "ended_on = '2021-01-01'"))  # fmt: skip
        assert purge_people(session, bureau.database.settings) == 1
    assert bureau.get("/api/frontages/M1")["has_signatory"] is False


def upload(bureau: Bureau, data: bytes, **query: Any) -> Any:
    return bureau.call(
        "POST", "/api/frontages/import", "street", params=query,
        files={"file": ("frontages.xlsx", data, XLSX)},
    )  # fmt: skip


def test_a_sheet_comes_back_with_just_the_edits(bureau: Bureau) -> None:
    for number in range(4):
        make(
            bureau,
            code=f"M{number}",
            lon=118.60500195828164,
            ended_on=day() if number == 3 else None,
        )
    data = bureau.call("GET", "/api/frontages?format=xlsx&lang=zh", "street").content
    same = upload(bureau, data)
    assert same.status_code == 200, same.text
    assert (same.json()["read"], same.json()["already"], same.json()["loaded"]) == (4, 4, 0)
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet = book.active
    assert sheet is not None
    head = [cell.value for cell in sheet[1]]
    sheet.cell(3, head.index("店名") + 1).value = "改名店"
    sheet.cell(4, head.index("有效期止") + 1).value = date(2030, 1, 31)
    changed = io.BytesIO()
    book.save(changed)
    found = upload(bureau, changed.getvalue()).json()
    assert (found["already"], found["loaded"]) == (2, 2)
    rows = {one["code"]: one for one in bureau.get("/api/frontages")["items"]}
    assert rows["M1"]["shop"] == "改名店"
    assert rows["M2"]["valid_to"] == "2030-01-31"
    assert rows["M0"]["version"] == 1
    assert rows["M1"]["has_signatory"]


def test_a_sheet_with_a_fault_changes_nothing_and_names_the_cells(
    bureau: Bureau, tmp_path: Path
) -> None:
    lines = [
        "责任书编号,店名,经度,纬度,坐标系,门前长度,责任项,有效期起,有效期止",
        "M1,面馆,118.6050,24.9089,wgs84,１２,卫生；秩序,2026/1/1,2027/1/1",
        "M1,面馆,118.6050,24.9089,wgs84,12,卫生,2026/1/1,2027/1/1",
        "M3,茶店,118.6050,24.9089,wgs84,12,唱歌,2026/1/1,2027/1/1",
        "M4,茶店,120,30,wgs84,12,卫生,2026/1/1,2027/1/1",
        "M5,茶店,118.6050,24.9089,wgs84,长,卫生,2026/13/1,2027/1/1",
    ]
    file = tmp_path / "frontages.csv"
    file.write_text("\n".join(lines), "utf-8")
    answer = CliRunner().invoke(app, ["load", "frontages", str(file)])
    assert answer.exit_code == 1
    words = answer.output
    for cell in ("A3", "G4", "C5", "F6", "H6"):
        assert cell in words, words
    assert bureau.get("/api/frontages")["items"] == []
    file.write_text("\n".join(lines[:2]), "utf-8")
    answer = CliRunner().invoke(app, ["load", "frontages", str(file)])
    assert answer.exit_code == 0, answer.output
    assert bureau.get("/api/frontages")["items"][0]["length_m"] == 12
