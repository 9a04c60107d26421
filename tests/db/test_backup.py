"""A backup is the district again, or it is refused and nothing is left."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from gis_service.attachments.storing import keep, store
from gis_service.cli import app
from gis_service.db.backup import MANIFEST, back_up, restore
from gis_service.errors import Conflict, InvalidInput
from tests.conftest import Database
from tests.incidents.conftest import Bureau


@pytest.fixture
def full(bureau: Bureau) -> Database:
    """A database with areas, incidents, their logs and a photo."""
    for number in range(5):
        bureau.report(description=f"垃圾 {number}", reporter={"name": "林", "phone": "1380000"})
    photo = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(photo, "JPEG")
    stored = store(photo.getvalue(), bureau.database.settings)
    with bureau.database.sessions.begin() as session:
        keep(session, stored, "photo.jpg", "test")
    return bureau.database


@pytest.fixture
def empty(create_database: Callable[..., Database]) -> Database:
    return create_database(migrated=False)


def nothing(share: float, words: str) -> None:
    assert 0 <= share <= 1


def dump(database: Database) -> dict[str, list[str]]:
    names = database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return {
        name: sorted(row for (row,) in database.rows(f"SELECT t::text FROM {name} t"))
        for (name,) in names
    }


def photos(database: Database) -> dict[str, bytes]:
    folder = database.settings.data_dir / "attachments"
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_it_comes_back_whole_and_only_the_owner_reads_the_file(
    full: Database, empty: Database, tmp_path: Path
) -> None:
    file = tmp_path / "district.backup"
    made = back_up(full.settings, file, nothing)
    assert made["tables"]["incident"]["rows"] == 5
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []
    restore(empty.settings, file, nothing)
    assert dump(empty) == dump(full)
    assert photos(empty) == photos(full) != {}
    # and is a database to go on with
    before = empty.value("SELECT max(id) FROM incident")
    assert empty.value("SELECT nextval(pg_get_serial_sequence('incident', 'id'))") > before
    with pytest.raises(Conflict, match="holds"):
        restore(empty.settings, file, nothing)
    assert dump(empty) == dump(full)


def test_nothing_is_written_over(full: Database, tmp_path: Path) -> None:
    file = tmp_path / "district.backup"
    file.write_text("mine")
    with pytest.raises(InvalidInput, match="exists"):
        back_up(full.settings, file, nothing)
    assert file.read_text() == "mine"
    with pytest.raises(InvalidInput, match="No such file"):
        back_up(full.settings, tmp_path / "nowhere" / "x", nothing)


def changed(source: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """``source`` with one member changed."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            reader = old.extractfile(member)
            assert reader is not None
            data = reader.read()
            if name in member.name:
                data = change(data)
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return target


def test_what_is_damaged_is_refused_by_name_and_leaves_the_database_empty(
    full: Database, empty: Database, tmp_path: Path
) -> None:
    file = tmp_path / "district.backup"
    back_up(full.settings, file, nothing)

    def fewer(data: bytes) -> bytes:
        manifest = json.loads(data)
        manifest["tables"]["incident"]["rows"] = 6
        return json.dumps(manifest).encode()

    original = next(name for name in photos(full) if len(name) == 64)
    changes: list[tuple[str, Callable[[bytes], bytes], str]] = [
        (MANIFEST, fewer, "incident: 6 → 5"),
        (MANIFEST, lambda data: b"[]", "no backup"),
        ("database.dump", lambda data: data[:-2000], "pg_restore"),
        (f"{original[:2]}/{original}", lambda data: data + b"x", "damaged"),
    ]
    cases = [
        (changed(file, tmp_path / str(number), name, change), message)
        for number, (name, change, message) in enumerate(changes)
    ]
    short = tmp_path / "e"
    short.write_bytes(file.read_bytes()[:30_000])
    cases.append((short, "no backup"))
    words = tmp_path / "f"
    words.write_text("no tar at all")
    cases.append((words, "no backup"))
    cases.append((tmp_path / "g", "No such file"))
    for damaged, message in cases:
        with pytest.raises(Exception, match=message):
            restore(empty.settings, damaged, nothing)
        assert dump(empty).keys() <= {"spatial_ref_sys"}
    restore(empty.settings, file, nothing)
    assert dump(empty) == dump(full)


def test_the_commands(full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner()
    file = tmp_path / "district.backup"
    answer = run.invoke(app, ["backup", str(file)])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["bytes"] == file.stat().st_size
    assert told["attachments"] == 3
    assert isinstance(run.invoke(app, ["restore", str(file)]).exception, Conflict)
