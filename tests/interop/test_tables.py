"""Spreadsheets over HTTP: refused with every fault and its row, or taken in as a whole."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gis_service.interop.tables.registry import TABLES
from gis_service.sheets import as_csv, as_xlsx
from tests.conftest import Database, token_headers
from tests.responsibility.test_contracts import district, served

__all__ = ["district", "served"]

HEAD = ["责任书编号", "责任人编号", "网格编码", "巡查间隔天数", "有效期起", "有效期止"]
ROWS = [["H1", "D1", "S0C0G0", "3", "2026-01-01", "2026-12-31"],
        ["H2", "D2", "S0C0G1", "5", "2026-01-01", "2026-12-31"]]  # fmt: skip


@pytest.fixture
def chief(district: Database) -> dict[str, str]:
    return token_headers(district, "duty_chief")


def send(
    client: TestClient, who: dict[str, str], table: str, data: bytes, *, name: str = "责任书.xlsx",
    dry_run: bool = False, lang: str = "zh",
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    answer = client.post(
        f"/api/tables/{table}/import", files={"file": (name, data)}, params={"dry_run": dry_run},
        headers={**who, "accept-language": lang},
    )  # fmt: skip
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


def contracts(database: Database) -> int:
    found: int = database.value("SELECT count(*) FROM patrol_contract")
    return found


def test_what_is_no_sheet_is_told(served: TestClient, chief: dict[str, str]) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<c/>" * 700_000)
    for data, name, status, words in (
        (b"", "empty.csv", 400, "文件为空"),
        (b"PK\x03\x04 broken", "broken.xlsx", 400, "已损坏"),
        (b"\xff\xfe\x00\x01" * 50, "noise.csv", 400, "noise.csv"),
        (as_xlsx(HEAD, [], "t"), "head.xlsx", 400, "没有数据"),
        (b"a,b\n1,2\n", "other.csv", 400, "缺少列“责任书编号”"),
        (b"%PDF", "plan.pdf", 400, "CSV 或 XLSX"),
        (bomb.getvalue(), "bomb.xlsx", 413, "解压后过大"),
        (as_csv(HEAD, ROWS * 10_001), "long.csv", 413, "超过 20000 行"),
    ):
        got, found = send(served, chief, "contracts", data, name=name)
        assert got == status, (name, found)
        assert words in found["detail"], (name, found)
        assert "sheet." not in found["detail"], "the copy is nobody's business"
    assert send(served, chief, "nothing", b"x")[0] == 404


def test_a_sheet_with_faults_changes_nothing_and_names_each_row(
    served: TestClient, district: Database, chief: dict[str, str]
) -> None:
    bad = [ROWS[0], [*ROWS[1][:2], "S9", *ROWS[1][3:]], ["H3", "D1", "S0C0G1", "x", *ROWS[0][4:]]]
    for lang, first in (("zh", "第 3 行"), ("en", "row 3")):
        status, found = send(served, chief, "contracts", as_xlsx(HEAD, bad, "t"), lang=lang)
        assert status == 400
        faults = [one["message"] for one in found["faults"]]
        assert found["faults_in_all"] == len(faults) == 2
        assert any(words.startswith(first) and "S9" in words for words in faults), faults
        interval = "巡查间隔天数 'x'" if lang == "zh" else "promised_days 'x'"
        assert any(interval in words for words in faults), faults
    assert contracts(district) == 0
    assert district.value("SELECT count(*) FROM event WHERE topic = 'contracts'") == 1  # officers


def test_a_sheet_is_looked_at_then_taken_in_once(
    served: TestClient, district: Database, chief: dict[str, str]
) -> None:
    gb = as_csv(HEAD, ROWS).decode("utf-8-sig").encode("gb18030")
    for name, data in (("a.xlsx", as_xlsx(HEAD, ROWS, "t")), ("b.csv", gb)):
        before = contracts(district)
        status, found = send(served, chief, "contracts", data, name=name, dry_run=True)
        assert (status, found["applied"]) == (200, False), found
        assert contracts(district) == before
        expected = (2, 0) if name == "a.xlsx" else (0, 2)
        assert (found["loaded"], found["already"]) == expected
        status, found = send(served, chief, "contracts", data, name=name)
        assert (status, found["applied"], found["loaded"]) == (200, True, expected[0])
        assert contracts(district) == 2
    actor = district.value("SELECT created_by FROM patrol_contract LIMIT 1")
    assert actor == "duty_chief"


def test_a_leader_stays_within_the_own_squad_and_streets(
    served: TestClient, district: Database
) -> None:
    leader = token_headers(district, "squad_leader", scopes=["squad=Q0"])
    head = [*HEAD, "责任人", "中队代码"]
    for row, words in (
        (["H1", "D1", "S1C0G0", *ROWS[0][3:], "", ""], "街道"),  # another street's grid
        (["H1", "D3", *ROWS[0][2:], "", ""], "中队"),  # another squad's officer
        (["H1", "D9", *ROWS[0][2:], "新来", "Q1"], "中队"),  # who would be one
    ):
        status, found = send(served, leader, "contracts", as_xlsx(head, [row], "t"))
        assert status == 400, found
        assert words in found["faults"][0]["message"], found
    assert contracts(district) == 0
    assert send(served, leader, "contracts", as_xlsx(HEAD, ROWS, "t"))[0] == 200
    # what is for the whole district is not listed, nor taken
    listed = served.get("/api/tables", headers=leader).json()["items"]
    assert [one["name"] for one in listed] == ["contracts"]
    assert listed[0]["rows"] == 2
    status, found = send(served, leader, "officers", as_csv(["队员编号", "姓名"], [["D9", "新"]]),
                         name="a.csv")  # fmt: skip
    assert status == 403
    assert "全区" in found["detail"]


def test_every_table_has_its_form_and_takes_it_filled(
    served: TestClient, district: Database, chief: dict[str, str]
) -> None:
    listed = served.get("/api/tables", headers=chief).json()["items"]
    assert [one["name"] for one in listed] == [table.name for table in TABLES]
    rows: dict[str, dict[str, str]] = {
        "contracts": dict(zip(HEAD, ROWS[0], strict=True)),
        "officers": {"队员编号": "D77", "姓名": "新来", "中队代码": "Q1"},
        "roster": {"开始时间": "2026-12-01 08:00", "结束时间": "2026-12-01 18:00",
                   "街道代码": "S0", "值班人": "某人", "电话": "8000"},
        "units": {"类型": "单位", "代码": "NEW", "名称": "新单位"},
        "classes": {"类别代码": "E-99-01", "类型": "事件", "大类代码": "99",
                    "大类": "其他", "名称": "新类"},
        "conditions": {"类别代码": "E-01-12", "序号": "9", "立案条件": "新条件", "时限": "2",
                       "时限单位": "工作时"},
        "crosswalk": {"类别代码": "E-01-12", "对应标准": "other", "对应代码": "0101"},
        "calendar": {"日期": "2026-12-06", "类型": "working", "说明": "调休"},
        "components": {"标识码": "P1", "名称": "井盖", "类别代码": "C-01-23", "经度": "118.605",
                       "纬度": "24.905"},
    }  # fmt: skip
    for one in listed:
        for lang, place in (("zh", "heading"), ("en", "name")):
            answer = served.get(
                f"/api/tables/{one['name']}/form.xlsx", headers={**chief, "accept-language": lang}
            )
            sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
            head = [cell.value for cell in sheet[1]]
            assert head == [column[place] for column in one["columns"]]
        head = [column["heading"] for column in one["columns"]]
        line = [rows[one["name"]].get(name, "") for name in head]
        status, found = send(served, chief, one["name"], as_xlsx(head, [line], "t"))
        assert (status, found.get("loaded")) == (200, 1), (one["name"], found)
        again = {item["name"]: item["rows"]
                 for item in served.get("/api/tables", headers=chief).json()["items"]}  # fmt: skip
        assert again[one["name"]] == one["rows"] + 1


def test_what_is_there_comes_as_a_sheet_that_changes_nothing_until_it_is_changed(
    served: TestClient, district: Database, chief: dict[str, str]
) -> None:
    leader = token_headers(district, "squad_leader", scopes=["squad=Q0"])
    head = [*HEAD, "成员编号", "职责大类", "星期", "时段", "最短停留分钟", "备注"]
    more = ["D2", "E-01;E-02", "周一至周五", "08:30-17:30", "1.5", "=1+1"]
    others = [["H3", "D3", "S1C0G0", "2", "2026-01-01", "2089-12-31"],
              ["H4", "D1", "S0C0G0", "3", "2025-01-01", "2025-12-31"]]  # fmt: skip
    rows = [[*ROWS[0][:-1], "2089-12-31", *more], *([*one, *[""] * 6] for one in others)]
    status, found = send(served, chief, "contracts", as_xlsx(head, rows, "t"))
    assert status == 200, found.get("faults")
    components = as_csv(["标识码", "名称", "类别代码", "经度", "纬度", "材质"],
                        [["P1", "井盖", "C-01-23", "118.605", "24.905", "铸铁"],
                         ["P2", "灯", "", "118.6051234", "24.905", ""]])  # fmt: skip
    assert send(served, chief, "components", components, name="a.csv")[0] == 200
    days = as_csv(
        ["日期", "类型", "说明", "工作时段"],
        [
            ["2026-12-06", "上班", "调休", ""],
            ["2026-06-01", "工作时段", "夏令", "8:00-12:00,15:00-18:00"],
        ],
    )
    assert send(served, chief, "calendar", days, name="a.csv")[0] == 200
    published = "SELECT count(*) FROM calendar_day WHERE source <> 'a.csv'"
    known = district.value(published)
    for table in TABLES:
        for lang in ("zh", "en"):
            asked = {**chief, "accept-language": lang}
            answer = served.get(f"/api/tables/{table.name}/rows.xlsx", headers=asked)
            if not table.rows:
                assert answer.status_code == 404
                continue
            sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
            lines = list(sheet.iter_rows(values_only=True))
            own = list(table.columns.values() if lang == "zh" else table.columns)
            assert list(lines[0])[: len(own)] == own
            status, found = send(served, chief, table.name, answer.content, dry_run=True)
            assert (status, found.get("loaded")) == (200, 0), (table.name, lang, found)
            assert found["already"] == len(lines) - 1 > 0, table.name
    assert district.value(published) == known
    # of contracts those in force or to come; a leader's are the squad's
    for who, codes in ((chief, {"H1", "H3"}), (leader, {"H1"})):
        asked = {**who, "accept-language": "zh"}
        answer = served.get("/api/tables/contracts/rows.xlsx", headers=asked)
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
        assert {row[0] for row in sheet.iter_rows(min_row=2, values_only=True)} == codes
    # one cell changed is one row changed
    sheet["I2"] = 5
    assert sheet["I1"].value == "巡查间隔天数"
    out = io.BytesIO()
    sheet.parent.save(out)
    assert send(served, leader, "contracts", out.getvalue())[1]["loaded"] == 1
    assert district.value("SELECT max(version) FROM patrol_contract WHERE code = 'H1'") == 2
    assert served.get("/api/tables/officers/rows.xlsx", headers=leader).status_code == 403


def test_a_promise_that_a_sheet_repeats_keeps_its_signed_scan(
    served: TestClient, district: Database, chief: dict[str, str]
) -> None:
    data = as_xlsx(HEAD, ROWS, "t")
    assert send(served, chief, "contracts", data)[1]["loaded"] == 2
    with district.sessions.begin() as session:
        session.execute(text(
            "WITH a AS (INSERT INTO attachment (sha256, media_type, size, width, height, "
            "file_name, uploaded_by) VALUES (repeat('0', 64), 'image/jpeg', 1, 1, 1, 'a.jpg', 'a') "
            "RETURNING id) "
            "UPDATE patrol_contract SET attachment_id = (SELECT id FROM a) WHERE code = 'H1'"
        ))  # fmt: skip
    assert send(served, chief, "contracts", data)[1]["already"] == 2
    assert contracts(district) == 2
