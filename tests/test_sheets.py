"""What people wrote never becomes a formula in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl import load_workbook

from gis_service.interop.exports.writing import harmless_column
from gis_service.sheet_reading import Column, read_sheet
from gis_service.sheets import as_csv, as_xlsx, harmless

ROWS: list[list[Any]] = [["=1+1", 5], ["@cmd", -2.5], ["西街", None]]


@pytest.mark.parametrize(
    ("value", "shown"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("-1", "'-1"), ("西街", "西街"), ("", ""), (-1, -1)],
)
def test_no_text_is_a_formula(value: Any, shown: Any) -> None:
    assert harmless(value) == shown


def test_csv_opens_with_chinese_and_without_formulas() -> None:
    body = as_csv(["名称", "数"], ROWS)
    assert body.startswith("\ufeff".encode())
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows == [["名称", "数"], ["'=1+1", "5"], ["'@cmd", "-2.5"], ["西街", ""]]


def test_a_workbook_keeps_text_as_text() -> None:
    sheet = load_workbook(io.BytesIO(as_xlsx(["名称", "数"], ROWS, "表")))["表"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == ROWS
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


# what begins like a formula, or like what keeps it from being one; spaces at the ends of a cell are
# nobody's words
WRITTEN = st.builds(
    lambda begin, rest: (begin + rest).rstrip(),
    st.text("'=+-@\t\r\n＝＋－＠", max_size=5), st.text("a1' =+\t西，\"", max_size=4),
).filter(lambda words: words[:1] not in ("", " "))  # fmt: skip
COLUMNS = (Column("key", ("键",), required=True), Column("words", ("话",)))


@given(st.lists(WRITTEN, min_size=1, max_size=8))
@example(["'=x", "''=x", "'x", "=x", "'", "''", "'\t=x", "\tx", "''-1", "'＝x"])
def test_what_goes_out_comes_back_to_the_letter(texts: list[str]) -> None:
    lines = [["k", words] for words in texts]
    for data in (as_csv(["键", "话"], lines), as_xlsx(["键", "话"], lines, "表")):
        read = read_sheet(data, "表", COLUMNS).rows
        assert [row.values["words"] for row in read] == texts


@given(st.lists(WRITTEN, min_size=1, max_size=20))
def test_no_cell_begins_as_a_formula_in_a_list_or_a_column(texts: list[str]) -> None:
    guarded = [harmless(words) for words in texts]
    assert harmless_column(pa.array(texts)).to_pylist() == guarded
    assert not [words for words in guarded if words[:1] in "=+-@\t\r\n＝＋－＠"]
