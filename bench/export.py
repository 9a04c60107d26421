"""Exports against what a server and a library do at best: incidents to CSV against COPY … TO of
the same rows, to GeoPackage against geopandas writing a frame that it holds already.

    .venv/bin/python -m bench.export [--incidents 1000000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import geopandas as gpd
import pandas as pd
import psycopg
import pyarrow as pa
import shapely

from bench.clock import Contender, take_turns
from bench.database import BenchDatabase, bench_database
from bench.inbox import fill
from gis_service.db.copy import literal
from gis_service.incidents.filters import IncidentFilter
from gis_service.interop.exports import queries
from gis_service.interop.exports.apart import write_apart
from gis_service.interop.exports.catalog import heading
from gis_service.interop.exports.rows import GEOMETRY
from gis_service.interop.exports.writing import Presented
from gis_service.maps.tiles import for_driver

SECONDS = 3600


def exported(database: BenchDatabase, form: str, out: Path) -> int:
    """Write all incidents as the service does; the bytes."""
    statement = queries.incident_statement(IncidentFilter(), "zh")
    with (
        database.sessions() as session,
        closing(queries.read(session, statement, 4326, SECONDS)) as rows,
        out.open("wb") as file,
    ):
        heads = {column: heading(column, "zh") for column in rows.schema.names}
        how = Presented(form, "incidents", "Point", "案件", heads, database.settings.timezone, "zh")
        for piece in write_apart(rows, how):
            file.write(piece)
    return out.stat().st_size


def copied(database: BenchDatabase, out: Path) -> int:
    """The same rows by the server's own COPY."""
    statement = queries.incident_statement(IncidentFilter(), "zh")
    inner = for_driver(statement.sql)
    sql = f"COPY (SELECT q.*, ST_X(geom), ST_Y(geom) FROM ({inner}) q) TO STDOUT (FORMAT csv)"
    with (
        psycopg.connect(database.address) as connection,
        connection.cursor() as cursor,
        cursor.copy(literal(sql), statement.values) as copy,
        out.open("wb") as file,
    ):
        for row in copy:
            file.write(row)
    return out.stat().st_size


def frame(database: BenchDatabase) -> gpd.GeoDataFrame:
    """All incidents as a GeoDataFrame."""
    statement = queries.incident_statement(IncidentFilter(), "zh")
    with (
        database.sessions() as session,
        closing(queries.read(session, statement, 4326, SECONDS)) as rows,
    ):
        table = pa.Table.from_batches(rows.batches, rows.schema).to_pandas()
    shapes = shapely.from_wkb(table.pop(GEOMETRY).to_numpy())
    return gpd.GeoDataFrame(pd.DataFrame(table), geometry=shapes, crs="EPSG:4326")


def run(incidents: int, rounds: int) -> None:
    """Print the table."""
    with bench_database() as database, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(database, incidents)
        fresh = iter(range(10_000))

        def new(suffix: str) -> Path:
            for old in folder.iterdir():
                old.unlink()
            return folder / f"{next(fresh)}.{suffix}"

        def timed(title: str, work: Callable[[], Any]) -> Contender:
            return Contender(title, work)

        csv = [
            timed("ours, CSV", lambda: exported(database, "csv", new("csv"))),
            timed("COPY … TO, the same rows", lambda: copied(database, new("csv"))),
        ]
        gpkg = [timed("ours, GeoPackage", lambda: exported(database, "gpkg", new("gpkg")))]
        take_turns(csv, rounds)
        take_turns(gpkg, 1)  # how much memory it takes, before a frame is held
        held = frame(database)
        library = [
            timed("geopandas.to_file", lambda: held.to_file(new("gpkg"), driver="GPKG")),
            timed("geopandas.to_file, by Arrow",
                  lambda: held.to_file(new("gpkg"), driver="GPKG", use_arrow=True)),
        ]  # fmt: skip
        take_turns([*gpkg, *library], rounds)
        print(f"### Export of {incidents:,} incidents (41 columns)\n")
        print("| work | seconds, median | rate against | peak, MB more |\n|---|---|---|---|")
        for own, others, wanted in ((csv[0], csv[1:], "≥ 0.5"), (gpkg[0], library, "≥ 1")):
            print(f"| {own.name} | {own.median_s:.2f} | | {own.peak_mb:.0f} |")
            for other in others:
                ratio = median(other.seconds) / own.median_s
                print(f"| {other.name} | {other.median_s:.2f} | ours is {ratio:.2f} × "
                      f"({wanted}) | {other.peak_mb:.0f} |")  # fmt: skip
        print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    run(options.incidents, options.rounds)
