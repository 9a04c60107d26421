"""Statements to Arrow batches, in bounded memory: the server's COPY is parsed as it comes."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg
import pyarrow as pa
import pyarrow.csv as arrow_csv
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.copy import literal
from gis_service.db.engine import driver_connection
from gis_service.hierarchy.coordinates import guess_metric_crs
from gis_service.incidents.filters import IncidentFilter, to_sql
from gis_service.incidents.models import STATE_NAMES
from gis_service.interop.exports.rows import GEOMETRY, Rows
from gis_service.maps.registry import Layer
from gis_service.maps.tiles import for_driver
from gis_service.settings import Settings

WGS84 = 4326
BLOCK_BYTES = 1 << 20
HERE = Path(__file__).parent
# what a tile's query asks for; z beyond which no layer simplifies
TILE = "ST_TileEnvelope(:z, :x, :y"
WORLD = "ST_TileEnvelope(0, 0, 0"
FINEST = 24
# an area is told by the name in force, else the last one
LAST_AREA = """WITH last_area AS MATERIALIZED (
    SELECT DISTINCT ON (area_id) area_id, code, name FROM (
        SELECT area_id, code, name, valid_from FROM street
        UNION ALL SELECT area_id, code, name, valid_from FROM community
        UNION ALL SELECT area_id, code, name, valid_from FROM grid
        UNION ALL SELECT area_id, code, name, valid_from FROM building
    ) every ORDER BY area_id, valid_from DESC
) """
_TYPES = {
    "bool": pa.bool_(), "int2": pa.int64(), "int4": pa.int64(), "int8": pa.int64(),
    "float4": pa.float64(), "float8": pa.float64(), "numeric": pa.float64(), "date": pa.date32(),
    "timestamptz": pa.timestamp("us", "UTC"),
}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """A SELECT whose column ``geom`` is of the system ``srid``, and its parameters."""

    sql: str
    values: Mapping[str, Any]
    srid: int = WGS84


def incident_statement(wanted: IncidentFilter, locale: str) -> Statement:
    """The incidents that pass the filter, by number."""
    condition, values = to_sql(wanted)
    sql = LAST_AREA + (HERE / "incidents.sql").read_text().format(condition=condition)
    place = 0 if locale == "zh" else 1
    names = {state: words[place] for state, words in STATE_NAMES.items()}
    return Statement(sql, {**values, "state_names": orjson.dumps(names).decode()})


def area_statement(level: str) -> Statement:
    """The areas of a level in force, by code; of grids every kind."""
    kind = "a.kind" if level == "grid" else "NULL::text"
    return Statement((HERE / "areas.sql").read_text().format(level=level, kind=kind), {})


def layer_statement(layer: Layer, values: Mapping[str, Any]) -> Statement:
    """A layer of the map as a whole, at its finest."""
    columns = ", ".join(f"q.{name}" for name in layer.fields)
    sql = f"SELECT {columns}, q.geom FROM ({layer.query.replace(TILE, WORLD)}) q"
    return Statement(sql, {**values, "z": FINEST, "x": 0, "y": 0}, srid=3857)


def metric_srid(session: Session, settings: Settings) -> int | None:
    """The EPSG code of the district's system in metres; None where nothing tells it."""
    name = settings.metric_crs
    if not name:
        box = session.execute(
            text("SELECT ST_XMin(e), ST_XMax(e), ST_YMin(e), ST_YMax(e) FROM "
                 "(SELECT ST_Extent(geom) AS e FROM street WHERE valid_to IS NULL) s")
        ).one()  # fmt: skip
        if box[0] is None:
            return None
        name = guess_metric_crs(box[:2], box[2:])
    return int(name.upper().removeprefix("EPSG:"))


