"""Rows as a file of each format, streamed or written in bounded memory."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyogrio
import shapely

from gis_service.errors import TooLarge
from gis_service.interop.exports.rows import GEOMETRY, Rows
from gis_service.sheets import GUARDED, write_xlsx

MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
}
MOST_SHEET_ROWS = 100_000
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Presented:
    """How rows become a file: its format, its name and the type of its geometries (as GDAL calls
    them, Unknown where several occur), and for the reader a title, the ``heads`` of the columns in
    the language ``locale``, the district's time zone, and whether degrees or metres."""

    format: str
    name: str
    kind: str
    title: str
    heads: Mapping[str, str]
    zone: str
    locale: str
    degrees: bool = True


def write(rows: Rows, how: Presented) -> Iterator[bytes]:
    """The file in pieces, while the rows come."""
    yield from WRITERS[how.format](rows, how)


def fitting(rows: Rows, how: Presented) -> Iterator[pa.RecordBatch]:
    """The batches. Raises TooLarge beyond what a spreadsheet is good for, if it is to be one."""
    count = 0
    for batch in rows.batches:
        count += batch.num_rows
        if how.format == "xlsx" and count > MOST_SHEET_ROWS:
            raise TooLarge(
                f"more than {MOST_SHEET_ROWS} rows are no spreadsheet: take CSV or GeoPackage",
                f"超过 {MOST_SHEET_ROWS} 行，不宜用 Excel：请改用 CSV 或 GeoPackage",
            )
        yield batch


def as_csv(rows: Rows, how: Presented) -> Iterator[bytes]:
    """UTF-8 with the mark that Excel wants; times by the district's clock; no cell is a formula;
    of a geometry a point (see :func:`_table`)."""
    head = io.StringIO(newline="")
    csv.writer(head).writerow(_heads(rows, how))
    yield head.getvalue().encode("utf-8-sig")
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in rows.batches:
        out = pa.BufferOutputStream()
        arrow_csv.write_csv(_table(batch, rows, how), out, options)
        yield out.getvalue().to_pybytes()


def as_geojson(rows: Rows, how: Presented) -> Iterator[bytes]:
    """A FeatureCollection (RFC 7946). Where the system is not WGS84 it is named by the member
    ``crs`` of the format's older edition, which GDAL and QGIS read. Rows without a place have the
    geometry null."""
    # degrees of WGS84 in the order longitude, latitude have a name of their own
    crs = "OGC:1.3:CRS84" if rows.srid in (None, 4326) else f"EPSG::{rows.srid}"
    named = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{crs}"}}
    yield b'{"type":"FeatureCollection","name":%b,"crs":%b,"features":[\n' % (
        orjson.dumps(how.title), orjson.dumps(named),
    )  # fmt: skip
    places = 7 if how.degrees else 3
    first = True
    for whole in rows.batches:
        for start in range(0, whole.num_rows, 2000):
            batch = whole.slice(start, 2000)
            shapes = _rounded(batch, rows, places)
            lines = [
                b'{"type":"Feature","properties":%b,"geometry":%b}'
                % (orjson.dumps(item, default=str), shape)
                for item, shape in zip(_properties(batch, how), shapes, strict=True)
            ]
            yield (b"" if first else b",\n") + b",\n".join(lines)
            first = False
    yield b"\n]}\n"


def as_gpkg(rows: Rows, how: Presented) -> Iterator[bytes]:
    """A GeoPackage of one layer. GDAL writes it batch by batch into a file that has no name any
    more once it is sent."""
    with tempfile.TemporaryDirectory(prefix="gis-export-") as folder:
        path = Path(folder) / "export.gpkg"
        _write_gpkg(rows, path, how)
        with path.open("rb") as file:
            path.unlink()
            while block := file.read(CHUNK_BYTES):
                yield block


def as_xlsx(rows: Rows, how: Presented) -> Iterator[bytes]:
    """A workbook, written row by row."""

    def lines() -> Iterator[list[Any]]:
        for batch in rows.batches:
            table = _table(batch, rows, how, guard=False)
            columns = [column.to_pylist() for column in table.columns]
            yield from (list(line) for line in zip(*columns, strict=True))

    with tempfile.TemporaryFile(prefix="gis-export-") as file:
        write_xlsx(file, _heads(rows, how), lines(), how.title)
        file.seek(0)
        while block := file.read(CHUNK_BYTES):
            yield block


