"""Fixes cleaned and turned into visits, against a PostGIS window query and geopandas.sjoin.

    .venv/bin/python -m bench.tracks [--fixes 1000000] [--rounds 3]

Walks among Boston's grids with the faults phones have. All ways apply the same rules (see
gis_service.patrols.cleaning and .visits) and must name the same stays to the microsecond. The
peers' structures (indexes, points as geometries) are made before the clock starts, as are ours.
"""

from __future__ import annotations

import argparse

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa

from bench.boston import areas, case_points
from bench.clock import Contender, take_turns, timed
from bench.database import bench_database
from gis_service.db.copy import copy_table
from gis_service.hierarchy.lookup_raster import PolygonIndex
from gis_service.incidents.rows import ewkb_points
from gis_service.patrols.cleaning import TRANSPORTS, CleaningRules, Fixes, clean_fixes
from gis_service.patrols.track_kernels import metres_between
from gis_service.patrols.visits import visits_of

RULES = CleaningRules()
FOOT = TRANSPORTS["foot"]
START_US = 1_780_000_000_000_000
DEVICES = 120
STEP_S = 15
STEP_M = 18.0

# the rules in SQL: steps between neighbours, spikes out, runs, then stays per grid
QUERY = f"""
WITH usable AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY device, at ORDER BY n) AS copy FROM bench_fix
        WHERE at <= %(now)s AND NOT coalesce(accuracy_m > {RULES.worst_accuracy_m}, false)
    ) f WHERE copy = 1
), stepped AS (
    SELECT *, at - lag(at) OVER w <= %(break)s AS near_before,
        ST_Distance(geog, lag(geog) OVER w)
            <= %(speed)s * (at - lag(at) OVER w) / 1e6 + slack + lag(slack) OVER w AS can_before
    FROM (SELECT *, coalesce(accuracy_m, {RULES.unknown_accuracy_m}) AS slack FROM usable) u
    WINDOW w AS (PARTITION BY device ORDER BY at)
), kept AS MATERIALIZED (
    SELECT device, at, geom, geog, slack
    FROM (SELECT *, near_before AND NOT can_before AS leaps,
              lead(near_before AND NOT can_before)
                  OVER (PARTITION BY device ORDER BY at) AS leaps_on
          FROM stepped) s
    WHERE NOT coalesce(leaps AND leaps_on, false)
), joined AS (
    SELECT *, row_number() OVER w AS place,
        coalesce(at - lag(at) OVER w <= %(break)s AND ST_Distance(geog, lag(geog) OVER w)
            <= %(speed)s * (at - lag(at) OVER w) / 1e6 + slack + lag(slack) OVER w, false)
            AS goes_on
    FROM kept WINDOW w AS (PARTITION BY device ORDER BY at)
), runs AS MATERIALIZED (
    SELECT device, at, geom, place, run,
        lead(at) OVER (PARTITION BY device, run ORDER BY at) AS next
    FROM (SELECT *, count(*) FILTER (WHERE NOT goes_on) OVER (PARTITION BY device ORDER BY at)
              AS run FROM joined) r
), inside AS (
    SELECT r.device, r.run, r.at, coalesce(r.next, r.at) AS until, g.n AS grid,
        r.place - row_number() OVER (PARTITION BY r.device, r.run, g.n ORDER BY r.at) AS island
    FROM runs r JOIN bench_grid g ON ST_Covers(g.geom, r.geom)
)
SELECT device, grid, min(at), max(until) FROM inside
GROUP BY device, run, grid, island HAVING max(until) - min(at) >= %(stay)s
ORDER BY 1, 3, 2
"""


