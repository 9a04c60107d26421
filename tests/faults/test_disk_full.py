"""The disk fills up, of the database and of the photos, and is freed again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from gis_service.db.embedded import Cluster
from tests.conftest import Database
from tests.faults.conftest import own_district, stop_for_good
from tests.faults.served import Reporters, Served, noise, send_photo, until


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    """A disk of its own, in memory, of 320 MiB. Takes root, as mounting does."""
    folder = open_folder / "disk"
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320m,mode=0755", "tmpfs", folder], check=True
    )
    yield folder
    stop_for_good(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take every block that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return filler


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.getuid() != 0, reason="a disk of its own takes root")
def test_a_full_disk_is_told_keeps_nothing_by_halves_and_is_over_once_there_is_room(
    small_disk: Path, tmp_path: Path, serve: Callable[..., Served]
) -> None:
    own = own_district(small_disk, tmp_path)
    service = serve(own)
    photos = small_disk / "attachments"
    assert send_photo(service, noise(1)).status == 201
    kept = files(photos)
    reporters = Reporters(service)
    with reporters.at_work():
        reporters.wait_for(30)
        filler = fill(small_disk)
        photo = send_photo(service, noise(2))
        assert photo.status in (503, 507), photo
        until(lambda: 507 in reporters.statuses or 503 in reporters.statuses, 60, "told")
        # the log, too, finds no room: the server gives up, and goes on once it can
        with suppress(psycopg.Error):
            for _ in range(40):
                with psycopg.connect(own.address, autocommit=True) as connection:
                    connection.execute("SELECT pg_switch_wal()")
                    connection.execute("CREATE TABLE more AS SELECT generate_series(1, 50000)")
                    connection.execute("DROP TABLE more")
        until(lambda: service.ask("GET", "/readyz").status == 503, 60, "readiness says so")
        filler.unlink()
        until(lambda: service.ask("GET", "/readyz").status == 200, 240, "ready again")
        reporters.wait_for(30)
    assert all(answer.status == 507 for answer in reporters.strange), reporters.strange
    for answer in [*reporters.strange, photo]:
        if answer.status == 507:
            assert "disk is full" in answer.json()["detail"]
    assert files(photos) == kept, "a part of a photo was left"
    assert own.value("SELECT count(*) FROM attachment") == 1
    assert send_photo(service, noise(2)).status == 201
    reporters.check(own.rows)
    reporters.send_again()
    reporters.check(own.rows)
    assert Cluster(small_disk).running()


@pytest.mark.long
@pytest.mark.skipif(os.getuid() != 0, reason="a disk of its own takes root")
def test_a_full_disk_of_photos_leaves_the_rest_alone(
    small_disk: Path, tmp_path: Path, serve: Callable[..., Served], own: Database
) -> None:
    (own.settings.data_dir / "attachments").symlink_to(small_disk)
    service = serve(own)
    filler = fill(small_disk)
    for language, words in (("zh", "服务器磁盘已满"), ("en", "the server's disk is full")):
        service.headers["accept-language"] = language
        refused = send_photo(service, noise(3))
        assert refused.status == 507
        assert words in refused.json()["detail"]
    assert files(small_disk) == {"filler"}
    assert service.report("without a photo").status == 201
    filler.unlink()
    assert send_photo(service, noise(3)).status == 201
    assert len(files(small_disk)) == 3
