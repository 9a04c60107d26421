"""The whole-district heat tile: bins and encoded tile against ST_SnapToGrid, warm and idle.

.venv/bin/python -m bench.heat [--incidents 1000000] [--many 10000000] [--idle 60]
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from bench.boston import case_points
from bench.clock import Contender, take_turns, timed
from bench.database import BenchDatabase, bench_database
from gis_service.analysis import quadkey
from gis_service.db.copy import copy_table
from gis_service.incidents.arrays import IncidentTable, Snapshot, joined
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.rows import ewkb_points
from gis_service.maps.density import bins, density_tile
from gis_service.maps.registry import read_registry

LAYERS = Path(__file__).resolve().parents[1] / "layers"
START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_S = 365 * 86_400
CLASSES = 40
SNAP = """
    SELECT ST_AsMVT(t, 'incident_heat', 4096, 'geom') FROM (
        SELECT ST_AsMVTGeom(cell, ST_TileEnvelope(%(z)s, %(x)s, %(y)s)) AS geom, count FROM (
            SELECT ST_SnapToGrid(ST_Transform(geom, 3857), %(size)s) AS cell, count(*) AS count
            FROM point WHERE geom && ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4326)
              AND (%(all)s OR (reported_at >= %(since)s AND reported_at < %(until)s
                               AND class_id = ANY(%(classes)s)))
            GROUP BY cell) c) t
"""


def make_table(count: int, seed: int = 1) -> IncidentTable:
    """``count`` incidents of the year 2025 at resampled real places."""
    lon, lat = case_points(min(count, 1_000_000), seed)
    rng = np.random.default_rng(seed)
    if count > len(lon):
        pick = rng.integers(0, len(lon), count)
        lon = lon[pick] + rng.normal(0, 1e-4, count)
        lat = lat[pick] + rng.normal(0, 1e-4, count)
    first = int(START.timestamp()) * 1_000_000
    same = np.zeros(count, np.int32)
    return joined(
        [
            IncidentTable(
                quadkey=quadkey.of_positions(lon, lat), id=np.arange(count, dtype=np.int64),
                lon=lon, lat=lat, reported_at=first + rng.integers(0, YEAR_S, count) * 1_000_000,
                due_at=np.zeros(count, np.int64), state=np.zeros(count, np.int8),
                class_id=rng.integers(1, CLASSES + 1, count).astype(np.int32), street_id=same,
                community_id=same, grid_id=same, building_id=same, unit_id=same, squad_id=same,
                reported_by=same,
                verified_s=same, dispatched_s=same, accepted_s=same, resolved_s=same, closed_s=same,
                updated_at=np.zeros(count, np.int64), source=np.zeros(count, np.int8),
                marks=np.zeros(count, np.int8),
            )
        ]
    )  # fmt: skip


def fill(database: BenchDatabase, table: IncidentTable) -> None:
    """The same points in PostGIS, with the indexes a query of this kind uses."""
    with psycopg.connect(database.address) as connection:
        connection.execute(
            "CREATE TABLE point (geom geometry(Point, 4326), reported_at timestamptz, class_id int)"
        )
        copy_table(
            connection, "point",
            pa.table(
                {
                    "geom": ewkb_points(table.lon, table.lat, 4326),
                    "reported_at": pa.array(table.reported_at, pa.timestamp("us", tz="UTC")),
                    "class_id": table.class_id,
                }
            ),
        )  # fmt: skip
        connection.execute("CREATE INDEX ON point USING gist (geom)")
        connection.execute("CREATE INDEX ON point (class_id, reported_at)")
    with psycopg.connect(database.address, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE point")


def whole_tile(table: IncidentTable) -> tuple[int, int, int]:
    """The smallest tile that holds every point's middle half: the district at a glance."""
    column, row = quadkey.to_columns_rows(table.quadkey)
    for z in range(14, 0, -1):
        x, y = column >> (quadkey.ZOOM - z), row >> (quadkey.ZOOM - z)
        values, counts = np.unique(x * (1 << z) + y, return_counts=True)
        if counts.max() > 0.9 * len(table):
            top = int(values[counts.argmax()])
            return z, top >> z, top & ((1 << z) - 1)
    raise AssertionError("the points cover the world")


