"""Point-in-time recovery as docs/operations.md says it: back to just before the mistake."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from gis_service.checks import run_checks
from gis_service.db.embedded import Cluster, bindir
from gis_service.settings import Settings
from tests.conftest import ROOT, Database
from tests.faults.conftest import stop_for_good
from tests.faults.served import Served, until

GUIDE = (ROOT / "docs" / "operations.md").read_text()


def documented(name: str) -> str:
    """The value of a server's setting as the guide gives it."""
    found = re.search(rf"^{name} = '?(.+?)'?$", GUIDE, re.MULTILINE)
    assert found, f"{name} is not in the guide"
    return found[1].replace("/var/backups/gis-service/wal", "{archive}")


def as_server(*command: str) -> None:
    subprocess.run(["runuser", "-u", "postgres", "--", *command], check=True, cwd="/")


@pytest.mark.long
def test_back_to_just_before_a_table_was_dropped(
    own: Database, open_folder: Path, serve: Callable[..., Served]
) -> None:
    cluster = Cluster(own.settings.data_dir)
    archive, base = open_folder / "wal", open_folder / "base"
    for folder in (archive, base):
        folder.mkdir()
        shutil.chown(folder, "postgres")
        folder.chmod(0o700)
    with (cluster.folder / "postgresql.conf").open("a") as handle:
        for name in ("archive_mode", "archive_command", "archive_timeout"):
            value = documented(name).format(archive=archive)
            handle.write(f"{name} = '{value}'\n")
    cluster.stop()
    cluster.ensure()
    service = serve(own)
    before = [service.report(f"before {n}").json()["id"] for n in range(20)]
    as_server(
        str(bindir() / "pg_basebackup"), "-h", str(cluster.socket_dir), "-U", "gis",
        "-D", str(base), "--checkpoint=fast", "--wal-method=none",
    )  # fmt: skip
    between = [service.report(f"between {n}").json()["id"] for n in range(20)]
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    with psycopg.connect(own.address, autocommit=True) as connection:
        connection.execute("DROP TABLE incident_attachment, incident_log CASCADE")
        connection.execute("DELETE FROM event")
        connection.execute("SELECT pg_switch_wal()")
    service.kill()
    until(
        lambda: not own.value("SELECT last_archived_wal IS NULL FROM pg_stat_archiver"), 30, "wal"
    )
    cluster.stop()  # archives what is left

    again = open_folder / "again"
    again.mkdir()
    base.rename(again / "postgres")
    restored = Cluster(again)
    with (restored.folder / "postgresql.auto.conf").open("a") as handle:
        handle.write(
            f"restore_command = '{documented('restore_command').format(archive=archive)}'\n"
            f"recovery_target_time = '{moment.isoformat()}'\n"
            f"recovery_target_action = '{documented('recovery_target_action')}'\n"
        )
    as_server("touch", str(restored.folder / "recovery.signal"))
    try:
        address = restored.ensure()
        with psycopg.connect(address, autocommit=True) as connection:
            until(
                lambda: connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()[0],
                60, "recovered",
            )  # fmt: skip
            kept = connection.execute("SELECT id FROM incident ORDER BY id").fetchall()
            assert [number for (number,) in kept] == [*before, *between]
            logs = connection.execute("SELECT count(*) FROM incident_log").fetchone()
            assert logs is not None
            assert logs[0] >= len(kept)
        # the accounts are back, too, with their tokens
        environment = {"GIS_DATA_DIR": str(again), "GIS_DATABASE_URL": ""}
        resumed = serve(replace(own, environment=environment), headers=service.headers)
        assert resumed.report("after").status == 201
        resumed.kill()
    finally:
        stop_for_good(again)


@pytest.mark.long
def test_an_archive_that_fails_is_told(own: Database) -> None:
    cluster = Cluster(own.settings.data_dir)
    with (cluster.folder / "postgresql.conf").open("a") as handle:
        handle.write("archive_mode = on\narchive_command = 'false'\n")
    cluster.stop()
    cluster.ensure()
    with psycopg.connect(own.address, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1")
        connection.execute("SELECT pg_switch_wal()")
    settings = Settings(database_url=own.address, data_dir=own.settings.data_dir)
    until(
        lambda: any("could not be archived" in finding.en for finding in run_checks(settings)),
        60, "told",
    )  # fmt: skip