def make_fixes(count: int, seed: int = 5) -> Fixes:
    """``count`` fixes of DEVICES walks that begin at real places, with gaps and faults."""
    rng = np.random.default_rng(seed)
    each = -(-count // DEVICES)
    lon0, lat0 = case_points(DEVICES, seed)
    heading = np.cumsum(rng.normal(0, 0.25, (DEVICES, each)), axis=1)
    east, north = np.cumsum(np.cos(heading), axis=1), np.cumsum(np.sin(heading), axis=1)
    # back and forth around the start, so that nobody leaves town
    reach = 120
    east, north = (np.abs((v + reach) % (4 * reach) - 2 * reach) - reach for v in (east, north))
    degrees = STEP_M / 111_320
    lon = lon0[:, None] + east * degrees / np.cos(np.radians(42.3))
    lat = lat0[:, None] + north * degrees
    lon, lat = lon + rng.normal(0, 3e-5, lon.shape), lat + rng.normal(0, 2e-5, lat.shape)
    gaps = np.where(rng.random(lon.shape) < 0.003, 900, 0)
    seconds = np.cumsum(STEP_S + rng.integers(-2, 3, lon.shape) + gaps, axis=1)
    spikes = rng.random(lon.shape) < 0.005
    lon = lon + spikes * rng.choice([-0.02, 0.02], lon.shape)
    accuracy = rng.choice(
        [4.0, 8.0, 25.0, 150.0, np.nan], lon.shape, p=[0.4, 0.4, 0.12, 0.03, 0.05]
    )
    device = np.repeat(np.arange(DEVICES, dtype=np.int32), each)[:count]
    at = (START_US + seconds.astype(np.int64) * 1_000_000).ravel()[:count]
    twice = np.flatnonzero(rng.random(count) < 0.002)
    at[twice[twice > 0]] = at[twice[twice > 0] - 1]
    return Fixes.sort(
        device, at, lon.ravel()[:count], lat.ravel()[:count], accuracy.ravel()[:count]
    )[0]


def ours(fixes: Fixes, index: PolygonIndex, now_us: int) -> pd.DataFrame:
    """Stays as device, grid, entered, left."""
    transports = ["foot"] * DEVICES
    visits = visits_of(clean_fixes(fixes, transports, now_us, RULES), index, transports)
    return pd.DataFrame({"device": visits.device, "grid": visits.grid, "entered": visits.entered,
                         "left": visits.left})  # fmt: skip


def _steps(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(near, possible) of the step to each row from the one before."""
    device, at = frame["device"].to_numpy(), frame["at"].to_numpy()
    lon, lat = np.radians(frame["lon"].to_numpy()), np.radians(frame["lat"].to_numpy())
    phi = (lat[1:] + lat[:-1]) / 2
    w2 = 1 - 0.00669437999014 * np.sin(phi) ** 2
    east = np.diff(lon) * 6378137.0 / np.sqrt(w2) * np.cos(phi)
    north = np.diff(lat) * 6378137.0 * (1 - 0.00669437999014) / w2**1.5
    seconds = np.diff(at) / 1e6
    slack = frame["slack"].to_numpy()
    near = (np.diff(device) == 0) & (seconds <= RULES.break_s)
    possible = np.hypot(east, north) <= FOOT.max_speed_mps * seconds + slack[1:] + slack[:-1]
    return np.append(False, near), np.append(False, near & possible)


def by_geopandas(points: gpd.GeoDataFrame, grids: gpd.GeoDataFrame, now_us: int) -> pd.DataFrame:
    """The same with pandas for the rules and sjoin for the grids."""
    bad = (points["at"] > now_us) | (points["accuracy_m"] > RULES.worst_accuracy_m)
    rows = points[~bad]
    rows = rows[~rows.duplicated(["device", "at"])]
    near, possible = _steps(rows)
    wrong_before = near & ~possible
    wrong_after = np.append(wrong_before[1:], False)
    rows = rows[~(wrong_before & wrong_after)]
    _, goes_on = _steps(rows)
    run = np.cumsum(~goes_on)
    at = rows["at"].to_numpy()
    until = np.where(np.append(goes_on[1:], False), np.append(at[1:], 0), at)
    rows = rows.assign(run=run, until=until, place=np.arange(len(rows)))
    pairs = gpd.sjoin(rows, grids[["n", "geometry"]], predicate="covered_by")
    pairs = pairs.sort_values(["n", "place"])
    island = (
        (pairs["n"].diff() != 0) | (pairs["run"].diff() != 0) | (pairs["place"].diff() != 1)
    ).cumsum()
    stays = pairs.groupby(island).agg(
        device=("device", "first"), grid=("n", "first"), entered=("at", "first"),
        left=("until", "last"),
    )  # fmt: skip
    long_enough = stays["left"] - stays["entered"] >= FOOT.shortest_stay_s * 1e6
    return stays[long_enough].sort_values(["device", "entered", "grid"]).reset_index(drop=True)


def fill(connection: psycopg.Connection, fixes: Fixes, grids: gpd.GeoDataFrame) -> None:
    """The same fixes and grids in PostGIS, as geometry and geography, indexed and analysed."""
    connection.execute(
        "CREATE TABLE bench_fix (n int, device int, at bigint, accuracy_m real, "
        "geom geometry(Point, 4326))"
    )
    copy_table(
        connection, "bench_fix",
        pa.table(
            {
                "n": np.arange(len(fixes), dtype=np.int32), "device": fixes.device, "at": fixes.at,
                "accuracy_m": pa.array(fixes.accuracy_m.astype(np.float32), from_pandas=True),
                "geom": ewkb_points(fixes.lon, fixes.lat, 4326),
            }
        ),
    )  # fmt: skip
    connection.execute("ALTER TABLE bench_fix ADD COLUMN geog geography(Point, 4326)")
    connection.execute("UPDATE bench_fix SET geog = geom::geography")
    connection.execute("CREATE INDEX ON bench_fix (device, at)")
    connection.execute("CREATE TABLE bench_grid (n int, geom geometry(Geometry, 4326))")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bench_grid VALUES (%s, ST_GeomFromWKB(%s, 4326))",
            list(zip(grids["n"].tolist(), grids.geometry.to_wkb(), strict=True)),
        )
    connection.execute("CREATE INDEX ON bench_grid USING gist (geom)")
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM FULL ANALYZE bench_fix")
    connection.execute("ANALYZE bench_grid")
    connection.execute("SET work_mem = '512MB'")
    connection.execute("SET max_parallel_workers_per_gather = 2")


def by_postgis(connection: psycopg.Connection, now_us: int) -> pd.DataFrame:
    """The window query."""
    values = {"now": now_us, "break": int(RULES.break_s * 1e6), "speed": FOOT.max_speed_mps,
              "stay": int(FOOT.shortest_stay_s * 1e6)}  # fmt: skip
    found = connection.execute(QUERY, values).fetchall()  # type: ignore[arg-type]
    return pd.DataFrame(found, columns=["device", "grid", "entered", "left"])


def same(found: pd.DataFrame, truth: pd.DataFrame) -> str:
    """Whether all stays are equal, to the microsecond."""
    a, b = (
        set(frame.astype("int64").itertuples(index=False, name=None)) for frame in (found, truth)
    )
    return "equal on all" if a == b else f"{len(a ^ b)} differ"


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fixes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    grids = areas("grid")
    fixes = make_fixes(options.fixes)
    now_us = int(np.quantile(fixes.at, 0.999))
    index, build_s = timed(lambda: PolygonIndex.build(grids.geometry.to_numpy(), 2048))
    ours(make_fixes(1000), index, now_us)  # compiles
    metres_between(0.0, 0.0, 0.0, 0.0)
    points = gpd.GeoDataFrame(
        {
            "device": fixes.device, "at": fixes.at, "accuracy_m": fixes.accuracy_m,
            "lon": fixes.lon, "lat": fixes.lat,
            "slack": np.where(np.isnan(fixes.accuracy_m), RULES.unknown_accuracy_m,
                              fixes.accuracy_m),
        },
        geometry=gpd.points_from_xy(fixes.lon, fixes.lat), crs=4326,
    )  # fmt: skip
    grids.sindex  # noqa: B018 - built before the clock starts
    with bench_database() as database, psycopg.connect(database.address) as connection:
        fill(connection, fixes, grids)
        ways = [
            Contender("ours", lambda: ours(fixes, index, now_us), build_s),
            Contender("geopandas.sjoin", lambda: by_geopandas(points, grids, now_us)),
            Contender("PostGIS window query", lambda: by_postgis(connection, now_us), rounds=2),
        ]
        take_turns(ways, options.rounds)
    truth = ways[-1].result
    print(f"## {len(fixes):,} fixes cleaned and turned into {len(truth):,} visits\n")
    print("| way | s | × ours | visits as PostGIS |\n|---|---|---|---|")
    for way in ways:
        print(f"| {way.name} | {way.median_s:.3f} | {way.median_s / ways[0].median_s:.1f} "
              f"| {same(way.result, truth)} |")  # fmt: skip
    print("\nWanted: PostGIS ≥ 10, geopandas.sjoin ≥ 2, equal on all.")


if __name__ == "__main__":
    main()
