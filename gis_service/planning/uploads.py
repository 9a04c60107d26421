"""Tables that come over HTTP."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from gis_service.errors import InvalidInput, TooLarge
from gis_service.incidents.reading import read_rows

MOST_BYTES = 8 * 2**20
_BATCH = 100_000


def uploaded_rows(file: BinaryIO, name: str, max_bytes: int) -> list[dict[str, Any]]:
    """The rows of an uploaded CSV or XLSX. Raises InvalidInput naming file and row, TooLarge."""
    limit = min(max_bytes, MOST_BYTES)
    suffix = Path(name).suffix[:8]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table{suffix}"
        with path.open("wb") as out:
            shutil.copyfileobj(file, out)
        if path.stat().st_size > limit:
            raise TooLarge(
                f"more than {limit / 2**20:,.0f} MiB", f"文件超过 {limit / 2**20:,.0f} MiB",
                where=name,
            )  # fmt: skip
        try:
            out_rows: list[dict[str, Any]] = []
            for rows in read_rows(path, batch=_BATCH):
                if rows.broken:
                    number, words = rows.broken[0]
                    raise InvalidInput(f"row {number}: {words}", f"第 {number} 行：{words}")
                out_rows.extend(rows.table.to_pylist())
        except InvalidInput as problem:
            raise InvalidInput(problem.message, problem.message_zh, where=name) from None
    return out_rows
