"""Loading: the Boston hierarchy with its checks, and incidents against a bare binary COPY.

.venv/bin/python -m bench.loading [--incidents 1000000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg

from bench.boston import case_points
from bench.clock import Contender, take_turns, timed
from bench.database import BenchDatabase, bench_database, load_boston
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents.loading import load_incidents
from gis_service.incidents.mapping import read_mapping

TABLES = ("incident", "incident_log")


def write_csv(path: Path, count: int) -> None:
    """``count`` incidents with the standard columns, spread over a year."""
    lon, lat = case_points(count)
    rng = np.random.default_rng(1)
    seconds = rng.integers(0, 365 * 86_400, count)
    codes = np.array(["E-01-12", "E-01-29", "E-04-01", "C-01-23", "C-01-37"])
    pd.DataFrame(
        {
            "external_id": np.arange(count),
            "reported_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(seconds, unit="s"),
            "closed_at": "", "lon": lon, "lat": lat, "crs": "wgs84", "accuracy_m": "",
            "address": np.char.add("Main Street ", rng.integers(1, 999, count).astype(str)),
            "description": "reported by a passer-by",
            "class_code": codes[rng.integers(0, len(codes), count)], "state": "reported",
            "source": "resident",
        }
    ).to_csv(path, index=False)  # fmt: skip


def empty(database: BenchDatabase) -> None:
    """No incidents, in fresh tables."""
    with psycopg.connect(database.address, autocommit=True) as connection:
        connection.execute("TRUNCATE incident, incident_log RESTART IDENTITY CASCADE")
        connection.execute("CHECKPOINT")


def copy_out(database: BenchDatabase, folder: Path) -> None:
    """The loaded rows as PostgreSQL's own binary files."""
    with psycopg.connect(database.address) as connection:
        for table in TABLES:
            with (
                (folder / table).open("wb") as handle,
                connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT BINARY)") as copy,  # type: ignore[arg-type]
            ):
                for block in copy:
                    handle.write(block)


def bare_copy(database: BenchDatabase, folder: Path) -> None:
    """The same rows into the same tables by nothing but COPY."""
    empty(database)
    with psycopg.connect(database.address) as connection:
        # as the loader does: no statistics are taken before the rows are committed
        connection.execute("LOCK TABLE incident IN SHARE UPDATE EXCLUSIVE MODE")
        for table in TABLES:
            with (
                (folder / table).open("rb") as handle,
                connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy,  # type: ignore[arg-type]
            ):
                while block := handle.read(1 << 20):
                    copy.write(block)


def run(count: int, rounds: int) -> None:
    """Print the table."""
    with bench_database() as database, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, hierarchy_s = timed(lambda: load_boston(database))
        write_csv(folder / "incidents.csv", count)
        with database.sessions.begin() as session:
            locator = load_locator(session, database.settings)
        mapping = read_mapping(Path("standard"))

        def ours() -> None:
            empty(database)
            result = load_incidents(
                database.sessions, folder / "incidents.csv", mapping, locator, database.settings
            )
            assert result.loaded == count, result

        ours()
        copy_out(database, folder)
        ways = [
            Contender("CSV to placed incidents with log", ours),
            Contender("bare binary COPY of the same rows", lambda: bare_copy(database, folder)),
        ]
        take_turns(ways, rounds)
    peer = ways[1].median_s
    print(f"### Loading ({count:,} incidents)\n")
    print(f"Boston hierarchy, checks included: {hierarchy_s:.1f} s (must be ≤ 60)\n")
    print("| way | seconds | rows/s | × bare COPY (must be ≥ 0.5) |\n|---|---|---|---|")
    for way in ways:
        print(f"| {way.name} | {way.median_s:.1f} | {count / way.median_s:,.0f} | "
              f"{peer / way.median_s:.2f} |")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    run(options.incidents, options.rounds)
