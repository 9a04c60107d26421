"""What people wrote never becomes a formula in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook

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