def read(session: Session, statement: Statement, srid: int, seconds: int) -> Rows:
    """The rows of a statement with geometries in the system ``srid``. The session's transaction
    is read-only and ends a statement that takes longer than ``seconds``."""
    connection = driver_connection(session)
    connection.execute("SET TRANSACTION READ ONLY")
    for setting, value in (
        ("statement_timeout", f"{seconds}s"), ("timezone", "UTC"), ("datestyle", "ISO"),
        ("extra_float_digits", "1"),
    ):  # fmt: skip
        connection.execute("SELECT set_config(%s, %s, true)", (setting, value))
    inner = for_driver(statement.sql)
    described = connection.execute(
        literal(f"SELECT * FROM ({inner}) q LIMIT 0"), statement.values
    ).description
    assert described is not None  # noqa: S101 - a SELECT has columns
    names = [column.name for column in described if column.name != "geom"]
    types = connection.adapters.types
    fields = []
    for column in described:
        known = types.get(column.type_code)
        if column.name != "geom":
            fields.append((column.name, _TYPES.get(known.name if known else "", pa.string())))
    listed = ", ".join(f'q."{name}"' for name in names)
    geometry = f"ST_SetSRID({in_system('q.geom', statement.srid, srid)}, 0)"
    copy = f"COPY (SELECT {listed}, {geometry} FROM ({inner}) q) TO STDOUT (FORMAT csv)"
    schema = pa.schema([*fields, (GEOMETRY, pa.binary())])
    return Rows(schema, _copied(connection, copy, statement.values, schema), srid)


def in_system(geometry: str, given: int, wanted: int) -> str:
    """SQL that brings a geometry from one system (EPSG) into another. CGCS2000 equals WGS84
    within centimetres and is passed through, as positions that come in are."""
    same = (WGS84, 4490)
    degrees = geometry if given in same else f"ST_Transform({geometry}, {WGS84})"
    return degrees if wanted in same else f"ST_Transform({degrees}, {wanted})"


def area_shapes(session: Session, level: str, srid: int) -> dict[str, bytes]:
    """WKB of the areas of a level in force, by code."""
    rows = session.execute(
        text(
            f"SELECT code, ST_AsBinary({in_system('geom', WGS84, srid)}) FROM {level} "
            "WHERE valid_to IS NULL"
        )
    )
    return {code: bytes(wkb) for code, wkb in rows}


# -- details -------------------------------------------------------------------------------


def _copied(
    connection: psycopg.Connection[Any], statement: str, values: Mapping[str, Any],
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    with connection.cursor() as cursor, cursor.copy(literal(statement), values) as copy:
        for block in _blocks(copy):
            yield _parsed(block, schema)


def _parsed(block: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """Whole rows, all at once: a reader of the stream would have threads of its own that read
    ahead, and one that nobody reads to the end may leave them waiting for each other."""
    as_text = {"bool": pa.string(), "binary": pa.string()}
    table = arrow_csv.read_csv(
        pa.BufferReader(block),
        read_options=arrow_csv.ReadOptions(
            column_names=schema.names, block_size=len(block) + 1, use_threads=False
        ),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={one.name: as_text.get(str(one.type), one.type) for one in schema},
            strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
        ),
    )  # fmt: skip
    columns = [
        _column(column.chunk(0), field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.record_batch(columns, schema=schema)


def _blocks(copy: psycopg.Copy) -> Iterator[bytes]:
    """What COPY sends, a row at a time, as blocks of whole rows."""
    rows: list[Any] = []
    length = 0
    for row in copy:
        rows.append(row)
        length += len(row)
        if length >= BLOCK_BYTES:
            yield b"".join(rows)
            rows, length = [], 0
    if rows:
        yield b"".join(rows)


def _column(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    if wanted == pa.bool_():
        return pa.compute.equal(values, "t")
    return _unhexed(values) if wanted == pa.binary() else values


def _unhexed(values: pa.Array) -> pa.Array:
    """Hexadecimal text as the bytes it says, all rows at once."""
    validity, _, data = values.buffers()
    if values.offset or data is None:
        return pa.array([v if v is None else bytes.fromhex(v) for v in values.to_pylist()],
                        pa.binary())  # fmt: skip
    offsets = np.frombuffer(values.buffers()[1], np.int32)[: len(values) + 1]
    raw = binascii.unhexlify(memoryview(data)[offsets[0] : offsets[-1]])
    return pa.Array.from_buffers(
        pa.binary(), len(values),
        [validity, pa.py_buffer((offsets - offsets[0]) // 2), pa.py_buffer(raw)],
    )  # fmt: skip
