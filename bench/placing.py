"""Placing points on grid and building, side by side with its peers.

    .venv/bin/python -m bench.placing [--points 1000000] [--rounds 5] [--many 10000000]

Prints Markdown. Structures are built once and kept, as a service does; their build time is shown
beside the rate, and one row has it inside the clock.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np

from bench.boston import METRIC, areas, case_points
from bench.clock import Contender, take_turns, timed
from bench.placing_peers import (
    FROM_POLYGONS,
    JOIN,
    LATERAL,
    LEVELS,
    Pairs,
    PostGIS,
    duckdb_ways,
    empty_postgis,
    geopandas_ways,
    sedona_ways,
)
from gis_service.hierarchy.placements import AreaTable, Method, Placements
from gis_service.hierarchy.placing import Placer

REACH_M = 30.0


def build(frames: dict[str, gpd.GeoDataFrame]) -> Placer:
    """A placer of ``frames``, opened from its folder as the service opens it."""
    tables = {
        level: AreaTable(frame["n"], frame["code"], frame["name"], frame.geometry.to_numpy())
        for level, frame in frames.items()
    }
    placer = Placer.build(tables, f"EPSG:{METRIC}", revision=1, nearest_m=REACH_M)
    with tempfile.TemporaryDirectory() as folder:
        placer.save(Path(folder) / "placer")
        return Placer.open(Path(folder) / "placer")


def pairs_of(placements: Placements) -> Pairs:
    """All (point, area) pairs that placements name as covering, candidates included."""
    out = {}
    levels = ("street", "community", "grid", "building")
    candidates = placements.candidates
    of_point = candidates.point
    for level in LEVELS:
        answer = placements.levels[level]
        inside = answer.method == Method.INSIDE
        own = (candidates.level == levels.index(level)) & (candidates.distance_m == 0)
        several = np.zeros(len(placements), bool)
        several[of_point[own]] = True
        single = np.flatnonzero(inside & ~several)
        points = np.concatenate([single, of_point[own]])
        out[level] = (points, np.concatenate([answer.area_id[single], candidates.area_id[own]]))
    return out


def place(
    placer: Placer,
    lon: np.ndarray,
    lat: np.ndarray,
    nearest_m: float | None = 0,
    threads: int | None = None,
) -> Placements:
    """Placements whose identities, what the loader writes, are made too."""
    placements = placer.place(lon, lat, nearest_m=nearest_m, threads=threads)
    for answer in placements.levels.values():
        assert len(answer.area_id) == len(lon)
    return placements


def sorted_pairs(pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Pairs as one sorted array of numbers."""
    return np.sort(pairs[0].astype(np.int64) << 32 | pairs[1].astype(np.int64))


def differing(found: Pairs, truth: Pairs) -> int:
    """How many pairs of the two levels are in one but not in the other."""
    return sum(
        len(np.setxor1d(sorted_pairs(found[level]), sorted_pairs(truth[level]), True))
        for level in LEVELS
    )


