"""Tables for spreadsheets: no cell of what people wrote becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font

# a cell that begins so is a formula to a spreadsheet
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: Any) -> Any:
    """The value; text that a spreadsheet would take for a formula with an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def as_csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """UTF-8 with a mark at its beginning, without which Excel shows no Chinese."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([harmless(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(head: Sequence[str], rows: Sequence[Sequence[Any]], title: str) -> bytes:
    """A workbook of one sheet, its head frozen."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101 - a new workbook has one
    sheet.title = title
    sheet.append(list(head))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append(list(row))
    # text that looks like a formula stays text
    for line in sheet.iter_rows():
        for cell in line:
            if cell.data_type == "f":
                cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
