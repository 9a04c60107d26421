"""Metrics by community × class × month at a million incidents, against the plain SQL.

.venv/bin/python -m bench.metrics [--incidents 1000000]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pyarrow as pa

from bench.clock import Contender, take_turns
from bench.database import BenchDatabase, bench_database
from bench.heat import CLASSES, make_table
from gis_service.db.copy import copy_table
from gis_service.incidents.arrays import Snapshot, read_snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.metrics.grouping import measure
from tests.incidents.metrics_sql import STAGES, by_sql

COMMUNITIES = 60
BY = ("community", "class", "month")
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("closed", "resolved", "in_progress", "dispatched", "filed", "merged")
SHARES = (0.8, 0.05, 0.05, 0.04, 0.04, 0.02)


def fill(database: BenchDatabase, count: int) -> Snapshot:
    """A year's incidents in the real table, with the times of their stages; the arrays of them."""
    rng = np.random.default_rng(5)
    table = make_table(count)
    state = rng.choice(len(STATES), count, p=SHARES)
    reached = {"verified": 0, "dispatched": 1, "accepted": 2, "resolved": 3, "closed": 4}
    how_far = np.array([5, 4, 3, 2, 1, 1])[state]
    moment = table.reported_at.copy()
    columns = {}
    for stage in STAGES:
        moment = moment + (rng.exponential(20_000, count) * 1e6).astype(np.int64)
        columns[f"{stage}_at"] = pa.array(
            moment, pa.timestamp("us", tz="UTC"), mask=how_far <= reached[stage]
        )
    with database.sessions.begin() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO incident_class (scheme, scheme_version, code, kind, major, major_name, "
            "major_name_en, name, name_en) SELECT 's', '', 'C' || n, 'event', '', '', '', 'n', 'n' "
            f"FROM generate_series(1, {CLASSES}) n"
        )
    # places are sorted, so neighbours share a community
    community = (np.arange(count) * COMMUNITIES // count + 1).astype(np.int32)
    names = np.array(STATES, dtype=object)
    with psycopg.connect(database.address) as connection:
        copy_table(
            connection, "incident",
            pa.table(
                {
                    "code": pa.array(table.id.astype(str)),
                    "state": pa.array(names[state], pa.string()),
                    "class_id": table.class_id,
                    "class_name": pa.array(["n"] * count),
                    "source": pa.array(
                        np.where(rng.random(count) < 0.5, "patrol", "resident"), pa.string()
                    ),
                    "origin": pa.array(["bench"] * count),
                    "external_id": pa.array(table.id.astype(str)),
                    "reported_at": pa.array(table.reported_at, pa.timestamp("us", tz="UTC")),
                    "due_at": pa.array(
                        table.reported_at + 100_000_000_000, pa.timestamp("us", tz="UTC")
                    ),
                    "crs": pa.array(["wgs84"] * count),
                    "community_id": community,
                    "placement_method": pa.array(["inside"] * count),
                    "filed_path": pa.array(["{}"] * count),
                    **columns,
                }
            ),
            jsonb=["filed_path"],
        )  # fmt: skip
    with psycopg.connect(database.address, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE incident")
    with database.sessions() as session:
        return read_snapshot(session)


def run(count: int, rounds: int) -> None:
    """Print the table."""
    with bench_database() as database:
        whole = fill(database, count)
        # as a worker holds it: a base, and a little that came since
        order = np.argsort(whole.tables[0].id)
        base = whole.tables[0].take(np.sort(order[: -count // 100]))
        recent = whole.tables[0].take(np.sort(order[-count // 100 :]))
        parts = replace(whole, tables=(base, recent))
        with database.sessions() as session:
            for name, wanted in (
                ("all", IncidentFilter()),
                ("half a year", IncidentFilter(since=datetime(2025, 7, 1, tzinfo=UTC))),
            ):
                ways = [
                    Contender(
                        "plain SQL",
                        lambda wanted=wanted: by_sql(session, wanted, BY, ZONE.key, NOW),  # type: ignore[misc]
                        rounds=1,
                    ),
                    Contender(
                        "arrays", lambda wanted=wanted: measure(whole, wanted, BY, ZONE, NOW)  # type: ignore[misc]
                    ),
                    Contender(
                        "arrays, base and delta",
                        lambda wanted=wanted: measure(parts, wanted, BY, ZONE, NOW),  # type: ignore[misc]
                    ),
                ]  # fmt: skip
                ways[1].run()  # compiles
                take_turns(ways, rounds)
                if name == "all":
                    print(f"### Metrics by {' × '.join(BY)} ({count:,} incidents, "
                          f"{len(ways[1].result):,} groups)\n")  # fmt: skip
                    print("| incidents | way | ms | × plain SQL |\n|---|---|---|---|")
                assert len(ways[0].result) == len(ways[1].result) == len(ways[2].result)
                assert int(ways[1].result.counts[:, 0].sum()) == sum(
                    row["count"] for row in ways[0].result.values()
                )
                for way in ways:
                    print(f"| {name} | {way.name} | {way.median_s * 1000:.1f} | "
                          f"{ways[0].median_s / way.median_s:,.0f} |")  # fmt: skip
    print("\nMust be ≤ 50 ms and ≥ 5 ×.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    run(options.incidents, options.rounds)