def run(count: int, many: int, idle_s: float, rounds: int) -> None:
    """Print the tables."""
    layer = read_registry(LAYERS)["incident_heat"]
    some = IncidentFilter(
        since=datetime(2025, 3, 1, tzinfo=UTC), until=datetime(2025, 9, 1, tzinfo=UTC),
        classes=tuple(range(1, 11)),
    )  # fmt: skip
    table = make_table(count)
    z, x, y = whole_tile(table)
    snapshot = Snapshot((table,), 1, None)
    print(f"### Heat tile {z}/{x}/{y} ({count:,} incidents)\n")
    print("| filter | way | ms | × ST_SnapToGrid |\n|---|---|---|---|")
    own_ms: dict[str, float] = {}
    with bench_database() as database:
        fill(database, table)
        with psycopg.connect(database.address) as connection:
            for words, wanted in (("none", IncidentFilter()), ("half a year, 10 classes", some)):
                parameters = {
                    "z": z, "x": x, "y": y, "size": 40_075_016.68 / 2**z / 64,
                    "all": wanted.since is None, "since": wanted.since, "until": wanted.until,
                    "classes": list(wanted.classes),
                }  # fmt: skip
                ways = contenders(layer, snapshot, wanted, z, x, y)
                ways.insert(
                    0,
                    Contender(
                        "ST_SnapToGrid, ST_AsMVT",
                        lambda parameters=parameters: connection.execute(  # type: ignore[misc]
                            SNAP, parameters
                        ).fetchone(),
                        rounds=3,
                    ),
                )
                take_turns(ways, rounds)
                peer = ways[0].median_s
                for way in ways:
                    print(f"| {words} | {way.name} | {way.median_s * 1000:.2f} | "
                          f"{peer / way.median_s:,.0f} |")  # fmt: skip
                own_ms[words] = ways[2].median_s * 1000
                counts = ways[1].result[1].sum()
                inside = table.between(*quadkey.tile_range(z, x, y))
                assert counts == len(inside.id[inside.select(wanted)])
    print("\nBinning must be ≥ 50 ×, the encoded tile ≥ 15 ×.\n")
    grown(layer, some, own_ms, count, many, idle_s, rounds)


def contenders(
    layer: Any, snapshot: Snapshot, wanted: IncidentFilter, z: int, x: int, y: int
) -> list[Contender]:
    """Binning alone, and the tile as it is sent."""
    return [
        Contender("arrays, binning", lambda: bins(snapshot, wanted, z, x, y, 64)),
        Contender(
            "arrays, encoded tile", lambda: density_tile(layer, snapshot, wanted, {}, z, x, y)
        ),
    ]


def grown(
    layer: Any, some: IncidentFilter, before_ms: dict[str, float], count: int, many: int,
    idle_s: float, rounds: int,
) -> None:  # fmt: skip
    """The same tile with ``many`` incidents, warm and after idleness."""
    table = make_table(many, seed=2)
    z, x, y = whole_tile(table)
    snapshot = Snapshot((table,), 1, None)
    print(f"### The same with {many:,} incidents ({many / count:.0f} ×)\n")
    print(f"| filter | ms | × its time at {count:,} (must be ≤ 13) |\n|---|---|---|")
    for words, wanted in (("none", IncidentFilter()), ("half a year, 10 classes", some)):
        way = contenders(layer, snapshot, wanted, z, x, y)[1]
        take_turns([way], rounds)
        ms = way.median_s * 1000
        print(f"| {words}, warm | {ms:.1f} | {ms / before_ms[words]:.1f} |")
        if idle_s:
            time.sleep(idle_s)
            _, seconds = timed(way.run)
            ms = seconds * 1000
            print(f"| {words}, after {idle_s:.0f} s idle | {ms:.1f} | "
                  f"{ms / before_ms[words]:.1f} |")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--many", type=int, default=10_000_000)
    parser.add_argument("--idle", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    run(options.incidents, options.many, options.idle, options.rounds)
