"""Sheets that people fill in: found headings, cells with their address, and what is wrong where.

Reads XLSX and CSV. What stands above the row of headings (titles, merged across) is passed over;
headings match by any of their names, whatever their width and spaces. Numbers, dates and codes may
be typed in full-width characters, and dates be Excel's serial numbers. Nothing is guessed: a
merged cell among the rows, a heading nobody knows, a day that does not exist are faults that name
their cell.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
import unicodedata
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from gis_service.errors import InvalidInput, TooLarge
from gis_service.sheets import as_written

MOST_BYTES = 20 * 2**20
# of a workbook: it is a ZIP, and a small one may hold a lot
MOST_UNPACKED = 100 * 2**20
MOST_CELLS = 600_000
MOST_ROWS = 20_000
MOST_COLUMNS = 200
HEAD_WITHIN = 15  # rows from the top among which the headings are looked for
SERIALS = range(36_526, 73_051)  # 2000-01-01 to 2100-01-01 in the calendar of 1900
_DAY = re.compile(r"(\d{4})(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?")
_PACKED_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"(上午|下午|中午|晚上)?\s*(\d{1,2})(?:[::时点](\d{1,2})?)分?(?::\d{1,2})?")
_YES = {"是", "有", "√", "yes", "y", "true", "1"}
_NO = {"否", "无", "×", "no", "n", "false", "0"}


@dataclass(frozen=True)
class Column:
    """A column: our ``name`` of it, what it is called (in Chinese the first is written, in English
    the last, all are read), and whether every row must have it."""

    name: str
    headings: tuple[str, ...]
    required: bool = False


def table_of(
    columns: Sequence[Column], rows: Iterable[Mapping[str, Any]], locale: str
) -> tuple[list[str], list[list[Any]]]:
    """Headings and lines of ``rows``, which hold every column by its name, as :func:`read_sheet`
    reads them again."""
    head = [one.headings[0 if locale == "zh" else -1] for one in columns]
    return head, [["" if row[one.name] is None else row[one.name] for one in columns]
                  for row in rows]  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """Something wrong; ``cell`` is an address such as ``B7``, None where it is the whole row."""

    row: int
    cell: str | None
    en: str
    zh: str

    def told(self, locale: str) -> dict[str, Any]:
        """As an answer tells it."""
        return {
            "row": self.row,
            "cell": self.cell,
            "message": self.zh if locale == "zh" else self.en,
        }


@dataclass
class Sheet:
    """The rows under the headings, in order, empty ones left out; ``faults`` grow as they are
    read, ``notes`` are what was understood in a way worth telling."""

    name: str
    columns: Mapping[str, int]  # our name → number of the column, from 1
    headings: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # headings that are none of ours
    epoch: datetime = CALENDAR_WINDOWS_1900

    def good(self) -> list[Row]:
        """The rows without a fault."""
        bad = {fault.row for fault in self.faults}
        return [row for row in self.rows if row.number not in bad]

    def told(self, locale: str, most: int = 200) -> list[dict[str, Any]]:
        """The faults by row, the first ``most`` of them."""
        ordered = sorted(self.faults, key=lambda fault: (fault.row, fault.cell or ""))
        return [fault.told(locale) for fault in ordered[:most]]


@dataclass
class Row:
    """A row by its ``number`` in the sheet. Asking for a value that a cell does not properly hold
    is a fault of the cell, and answered with None."""

    sheet: Sheet
    number: int
    values: Mapping[str, Any]

    def address(self, name: str) -> str | None:
        """The cell of a column, such as ``B7``."""
        column = self.sheet.columns.get(name)
        return f"{get_column_letter(column)}{self.number}" if column else None

    def fault(self, name: str | None, en: str, zh: str) -> None:
        """Something is wrong with a cell, or with the row."""
        cell = self.address(name) if name else None
        called = self.sheet.headings.get(name or "", "")
        prefix_en = f"{cell} {called}: " if cell else f"row {self.number}: "
        prefix_zh = f"{cell} {called}：" if cell else f"第 {self.number} 行："
        self.sheet.faults.append(Fault(self.number, cell, prefix_en + en, prefix_zh + zh))

    def note(self, name: str, en: str, zh: str) -> None:
        """A cell was understood in a way worth telling."""
        cell = self.address(name)
        self.sheet.notes.append(Fault(self.number, cell, f"{cell}: {en}", f"{cell}：{zh}"))

    def has(self, name: str) -> bool:
        """Whether the cell holds anything."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str, most: int = 4000) -> str:
        """The text of a cell as it was typed; empty where there is none."""
        value = self.values.get(name)
        if value is None:
            return ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        words = str(value).strip()
        if len(words) > most:
            self.fault(name, f"longer than {most} characters", f"超过 {most} 字")
        return words

    def code(self, name: str) -> str:
        """The text of a cell with digits and letters made half-width, as codes are."""
        return narrow(self.text(name))

    def number_of(self, name: str) -> float | None:
        """A number; thousands may be set off by commas."""
        if not self.has(name):
            return None
        value = self.values[name]
        if not isinstance(value, int | float) or isinstance(value, bool):
            try:
                value = float(self.code(name).replace(",", ""))
            except ValueError:
                value = math.nan
        if not math.isfinite(value):
            shown = self.text(name)
            self.fault(name, f"{shown!r} is no number", f"“{shown}”不是数值")
            return None
        return float(value)

    def count(self, name: str, most: int = 1_000_000) -> int | None:
        """A whole number from 0; None where the cell is empty, which is not zero."""
        value = self.number_of(name)
        if value is None:
            return None
        if value != int(value) or not 0 <= value <= most:
            self.fault(name, f"{value:g} is no count", f"{value:g} 不是有效数量")
            return None
        return int(value)

    def flag(self, name: str) -> bool | None:
        """Yes or no."""
        if not self.has(name):
            return None
        words = self.code(name).lower()
        if words not in _YES | _NO:
            self.fault(name, f"{words!r} is neither yes nor no", f"“{words}”应为 是 或 否")
            return None
        return words in _YES

    def day(self, name: str) -> date | None:
        """A day: a date cell, ``2026-04-01``, ``2026/4/1``, ``2026年4月1日``, ``20260401`` or a
        serial number, which is noted."""
        moment = self._moment(name)
        return moment[0] if moment else None

    def moment(self, name: str) -> tuple[date, time | None] | None:
        """A day and the time of day where one stands there too."""
        return self._moment(name)

    def _moment(self, name: str) -> tuple[date, time | None] | None:
        value = self.values.get(name)
        if value in (None, ""):
            return None
        if isinstance(value, datetime):
            return value.date(), value.time() if value.time() != time() else None
        if isinstance(value, date):
            return value, None
        words = self.code(name)
        serial = _number(value if isinstance(value, int | float) else words)
        if serial is not None and int(serial) in SERIALS:
            found = from_excel(serial, self.sheet.epoch)
            if isinstance(found, datetime):
                shown = f"{found:%Y-%m-%d}"
                self.note(name, f"serial number {serial:g} read as {shown}",
                          f"序列号 {serial:g} 按 {shown} 读取")  # fmt: skip
                return found.date(), found.time() if found.time() != time() else None
        matched = _DAY.match(words) or _PACKED_DAY.fullmatch(words)
        if matched:
            try:
                day = date(*(int(part) for part in matched.groups()))
            except ValueError:
                self.fault(name, f"{words!r}: there is no such day", f"“{words}”：没有这一天")
                return None
            rest = words[matched.end() :].strip(" T,，")
            if not rest:
                return day, None
            clock = read_time(rest)
            if clock is not None:
                return day, clock
        self.fault(name, f"{words!r} is no day such as 2026-04-01",
                   f"“{words}”不是日期（如 2026-04-01）")  # fmt: skip
        return None

    def time(self, name: str) -> time | None:
        """A time of day: a time cell, ``9:30``, ``上午9时30分`` or a fraction of a day."""
        value = self.values.get(name)
        if value in (None, ""):
            return None
        if isinstance(value, datetime):
            return value.time()
        if isinstance(value, time):
            return value
        if isinstance(value, timedelta):
            value = value / timedelta(days=1)
        fraction = _number(value) if isinstance(value, int | float) else None
        if fraction is not None and 0 <= fraction < 1:
            minutes = round(fraction * 24 * 60)
            return time(minutes // 60 % 24, minutes % 60)
        found = read_time(self.code(name))
        if found is None:
            shown = self.text(name)
            self.fault(
                name, f"{shown!r} is no time such as 09:30", f"“{shown}”不是时间（如 09:30）"
            )
        return found

    def choice(self, name: str, known: Mapping[str, str]) -> str | None:
        """The code of what a cell names; ``known`` maps every accepted word to its code."""
        if not self.has(name):
            return None
        words = self.text(name)
        found = known.get(words) or known.get(narrow(words))
        if found is None:
            near = difflib.get_close_matches(words, known, n=1, cutoff=0.5)
            self.fault(
                name,
                f"unknown {words!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                f"未知“{words}”" + (f"，是否为“{near[0]}”？" if near else ""),
            )
        return found


def narrow(words: str) -> str:
    """Full-width digits, letters and punctuation made half-width, spaces at the ends gone."""
    return unicodedata.normalize("NFKC", words).strip()


def read_time(words: str) -> time | None:
    """A time of day in words; None for anything else."""
    found = _TIME.fullmatch(narrow(words))
    if not found:
        return None
    hour, minute = int(found[2]), int(found[3] or 0)
    if found[1] in ("下午", "晚上") and hour < 12:
        hour += 12
    return time(hour, minute) if hour < 24 and minute < 60 else None


def read_sheet(data: bytes, file_name: str, columns: Sequence[Column]) -> Sheet:
    """The first sheet of a workbook, or a CSV file, under the headings of ``columns``.

    Raises TooLarge; InvalidInput for a file that is neither, one without rows, and one whose
    headings lack a required column: it says which, what stands there instead, and where.
    """
    if len(data) > MOST_BYTES:
        raise TooLarge(f"a sheet may have {MOST_BYTES >> 20} MiB",
                       f"表格上限 {MOST_BYTES >> 20} MiB", where=file_name)  # fmt: skip
    name, lines, merged, epoch = _read(data, file_name)
    head, places, unknown = _find_head(lines, columns, file_name)
    headings = {one.name: one.headings[0] for one in columns}
    sheet = Sheet(name, places, headings, unknown=unknown, epoch=epoch)
    for number, line in enumerate(lines[head:], start=head + 1):
        values = {our: line[place - 1] if place <= len(line) else None
                  for our, place in places.items()}  # fmt: skip
        values = {our: _clean(value) for our, value in values.items()}
        if any(value not in (None, "") for value in values.values()):
            sheet.rows.append(Row(sheet, number, values))
    if not sheet.rows:
        raise InvalidInput(f"no rows below the headings in row {head}",
                           f"第 {head} 行表头下没有数据行", where=file_name)  # fmt: skip
    if len(sheet.rows) > MOST_ROWS:
        raise TooLarge(f"more than {MOST_ROWS} rows", f"超过 {MOST_ROWS} 行", where=file_name)
    _tell_merged(sheet, merged, head)
    for row in sheet.rows:
        for one in columns:
            if one.required and not row.has(one.name):
                row.fault(one.name, "is empty", "不能为空")
    return sheet


def _tell_merged(sheet: Sheet, merged: Sequence[tuple[int, int, int, int]], head: int) -> None:
    """A merged cell among the rows is a fault of each row it covers: whose value it is, nobody
    knows. Those in the row of headings or above are titles."""
    numbers = {row.number: row for row in sheet.rows}
    used = set(sheet.columns.values())
    for top, left, bottom, right in merged:
        if bottom <= head or not used & set(range(left, right + 1)):
            continue
        span = f"{get_column_letter(left)}{top}:{get_column_letter(right)}{bottom}"
        for number in range(max(top, head + 1), bottom + 1):
            if number in numbers:
                cell = f"{get_column_letter(left)}{number}"
                sheet.faults.append(
                    Fault(number, cell,
                          f"{span} is merged: split it and fill in every cell",
                          f"{span} 为合并单元格，请取消合并并逐格填写")
                )  # fmt: skip


def _find_head(
    lines: Sequence[Sequence[Any]], columns: Sequence[Column], where: str
) -> tuple[int, dict[str, int], list[str]]:
    """The row of headings (from 1), our columns' places in it, and what else it holds."""
    ours = {_key(heading): one.name for one in columns for heading in one.headings}
    best: tuple[int, int, dict[str, int], list[str]] = (0, 0, {}, [])
    for number, line in enumerate(lines[:HEAD_WITHIN], start=1):
        places: dict[str, int] = {}
        unknown: list[str] = []
        for place, value in enumerate(line, start=1):
            words = str(value).strip() if value is not None else ""
            our = ours.get(_key(words))
            if our and our in places:
                raise InvalidInput(
                    f"{get_column_letter(place)}{number}: the heading {words!r} stands there twice",
                    f"{get_column_letter(place)}{number}：表头“{words}”重复", where=where,
                )  # fmt: skip
            if our:
                places[our] = place
            elif words:
                unknown.append(words)
        if len(places) > best[0]:
            best = (len(places), number, places, unknown)
    found, number, places, unknown = best
    missing = [one for one in columns if one.required and one.name not in places]
    if not found or missing:
        wanted = missing or [one for one in columns if one.required]
        hints_en, hints_zh = [], []
        for one in wanted:
            near = difflib.get_close_matches(one.headings[0], unknown, n=1, cutoff=0.4)
            hints_en.append(one.headings[0] + (f" (is it {near[0]!r}?)" if near else ""))
            hints_zh.append(f"“{one.headings[0]}”" + (f"（是否为“{near[0]}”？）" if near else ""))
        place_en = f" in row {number}" if found else ""
        place_zh = f"（第 {number} 行）" if found else ""
        raise InvalidInput(
            f"headings{place_en} lack {', '.join(hints_en)}",
            f"表头{place_zh}缺少{'、'.join(hints_zh)}",
            where=where,
        )
    return number, places, unknown


def _key(words: str) -> str:
    """A heading as it is compared: narrow, without spaces, marks of duty and words in brackets."""
    plain = re.sub(r"[\s*:_]+", "", narrow(words)).lower()
    return re.sub(r"\([^)]*\)$", "", plain) or plain


def _clean(value: Any) -> Any:
    return as_written(value.strip()) if isinstance(value, str) else value


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


Read = tuple[str, list[list[Any]], list[tuple[int, int, int, int]], datetime]


def _read(data: bytes, file_name: str) -> Read:
    """Name, rows, merged ranges (top, left, bottom, right) and calendar of a file."""
    if data[:4] == b"PK\x03\x04":
        return _read_workbook(data, file_name)
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise InvalidInput("an old .xls file; save it as .xlsx", "旧版 .xls 文件，请另存为 .xlsx",
                           where=file_name)  # fmt: skip
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            words = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        words = "\x00"
    if "\x00" in words:
        raise InvalidInput(
            "neither a workbook (.xlsx) nor CSV", "不是 .xlsx 工作簿或 CSV 文件", where=file_name
        )
    try:
        rows: list[list[Any]] = [list(line) for line in _limited(csv.reader(io.StringIO(words)))]
    except csv.Error as problem:
        raise InvalidInput(f"no CSV: {problem}", "CSV 文件无法读取", where=file_name) from None
    return file_name, rows, [], CALENDAR_WINDOWS_1900


def _limited(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    for number, line in enumerate(lines):
        if number > MOST_ROWS + HEAD_WITHIN:
            raise TooLarge(f"more than {MOST_ROWS} rows", f"超过 {MOST_ROWS} 行")
        yield line[:MOST_COLUMNS]


def _read_workbook(data: bytes, file_name: str) -> Read:
    check_workbook(data, file_name)
    try:
        book = load_workbook(io.BytesIO(data), data_only=True)
    except Exception as problem:  # what is damaged fails in the library in every way there is
        raise _damaged(file_name) from problem
    sheet = book.worksheets[0] if book.worksheets else None
    if sheet is None:
        raise InvalidInput("no sheet in it", "工作簿中没有工作表", where=file_name)
    # formatted but empty rows do not count; to walk over the sheet would make every cell of it
    filled = max(
        (row for (row, _), cell in sheet._cells.items() if cell.value not in (None, "")), default=0
    )
    if filled > MOST_ROWS + HEAD_WITHIN:
        raise TooLarge(f"more than {MOST_ROWS} rows", f"超过 {MOST_ROWS} 行", where=file_name)
    rows = [list(line) for line in sheet.iter_rows(
        values_only=True, max_row=max(filled, 1),
        max_col=min(sheet.max_column, MOST_COLUMNS))]  # fmt: skip
    merged = [
        (one.min_row, one.min_col, one.max_row, one.max_col) for one in sheet.merged_cells.ranges
    ]
    epoch = CALENDAR_MAC_1904 if book.epoch == CALENDAR_MAC_1904 else CALENDAR_WINDOWS_1900
    return sheet.title, rows, merged, epoch


def _damaged(file_name: str) -> InvalidInput:
    return InvalidInput("a damaged workbook", "工作簿已损坏，无法读取", where=file_name)


def check_workbook(data: bytes, file_name: str) -> None:
    """Before a workbook is read: raise InvalidInput for a damaged one, and TooLarge where a small
    file unpacks to more than a sheet may hold: in bytes, or in cells, which take far more memory
    than their bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_unpacked(archive, file_name)
    except TooLarge:
        raise
    except Exception as problem:  # as in _read_workbook
        raise _damaged(file_name) from problem


def _check_unpacked(archive: zipfile.ZipFile, file_name: str) -> None:
    cells = 0
    for one in archive.infolist():
        if one.file_size > MOST_UNPACKED:
            cells = MOST_CELLS + 1
        elif one.filename.startswith("xl/worksheets/"):
            with archive.open(one) as part:
                while block := part.read(1 << 20):
                    cells += block.count(b"<c ") + block.count(b"<c>") + block.count(b"<c/")
        if cells > MOST_CELLS:
            raise TooLarge("the workbook is too large unpacked", "工作簿解压后过大",
                           where=file_name)  # fmt: skip


def known_names(rows: Collection[tuple[str, str]]) -> dict[str, str]:
    """Codes and names (each row code, name) → code; a name that several have names none."""
    counts: dict[str, int] = {}
    for _, name in rows:
        counts[name] = counts.get(name, 0) + 1
    by_name = {name: code for code, name in rows if name and counts[name] == 1}
    return {**by_name, **{code: code for code, _ in rows}}
