"""A spreadsheet's rows into a table: all of them, or none and every fault by its row."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import InvalidInput, TooLarge
from gis_service.incidents.reading import read_rows
from gis_service.interop.tables.registry import Loadable, Taking
from gis_service.settings import Settings
from gis_service.sheet_reading import MOST_BYTES, MOST_ROWS, check_workbook

KINDS = ("csv", "xlsx")
SHOWN = 200  # faults that an answer names


def take_in(
    session: Session, settings: Settings, identity: Identity, data: bytes, name: str, *,
    locale: str, dry_run: bool, table: Loadable,
    followers: Sequence[Callable[[Session, Settings], int]] = (),
) -> dict[str, Any]:  # fmt: skip
    """Fill ``table`` from a CSV or XLSX file; ``read, loaded, already, rejected``, whether it is
    ``applied``, and the ``faults``: the first ones in words, ``faults_in_all`` of them. With a
    fault, or where it is but a ``dry_run``, nothing changes. ``followers`` are called where open
    deadlines move. The caller commits. Raises Forbidden, InvalidInput or TooLarge."""
    table.allow(identity)
    part = session.begin_nested()
    try:
        counts = table.load(session, _rows(data, name), Taking(name, settings, identity))
        if table.moves_deadlines and counts["loaded"]:
            for follow in followers:
                follow(session, settings)
    except InvalidInput as problem:
        part.rollback()
        faults = problem.data.get("faults")
        if faults is None:
            raise
        told = [{"message": zh if locale == "zh" else en} for en, zh in faults[:SHOWN]]
        return {"applied": False, "faults": told, "faults_in_all": len(faults)}
    if dry_run:
        part.rollback()
    else:
        part.commit()
    return {**counts, "applied": not dry_run, "faults": [], "faults_in_all": 0}


def _rows(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    if len(data) > MOST_BYTES:
        raise TooLarge(f"more than {MOST_BYTES >> 20} MiB", f"超过 {MOST_BYTES >> 20} MiB",
                       where=name)  # fmt: skip
    kind = name.lower().rpartition(".")[2]
    if kind not in KINDS:
        raise InvalidInput("neither CSV nor XLSX", "请使用 CSV 或 XLSX 文件", where=name)
    if kind == "xlsx":
        check_workbook(data, name)
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sheet.{kind}"
        path.write_bytes(data)
        try:
            for batch in read_rows(path, batch=MOST_ROWS + 1):
                if batch.broken:
                    number, words = batch.broken[0]
                    raise InvalidInput(words, where=f"{name}, {number}")
                rows = batch.table.to_pylist()
                count += len(rows)
                if count > MOST_ROWS:
                    raise TooLarge(f"more than {MOST_ROWS} rows", f"超过 {MOST_ROWS} 行",
                                   where=name)  # fmt: skip
                yield from rows
        except (InvalidInput, TooLarge) as problem:
            # the reader names the copy
            if problem.where == path.name:
                problem.where = name
            raise
