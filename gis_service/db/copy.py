"""Bulk transfer between Arrow tables and PostgreSQL by binary COPY."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, cast

import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq import encoders as field_encoders
from psycopg import sql


def copy_table(
    connection: psycopg.Connection[Any],
    table: str,
    rows: pa.Table,
    *,
    jsonb: Sequence[str] = (),
) -> int:
    """Append ``rows`` to ``table`` (columns by name) inside the connection's transaction.

    ``jsonb`` names the string columns that hold JSON text for a jsonb column. Geometries are
    EWKB in binary columns. Returns the number of rows.
    """
    encoders: Mapping[str, Any] = {
        name: field_encoders.StringEncoderBuilder.new_with_output(
            rows.schema.field(name), _jsonb_type()
        )
        for name in jsonb
    }
    encoder = (
        ArrowToPostgresBinaryEncoder.new_with_encoders(
            rows.schema, {**_inferred(rows.schema), **encoders}
        )
        if jsonb
        else ArrowToPostgresBinaryEncoder(rows.schema)
    )
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(sql.Identifier(name) for name in rows.column_names),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(encoder.write_header())
        for batch in rows.combine_chunks().to_batches(max_chunksize=10_000):
            copy.write(encoder.write_batch(batch))
        copy.write(encoder.finish())
    return rows.num_rows


def _jsonb_type() -> Any:
    from pgpq.schema import Jsonb

    return Jsonb()


def _inferred(schema: pa.Schema) -> dict[str, Any]:
    return {field.name: ArrowToPostgresBinaryEncoder.infer_encoder(field) for field in schema}


def literal(text: str) -> LiteralString:
    """SQL that this project's own files hold, as psycopg wants it typed."""
    return cast(LiteralString, text)
