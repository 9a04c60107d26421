"""The ledger: written, collected, exported, edited in a spreadsheet and brought back."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient

from gis_service.app import create_app
from tests.conftest import Database, token_headers
from tests.incidents.test_loading import row
from tests.office import converted
from tests.test_http import fill

ODD = ["=1+1", "+86 595", "-5 起", "@所有人", "行一\n行二", "007", "１２３", "“引号”,逗号", "True"]


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> None:
    """The small district with units and an incident."""
    fill(database, tmp_path, [row(1, lon=118.605, lat=24.905)])


@pytest.fixture
def desk(filled: None, client: TestClient) -> TestClient:
    """A service for it, with some entries of every sort."""
    for n, words in enumerate(ODD):
        body = {
            "day": f"2026-10-{n + 1:02d}", "kind": "other", "title": words, "content": words,
            "people": None if n % 2 else n, "community": "S0C0" if n % 3 else None,
            "unit": "ZFZH" if n % 2 else None,
        }  # fmt: skip
        made = client.post("/api/ledger", json=body)
        assert made.status_code == 201, made.text
    return client


def export(desk: TestClient, **query: Any) -> bytes:
    answer = desk.get("/api/ledger/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


def bring(desk: TestClient, data: bytes, **options: Any) -> dict[str, Any]:
    answer = desk.post(
        "/api/ledger/import", files={"file": ("台账.xlsx", data)}, params=options.pop("params", {}),
        **options,
    )  # fmt: skip
    found: dict[str, Any] = answer.json()
    assert answer.status_code == (400 if found.get("faults") else 200), answer.text
    return found


def edited(data: bytes, edits: dict[str, Any]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet = book.worksheets[0]
    for cell, value in edits.items():
        sheet[cell] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def entries(desk: TestClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = desk.get("/api/ledger").json()["items"]
    return items


def test_what_goes_out_comes_back_unchanged(desk: TestClient) -> None:
    before = entries(desk)
    assert [one["title"] for one in before] == ODD
    found = bring(desk, export(desk))
    assert (found["read"], found["already"], found["changed"], found["added"]) == (9, 9, 0, 0)
    assert found["changes"] == []
    assert entries(desk) == before


def test_exactly_the_edits_are_shown(desk: TestClient) -> None:
    before = {one["code"]: one for one in entries(desk)}
    data = edited(
        export(desk),
        {"D4": "改过的事项", "F5": "已办结", "G5": 12, "H6": None, "B13": date(2026, 10, 20),
         "C13": "日常巡查", "D13": "新增一条"},
    )  # fmt: skip
    dry = bring(desk, data, params={"dry_run": True})
    assert dry["applied"] is False
    assert {one["code"]: one for one in entries(desk)} == before
    found = bring(desk, data)
    assert (found["changed"], found["added"], found["already"]) == (3, 1, 6)
    told = {(one["row"], one["field"]): (one["before"], one["after"]) for one in found["changes"]}
    assert told == {
        (4, "title"): ("=1+1", "改过的事项"), (5, "result"): ("", "已办结"),
        (5, "people"): (None, 12), (6, "community"): ("S0C0", None),
    }  # fmt: skip
    after = entries(desk)
    assert len(after) == 10
    assert after[-1]["title"] == "新增一条"
    assert after[-1]["people"] is None
    first = next(one for one in after if one["title"] == "改过的事项")
    assert first["version"] == 2
    log = desk.get(f"/api/ledger/{first['code']}/log").json()["items"]
    assert log[-1]["changes"] == {"title": ["=1+1", "改过的事项"]}


def test_the_same_sheet_again_adds_nothing(desk: TestClient) -> None:
    last = len(ODD) + 4  # the first row below the entries
    new = {f"B{last}": "2026-10-20", f"C{last}": "日常巡查", f"D{last}": "新增一条"}
    data = edited(export(desk), new)
    assert (bring(desk, data)["added"], len(entries(desk))) == (1, len(ODD) + 1)
    again = bring(desk, data)
    assert (again["added"], again["changed"], again["already"]) == (0, 0, len(ODD) + 1)
    assert len(entries(desk)) == len(ODD) + 1
    twice = {cell.replace(str(last), str(last + 1)): value for cell, value in new.items()}
    other = {f"D{last}": "另一条", f"D{last + 1}": "另一条"}
    found = bring(desk, edited(data, {**twice, **other}))
    assert [one["cell"] for one in found["faults"]] == [f"D{last + 1}"]
    assert len(entries(desk)) == len(ODD) + 1


def test_names_that_changed_their_meaning_come_back_as_what_they_were(
    desk: TestClient, database: Database
) -> None:
    before = entries(desk)
    assert any(one["community"] == "S0C0" for one in before)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE community SET name = (SELECT name FROM community WHERE code = 'S0C0') "
            "WHERE code = 'S0C1'"
        )
    assert bring(desk, export(desk))["changes"] == []  # two of one name
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE community SET valid_to = now() WHERE code = 'S0C0'")
    found = bring(desk, edited(export(desk), {"D4": "改过"}))  # one that is in force no more
    assert [one["field"] for one in found["changes"]] == ["title"]
    assert [one["community"] for one in entries(desk)] == [one["community"] for one in before]


def test_a_column_nobody_knows_is_named(desk: TestClient) -> None:
    assert bring(desk, edited(export(desk), {"M3": "参加人次"}))["unknown_columns"] == ["参加人次"]


def test_a_spreadsheet_program_loses_nothing(desk: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "ledger.xlsx"
    file.write_bytes(export(desk))
    saved = converted(file, "xlsx:Calc MS Excel 2007 XML", tmp_path / "out")
    found = bring(desk, saved.read_bytes())
    assert (found["already"], found["changes"]) == (9, [])


@pytest.mark.parametrize(
    ("edits", "cell", "words"),
    [
        ({"B4": "2026年2月30日"}, "B4", "没有这一天"),
        ({"C5": "联合执髪"}, "C5", "未知"),
        ({"H6": "不存在社区"}, "H6", "未知"),
        ({"G7": "很多"}, "G7", "不是数值"),
        ({"A8": "TZ000000-1"}, "A8", "没有编号"),
        ({"D9": None}, "D9", "不能为空"),
        ({"L10": 9}, "L10", "重新导出"),
    ],
)
def test_a_faulty_row_names_its_cell_and_nothing_is_applied(
    desk: TestClient, edits: dict[str, Any], cell: str, words: str
) -> None:
    before = entries(desk)
    data = edited(export(desk), {**edits, "D12": "不应写入"})
    found = bring(desk, data, headers={"accept-language": "zh"})
    assert [one["cell"] for one in found["faults"]][:1] == [cell]
    assert words in found["faults"][0]["message"]
    assert entries(desk) == before


def test_serial_days_full_width_digits_and_merged_cells(desk: TestClient) -> None:
    data = export(desk)
    found = bring(desk, edited(data, {"B4": 46297, "G5": "１２"}))
    told = {one["field"]: one["after"] for one in found["changes"]}
    assert told == {"day": "2026-10-02", "people": 12}
    book = openpyxl.load_workbook(io.BytesIO(export(desk)))
    book.worksheets[0].merge_cells("D4:D5")
    out = io.BytesIO()
    book.save(out)
    merged = bring(desk, out.getvalue())
    assert "merged" in merged["faults"][0]["message"]


def test_an_entry_changed_meanwhile_is_not_overwritten(desk: TestClient) -> None:
    data = export(desk)
    one = entries(desk)[0]
    body = {name: one[name] for name in ("day", "kind", "title", "people", "community", "unit")}
    changed = desk.put(f"/api/ledger/{one['code']}", json={**body, "result": "他人", "version": 1})
    assert changed.status_code == 200, changed.text
    stale = desk.put(f"/api/ledger/{one['code']}", json={**body, "version": 1})
    assert (stale.status_code, stale.json()["where"]) == (409, "version")
    found = bring(desk, edited(data, {"D4": "旧表"}))
    assert found["faults"][0]["cell"] == "L4"


def test_another_form_of_the_bureau(desk: TestClient, database: Database, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "某局台账（{scope}）"
    sheet.append(["序号", "版本", "事项", "社区", "领导批示", "类别", "编号", "时间"])
    sheet["C3"].font = openpyxl.styles.Font(italic=True)
    file = tmp_path / "form.xlsx"
    book.save(file)
    settings = database.settings.model_copy(update={"ledger_template": file})
    with TestClient(create_app(settings), headers=desk.headers) as other:
        data = export(other)
        shown = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
        assert shown["A1"].value == "某局台账（whole district）"
        assert shown["C4"].value == ODD[1]
        assert shown["C4"].font.italic
        # what the form leaves out stays as it is
        found = bring(other, edited(data, {"C4": "新事项", "E4": "已阅"}))
        assert [(one["field"], one["after"]) for one in found["changes"]] == [("title", "新事项")]
        assert entries(other)[1]["content"] == ODD[1]
        book.worksheets[0].delete_cols(2)
        book.save(file)
        refused = other.get("/api/ledger/export")
        assert refused.status_code == 500
        assert "version" in refused.json()["detail"]


def test_the_ledger_is_filled_from_other_records_once(desk: TestClient, database: Database) -> None:
    with database.engine.begin() as connection:
        area = connection.exec_driver_sql(
            "SELECT id FROM area WHERE level = 'community' AND code = 'S0C0'"
        ).scalar_one()
        for code, state in (("H1", "done"), ("H2", "planned")):
            connection.exec_driver_sql(
                "INSERT INTO activity (code, kind, title, state, community_id, starts_at, results) "
                "VALUES (%s, 'volunteering', %s, %s, %s, '2026-10-05 09:00+08', '清理 3 处')",
                (code, f"清洁家园{code}", state, area),
            )
    span = {"from": "2026-10-01", "to": "2026-11-01"}
    assert desk.post("/api/ledger/collect", params=span).json() == {"added": 1}
    assert desk.post("/api/ledger/collect", params=span).json() == {"added": 0}
    [found] = [one for one in entries(desk) if one["source"]]
    assert (found["source"], found["result"], found["people"]) == ("activity:H1", "清理 3 处", None)
    # what people make of it stays
    body = {name: found[name] for name in ("day", "kind", "title", "community")}
    change = {**body, "result": "复核：4 处", "version": 1}
    assert desk.put(f"/api/ledger/{found['code']}", json=change).status_code == 200
    desk.post("/api/ledger/collect", params=span)
    assert [one["result"] for one in entries(desk) if one["source"]] == ["复核：4 处"]


def test_opinions_orders_and_patrols_are_collected(desk: TestClient, database: Database) -> None:
    with database.engine.begin() as connection:
        run = connection.exec_driver_sql
        rows = run("SELECT code, id FROM area WHERE level <> 'building'").all()
        area = {row.code: row.id for row in rows}
        for words, answer, adopted in (("加桶", "已增设", True), ("没人答复", None, None)):
            run(
                "INSERT INTO opinion (community_id, said_at, words, answer, answered_at, adopted) "
                "VALUES (%s, '2026-09-28 09:00+08', %s, %s::text, "
                "CASE WHEN %s::text IS NULL THEN NULL ELSE timestamptz '2026-10-02 23:30+08' END, "
                "%s)",
                (area["S0C0"], words, answer, answer, adopted),
            )
        run("UPDATE incident SET is_order = true, state = 'closed', description = '我家电话 595', "
            "closed_at = '2026-10-03 10:00+08', community_id = %s", (area["S0C0"],))  # fmt: skip
        meeting = run(
            "INSERT INTO community_meeting (community_id, held_on, title) "
            "VALUES (%s, '2026-09-01', '例会') RETURNING id", (area["S0C0"],)
        ).scalar_one()  # fmt: skip
        run("INSERT INTO meeting_item (meeting_id, incident_id, decision) "
            "SELECT %s, id, '一周内修好' FROM incident", (meeting,))  # fmt: skip
        officer = run(
            "INSERT INTO officer (code, name) VALUES ('O1', '甲') RETURNING id"
        ).scalar_one()
        # of S0C0's two grids one is promised every third day, from the middle of the month
        contract = run(
            "INSERT INTO patrol_contract (code, version, officer_id, valid_from, valid_to, "
            "promised_days, weekdays, hours_from, hours_to) VALUES ('P1', 1, %s, '2026-10-17', "
            "'2027-10-16', 3, '{1,2,3,4,5,6,7}', '08:00', '18:00') RETURNING id", (officer,)
        ).scalar_one()  # fmt: skip
        run("INSERT INTO patrol_contract_grid VALUES (%s, %s)", (contract, area["S0C0G0"]))
        # two visits on one day of the district, which are two of Greenwich; none in November
        for at in ("2026-10-20 07:30+08", "2026-10-20 09:00+08", "2026-10-24 09:00+08"):
            run(
                "INSERT INTO visit (officer_id, area_id, grid_code, entered_at, left_at, stay_s, "
                "length_m) VALUES (%s, %s, 'S0C0G0', %s, %s, 60, 50)",
                (officer, area["S0C0G0"], at, at),
            )
    span = {"from": "2026-10-01", "to": "2026-12-01"}
    added = desk.post("/api/ledger/collect", params=span).json()["added"]
    found = {one["kind"]: one for one in entries(desk) if one["source"]}
    assert added == len(found) == 3
    said, order, patrol = found["opinion"], found["order"], found["patrol"]
    assert (said["day"], said["title"], said["result"]) == ("2026-10-02", "加桶", "已增设；已采纳")
    assert (order["day"], order["result"], order["community"]) == ("2026-10-03", "已结案", "S0C0")
    assert "会议决定：一周内修好" in order["content"]
    assert "595" not in str(order)  # what a resident described stays with the case
    assert (patrol["day"], patrol["community"]) == ("2026-10-31", "S0C0")
    assert patrol["title"] == "2026年10月日常巡查：1 / 2 个网格有到访"
    assert patrol["content"] == "S0C0G0 2 天／应 5 天；S0C0G1 0 天／未包干"
    assert patrol["result"] == "到访 2 天次；包干网格 1 个应到访 5 天次，其中到访 2 天次"
    # once; and part of a month is no month
    assert desk.post("/api/ledger/collect", params=span).json() == {"added": 0}
    database.value("WITH gone AS (DELETE FROM ledger_entry RETURNING 1) SELECT count(*) FROM gone")
    part = {"from": "2026-10-02", "to": "2026-11-01"}
    desk.post("/api/ledger/collect", params=part)
    assert {one["kind"] for one in entries(desk) if one["source"]} == {"opinion", "order"}


def test_each_in_their_own_communities(desk: TestClient, database: Database) -> None:
    own = token_headers(database, "community_worker", name="cw", scopes=["community=S1C0"])
    assert desk.get("/api/ledger", headers=own).json()["items"] == []
    body = {"day": "2026-10-30", "kind": "other", "title": "x", "community": "S0C0"}
    assert desk.post("/api/ledger", json=body, headers=own).status_code == 403
    mine = {**body, "community": "S1C0"}
    assert desk.post("/api/ledger", json=mine, headers=own).status_code == 201
    data = edited(export(desk, community="S1C0"), {"H4": "S0C0"})
    found = bring(desk, data, headers=own)
    assert found["faults"][0]["cell"] == "H4"


@pytest.mark.parametrize(
    ("changes", "where"),
    [({"kind": "nothing"}, "kind"), ({"community": "X"}, "community"), ({"unit": "X"}, "unit"),
     ({"campaign": "X"}, "campaign"), ({"title": " "}, "title"), ({"people": -1}, "people")],
)  # fmt: skip
def test_a_wrong_entry_is_named(desk: TestClient, changes: dict[str, Any], where: str) -> None:
    body = {"day": "2026-10-30", "kind": "other", "title": "x", **changes}
    refused = desk.post("/api/ledger", json=body)
    assert (refused.status_code, refused.json()["where"]) == (400, where)
    assert desk.get("/api/ledger", params={"from": "2026-02-02", "to": "2026-01-01"}).json()[
        "where"
    ] == "from"  # fmt: skip


@pytest.mark.parametrize("unit", ["a\x0cb\x05", "=1+1"])
def test_what_was_asked_for_stands_above_as_text(desk: TestClient, unit: str) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(export(desk, unit=unit))).worksheets[0]
    head = [cell for line in sheet.iter_rows(max_row=6) for cell in line if cell.value]
    plain = unit.replace("\x0c", "").replace("\x05", "")
    assert any(plain in str(cell.value) for cell in head)
    assert all(cell.data_type == "s" for cell in head)
