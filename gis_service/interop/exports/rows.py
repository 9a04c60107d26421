"""What is exported, whatever it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

GEOMETRY = "geometry"


@dataclass(frozen=True)
class Rows:
    """Rows to export: ``batches`` of ``schema``, whose last column is ``geometry`` (WKB, null
    where there is none) if ``srid`` says in which system (EPSG)."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    srid: int | None

    def close(self) -> None:
        """End the statement behind the batches, if there is one."""
        close = getattr(self.batches, "close", None)
        if close:
            close()
