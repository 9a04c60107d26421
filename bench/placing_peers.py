"""How others place points on grid and building: PostGIS, geopandas, duckdb, sedonadb."""

from __future__ import annotations

import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import geopandas as gpd
import numpy as np
import psycopg
import pyarrow as pa
import sedonadb
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench.clock import Contender, timed
from gis_service.db.copy import copy_table
from gis_service.db.engine import conninfo

LEVELS = ("grid", "building")
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]  # per level: point numbers, area numbers

LATERAL = """
SELECT p.id, a.n FROM pts p
CROSS JOIN LATERAL (SELECT n FROM {level} a WHERE ST_Covers(a.geom, p.geom) OFFSET 0) a
"""
JOIN = "SELECT p.id, a.n FROM pts p JOIN {level} a ON ST_Covers(a.geom, p.geom)"
FROM_POLYGONS = """
SELECT p.id, a.n FROM {level}_unindexed a
CROSS JOIN LATERAL (SELECT id FROM pts_indexed p WHERE ST_Covers(a.geom, p.geom) OFFSET 0) p
"""
NEAREST = """
SELECT p.id, b.n, b.d FROM pts_metric p
CROSS JOIN LATERAL (
    SELECT n, geom <-> p.geom AS d FROM building_metric b
    WHERE ST_DWithin(b.geom, p.geom, {reach}) ORDER BY geom <-> p.geom LIMIT 1
) b
"""


@contextmanager
def empty_postgis() -> Iterator[psycopg.Connection[Any]]:
    """A connection to a new database on the configured server, dropped also when told to end."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    server = conninfo()
    name = sql.Identifier(f"gis_test_bench_{secrets.token_hex(4)}")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            address = make_conninfo(server, dbname=name.as_string().strip('"'))
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
                yield connection
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


class PostGIS:
    """Points and areas in tables; answers become an unlogged table, as a set-based load does."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def load(self, frames: dict[str, gpd.GeoDataFrame], lon: np.ndarray, lat: np.ndarray) -> None:
        """Tables with and without indexes, analysed."""
        run = self.connection.execute
        for level, frame in frames.items():
            run(f"CREATE UNLOGGED TABLE {level}_raw (n int, geom bytea)")
            rows = pa.table({"n": frame["n"], "geom": pa.array(frame.geometry.to_wkb())})
            copy_table(self.connection, f"{level}_raw", rows)
            for table in (level, f"{level}_unindexed"):
                run(
                    f"CREATE UNLOGGED TABLE {table} AS "
                    f"SELECT n, ST_GeomFromWKB(geom, 4326) AS geom FROM {level}_raw"
                )
                run(f"ANALYZE {table}")
        run("CREATE UNLOGGED TABLE pts_raw (id int, x float8, y float8)")
        ids = np.arange(len(lon), dtype=np.int32)
        copy_table(self.connection, "pts_raw", pa.table({"id": ids, "x": lon, "y": lat}))
        for table in ("pts", "pts_indexed"):
            run(
                f"CREATE UNLOGGED TABLE {table} AS "
                "SELECT id, ST_SetSRID(ST_MakePoint(x, y), 4326) AS geom FROM pts_raw"
            )
            run(f"ANALYZE {table}")

    def index(self, name: str) -> float:
        """Seconds to build the indexes of the way ``name``."""
        tables = ("pts_indexed",) if name == "polygons" else LEVELS
        _, seconds = timed(lambda: [self._index(table) for table in tables])
        return seconds

    def _index(self, table: str) -> None:
        self.connection.execute(f"CREATE INDEX ON {table} USING gist (geom)")
        self.connection.execute(f"ANALYZE {table}")

    def answer(self, query: str) -> None:
        """The pairs of both levels, as tables ``hits_<level>``."""
        for level in LEVELS:
            self.connection.execute(f"DROP TABLE IF EXISTS hits_{level}")
            self.connection.execute(
                f"CREATE UNLOGGED TABLE hits_{level} AS {query.format(level=level)}"
            )

    def pairs(self) -> Pairs:
        """What the last answer holds."""
        out = {}
        for level in LEVELS:
            with self.connection.cursor(binary=True) as cursor:
                rows = cursor.execute(f"SELECT id, n FROM hits_{level}").fetchall()
            found = np.array(rows, np.int32).reshape(-1, 2)
            out[level] = (found[:, 0], found[:, 1])
        return out

    def nearest(self, chosen: np.ndarray, metric_crs: int, reach: float) -> Contender:
        """Nearest building of the points ``chosen``, in a projected system."""
        run = self.connection.execute
        run("CREATE UNLOGGED TABLE chosen (id int)")
        copy_table(self.connection, "chosen", pa.table({"id": chosen.astype(np.int32)}))
        run(
            "CREATE UNLOGGED TABLE pts_metric AS SELECT id, "
            f"ST_Transform(geom, {metric_crs}) AS geom FROM pts JOIN chosen USING (id)"
        )
        run(
            "CREATE UNLOGGED TABLE building_metric AS "
            f"SELECT n, ST_Transform(geom, {metric_crs}) AS geom FROM building"
        )
        run("ANALYZE pts_metric")
        _, build = timed(lambda: self._index("building_metric"))

        def work() -> None:
            run("DROP TABLE IF EXISTS hits_nearest")
            run(f"CREATE UNLOGGED TABLE hits_nearest AS {NEAREST.format(reach=reach)}")

        return Contender("PostGIS, KNN within the reach", work, build, rounds=1)

    def nearest_found(self) -> tuple[np.ndarray, np.ndarray]:
        """(points, distances) of the last nearest answer."""
        with self.connection.cursor(binary=True) as cursor:
            rows = cursor.execute("SELECT id, d FROM hits_nearest ORDER BY id").fetchall()
        found = np.array(rows, float).reshape(-1, 2)
        return found[:, 0].astype(int), found[:, 1]


