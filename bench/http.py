"""Requests a second against a fixed answer of the same size from the same server and framework,
and polygon tiles against the bare statement and tipg.

    .venv/bin/python -m bench.http [--seconds 4] [--rounds 5]

Wants wrk (Debian package) to ask; it asks loopback only, for a bounded time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import quote

import numpy as np
import psycopg
from sqlalchemy import text

from bench.boston import DATA, case_points
from bench.database import BenchDatabase, bench_database, load_boston
from gis_service.analysis import quadkey
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents.loading import load_incidents
from gis_service.incidents.mapping import read_mapping
from gis_service.maps.registry import read_registry, statement
from tests.ports import free_port

CLIENTS = 20
TILES = 150
APPLICATION = """
import os
from fastapi import Response
from gis_service.app import create_app
app = create_app()
body = os.urandom(int(os.environ["FIXED_BYTES"]))
@app.get("/tiles/fixed/{size}/{x}/{y}.mvt")
async def fixed_tile(size: int, x: int, y: int) -> Response:
    return Response(body, media_type="application/vnd.mapbox-vector-tile")
@app.get("/api/fixed")
async def fixed() -> Response:
    return Response(body, media_type="application/json")
# before the service's own tiles, whose address would take it
app.router.routes[:0] = [app.router.routes.pop() for _ in range(2)]
"""
TIPG = """
from tipg.settings import PostgresSettings, DatabaseSettings
from contextlib import asynccontextmanager
from fastapi import FastAPI
from tipg.collections import register_collection_catalog
from tipg.database import close_db_connection, connect_to_db
from tipg.factory import Endpoints
import os
settings = PostgresSettings(database_url=os.environ["TIPG_ADDRESS"], _env_file=None)
@asynccontextmanager
async def lifespan(app):
    await connect_to_db(app, settings=settings, schemas=["public"])
    await register_collection_catalog(app, db_settings=DatabaseSettings(schemas=["public"]))
    yield
    await close_db_connection(app)
app = FastAPI(lifespan=lifespan)
app.include_router(Endpoints().router)
"""


@contextmanager
def server(code: str, environment: dict[str, str], probe: str) -> Iterator[str]:
    """A uvicorn worker on a free loopback port; its base address."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench_application.py").write_text(code)
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "bench_application:app", "--port", str(port),
             "--log-level", "warning", "--no-access-log"],
            env={**os.environ, **environment, "PYTHONPATH": f"{folder}:{Path.cwd()}"},
        )  # fmt: skip
        base = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"{base}{probe}", timeout=5)
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                raise RuntimeError(f"{base} did not start")
            yield base
        finally:
            process.terminate()
            process.wait()


def rate(base: str, paths: list[str], seconds: float) -> float:
    """Requests a second over ``paths`` in turn, CLIENTS connections."""
    listed = ",".join(f'"{path}"' for path in paths)
    script = (
        f"local paths = {{{listed}}}\nlocal n = 0\n"
        "request = function() n = n % #paths + 1; return wrk.format('GET', paths[n]) end\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as handle:
        handle.write(script)
        handle.flush()
        out = subprocess.run(
            ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds:g}s", "-s", handle.name, base],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    if "Non-2xx" in out:
        raise RuntimeError(out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))  # type: ignore[union-attr]


def side_by_side(base: str, ours: list[str], fixed: list[str], seconds: float, rounds: int) -> str:
    """A row: median rates of interleaved rounds and their ratio."""
    rate(base, ours, 1)
    pairs = [(rate(base, ours, seconds), rate(base, fixed, seconds)) for _ in range(rounds)]
    own, other = (median(values) for values in zip(*pairs, strict=True))
    return f"{own:,.0f} | {other:,.0f} | {median(a / b for a, b in pairs):.2f}"


def building_tiles(count: int) -> list[tuple[int, int, int]]:
    """Addresses of tiles with buildings, zooms 14 to 17, a fixed draw."""
    lon, lat = case_points(5000)
    rng = np.random.default_rng(3)
    keys = quadkey.of_positions(lon, lat)
    chosen: dict[tuple[int, int, int], None] = {}
    while len(chosen) < count:
        z = int(rng.integers(14, 18))
        column, row = quadkey.to_columns_rows(rng.choice(keys) >> (2 * (quadkey.ZOOM - z)))
        chosen[z, int(column), int(row)] = None
    return list(chosen)


