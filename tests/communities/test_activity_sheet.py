"""The ledger of activities as a sheet: out, edited, in again; and what such sheets get wrong."""

from __future__ import annotations

import io
from typing import Any

from openpyxl import Workbook, load_workbook

from tests.communities.conftest import Bureau
from tests.communities.test_activities import ACTIVITY, add

HEAD = ["活动类型", "活动名称", "社区", "活动日期", "开始时间", "入户数"]
LINE = ["垃圾分类", "知识问答", "00社区", "2026-05-01", "9:30", 12]


def book(*lines: list[Any], head: list[str] = HEAD, merge: tuple[str, ...] = ()) -> bytes:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for line in (["城管进社区活动台账"], head, *lines):
        sheet.append(line)
    for span in ("A1:F1", *merge):
        sheet.merge_cells(span)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def send(bureau: Bureau, data: bytes, who: str = "planner", **params: Any) -> Any:
    files = {"file": ("台账.xlsx", data, "application/octet-stream")}
    return bureau.call("POST", "/api/activities/import", who, files=files, params=params)


def count(bureau: Bureau) -> int:
    return int(bureau.database.value("SELECT count(*) FROM activity"))


def refused(bureau: Bureau, data: bytes, **params: Any) -> dict[str, Any]:
    answer = send(bureau, data, lang="zh", **params)
    assert answer.status_code == 400, answer.text
    assert count(bureau) == 0  # nothing half-applied
    found: dict[str, Any] = answer.json()
    return found


def test_a_sheet_as_people_fill_it_in(bureau: Bureau) -> None:
    other = ["法律宣传", "送法上门", "S0C1", 46143, None, "３０"]  # serial number, full width
    told = send(bureau, book(LINE, other), lang="zh").json()
    assert (told["read"], told["loaded"], told["already"], told["rejected"]) == (2, 2, 0, 0)
    assert [one["cell"] for one in told["notes"]] == ["D4", "D4"]
    assert "2026-05-01" in told["notes"][0]["message"]
    rows = bureau.database.rows(
        "SELECT kind, title, state, households, (starts_at AT TIME ZONE 'Asia/Shanghai')::text "
        "FROM activity ORDER BY id"
    )
    assert rows == [
        ("waste_sorting", "知识问答", "done", 12, "2026-05-01 09:30:00"),
        ("legal_publicity", "送法上门", "done", 30, "2026-05-01 09:00:00"),
    ]
    # the same sheet again says what is there already, by its cells
    again = send(bureau, book(LINE, other), lang="zh")
    assert again.status_code == 400
    assert "HD20260501-01" in again.json()["faults"][0]["message"]
    assert count(bureau) == 2


def test_out_and_in_again_shows_exactly_the_edits(bureau: Bureau) -> None:
    place = {"lon": 118.60500195828164, "lat": 24.905, "crs": "wgs84"}
    add(bureau, **place)
    add(bureau, title="=1+1", community="S0C1", ends_at="2026-05-02T01:30", households=None,
        materials=[{"item": "A4"}, {"item": "展板", "count": 0}])  # fmt: skip
    before = bureau.get("/api/activities")["items"]
    for format_ in ("xlsx", "csv"):
        sheet = bureau.call("GET", f"/api/activities?format={format_}&lang=zh").content
        told = send(bureau, sheet).json()
        assert (told["already"], told["loaded"]) == (2, 0), told
    opened = load_workbook(io.BytesIO(
        bureau.call("GET", "/api/activities?format=xlsx&lang=zh").content))  # fmt: skip
    page = opened.active
    assert page is not None
    head = [cell.value for cell in page[1]]
    titles = {row[head.index("活动名称")].value: row for row in page.iter_rows(min_row=2)}
    titles["垃圾分类宣传"][head.index("入户数")].value = 15
    line = {
        "活动类型": "现场咨询",
        "活动名称": "新的一场",
        "社区": "10社区",
        "活动日期": "2026-05-03",
    }
    page.append([line.get(str(name)) for name in head])
    out = io.BytesIO()
    opened.save(out)
    check = send(bureau, out.getvalue(), dry_run=True).json()
    assert (check["loaded"], check["changed"], check["applied"]) == (2, 1, False)
    told = send(bureau, out.getvalue()).json()
    assert (told["loaded"], told["changed"], told["already"]) == (2, 1, 1)
    after = {one["code"]: one for one in bureau.get("/api/activities")["items"]}
    assert len(after) == 3
    for old in before:
        new = after[old["code"]]
        differs = {name for name in old if old[name] != new[name]}
        edited = {"households", "version", "updated_at"} if old["households"] else set()
        assert differs == edited
    assert bureau.get("/api/activities?from=2026-05-03")["items"][0]["households"] is None