def geopandas_ways(frames: dict[str, gpd.GeoDataFrame], points: gpd.GeoDataFrame) -> Any:
    """Contenders by geopandas.sjoin; the points' geometries are built outside the clock."""

    def sjoin(predicate: str) -> Pairs:
        out = {}
        for level in LEVELS:
            joined = gpd.sjoin(points, frames[level][["n", "geometry"]], predicate=predicate)
            out[level] = (joined["id"].to_numpy(), joined["n"].to_numpy())
        return out

    for predicate in ("intersects", "within"):
        yield Contender(f"geopandas.sjoin {predicate}", lambda p=predicate: sjoin(p), rounds=1)


def sedona_ways(frames: dict[str, gpd.GeoDataFrame], points: gpd.GeoDataFrame) -> Any:
    """Contenders by sedonadb on tables kept in its memory."""
    context = sedonadb.connect()

    def load() -> None:
        context.create_data_frame(points).to_memtable().to_view("pts")
        for level in LEVELS:
            frame = frames[level][["n", "geometry"]]
            context.create_data_frame(frame).to_memtable().to_view(level)

    def join(condition: str) -> Pairs:
        out = {}
        for level in LEVELS:
            query = f"SELECT p.id, a.n FROM pts p JOIN {level} a ON {condition}"
            found = pa.table(context.sql(query))
            out[level] = (found["id"].to_numpy(), found["n"].to_numpy())
        return out

    _, build = timed(load)
    for condition in (
        "ST_Covers(a.geometry, p.geometry)",
        "ST_Intersects(a.geometry, p.geometry)",
        "ST_Within(p.geometry, a.geometry)",
        "ST_Contains(a.geometry, p.geometry)",
    ):
        name = condition.split("(")[0]
        yield Contender(f"sedonadb {name}", lambda c=condition: join(c), build)


def duckdb_ways(frames: dict[str, gpd.GeoDataFrame], points: gpd.GeoDataFrame) -> Any:
    """A contender by duckdb's spatial join, or why there is none."""
    connection = duckdb.connect()
    try:
        connection.execute("LOAD spatial")
    except duckdb.Error as error:
        reason = type(error).__name__
        yield f"duckdb spatial: not compared, its extension is not installed ({reason})"
        return

    def load() -> None:
        for name, frame in {**frames, "pts": points}.items():
            key = "id" if name == "pts" else "n"
            raw = pa.table({key: frame[key], "wkb": pa.array(frame.geometry.to_wkb())})
            connection.register("raw", raw)
            connection.execute(
                f"CREATE TABLE {name} AS SELECT {key}, ST_GeomFromWKB(wkb) AS geom FROM raw"
            )
            connection.unregister("raw")

    def join() -> Pairs:
        out = {}
        for level in LEVELS:
            found = connection.execute(
                f"SELECT p.id, a.n FROM pts p JOIN {level} a ON ST_Covers(a.geom, p.geom)"
            ).fetchnumpy()
            out[level] = (found["id"], found["n"])
        return out

    _, build = timed(load)
    yield Contender("duckdb spatial ST_Covers", join, build)
