"""Sheets of posts, stations and party members: what people get wrong in them, and out, edited and
in again."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from gis_service.communities.hours import hours_in_words, read_hours
from tests.communities.conftest import Bureau
from tests.communities.test_posts import HOURS, POST, STATION

LON = 118.60500195828164
POST_HEAD = ["社区编码", "联系人", "电话", "服务时间", "职责", "设立日期"]
POST_LINE = ["S0C0", "陈一", "0595-1234567", "周一至周五 08:30–12:00", "燃气安全", "2026-05-01"]


def book(*lines: list[Any], merge: tuple[str, ...] = (), title: str = "服务岗登记表") -> bytes:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for line in ([title], *lines):
        sheet.append(line)
    for span in ("A1:F1", *merge):
        sheet.merge_cells(span)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def send(bureau: Bureau, path: str, data: bytes, who: str = "planner", **params: Any) -> Any:
    files = {"file": ("表.xlsx", data, "application/octet-stream")}
    return bureau.call("POST", f"/api/{path}/import", who, files=files, params=params)


def download(bureau: Bureau, path: str, who: str = "planner") -> bytes:
    answer = bureau.call("GET", f"/api/{path}", who)
    assert answer.status_code == 200, answer.text
    content: bytes = answer.content
    return content


def edited(data: bytes, change: Callable[[Any, dict[str, int]], None]) -> bytes:
    """A workbook after ``change(sheet, heading → column)``."""
    made = load_workbook(io.BytesIO(data))
    sheet = made.worksheets[0]
    change(sheet, {str(cell.value): place for place, cell in enumerate(sheet[1], 1)})
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def contents(bureau: Bureau, *tables: str) -> list[Any]:
    return [bureau.database.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def faults(bureau: Bureau, path: str, data: bytes, **params: Any) -> list[tuple[Any, str]]:
    answer = send(bureau, path, data, lang="zh", **params)
    assert answer.status_code == 400, answer.text
    return [(one["cell"], one["message"]) for one in answer.json()["faults"]]


# -- posts ---------------------------------------------------------------------------------------


def test_a_sheet_of_posts_as_people_fill_it_in(bureau: Bureau) -> None:
    other = ["00社区", "李二", 13800000000, "1-5 ０８：３０－１２：００；周六9:00-11:00",
             "环境卫生，供水排水", 46143]  # fmt: skip
    line = ["S1C0", *POST_LINE[1:]]
    told = send(bureau, "posts", book(POST_HEAD, line, other), lang="zh").json()
    assert (told["read"], told["loaded"], told["already"], told["applied"]) == (2, 2, 0, True)
    assert "2026-05-01" in told["notes"][0]["message"]  # the serial number
    post = bureau.get("/api/posts/S0C0")
    assert (post["contact"], post["phone"], post["established_on"]) == (
        "李二", "13800000000", "2026-05-01",
    )  # fmt: skip
    assert [one["code"] for one in post["duties"]] == ["sanitation", "water"]
    assert hours_in_words(post["opening"], "zh") == "周一至周五 08:30–12:00；周六 09:00–11:00"
    # what the sheet has no column for stays
    bureau.call("PUT", "/api/posts/S0C0", json={**POST, "note": "内部"})
    send(bureau, "posts", book(["社区编码", "窗口"], ["S0C0", "三号"]))
    kept = bureau.get("/api/posts/S0C0")
    assert (kept["window"], kept["note"], kept["contact"]) == ("三号", "内部", "陈一")
    assert kept["lon"] == POST["lon"]


FAULTY: list[tuple[list[Any], tuple[str, ...], str, str]] = [
    ([["S9C9", *POST_LINE[1:]]], (), "A3", "S9C9"),
    ([POST_LINE, POST_LINE], (), "A4", "第 3 行"),
    ([[*POST_LINE[:3], "全天", *POST_LINE[4:]]], (), "D3", "服务时间"),
    ([[*POST_LINE[:3], "周一 12:00-08:30", *POST_LINE[4:]]], (), "D3", "服务时间"),
    ([[*POST_LINE[:4], "跳舞", POST_LINE[5]]], (), "E3", "跳舞"),
    ([[*POST_LINE[:5], "2026-02-30"]], (), "F3", "没有这一天"),
    ([POST_LINE, ["S0C1", *POST_LINE[1:]]], ("B3:B4",), "B3", "合并"),
]


def test_a_faulty_sheet_of_posts_changes_nothing(bureau: Bureau) -> None:
    good = ["S1C1", *POST_LINE[1:]]
    for lines, merge, cell, words in FAULTY:
        found = faults(bureau, "posts", book(POST_HEAD, *lines, good, merge=merge))
        assert any(one == cell and words in message for one, message in found), found
    assert bureau.database.value("SELECT count(*) FROM service_post") == 0
    assert bureau.database.value("SELECT count(*) FROM community_log") == 0


def test_wrong_headings_and_other_peoples_communities(bureau: Bureau) -> None:
    wrong = send(bureau, "posts", book(["社区号", "联系人"], ["S0C0", "陈一"]), lang="zh")
    assert wrong.status_code == 400
    assert "社区编码" in wrong.json()["detail"]
    found = faults(bureau, "posts", book(POST_HEAD, ["S1C0", *POST_LINE[1:]]), who="worker")
    assert "管辖范围" in found[0][1]
    assert send(bureau, "posts", book(POST_HEAD, POST_LINE), "viewer").status_code == 403
    named = book(["社区编码", "社区", "联系人"], ["S0C0", "01社区", "陈一"])
    assert faults(bureau, "posts", named)[0][0] == "B3"  # a column was sorted without the other
    far = book([*POST_HEAD, "经度", "纬度", "坐标系"], [*POST_LINE, 24.9, 118.6, "wgs84"])
    assert faults(bureau, "posts", far)[0][0] == "G3"


def test_posts_out_and_in_again_show_exactly_the_edits(bureau: Bureau) -> None:
    # a workbook holds sixteen digits, this longitude has seventeen
    full = {**POST, "lon": LON, "title": "=专员", "note": "第一行\n第二行", "since": "2026-03-01",
            "established_on": "2026-04-01", "address": "＝1",
            "duties": ["greening", "water"]}  # fmt: skip
    bureau.call("POST", "/api/posts", json={"community": "S0C0", **full})
    bureau.call("POST", "/api/posts", json={"community": "S1C0", "phone": "０５９５"})
    before = contents(bureau, "service_post")
    for format_ in ("xlsx", "csv"):
        for lang in ("zh", "en"):
            sheet = download(bureau, f"posts?format={format_}&lang={lang}")
            told = send(bureau, "posts", sheet, lang=lang).json()
            assert (told["already"], told["loaded"]) == (4, 0), told
    assert contents(bureau, "service_post") == before

    def edit(sheet: Any, at: dict[str, int]) -> None:
        sheet.cell(2, at["电话"]).value = "0595-7654321"
        sheet.cell(3, at["状态"]).value = "空岗"

    sheet = edited(download(bureau, "posts?format=xlsx&lang=zh"), edit)
    would = send(bureau, "posts", sheet, dry_run=True).json()
    assert (would["loaded"], would["changed"], would["applied"]) == (2, 1, False)
    assert contents(bureau, "service_post") == before
    assert send(bureau, "posts", sheet).json()["applied"]
    after = bureau.get("/api/posts")["items"]
    assert [one["state"] for one in after] == ["staffed", "vacant", "vacant", "none"]
    assert (after[0]["phone"], after[0]["version"], after[0]["since"]) == (
        "0595-7654321", 2, "2026-03-01",
    )  # fmt: skip
    log = bureau.get("/api/posts/S0C0/log")["items"][0]
    assert log["detail"]["fields"] == ["phone"]

    def remove(sheet: Any, at: dict[str, int]) -> None:
        for column in range(at["状态"], sheet.max_column + 1):
            sheet.cell(2, column).value = "未设岗" if column == at["状态"] else None

    found = faults(bureau, "posts", edited(sheet, remove))
    assert "不能通过表格撤销" in found[0][1]


# -- stations ------------------------------------------------------------------------------------


def test_stations_out_and_in_again_show_exactly_the_edits(bureau: Bureau) -> None:
    body = {**STATION, "lon": LON, "opening": HOURS, "phone": "0595-1", "opened_on": "2026-05-01"}
    assert bureau.call("POST", "/api/stations", json=body).status_code == 201
    other = {**STATION, "code": "YZ2", "name": "+东街", "services": [], "closed_on": "2026-09-01"}
    assert bureau.call("POST", "/api/stations", json=other).status_code == 201
    before = contents(bureau, "station")
    for format_ in ("xlsx", "csv"):
        for lang in ("zh", "en"):
            sheet = download(bureau, f"stations?format={format_}&lang={lang}")
            told = send(bureau, "stations", sheet, lang=lang).json()
            assert (told["already"], told["loaded"]) == (2, 0), told
    assert contents(bureau, "station") == before

    def edit(sheet: Any, at: dict[str, int]) -> None:
        sheet.cell(3, at["服务"]).value = "矛盾调解 驻点服务"
        sheet.append(["YZ3", "南街驿站", "00社区", None, None, "０５９５-2", None,
                      "每天 9:00-17:00", 118.604, 24.906, "wgs84"])  # fmt: skip

    told = send(bureau, "stations", edited(download(bureau, "stations?format=xlsx&lang=zh"), edit))
    assert (told.json()["changed"], told.json()["loaded"]) == (1, 2), told.text
    items = bureau.get("/api/stations")["items"]
    assert [(one["code"], one["version"]) for one in items] == [("YZ1", 1), ("YZ2", 2), ("YZ3", 1)]
    assert items[2]["phone"] == "0595-2"
    assert len(items[1]["services"]) == 2


def test_a_faulty_sheet_of_stations_changes_nothing(bureau: Bureau) -> None:
    head = ["编号", "名称", "社区编码", "经度", "纬度", "坐标系", "启用日期", "停用日期"]
    good = ["YZ1", "西街驿站", "S0C0", 118.605, 24.905, "wgs84", None, None]
    for place, value, cell in (
        (2, "S7C7", "C3"), (3, "东经118度", "D3"), (3, 24.905, "D3"), (5, None, "F3"),
        (5, "火星坐标系", None), (6, "２０２６年１３月１日", "G3"), (0, "a/b", "A3"),
        (7, "2026-01-01", "H3"),
    ):  # fmt: skip
        bad = [*good[:place], value, *good[place + 1 :]]
        if place == 7:
            bad[6] = "2026-05-01"  # closed before it opened
        found = faults(bureau, "stations", book(head, bad, ["YZ9", *good[1:]]))
        assert cell is None or cell in [one for one, _ in found], (value, found)
    assert bureau.database.value("SELECT count(*) FROM station") == 0


# -- 双报到 ---------------------------------------------------------------------------------------


def roster(bureau: Bureau) -> None:
    branches = book(["支部编号", "党支部", "所属单位", "报到社区", "报到日期"],
                    ["ZB1", "机关第一支部", "JDZD", "S0C0", 46143])  # fmt: skip
    assert send(bureau, "party-branches", branches).json()["loaded"] == 1
    members = book(["党员编号", "姓名", "党支部", "报到社区", "报到日期", "在册"],
                   ["DY0", "林一", "ZB1", "00社区", "2026年5月1日", "是"],
                   ["DY1", "王二", "机关第一支部", "S0C1", None, None],
                   ["DY2", "陈三", "ZB1", None, None, "否"])  # fmt: skip
    told = send(bureau, "party-members", members)
    assert told.json()["loaded"] == 3, told.text


def reads(bureau: Bureau) -> int:
    query = "SELECT count(*) FROM audit_entry WHERE action = 'personal.read'"
    return int(bureau.database.value(query))


def test_members_out_and_in_again_keep_their_names_sealed(bureau: Bureau) -> None:
    roster(bureau)
    assert b"\xe6\x9e\x97" not in bytes(
        bureau.database.value("SELECT sealed FROM community_person ORDER BY id LIMIT 1")
    )
    before = contents(bureau, "party_member", "party_branch", "community_person")
    # without names nobody's changes, and nobody's are told
    sheet = download(bureau, "party-members?format=xlsx&lang=zh")
    assert not any("林" in str(cell.value) for row in load_workbook(io.BytesIO(sheet)).worksheets[0]
                   for cell in row)  # fmt: skip
    assert send(bureau, "party-members", sheet).json()["already"] == 3
    branches = download(bureau, "party-branches?format=csv&lang=zh")
    assert send(bureau, "party-branches", branches).json()["already"] == 1
    assert reads(bureau) == 0
    # with names: the role, the scope and the audit log
    assert bureau.call("GET", "/api/party-members/names?format=xlsx").status_code == 403
    named = download(bureau, "party-members/names?format=xlsx&lang=zh", "worker")
    lines = [[cell.value for cell in row] for row in load_workbook(io.BytesIO(named)).worksheets[0]]
    assert lines[1][:2] == ["DY0", "林一"]
    assert len(lines) == 2
    assert reads(bureau) == 1
    assert send(bureau, "party-members", named, "worker").json()["already"] == 1
    assert reads(bureau) == 2  # to compare names is to read them
    assert contents(bureau, "party_member", "party_branch", "community_person") == before
    # who may not read them is not told which are other ones
    assert send(bureau, "party-members", named, dry_run=True).json()["changed"] == 1
    assert contents(bureau, "community_person") == before[2:]


def test_an_edit_of_members_is_just_that(bureau: Bureau) -> None:
    roster(bureau)

    def edit(sheet: Any, at: dict[str, int]) -> None:
        sheet.cell(3, at["报到社区"]).value = "S1C0"
        sheet.cell(4, at["在册"]).value = "是"

    sheet = edited(download(bureau, "party-members?format=xlsx&lang=zh"), edit)
    assert send(bureau, "party-members", sheet).json()["changed"] == 2
    rows = bureau.get("/api/party-members")["items"]
    assert [one["active"] for one in rows] == [True, True, True]
    assert rows[1]["community"]["code"] == "S1C0"
    assert rows[0]["registered_on"] == "2026-05-01"
    assert bureau.database.value("SELECT count(*) FROM community_person") == 3


def test_a_faulty_sheet_of_members_changes_nothing(bureau: Bureau) -> None:
    roster(bureau)
    before = contents(bureau, "party_member", "community_person")
    head = ["党员编号", "姓名", "党支部", "报到社区", "报到日期"]
    new = ["DY7", "新人", "ZB1", "S0C0", None]
    for line, cell in (
        (["DY8", "甲", "ZB9", "S0C0", None], "C3"),
        (["DY8", "甲", "ZB1", "S9", None], "D3"),
        (["DY8", "甲", "ZB1", None, "2026-05-01"], "E3"),
        (["DY8", "甲", "ZB1", "S0C0", "五月"], "E3"),
        (["DY 8", "甲", "ZB1", "S0C0", None], "A3"),
        (["DY7", "甲", "ZB1", "S0C0", None], "A4"),
        (["DY1", "甲", "ZB1", "S0C0", None], None),  # registered outside the worker's scope
    ):
        found = faults(bureau, "party-members", book(head, line, new), who="worker")
        assert cell in [one for one, _ in found], (line, found)
    assert contents(bureau, "party_member", "community_person") == before


@pytest.mark.parametrize("words", ["全天", "周一 9:00", "周五至周一 9:00-10:00", "9:00-10:00",
                                   "周一 25:00-26:00", "周一 9:00-10:00 电话联系"])  # fmt: skip
def test_hours_that_are_none(words: str) -> None:
    assert read_hours(words) is None


def test_hours_are_read_as_they_are_written() -> None:
    odd = [*HOURS, {"weekdays": [1, 3, 6, 7], "from": "09:00", "to": "11:00"}]
    for locale in ("zh", "en"):
        assert read_hours(hours_in_words(odd, locale)) == odd