def table(contenders: list[Contender], count: int, base: float, equal: dict[str, str]) -> list[str]:
    """Markdown rows of rates, ratios to ``base`` (s), build times, peak memory and answers."""
    lines = [
        "| way | points/s | × best PostGIS | build, s | peak above inputs, MB | as ST_Covers |",
        "|---|---|---|---|---|---|",
    ]
    for c in contenders:
        build_s = "–" if c.build_s is None else f"{c.build_s:.2f}"
        in_server = c.name.startswith("PostGIS")
        peak = "in the server" if in_server else f"{c.peak_mb or 0:.0f}"
        lines.append(
            f"| {c.name} | {count / c.median_s:,.0f} | {base / c.median_s:.1f} "
            f"| {build_s} | {peak} | {equal.get(c.name, '')} |"
        )
    return lines


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=10_000_000, help="0 leaves it out")
    options = parser.parse_args()
    frames = {level: areas(level) for level in LEVELS}
    lon, lat = case_points(options.points)
    warm = build(frames)  # compiles the kernels, once per machine
    warm.place(lon[:1000], lat[:1000])
    placer, build_s = timed(lambda: build(frames))
    points = gpd.GeoDataFrame(
        {"id": np.arange(len(lon), dtype=np.int32)},
        geometry=gpd.points_from_xy(lon, lat),
        crs=4326,
    )
    ours = [
        Contender("ours", lambda: place(placer, lon, lat), build_s),
        Contender("ours, one thread", lambda: place(placer, lon, lat, threads=1), build_s),
        Contender("ours, build in the clock", lambda: place(build(frames), lon, lat)),
        Contender("ours, nearest building too", lambda: place(placer, lon, lat, None), build_s),
    ]
    peers = [*geopandas_ways(frames, points), *sedona_ways(frames, points)]
    notes = []
    for way in duckdb_ways(frames, points):
        (notes if isinstance(way, str) else peers).append(way)
    with empty_postgis() as connection:
        server = PostGIS(connection)
        server.load(frames, lon, lat)
        plain, indexed = server.index("points"), server.index("polygons")
        postgis = [
            Contender("PostGIS LATERAL", lambda: server.answer(LATERAL), plain, rounds=1),
            Contender("PostGIS join", lambda: server.answer(JOIN), plain, rounds=1),
            Contender(
                "PostGIS, polygons drive an index on the points",
                lambda: server.answer(FROM_POLYGONS),
                indexed,
                rounds=3,
            ),
        ]
        take_turns(postgis[:1], 1)
        truth = server.pairs()
        take_turns([*postgis[1:], *peers, *ours], options.rounds)
        base = min(c.median_s for c in postgis)
        equal = {}
        for c in [*peers, *ours[:3]]:
            found = pairs_of(c.result) if isinstance(c.result, Placements) else c.result
            wrong = differing(found, truth)
            equal[c.name] = "equal on all" if wrong == 0 else f"{wrong} pairs differ"
        print(f"## Placing {len(lon):,} points on grid and building\n")
        print("\n".join(table([*postgis, *peers, *ours], len(lon), base, equal)))
        best_sedona = min(c.median_s for c in peers if c.name.startswith("sedonadb"))
        print(
            f"\nours / best PostGIS = {base / ours[0].median_s:.1f}; "
            f"ours / best sedonadb = {best_sedona / ours[0].median_s:.1f}; build in the clock: "
            f"{base / ours[2].median_s:.1f} and {best_sedona / ours[2].median_s:.1f}"
        )
        print("\n".join(["", *notes]))
        nearest(server, placer, lon, lat, options.rounds)
    if options.many:
        many(placer, lon, lat, options.many)


def nearest(server: PostGIS, placer: Placer, lon: np.ndarray, lat: np.ndarray, rounds: int) -> None:
    """Nearest building within the reach, of the points that lie in none."""
    nowhere = np.flatnonzero(placer.place(lon, lat, nearest_m=0).levels["building"].row < 0)
    x, y = lon[nowhere], lat[nowhere]
    contenders = [
        server.nearest(nowhere, METRIC, REACH_M),
        Contender("ours", lambda: placer.place(x, y)),
        Contender("ours, one thread", lambda: placer.place(x, y, threads=1)),
    ]
    take_turns(contenders, rounds)
    at, distance = server.nearest_found()
    found = contenders[1].result.levels["building"].distance_m
    expected = np.full(len(lon), np.nan)
    expected[at] = distance
    expected = expected[nowhere]
    # PostGIS takes its distance to the same straight lines in the projected system
    same = np.isclose(found, expected, rtol=1e-6, atol=1e-4, equal_nan=True)
    base = contenders[0].median_s
    print(f"\n## Nearest building within {REACH_M:.0f} m of {len(nowhere):,} points in none\n")
    print("| way | points/s | × PostGIS |\n|---|---|---|")
    for c in contenders:
        print(f"| {c.name} | {len(nowhere) / c.median_s:,.0f} | {base / c.median_s:.1f} |")
    print(f"\ndistances differ at {int((~same).sum())} of {len(nowhere):,} points")


def many(placer: Placer, lon: np.ndarray, lat: np.ndarray, count: int) -> None:
    """The same with more points: time and peak memory against the smaller number's."""
    few = Contender("few", lambda: place(placer, lon, lat))
    x, y = case_points(count, seed=2012)
    lots = Contender("many", lambda: place(placer, x, y))
    take_turns([few, lots], 5)
    print(f"\n## {count:,} points\n")
    print(
        f"{count / lots.median_s:,.0f} points/s, {lots.median_s / few.median_s:.1f} × the time "
        f"of {len(lon):,}, peak {lots.peak_mb or 0:.0f} MB above the inputs"
    )


if __name__ == "__main__":
    main()