# -- details -------------------------------------------------------------------------------


def _write_gpkg(rows: Rows, path: Path, how: Presented) -> None:
    # an index built beside the rows would hold all of them in memory
    pyogrio.set_gdal_config_options(
        {"OGR_GPKG_ALLOW_THREADED_RTREE": "NO", "OGR_SQLITE_SYNCHRONOUS": "OFF"}
    )
    reader = pa.RecordBatchReader.from_batches(rows.schema, rows.batches)
    spatial = {} if rows.srid is None else {
        "geometry_name": GEOMETRY, "geometry_type": how.kind, "crs": f"EPSG:{rows.srid}",
    }  # fmt: skip
    pyogrio.write_arrow(reader, path, layer=how.name, driver="GPKG", **spatial)


def _heads(rows: Rows, how: Presented) -> list[str]:
    heads = []
    for field in rows.schema:
        if field.name == GEOMETRY and rows.srid is not None:
            zh, en = ("经度", "纬度"), ("longitude", "latitude")
            if not how.degrees:
                zh, en = ("东坐标（米）", "北坐标（米）"), ("easting (m)", "northing (m)")
            heads += [f"{name} EPSG:{rows.srid}" for name in (zh if how.locale == "zh" else en)]
        elif pa.types.is_timestamp(field.type):
            heads.append(f"{how.heads[field.name]} ({how.zone})")
        else:
            heads.append(how.heads[field.name])
    return heads


def _table(batch: pa.RecordBatch, rows: Rows, how: Presented, *, guard: bool = True) -> pa.Table:
    """The batch as cells: times by the clock, text harmless, of a geometry two coordinates: those
    of a point, of a line or polygon those of a point on it."""
    out: dict[str, pa.Array] = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if field.name == GEOMETRY:
            x, y = _positions(column, 7 if how.degrees else 3)
            out["x"], out["y"] = pa.array(x, from_pandas=True), pa.array(y, from_pandas=True)
        elif pa.types.is_timestamp(field.type):
            out[field.name] = pc.local_timestamp(_by_the_clock(column, how))
        elif pa.types.is_string(field.type) and guard:
            out[field.name] = harmless_column(column)
        else:
            out[field.name] = column
    return pa.table(out)


def harmless_column(column: pa.Array) -> pa.Array:
    """:func:`gis_service.sheets.harmless` of all cells at once."""
    risky = pc.match_substring_regex(column, GUARDED)
    if not pc.any(risky).as_py():
        return column
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


def _positions(column: pa.Array, places: int) -> tuple[Any, Any]:
    shapes = shapely.from_wkb(np.asarray(column.to_pandas(), object))
    other = shapely.get_type_id(shapes) > 0
    if other.any():
        shapes[other] = shapely.point_on_surface(shapes[other])
    return np.round(shapely.get_x(shapes), places), np.round(shapely.get_y(shapes), places)


def _properties(batch: pa.RecordBatch, how: Presented) -> list[dict[str, Any]]:
    columns = {
        field.name: pc.strftime(_by_the_clock(column, how), "%Y-%m-%dT%H:%M:%S%Ez")
        if pa.types.is_timestamp(field.type) else column
        for field, column in zip(batch.schema, batch.columns, strict=True)
        if field.name != GEOMETRY
    }  # fmt: skip
    out: list[dict[str, Any]] = pa.table(columns).to_pylist()
    return out


def _by_the_clock(times: pa.Array, how: Presented) -> pa.Array:
    """Whole seconds in the district's time zone."""
    seconds = pc.cast(times, pa.timestamp("s", "UTC"), safe=False)
    return pc.cast(seconds, pa.timestamp("s", how.zone))


def _rounded(batch: pa.RecordBatch, rows: Rows, places: int) -> list[bytes]:
    if rows.srid is None:
        return [b"null"] * batch.num_rows
    column = batch.column(batch.schema.get_field_index(GEOMETRY))
    shapes = shapely.from_wkb(np.asarray(column.to_pandas(), object))
    shapes = shapely.transform(shapes, lambda points: np.round(points, places))
    return [b"null" if one is None else one.encode() for one in shapely.to_geojson(shapes)]


WRITERS = {"csv": as_csv, "xlsx": as_xlsx, "geojson": as_geojson, "gpkg": as_gpkg}