def test_merged_cells_are_told_by_their_address(bureau: Bureau) -> None:
    lines = [LINE, ["垃圾分类", "趣味游戏", None, "2026-05-02", None, 3]]
    found = refused(bureau, book(*lines, merge=("C3:C4",)))
    assert [(one["row"], one["cell"]) for one in found["faults"]] == [
        (3, "C3"), (4, "C4"), (4, "C4"),
    ]  # fmt: skip
    assert "C3:C4 为合并单元格" in found["faults"][0]["message"]


def test_wrong_headings_are_told_with_the_nearest(bureau: Bureau) -> None:
    head = ["活动类型", "活动名称", "小区名字", "活动日期", "开始时间", "入户数"]
    answer = send(bureau, book(LINE, head=head), lang="zh")
    assert answer.status_code == 400
    assert "第 2 行" in answer.json()["detail"]
    assert "“社区”" in answer.json()["detail"]
    told = send(bureau, book([*LINE, "晴"], head=[*HEAD, "天气"])).json()
    assert told["unknown_columns"] == ["天气"]  # what nobody reads is said


def test_every_faulty_cell_is_told_and_nothing_applied(bureau: Bureau) -> None:
    lines = [
        LINE,
        ["垃圾分类", "一", "火星社区", "2026-05-01", None, 1],
        ["跳舞", "二", "00社区", "2026-05-01", None, 1],
        ["垃圾分类", "三", "00社区", "五月初一", None, 1],
        ["垃圾分类", "四", "00社区", "2026-05-01", "25点", 1],
        ["垃圾分类", "五", "00社区", "2026-05-01", None, "很多"],
        ["垃圾分类", "知识问答", "S0C0", "2026年5月1日", "９：３０", 12],
        [None, "七", "00社区", "2026-05-01", None, 1],
    ]
    found = refused(bureau, book(*lines))
    assert [one["cell"] for one in found["faults"]] == ["C4", "A5", "D6", "E7", "F8", "B9", "A10"]
    assert "与第 3 行为同一活动" in found["faults"][5]["message"]
    assert (found["read"], found["rejected"], found["loaded"]) == (8, 7, 1)
    english = send(bureau, book(lines[1]), lang="en").json()
    assert "unknown '火星社区'" in english["faults"][0]["message"]


def test_a_worker_imports_into_the_own_community_only(bureau: Bureau) -> None:
    elsewhere = ["垃圾分类", "一", "S0C1", "2026-05-01", None, 1]
    answer = send(bureau, book(LINE, elsewhere), "worker")
    assert answer.status_code == 400
    assert [one["row"] for one in answer.json()["faults"]] == [4]
    assert count(bureau) == 0
    assert send(bureau, book(LINE), "worker").json()["loaded"] == 1
    # nor is what lies elsewhere changed through its number
    code = add(bureau, community="S1C0", kind="waste_sorting").json()["code"]
    head = ["活动编号", *HEAD]
    stolen = send(bureau, book([code, *LINE[:1], "抢来的", *LINE[2:]], head=head), "worker")
    assert stolen.status_code == 400
    assert bureau.get(f"/api/activities/{code}")["title"] == ACTIVITY["title"]


def test_what_is_no_sheet(bureau: Bureau) -> None:
    for data in (b"", b"PK\x03\x04", b"\xff\xfe\x00"):
        assert send(bureau, data).status_code == 400
    assert send(bureau, "活动类型,活动名称,社区,活动日期\n".encode()).status_code == 400


def test_the_template_is_read_by_the_import(bureau: Bureau) -> None:
    empty = bureau.call("GET", "/api/activities/template?lang=zh").content
    opened = load_workbook(io.BytesIO(empty))
    page = opened.active
    assert page is not None
    values = dict(zip(HEAD, LINE, strict=True))
    page.append([values.get(str(cell.value)) for cell in page[1]])
    out = io.BytesIO()
    opened.save(out)
    assert send(bureau, out.getvalue()).json()["loaded"] == 1
