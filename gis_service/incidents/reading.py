"""Read CSV, XLSX and GeoJSON into batches of text columns with row numbers."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyogrio
import python_calamine
import shapely
from pyogrio.errors import DataSourceError

from gis_service.errors import InvalidInput, TooLarge

LON, LAT = "@lon", "@lat"  # where a GeoJSON's own point is kept beside its properties
_DELIMITERS = ",;\t|"


@dataclass
class Rows:
    """A batch: ``table`` of string columns, ``numbers`` of the records in the file (first data
    record is 1), and the records that could not even be split into columns."""

    table: pa.Table
    numbers: np.ndarray
    broken: list[tuple[int, str]] = field(default_factory=list)


def read_rows(
    path: Path,
    *,
    batch: int,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    max_bytes: int | None = None,
) -> Iterator[Rows]:
    """Batches of about ``batch`` rows of ``path``; every value is text, empty is null.

    Raises InvalidInput naming the file where it is empty, of an unknown kind, or not text in
    the given (else UTF-8 or GB18030) encoding.
    """
    if not path.exists():
        raise InvalidInput("no such file", "文件不存在", where=str(path))
    size = path.stat().st_size
    if size == 0:
        raise InvalidInput("the file is empty", "文件为空", where=path.name)
    if max_bytes and size > max_bytes:
        raise TooLarge(
            f"{size / 2**20:,.0f} MiB is more than the {max_bytes / 2**20:,.0f} MiB allowed "
            "(GIS_UPLOAD_BYTES)",
            f"文件 {size / 2**20:,.0f} MiB，超过上限（设置 GIS_UPLOAD_BYTES）",
            where=path.name,
        )
    suffix = path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    if suffix in ("csv", "txt", "tsv"):
        return _read_csv(path, batch, encoding, delimiter)
    if suffix in ("xlsx", "xls", "xlsm", "ods"):
        return _sliced(_read_sheet(path, sheet), batch)
    if suffix in ("geojson", "json"):
        return _sliced(_read_geojson(path), batch)
    raise InvalidInput(
        f"cannot tell what a .{suffix} file is; CSV, XLSX and GeoJSON are read",
        f"不识别 .{suffix} 文件；可读 CSV、XLSX、GeoJSON",
        where=path.name,
    )


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def detect_encoding(path: Path) -> str:
    """``utf-8`` or ``gb18030``, whichever decodes the whole file."""
    for name in ("utf-8", "gb18030"):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            with _open(path) as handle:
                while chunk := handle.read(1 << 20):
                    if b"\0" in chunk:
                        break
                    decoder.decode(chunk)
                else:
                    decoder.decode(b"", final=True)
                    return name
        except UnicodeDecodeError:
            continue
        except (OSError, EOFError) as problem:
            raise InvalidInput(
                f"cannot be read: {problem}", f"无法读取：{problem}", where=path.name
            ) from None
    raise InvalidInput(
        "not a text file in UTF-8 or GB18030; name its encoding in the mapping",
        "不是 UTF-8 或 GB18030 文本；请在映射中写明 encoding",
        where=path.name,
    )


def _read_csv(
    path: Path, batch: int, encoding: str | None, delimiter: str | None
) -> Iterator[Rows]:
    encoding = encoding or detect_encoding(path)
    with _open(path) as handle:
        text = io.TextIOWrapper(
            handle, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="strict",
            newline="",
        )  # fmt: skip
        try:
            first_line = text.readline()
        except UnicodeDecodeError as problem:
            raise InvalidInput(
                f"not {encoding}: {problem}", f"不是 {encoding} 编码：{problem}", where=path.name
            ) from None
    if delimiter is None:
        # the header line decides: names hold no separators, values may
        delimiter = max(_DELIMITERS, key=first_line.count)
    header = next(csv.reader([first_line], delimiter=delimiter), [])
    header = [name.strip() for name in header]
    if len(set(header)) != len(header):
        twice = sorted({name for name in header if header.count(name) > 1})
        raise InvalidInput(
            f"columns occur twice: {', '.join(twice)}", f"列名重复：{'、'.join(twice)}",
            where=path.name,
        )  # fmt: skip
    broken: list[tuple[int, str]] = []
    total_broken = 0

    def keep_broken(row: pacsv.InvalidRow) -> str:
        broken.append(
            (-1 if row.number is None else row.number,
             f"{row.actual_columns} columns instead of {row.expected_columns}: {row.text[:200]}")
        )  # fmt: skip
        return "skip"

    stream = pa.input_stream(str(path))  # decompresses by the file's name
    try:
        reader = pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=16 << 20, encoding=encoding, skip_rows=1,
                column_names=header,
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep_broken
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in header},
                strings_can_be_null=True, quoted_strings_can_be_null=True, null_values=[""],
            ),
        )  # fmt: skip
        seen = 0
        for block in reader:
            table = pa.Table.from_batches([block])
            numbers = np.arange(seen + 1, seen + 1 + table.num_rows)
            for number, _ in sorted(broken):
                # a record that was left out moves the ones behind it by one
                place = number - 1  # the header is record 1 of the file
                numbers[numbers >= place] += 1
            seen = int(numbers[-1]) if len(numbers) else seen
            found = [(number - 1, words) for number, words in broken]
            total_broken += len(found)
            broken.clear()
            yield from _slices(table, numbers, batch, found)
        if broken:  # behind the last block, or where no record is whole
            total_broken += len(broken)
            nothing = pa.schema([(name, pa.string()) for name in header]).empty_table()
            yield Rows(nothing, np.array([], dtype=int), [
                (number - 1, words) for number, words in broken
            ])  # fmt: skip
        if seen == 0 and not total_broken:
            raise InvalidInput("no rows below the header", "表头之下没有数据", where=path.name)
    except pa.ArrowInvalid as problem:
        words = str(problem)
        if "Empty CSV" in words:
            raise InvalidInput("no rows below the header", "表头之下没有数据",
                               where=path.name) from None  # fmt: skip
        raise InvalidInput(
            f"not readable as CSV: {words}", f"无法按 CSV 读取：{words}", where=path.name
        ) from None


def _slices(
    table: pa.Table, numbers: np.ndarray, batch: int, broken: list[tuple[int, str]]
) -> Iterator[Rows]:
    for start in range(0, max(table.num_rows, 1), batch):
        yield Rows(
            table.slice(start, batch), numbers[start : start + batch], broken if start == 0 else []
        )


def _sliced(table: pa.Table, batch: int) -> Iterator[Rows]:
    yield from _slices(table, np.arange(1, table.num_rows + 1), batch, [])


def _read_sheet(path: Path, sheet: str | None) -> pa.Table:
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        if sheet is not None and sheet not in book.sheet_names:
            raise InvalidInput(
                f"no sheet '{sheet}'; the file has {', '.join(book.sheet_names)}",
                f"没有工作表“{sheet}”；现有：{'、'.join(book.sheet_names)}",
                where=path.name,
            )
        frame = pd.read_excel(path, sheet_name=sheet or 0, engine="calamine", dtype=object)
    except (python_calamine.CalamineError, ValueError, OSError) as problem:
        raise InvalidInput(
            f"not a workbook that can be read: {problem}", f"无法读取的工作簿：{problem}",
            where=path.name,
        ) from None  # fmt: skip
    if frame.empty:
        raise InvalidInput("the sheet has no rows", "工作表没有数据", where=path.name)
    return _as_text(frame)


def _read_geojson(path: Path) -> pa.Table:
    try:
        frame = pyogrio.read_dataframe(str(path))
    except (DataSourceError, ValueError) as problem:
        raise InvalidInput(
            f"not GeoJSON: {problem}", f"不是 GeoJSON：{problem}", where=path.name
        ) from None
    if frame.empty:
        raise InvalidInput("no features", "没有要素", where=path.name)
    geometry = frame.geometry.to_numpy()
    points = shapely.get_type_id(geometry) == 0
    plain = pd.DataFrame(frame.drop(columns="geometry"))
    plain[LON] = np.where(points, shapely.get_x(geometry), np.nan)
    plain[LAT] = np.where(points, shapely.get_y(geometry), np.nan)
    return _as_text(plain)


def _as_text(frame: pd.DataFrame) -> pa.Table:
    def words(value: Any) -> str | None:
        if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT:
            return None
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return str(int(value))  # a spreadsheet keeps every number as a float
        return str(value).strip() or None

    return pa.table(
        {
            str(name).strip(): pa.array([words(v) for v in column], pa.string())
            for name, column in frame.items()
        }
    )