async def bare_and_served(database: BenchDatabase, tiles: list[tuple[int, int, int]]) -> str:
    """Time of an uncached polygon tile in the service's own function, and of the statement bare."""
    from gis_service.app import create_app

    app = create_app(database.settings)
    layer = read_registry(database.settings.layers_dir)["building"]
    query = text(statement(layer)).compile()
    sql = str(query).replace(":z", "%(z)s").replace(":x", "%(x)s").replace(":y", "%(y)s")
    from gis_service.incidents.filters import IncidentFilter

    async with app.router.lifespan_context(app):
        connection = await psycopg.AsyncConnection.connect(database.address)
        ours, bare = [], []
        for number, (z, x, y) in enumerate(tiles):
            parameters = {"z": z, "x": x, "y": y}
            start = time.perf_counter()
            await (await connection.execute(sql, parameters)).fetchone()  # type: ignore[arg-type]
            middle = time.perf_counter()
            await app.state.tiles.tile(layer, z, x, y, IncidentFilter(), number)
            end = time.perf_counter()
            if number >= 10:
                bare.append(middle - start)
                ours.append(end - middle)
        await connection.close()
    return f"{median(ours) * 1e3:.1f} | {median(bare) * 1e3:.1f} | {sum(ours) / sum(bare):.2f}"


def run(seconds: float, rounds: int) -> None:
    """Print the tables."""
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing: apt-get install wrk")
    with bench_database() as database:
        load_boston(database)
        with database.sessions.begin() as session:
            locator = load_locator(session, database.settings)
        load_incidents(
            database.sessions, DATA / "boston_311_2011.csv.gz", read_mapping(Path("boston_311")),
            locator, database.settings,
        )  # fmt: skip
        lon, lat = case_points(500)
        located = [f"/api/locate?lon={a:.6f}&lat={b:.6f}" for a, b in zip(lon, lat, strict=True)]
        tiles = building_tiles(TILES)
        environment = {
            "GIS_DATABASE_URL": database.address,
            "GIS_DATA_DIR": str(database.settings.data_dir),
        }
        size = len(str(locator.locate(float(lon[0]), float(lat[0]))))
        print("### HTTP, one worker, 20 clients\n")
        print("| request | ours, 1/s | fixed answer of the size, 1/s | ratio (≥ 0.5) |")
        print("|---|---|---|---|")
        with server(APPLICATION, {**environment, "FIXED_BYTES": str(size)}, "/readyz") as base:
            row = side_by_side(base, located, ["/api/fixed"], seconds, rounds)
            print(f"| /api/locate | {row} |")
        paths = [f"/tiles/building/{z}/{x}/{y}.mvt" for z, x, y in tiles]
        with server(APPLICATION, {**environment, "FIXED_BYTES": "5000"}, "/readyz") as base:
            sizes = [len(urllib.request.urlopen(base + path).read()) for path in paths]
        middle = paths[int(np.argsort(sizes)[len(sizes) // 2])]
        fixed_bytes = str(sorted(sizes)[len(sizes) // 2])
        with server(APPLICATION, {**environment, "FIXED_BYTES": fixed_bytes}, "/readyz") as base:
            row = side_by_side(base, [middle], ["/tiles/fixed/1/1/1.mvt"], seconds, rounds)
            print(f"| cached tile of {int(fixed_bytes):,} bytes | {row} |")
        print("\n### Polygon tiles (buildings, zooms 14–17), uncached\n")
        print("| ours, ms | same statement bare, ms | ratio of sums (≤ 1.15) |\n|---|---|---|")
        print(f"| {asyncio.run(bare_and_served(database, tiles))} |")
        with psycopg.connect(database.address, autocommit=True) as connection:
            connection.execute(
                "CREATE VIEW bench_building AS SELECT id, code, name, geom FROM building "
                "WHERE valid_to IS NULL"
            )
        tipg = [f"/collections/public.bench_building/tiles/WebMercatorQuad/{z}/{x}/{y}"
                for z, x, y in tiles]  # fmt: skip
        uncached = {**environment, "GIS_TILE_CACHE_BYTES": "0", "FIXED_BYTES": "1"}
        pairs = []
        with (
            server(APPLICATION, uncached, "/readyz") as base,
            server(TIPG, {"TIPG_ADDRESS": url_of(database.address)}, "/conformance") as peer,
        ):
            for _ in range(rounds):
                pairs.append((rate(base, paths, seconds), rate(peer, tipg, seconds)))
        own, other = (median(values) for values in zip(*pairs, strict=True))
        print(f"\n| ours, tiles/s | tipg, tiles/s | ratio (≥ 1.2) |\n|---|---|---|\n"
              f"| {own:.0f} | {other:.0f} | {median(a / b for a, b in pairs):.2f} |\n")  # fmt: skip


def url_of(address: str) -> str:
    """A libpq address as a URL, which is the only form tipg takes."""
    facts = psycopg.conninfo.conninfo_to_dict(address)
    host = quote(facts["host"], safe="")
    return f"postgresql://{facts['user']}@{host}/{facts['dbname']}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run(options.seconds, options.rounds)
