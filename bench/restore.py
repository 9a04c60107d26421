"""Restoring a district against pg_restore alone on the dump inside the same backup.

.venv/bin/python -m bench.restore [--incidents 1000000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from bench.clock import Contender, take_turns
from bench.database import bench_database
from bench.inbox import fill
from gis_service.db.backup import DUMP, back_up, restore
from gis_service.db.embedded import bindir
from gis_service.db.engine import conninfo
from gis_service.settings import Settings


def into_new(work: Callable[[str], None]) -> None:
    """Do ``work`` on the address of a new empty database, which goes afterwards."""
    server = conninfo()
    name = f"gis_test_bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    try:
        work(make_conninfo(server, dbname=name))
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def run(incidents: int, rounds: int) -> None:
    """Print the table."""
    with bench_database() as database, tempfile.TemporaryDirectory() as name:
        fill(database, incidents)
        backup = Path(name) / "district.tar"
        back_up(database.settings, backup, lambda share, words: None)
        with tarfile.open(backup) as tar:
            tar.extract(DUMP, name, filter="data")

        def ours(address: str) -> None:
            with tempfile.TemporaryDirectory() as folder:
                settings = Settings(database_url=address, data_dir=Path(folder))
                restore(settings, backup, lambda share, words: None)

        def alone(address: str) -> None:
            subprocess.run(
                [str(bindir() / "pg_restore"), "--no-owner", "--exit-on-error",
                 f"--jobs={os.cpu_count() or 1}", f"--dbname={address}", str(Path(name) / DUMP)],
                check=True,
            )  # fmt: skip

        contenders = [
            Contender("ours", lambda: into_new(ours)),
            Contender("pg_restore alone", lambda: into_new(alone)),
        ]
        take_turns(contenders, rounds)
        own, other = contenders
        print(f"### Restoring a backup with {incidents:,} incidents\n")
        print("| ours (unpacked, analysed, every table compared), s | pg_restore alone, s "
              "| ratio (≤ 1.3) |\n|---|---|---|")  # fmt: skip
        print(f"| {own.median_s:.1f} | {other.median_s:.1f} "
              f"| {own.median_s / other.median_s:.2f} |\n")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    run(options.incidents, options.rounds)
