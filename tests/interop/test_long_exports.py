"""Files of many rows: written by a process of their own, in bounded memory, whole or not at all."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pyogrio
import pytest

from gis_service.interop.exports import queries, writing
from gis_service.interop.exports.apart import write_apart
from gis_service.interop.exports.rows import Rows
from tests.conftest import Database

FORMATS = ["csv", "xlsx", "geojson", "gpkg"]
SQL = (
    "SELECT n AS id, repeat(md5(n::text), :words) AS description, "
    "'2026-03-09 10:00+08'::timestamptz + n * interval '1 min' AS reported_at, "
    "CASE WHEN n % 7 > 0 THEN ST_SetSRID(ST_MakePoint(118 + n * 1e-7, 24.9), 4326) END AS geom "
    "FROM generate_series(1, :count) n"
)


@contextmanager
def rows_of(database: Database, count: int, words: int = 8, sql: str = SQL) -> Iterator[Rows]:
    part = queries.Statement(sql, {"count": count, "words": words})
    with (
        database.sessions() as session,
        closing(queries.read(session, part, 4326, 600)) as rows,
    ):
        yield rows


def presented(rows: Rows, form: str, kind: str = "Point") -> writing.Presented:
    heads = {name: name for name in rows.schema.names}
    return writing.Presented(form, "x", kind, "案件", heads, "Asia/Shanghai", "zh")


def children() -> list[int]:
    """The writers that this thread has started and that are still there."""
    return [
        int(one) for one in Path("/proc/thread-self/children").read_text().split()
        if b"exports.apart" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_the_other_process_writes_the_same_file(
    module_database: Database, tmp_path: Path, form: str
) -> None:
    files = []
    for write in (writing.write, write_apart):
        with rows_of(module_database, 10_000) as rows:
            pieces = write(rows, presented(rows, form))
            file = tmp_path / f"{write.__module__}.{form}"
            with file.open("wb") as out:
                out.write(next(pieces))
                assert bool(children()) == (write is write_apart)
                out.writelines(pieces)
        assert not children()
        files.append(file)
    if form in ("csv", "geojson"):
        assert files[0].read_bytes() == files[1].read_bytes()
        if form == "geojson":
            assert len(json.loads(files[1].read_bytes())["features"]) == 10_000
    else:
        tables = [pyogrio.read_dataframe(file) for file in files]
        assert len(tables[1]) == 10_000
        assert tables[0].equals(tables[1])


def test_a_batch_without_rows_is_not_the_end(module_database: Database) -> None:
    with rows_of(module_database, 10_000) as rows:
        first, second, *rest = rows.batches
        held = replace(rows, batches=iter([first, first.slice(0, 0), second, *rest]))
        assert b"".join(write_apart(held, presented(rows, "csv"))).count(b"\n") == 10_001


def test_few_rows_need_no_other_process(module_database: Database) -> None:
    with rows_of(module_database, 100) as rows:
        pieces = write_apart(rows, presented(rows, "csv"))
        next(pieces)
        assert not children()
        assert b"".join(pieces).count(b"\n") == 100


@pytest.mark.parametrize("form", FORMATS)
def test_rows_that_break_off_make_no_whole_file(module_database: Database, form: str) -> None:
    broken = SQL.replace("n AS id", "10 / (9000 - n) AS id")
    with (
        rows_of(module_database, 10_000, sql=broken) as rows,
        pytest.raises(psycopg.DataError, match="division by zero"),
    ):
        for _ in write_apart(rows, presented(rows, form)):
            pass
    assert not children()


def test_a_writer_that_fails_is_told(
    module_database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        rows_of(module_database, 10_000) as rows,
        pytest.raises(OSError, match=r"writes x\.gpkg ended with 1"),
    ):
        list(write_apart(rows, presented(rows, "gpkg", kind="Pyramid")))
    assert "Pyramid" in capfd.readouterr().err
    assert not children()


def test_a_writer_that_is_ended_is_told(module_database: Database) -> None:
    with rows_of(module_database, 200_000) as rows:
        pieces = write_apart(rows, presented(rows, "csv"))
        next(pieces)
        (child,) = children()
        os.kill(child, signal.SIGTERM)
        with pytest.raises(OSError, match="ended with -15"):
            list(pieces)


def test_a_writer_ends_where_nobody_reads_on(module_database: Database) -> None:
    with rows_of(module_database, 200_000) as rows:
        pieces = write_apart(rows, presented(rows, "csv"))
        next(pieces)
        assert children()
        pieces.close()  # type: ignore[attr-defined]
        assert not children()


@pytest.mark.parametrize("form", ["csv", "geojson", "gpkg"])
def test_memory_does_not_grow_with_the_rows(module_database: Database, form: str) -> None:
    """Some 120 MB of text pass through, and 40 before."""

    def exported(count: int) -> int:
        with rows_of(module_database, count, words=64) as rows:
            return sum(map(len, write_apart(rows, presented(rows, form))))

    exported(20_000)  # what is imported and kept once
    before_apart = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_mb("VmRSS")
    assert exported(60_000) > 100 * 2**20
    assert peak_mb("VmHWM") - before < 48
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 - before_apart < 48


def test_a_statement_may_come_in_any_number_of_blocks(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "BLOCK_BYTES", 1 << 13)
    with rows_of(module_database, 40_000) as rows:
        numbers = [batch.column("id").to_pylist() for batch in rows.batches]
    assert len(numbers) > 1_000
    assert [one for some in numbers for one in some] == list(range(1, 40_001))


def peak_mb(key: str) -> float:
    words = Path("/proc/self/status").read_text().split(f"{key}:")[1]
    return int(words.split()[0]) / 1024
