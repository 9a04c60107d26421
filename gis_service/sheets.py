"""Tables for spreadsheets: no cell of what people wrote becomes a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.workbook.child import INVALID_TITLE_REGEX

# a cell that begins so is a formula to a spreadsheet; East Asian ones take the full width, too.
# One that begins with apostrophes before that would lose one of them when it is read again
FORMULA = r"[=+\-@\t\r\n＝＋－＠]"
GUARDED = rf"^'*{FORMULA}"
_GUARDED = re.compile(GUARDED)
# of these a workbook needs nothing but the apostrophe that reading takes away: its text is no
# formula, but what blank it begins with would be lost
_GUARDED_IN_BOOK = re.compile(rf"'+{FORMULA}|[\t\r\n]")


def harmless(value: Any) -> Any:
    """The value; text that a spreadsheet would take for a formula with an apostrophe in front,
    which :func:`as_written` takes away again."""
    return f"'{value}" if isinstance(value, str) and _GUARDED.match(value) else value


def as_written(words: str) -> str:
    """A cell's text without the apostrophe that kept a spreadsheet from taking it for a formula."""
    return words[1:] if words[:1] == "'" and _GUARDED.match(words[1:]) else words


def for_book(words: str) -> str:
    """Text for a cell of a workbook: what XML cannot hold is left out, and what reading would take
    away (:func:`as_written`, blanks at the beginning) is guarded. ``=`` at the beginning is the
    caller's: the cell's type makes it text."""
    words = ILLEGAL_CHARACTERS_RE.sub("", words)
    return f"'{words}" if _GUARDED_IN_BOOK.match(words) else words


def cell(value: Any, locale: str) -> Any:
    """What a cell shows: nothing where nothing is known, words for yes and no, names of places."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return ("是" if value else "否") if locale == "zh" else ("yes" if value else "no")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, Mapping):
        return value.get("name" if locale == "zh" else "name_en") or value.get("name", "")
    if isinstance(value, list | tuple):
        return "、".join(str(cell(one, locale)) for one in value)
    return value


def as_csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """UTF-8 with a mark at its beginning, without which Excel shows no Chinese."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([harmless(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(head: Sequence[str], rows: Iterable[Sequence[Any]], title: str) -> bytes:
    """A workbook of one sheet, its head frozen."""
    out = io.BytesIO()
    write_xlsx(out, head, rows, title)
    return out.getvalue()


def write_xlsx(
    out: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[Any]], title: str
) -> None:
    """The same into a file, row by row, whatever their number."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(INVALID_TITLE_REGEX.sub(" ", title)[:31])
    sheet.freeze_panes = "A2"

    def written(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        # text that looks like a formula stays text
        text = for_book(value)
        if not text.startswith("="):
            return text
        made = WriteOnlyCell(sheet, text)
        made.data_type = "s"
        return made

    heads = [WriteOnlyCell(sheet, words) for words in head]
    for one in heads:
        one.font = Font(bold=True)
    sheet.append(heads)
    try:
        for row in rows:
            sheet.append([written(value) for value in row])
    finally:
        sheet.close()
    book.save(out)
