"""OGC API – Features read by GDAL: ours, with its permissions and checks, against tipg alone on the
same view, in turns.

    .venv/bin/python -m bench.ogc [--features 50000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
from statistics import median

import pyogrio

from bench.clock import Contender, take_turns
from bench.database import BenchDatabase, bench_database
from bench.http import APPLICATION, TIPG, server, url_of
from bench.inbox import fill
from gis_service.accounts.service import Actor, add_account, add_token

PAGE_SIZE = 1000


def token_of(database: BenchDatabase) -> str:
    """A token of a new administrator."""
    actor = Actor(None, "bench")
    with database.sessions.begin() as session:
        account = add_account(
            session, database.settings, actor, name="bench", role="admin", password=None, scopes=()
        )
        _, token = add_token(session, actor, account, label="bench")
    return token


def read(base: str, layer: str, token: str | None, wanted: int) -> int:
    """Every feature of a collection by GDAL's OAPIF driver."""
    # the driver's own header for what it accepts takes the place of GDAL_HTTP_HEADERS
    pyogrio.set_gdal_config_options(
        {"GDAL_HTTP_AUTH": "BEARER" if token else None, "GDAL_HTTP_BEARER": token}
    )
    table = pyogrio.read_arrow(
        f"OAPIF:{base}", layer=layer, PAGE_SIZE=PAGE_SIZE, IGNORE_SCHEMA="YES"
    )[1]
    assert table.num_rows == wanted, table.num_rows
    return table.num_rows


def run(features: int, rounds: int) -> None:
    """Print the table."""
    with bench_database() as database:
        fill(database, features)
        token = token_of(database)
        environment = {
            "GIS_DATABASE_URL": database.address, "FIXED_BYTES": "1",
            "GIS_DATA_DIR": str(database.settings.data_dir), **os.environ,
        }  # fmt: skip
        environment["GIS_DATABASE_URL"] = database.address
        alone = TIPG.replace('"public"', '"ogc"')
        with (
            server(APPLICATION, environment, "/readyz") as ours,
            server(alone, {"TIPG_ADDRESS": url_of(database.address)}, "/conformance") as peer,
        ):
            contenders = [
                Contender("ours", lambda: read(f"{ours}/ogc", "incident", token, features)),
                Contender("tipg alone", lambda: read(peer, "ogc.incident", None, features)),
            ]
            take_turns(contenders, rounds)
        own, other = contenders
        ratio = median(b / a for a, b in zip(own.seconds, other.seconds, strict=True))
        print(f"### {features:,} features read by GDAL, pages of {PAGE_SIZE:,}\n")
        print("| ours, s | tipg alone, s | ours is (≥ 0.9 ×) |\n|---|---|---|")
        print(f"| {own.median_s:.2f} | {other.median_s:.2f} | {ratio:.2f} × |\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    run(options.features, options.rounds)
