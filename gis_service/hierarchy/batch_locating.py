"""Add the areas to every row of a table of points, in the table's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from gis_service.errors import ConfigurationError, InvalidInput
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84
from gis_service.hierarchy.locating import Locator
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.placements import Method

CHUNK = 1_000_000
LON_NAMES = ("lon", "longitude", "lng", "x", "经度")
LAT_NAMES = ("lat", "latitude", "y", "纬度")


@dataclass
class Located:
    """Counts of a run; ``unplaced`` are among ``loaded``, ``rejected`` had no number at all."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    unplaced: int = 0


def locate_file(
    locator: Locator,
    source: Path,
    target: Path,
    *,
    lon: str | None = None,
    lat: str | None = None,
    crs: str = "wgs84",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Located:
    """Write ``source`` (CSV or Parquet) to ``target`` with ``street_code, community_code,
    grid_code, building_code, method, distance_m`` added to each row.

    Rows whose coordinates are no numbers keep their place with ``method`` empty and count as
    rejected. Raises InvalidInput for files and columns, ConfigurationError without a hierarchy.
    """
    if locator.placer is None:
        raise ConfigurationError(
            "no hierarchy is loaded; run gis-service load hierarchy FILE first",
            "尚未载入区划；请先运行 gis-service load hierarchy 文件",
        )
    system = parse_crs(crs)
    table = _read(source)
    x_name = _column(table, lon, LON_NAMES, "--lon", source)
    y_name = _column(table, lat, LAT_NAMES, "--lat", source)
    result = Located(read=table.num_rows)
    parts = []
    for start in range(0, max(table.num_rows, 1), CHUNK):
        part = table.slice(start, CHUNK)
        x, y = _numbers(part[x_name]), _numbers(part[y_name])
        usable = np.isfinite(x) & np.isfinite(y)
        parts.append(_answers(locator, *to_wgs84(x, y, system), usable))
        result.rejected += int((~usable).sum())
        progress(min(start + CHUNK, table.num_rows), table.num_rows)
    added = pa.concat_tables(parts)
    result.loaded = result.read - result.rejected
    result.unplaced = int(pa.compute.sum(pa.compute.equal(added["method"], "none")).as_py() or 0)
    for name in added.column_names:
        if name in table.column_names:
            table = table.drop_columns(name)
        table = table.append_column(name, added[name])
    _write(table, target)
    return result


def _answers(locator: Locator, lon: np.ndarray, lat: np.ndarray, usable: np.ndarray) -> pa.Table:
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


def _read(path: Path) -> pa.Table:
    if not path.exists() or path.stat().st_size == 0:
        raise InvalidInput("no such file, or empty", "文件不存在或为空", where=str(path))
    try:
        if path.suffix.lower() == ".parquet":
            return pq.read_table(path)
        if path.suffix.lower() == ".csv":
            return pacsv.read_csv(
                path, parse_options=pacsv.ParseOptions(newlines_in_values=True),
                convert_options=pacsv.ConvertOptions(strings_can_be_null=True),
            )  # fmt: skip
    except pa.ArrowInvalid as problem:
        raise InvalidInput(str(problem), where=path.name) from None
    raise InvalidInput("CSV and Parquet are read", "仅支持 CSV 与 Parquet", where=path.name)


def _write(table: pa.Table, path: Path) -> None:
    if path.suffix.lower() == ".parquet":
        pq.write_table(table, path)
    elif path.suffix.lower() == ".csv":
        pacsv.write_csv(table, path)
    else:
        raise InvalidInput("CSV and Parquet are written", "仅支持 CSV 与 Parquet", where=path.name)


def _column(
    table: pa.Table, asked: str | None, usual: tuple[str, ...], option: str, path: Path
) -> str:
    names = {name.strip("\ufeff ").lower(): name for name in table.column_names}
    for candidate in (asked,) if asked else usual:
        if candidate is not None and candidate.lower() in names:
            return names[candidate.lower()]
    raise InvalidInput(
        f"name the column with {option}; there are {', '.join(table.column_names)}",
        f"请用 {option} 指明列；现有：{'、'.join(table.column_names)}",
        where=path.name,
    )


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type) or pa.types.is_null(column.type):
        import pandas as pd

        return pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(dtype=float)
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
