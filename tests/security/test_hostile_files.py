"""Files made to break what reads them: refused in words, in little time and memory."""

from __future__ import annotations

import io
import random
import resource
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gis_service.attachments.storing import store
from gis_service.errors import DomainError, InvalidInput, TooLarge
from gis_service.hierarchy.reading import read_hierarchy
from gis_service.incidents.reading import read_rows
from gis_service.patrols.reading import read_walk
from gis_service.settings import Settings
from gis_service.sheet_reading import Column, read_sheet
from gis_service.sheets import as_csv, as_xlsx
from tests.patrols.conftest import NINE, geojson, gpx, stroll
from tests.shapes import small_hierarchy, write_hierarchy

ZONE = ZoneInfo("Asia/Shanghai")
COLUMNS = (Column("day", ("日期", "date"), required=True), Column("note", ("备注", "note")))
EXAMPLES = 40
Reader = Callable[[bytes], object]


def workbook(sheet: str, **parts: str) -> bytes:
    """A workbook whose sheet is this XML."""
    good = io.BytesIO(as_xlsx(["日期", "备注"], [["2026-04-01", "x"]], "s"))
    out = io.BytesIO()
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as to:
        for one in source.infolist():
            data = source.read(one)
            if one.filename == "xl/worksheets/sheet1.xml":
                data = sheet.encode()
            to.writestr(one.filename, parts.get(one.filename, data))
    return out.getvalue()


MAIN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def within(work: Callable[[], object], seconds: float, megabytes: float) -> None:
    """``work`` is refused within so much time and additional memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    with pytest.raises(DomainError) as told:
        work()
    assert time.perf_counter() - begun < seconds
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < megabytes * 1024
    assert told.value.message_zh != told.value.message


def sheet(data: bytes) -> object:
    return read_sheet(data, "表.xlsx", COLUMNS)


def test_a_sheet_that_claims_a_billion_cells_is_no_work() -> None:
    far = (
        f'{MAIN}<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>日期</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    within(lambda: sheet(workbook(far)), 5, 200)


def test_a_small_workbook_that_unpacks_large_is_refused_before_it_is_read() -> None:
    cell = "<c><v>1</v></c>"
    rows = "".join(f"<row>{cell * 100}</row>" for _ in range(20_000))
    bomb = workbook(f"{MAIN}<sheetData>{rows}</sheetData></worksheet>")
    assert len(bomb) < 2**20
    within(lambda: sheet(bomb), 10, 200)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as to:
        to.writestr("xl/worksheets/sheet1.xml", b"0" * (400 * 2**20))
    within(lambda: sheet(out.getvalue()), 5, 100)


def test_entities_in_a_workbook_do_not_grow() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    laughs = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>{MAIN}<sheetData><row>'
        '<c t="inlineStr"><is><t>&e11;</t></is></c></row></sheetData></worksheet>'
    )
    within(lambda: sheet(workbook(laughs)), 5, 200)
    outside = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{MAIN}'
        '<sheetData><row><c t="inlineStr"><is><t>&e;</t></is></c></row></sheetData></worksheet>'
    )
    with pytest.raises(DomainError) as told:
        sheet(workbook(outside))
    assert "root:" not in told.value.message


def png(width: int, height: int) -> bytes:
    """A picture that its header says is large, of a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(b"\0" * 10_000)) + chunk(b"IEND", b""))  # fmt: skip


@pytest.mark.parametrize("side", [7_000, 20_000, 60_000, 2**31 - 1])
def test_a_picture_of_billions_of_pixels_is_refused_by_its_header(
    tmp_path: Path, side: int
) -> None:
    within(lambda: store(png(side, side), Settings(data_dir=tmp_path)), 2, 50)
    assert not list(tmp_path.rglob("*.jpg"))


def picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "#c83").save(out, form)
    return out.getvalue()


SAMPLES: dict[str, tuple[bytes, str]] = {
    "jpeg": (picture("JPEG"), "photo"), "png": (picture("PNG"), "photo"),
    "webp": (picture("WEBP"), "photo"),
    "xlsx": (as_xlsx(["日期", "备注"], [["2026-04-01", "x"]], "s"), "sheet"),
    "csv": (as_csv(["日期", "备注"], [["2026-04-01", "x"]]), "sheet"),
    "gpx": (gpx(stroll(NINE, 20)), "walk"), "geojson": (geojson(stroll(NINE, 20)), "walk"),
    "cases.csv": ("编号,经度,纬度\n1,118.6,24.9\n".encode(), "cases"),
    "cases.geojson": (
        b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":1},'
        b'"geometry":{"type":"Point","coordinates":[118.6,24.9]}}]}', "cases",
    ),
    "cases.xlsx": (as_xlsx(["编号"], [["1"]], "s"), "cases"),
}  # fmt: skip


def broken(sample: bytes, seed: int, grade: int) -> bytes:
    """The sample with bytes changed, cut, doubled or put in."""
    draw = random.Random(seed)  # noqa: S311
    data = bytearray(sample)
    for _ in range(grade):
        place = draw.randrange(len(data) + 1)
        kind = draw.randrange(4)
        if kind == 0 and place < len(data):
            data[place] = draw.randrange(256)
        elif kind == 1:
            del data[place : place + draw.randrange(1, 40)]
        elif kind == 2:
            data[place:place] = data[place : place + draw.randrange(1, 200)]
        else:
            data[place:place] = draw.choice(
                (b"\0", b"\xff\xfe", b'"', b"&#0;", b"1e999", b"NaN", b"]]>", "é".encode("latin-1"))
            )
        if not data:
            return b""
    return bytes(data)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_broken_is_refused_in_words_and_at_once(tmp_path: Path, name: str) -> None:
    sample, kind = SAMPLES[name]
    config = Settings(data_dir=tmp_path)

    def cases(data: bytes) -> object:
        path = tmp_path / name
        path.write_bytes(data)
        return sum(len(one.table) for one in read_rows(path, batch=1000))

    readers: dict[str, Reader] = {
        "photo": lambda data: store(data, config), "sheet": sheet, "cases": cases,
        "walk": lambda data: read_walk(data, "walk", None, ZONE),
    }  # fmt: skip
    readers[kind](sample)  # as it is it reads

    @settings(max_examples=EXAMPLES, deadline=5_000, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(seed=st.integers(0, 2**32), grade=st.integers(1, 12))
    def ask(seed: int, grade: int) -> None:
        with suppress(DomainError):
            readers[kind](broken(sample, seed, grade))

    ask()


def test_broken_boundaries_are_refused_in_words(tmp_path: Path) -> None:
    good = write_hierarchy(tmp_path / "good.gpkg", small_hierarchy())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as to:
        to.write(good, "good.gpkg")
    for seed in range(25):
        for suffix, sample in ((".gpkg", good.read_bytes()), (".zip", packed.getvalue())):
            path = tmp_path / f"{seed}{suffix}"
            path.write_bytes(broken(sample, seed, 1 + seed % 12))
            with suppress(DomainError):
                read_hierarchy(path)
            path.unlink()


def test_only_what_says_what_it_is_is_read(tmp_path: Path) -> None:
    script = b"#!/bin/sh\necho\n"
    for reader, problem in (
        (lambda: store(script, Settings(data_dir=tmp_path)), InvalidInput),
        (lambda: read_walk(script, "walk", None, ZONE), InvalidInput),
        (lambda: store(b"<svg onload='x()'/>", Settings(data_dir=tmp_path)), InvalidInput),
        (lambda: store(b"x" * (21 * 2**20), Settings(data_dir=tmp_path)), TooLarge),
    ):
        with pytest.raises(problem):
            reader()
