"""Add the areas to every row of a table of points, in the table's order.

The table passes through in chunks: rows are read, their positions alone go to the engine, and the
answers are written behind the rows they belong to. CSV columns pass as text, so that a number with
leading zeros or a long code leaves as it came.
"""

from __future__ import annotations

import csv
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from gis_service.engines import Engine, LocalEngine
from gis_service.errors import ConfigurationError, InvalidInput
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84
from gis_service.hierarchy.locating import Locator
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.placements import Method

CHUNK = 1_000_000  # rows of Parquet
BLOCK = 64 << 20  # bytes of CSV
LON_NAMES = ("lon", "longitude", "lng", "x", "经度")
LAT_NAMES = ("lat", "latitude", "y", "纬度")


@dataclass
class Located:
    """Counts of a run; ``unplaced`` are among ``loaded``, ``rejected`` had no number at all."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    unplaced: int = 0


class _Writer(Protocol):
    def write_table(self, table: pa.Table) -> None: ...
    def close(self) -> None: ...


def locate_file(
    locator: Locator,
    source: Path,
    target: Path,
    *,
    lon: str | None = None,
    lat: str | None = None,
    crs: str = "wgs84",
    engine: Engine | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Located:
    """Write ``source`` (CSV or Parquet) to ``target`` with ``street_code, community_code,
    grid_code, building_code, method, distance_m`` added to each row; ``engine`` places the points
    (this process unless given) and never changes the answer.

    Rows whose coordinates are no numbers keep their place with ``method`` empty and count as
    rejected. ``target`` appears complete or not at all. Raises InvalidInput for files and
    columns, ConfigurationError without a hierarchy.
    """
    if locator.placer is None:
        raise ConfigurationError(
            "no hierarchy is loaded; run gis-service load hierarchy FILE first",
            "尚未载入区划；请先运行 gis-service load hierarchy 文件",
        )
    system = parse_crs(crs)
    schema, chunks = _open(source)
    x_name = _column(schema, lon, LON_NAMES, "--lon", source)
    y_name = _column(schema, lat, LAT_NAMES, "--lat", source)
    waiting: deque[pa.Table] = deque()

    def positions() -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
        for chunk in chunks:
            waiting.append(chunk)
            yield _numbers(chunk[x_name]), _numbers(chunk[y_name]), system

    result = Located()
    draft = target.with_name(f".{target.name}.part")
    writer: _Writer | None = None
    try:
        for answers in (engine or LocalEngine()).map(_answers, locator, positions()):
            table = _beside(waiting.popleft(), answers)
            writer = writer or _writer(draft, target, table.schema)
            writer.write_table(table)
            result.read += len(table)
            result.rejected += answers["method"].null_count
            result.unplaced += pc.sum(pc.equal(answers["method"], "none")).as_py() or 0
            progress(result.read)
        if writer is None:
            table = _beside(schema.empty_table(), _answers(locator, *_NOWHERE, system))
            writer = _writer(draft, target, table.schema)
        writer.close()
        os.replace(draft, target)
    except pa.ArrowInvalid as problem:
        raise InvalidInput(str(problem), where=source.name) from None
    finally:
        draft.unlink(missing_ok=True)
    result.loaded = result.read - result.rejected
    return result


_NOWHERE = (np.empty(0), np.empty(0))


def _answers(locator: Locator, x: np.ndarray, y: np.ndarray, system: str) -> pa.Table:
    usable = np.isfinite(x) & np.isfinite(y)
    lon, lat = to_wgs84(x, y, system)
    placements = locator.place(lon, lat)
    assert placements is not None  # noqa: S101 - asked before
    columns: dict[str, pa.Array] = {}
    for level in LEVELS:
        answer = placements.levels.get(level)
        codes = (
            pa.nulls(len(lon), pa.string())
            if answer is None
            else pa.array(locator.facts[level].codes, pa.string()).take(
                pa.array(answer.row, mask=answer.row < 0)
            )
        )
        columns[f"{level}_code"] = codes
    method, distance = placements.finest
    labels = pa.array([m.label for m in Method], pa.string())
    columns["method"] = labels.take(pa.array(method.astype(np.int32), mask=~usable))
    columns["distance_m"] = pa.array(
        np.round(distance, 2), pa.float32(), mask=~np.isfinite(distance)
    )
    return pa.table(columns)


def _beside(table: pa.Table, answers: pa.Table) -> pa.Table:
    """The rows with the answers as their last columns; columns of those names are replaced."""
    for name in answers.column_names:
        if name in table.column_names:
            table = table.drop_columns(name)
        table = table.append_column(answers.field(name), answers[name])
    return table


def _open(path: Path) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """The columns of a file and its rows in chunks."""
    if not path.exists() or path.stat().st_size == 0:
        raise InvalidInput("no such file, or empty", "文件不存在或为空", where=str(path))
    try:
        if path.suffix.lower() == ".parquet":
            file = pq.ParquetFile(path)
            batches = file.iter_batches(CHUNK)
            return file.schema_arrow, (pa.Table.from_batches([batch]) for batch in batches)
        if path.suffix.lower() == ".csv":
            reader = _csv_reader(path, _csv_columns(path))
            return reader.schema, (pa.Table.from_batches([batch]) for batch in reader)
    except pa.ArrowInvalid as problem:
        raise InvalidInput(str(problem), where=path.name) from None
    raise InvalidInput("CSV and Parquet are read", "仅支持 CSV 与 Parquet", where=path.name)


def _csv_columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return next(csv.reader(file), [])


def _csv_reader(path: Path, names: list[str]) -> pacsv.CSVStreamingReader:
    return pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=BLOCK),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True,
            null_values=[""],
        ),
    )  # fmt: skip


def _writer(draft: Path, target: Path, schema: pa.Schema) -> _Writer:
    if target.suffix.lower() == ".parquet":
        return pq.ParquetWriter(draft, schema)
    if target.suffix.lower() == ".csv":
        return pacsv.CSVWriter(draft, schema)
    raise InvalidInput("CSV and Parquet are written", "仅支持 CSV 与 Parquet", where=target.name)


def _column(
    schema: pa.Schema, asked: str | None, usual: tuple[str, ...], option: str, path: Path
) -> str:
    names = {name.strip("\ufeff ").lower(): name for name in schema.names}
    for candidate in (asked,) if asked else usual:
        if candidate is not None and candidate.lower() in names:
            return names[candidate.lower()]
    raise InvalidInput(
        f"name the column with {option}; there are {', '.join(schema.names)}",
        f"请用 {option} 指明列；现有：{'、'.join(schema.names)}",
        where=path.name,
    )


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type) or pa.types.is_null(column.type):
        import pandas as pd

        return pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(dtype=float)
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
