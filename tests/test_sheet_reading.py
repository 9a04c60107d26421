"""Sheets as people send them: titles above, merged cells, wrong headings, every kind of date."""

from __future__ import annotations

import io
from datetime import date, datetime, time
from typing import Any

import pytest
from openpyxl import Workbook

from gis_service.errors import InvalidInput, TooLarge
from gis_service.sheet_reading import Column, Sheet, known_names, read_sheet, read_time
from gis_service.sheets import as_csv, as_xlsx

COLUMNS = (
    Column("day", ("日期", "date"), required=True),
    Column("start", ("开始时间", "start")),
    Column("place", ("社区", "community"), required=True),
    Column("count", ("入户数", "households")),
    Column("note", ("备注", "note")),
)
HEAD = ["日期", "开始时间", "社区", "入户数", "备注"]


def book(*lines: list[Any], merge: tuple[str, ...] = (), epoch: datetime | None = None) -> bytes:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    if epoch:
        made.epoch = epoch
    for line in lines:
        sheet.append(line)
    for span in merge:
        sheet.merge_cells(span)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def read(*lines: list[Any], **options: Any) -> Sheet:
    return read_sheet(book(*lines, **options), "表.xlsx", COLUMNS)


def test_a_title_above_the_headings_is_passed_over() -> None:
    sheet = read(["2026年活动台账"], [], HEAD, ["2026-04-01", "9:30", "甲社区", 3, "好"],
                 merge=("A1:E1",))  # fmt: skip
    (row,) = sheet.rows
    assert (row.number, row.day("day"), row.time("start")) == (4, date(2026, 4, 1), time(9, 30))
    assert (row.text("place"), row.count("count"), sheet.faults) == ("甲社区", 3, [])


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2026-04-01", date(2026, 4, 1)),
        ("２０２６／４／１", date(2026, 4, 1)),
        ("2026年4月1日", date(2026, 4, 1)),
        ("２０２６年０４月０１日", date(2026, 4, 1)),
        ("20260401", date(2026, 4, 1)),
        ("2026.4.1", date(2026, 4, 1)),
        (20260401, date(2026, 4, 1)),
        (date(2026, 4, 1), date(2026, 4, 1)),
        (datetime(2026, 4, 1, 9, 0), date(2026, 4, 1)),  # noqa: DTZ001 - as cells hold them
        (46113, date(2026, 4, 1)),
        ("46113", date(2026, 4, 1)),
        ("４６１１３", date(2026, 4, 1)),
    ],
)
def test_every_way_to_write_a_day(typed: Any, day: date) -> None:
    sheet = read(HEAD, [typed, None, "甲社区", None, None])
    assert (sheet.rows[0].day("day"), sheet.faults) == (day, [])
    assert bool(sheet.notes) == (str(typed) in ("46113", "４６１１３"))  # a serial number is told


def test_serial_numbers_of_the_calendar_of_1904() -> None:
    epoch = datetime(1904, 1, 1)  # noqa: DTZ001 - as workbooks say it
    sheet = read(HEAD, [46113 - 1462, None, "甲社区"], epoch=epoch)
    assert sheet.rows[0].day("day") == date(2026, 4, 1)


@pytest.mark.parametrize("typed", ["4月1日", "2026-02-30", "soon", 12, "2026-04-01 25:00"])
def test_no_day_is_guessed(typed: Any) -> None:
    sheet = read(HEAD, [typed, None, "甲社区"])
    assert sheet.rows[0].day("day") is None
    (fault,) = sheet.faults
    assert (fault.row, fault.cell) == (2, "A2")
    assert fault.zh.startswith("A2 日期：")


@pytest.mark.parametrize(
    ("typed", "clock"),
    [
        ("9:30", time(9, 30)), ("９：３０", time(9, 30)), ("下午2时30分", time(14, 30)),
        ("上午9点", time(9)), ("25:00", None), ("x", None),
    ],
)  # fmt: skip
def test_times_of_day(typed: str, clock: time | None) -> None:
    assert read_time(typed) == clock


def test_a_fraction_of_a_day_is_a_time() -> None:
    assert read(HEAD, ["2026-04-01", 0.395833333, "甲社区"]).rows[0].time("start") == time(9, 30)


def test_numbers_in_full_width_and_what_is_none() -> None:
    sheet = read(HEAD, ["2026-04-01", None, "甲", "１，２３４"], ["2026-04-01", None, "乙", "约30"],
                 ["2026-04-01", None, "丙", -1], ["2026-04-01", None, "丁", 1.5])  # fmt: skip
    assert [row.count("count") for row in sheet.rows] == [1234, None, None, None]
    assert [fault.cell for fault in sheet.faults] == ["D3", "D4", "D5"]
    assert [row.number for row in sheet.good()] == [2]


def test_merged_cells_among_the_rows_are_told_by_their_address() -> None:
    sheet = read(HEAD, ["2026-04-01", None, "甲社区", 3], ["2026-04-02", None, None, 4],
                 ["2026-04-03", None, "乙社区", 5], merge=("C2:C3",))  # fmt: skip
    merged = [fault for fault in sheet.faults if "C2:C3" in fault.zh]
    assert [(fault.row, fault.cell) for fault in merged] == [(2, "C2"), (3, "C3")]
    assert [row.number for row in sheet.good()] == [4]


def test_a_missing_heading_is_named_with_the_nearest_there_is() -> None:
    with pytest.raises(InvalidInput) as refused:
        read(["日期", "所在社区名", "入户数"], ["2026-04-01", "甲社区", 3])
    assert "“社区”" in refused.value.message_zh
    assert "所在社区名" in refused.value.message_zh
    assert "第 1 行" in refused.value.message_zh
    with pytest.raises(InvalidInput, match="stands there twice"):
        read(["日期", "社区", "社区"], ["2026-04-01", "甲社区", 3])


def test_headings_match_whatever_their_width_and_marks() -> None:
    sheet = read(["＊日 期（年月日）", "社区", "天气"], ["2026-04-01", "甲社区", "晴"])
    assert set(sheet.columns) == {"day", "place"}
    assert sheet.unknown == ["天气"]


def test_required_cells_and_empty_rows() -> None:
    sheet = read(HEAD, ["2026-04-01", None, None, 3], [None, " ", None, None], ["", None, "甲"])
    assert [fault.cell for fault in sheet.faults] == ["C2", "A4"]
    with pytest.raises(InvalidInput, match="no rows"):
        read(HEAD, [None, " "])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_in_the_encodings_that_spreadsheets_write(encoding: str) -> None:
    data = "日期,社区,入户数\n2026/4/1,甲社区,３\n".encode(encoding)
    (row,) = read_sheet(data, "表.csv", COLUMNS).rows
    assert (row.text("place"), row.count("count")) == ("甲社区", 3)


def test_what_was_written_is_read_again() -> None:
    line = [date(2026, 4, 1).isoformat(), "09:30", "甲社区", 3, "=1+1"]
    for data in (as_csv(HEAD, [line]), as_xlsx(HEAD, [line], "表")):
        (row,) = read_sheet(data, "x", COLUMNS).rows
        assert row.text("note") == "=1+1"
        assert (row.day("day"), row.time("start")) == (date(2026, 4, 1), time(9, 30))


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x00\x01\xff", b"\x89PNG"]
)
def test_what_is_no_sheet(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_sheet(data, "x", COLUMNS)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TooLarge):
        read_sheet(b"\xe6\x97\xa5\xe6\x9c\x9f,x\n" * 30_000, "x.csv", COLUMNS)


def test_choices_by_code_or_by_a_name_that_is_ones_own() -> None:
    known = known_names([("A", "甲社区"), ("B", "乙社区"), ("C", "同名"), ("D", "同名")])
    sheet = read(HEAD, ["2026-04-01", None, "甲社区"], ["2026-04-01", None, "Ｂ"],
                 ["2026-04-01", None, "同名"], ["2026-04-01", None, "甲社"])  # fmt: skip
    assert [row.choice("place", known) for row in sheet.rows] == ["A", "B", None, None]
    assert "甲社区" in sheet.faults[1].zh
