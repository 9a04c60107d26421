"""Street length and buildings within a squad's swath of a month, against PostGIS.

    .venv/bin/python -m bench.swath [--fixes 2500000] [--peer 2500000]

15 officers walk 30 days in a district of bent streets, a fix every 15 s with the noise of phones.
PostGIS asks of a point on every metre of street whether a walk is near (buffers of walks that cross
each other take it minutes a street); ``--peer`` takes fewer fixes there. Exact lengths, of a
sample of the streets, are unions of the intervals that the rounded rectangles about single steps
cut out of a street, by formula.
"""

from __future__ import annotations

import argparse
import gc
from itertools import pairwise

import numpy as np
import psycopg
import shapely

from bench.clock import timed
from bench.database import bench_database
from gis_service.patrols.swath import (
    OUTLINE_STEP_M,
    Near,
    Seen,
    Steps,
    near_to,
    sample_lines,
    seen_from,
)

WALKS = 15 * 30
BLOCK_M = 90.0
BLOCKS = 34
WIDTH, OTHER_WIDTH = 15.0, 25.0
STEP_M = 18.0
SAMPLE = 60
# points every metre, each asked whether a walk is near
POINTS = """
    SELECT p.n, sum(p.step) FROM (
        SELECT s.n, ST_LineInterpolatePoint(s.geom, (k + 0.5) / parts) AS geom,
            ST_Length(s.geom) / parts AS step
        FROM (SELECT *, ceil(ST_Length(geom))::int AS parts FROM street) s,
            generate_series(0, parts - 1) AS k
    ) p WHERE EXISTS (SELECT 1 FROM walk w WHERE ST_DWithin(w.geom, p.geom, %(width)s))
    GROUP BY p.n
"""
HOUSES = """
    SELECT count(*) FROM house h WHERE EXISTS (
        SELECT 1 FROM walk w WHERE ST_DWithin(w.geom, h.geom, %(width)s))
"""


def make_streets(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(nodes (m, m, 2), streets, houses): a lattice that nobody drew with a ruler."""
    corner = np.stack(np.meshgrid(np.arange(BLOCKS), np.arange(BLOCKS)), -1) * BLOCK_M
    nodes = corner + rng.normal(0, 12, corner.shape)
    streets = [
        shapely.LineString([a, (a + b) / 2 + rng.normal(0, 3, 2), b])
        for along in (nodes, nodes.swapaxes(0, 1))
        for line in along
        for a, b in pairwise(line)
    ]
    middles = rng.uniform(0, BLOCKS * BLOCK_M, (18_000, 2))
    sizes = rng.uniform(4, 9, (18_000, 2))
    return nodes, np.array(streets), shapely.box(*(middles - sizes).T, *(middles + sizes).T)


def make_walks(nodes: np.ndarray, fixes: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Random walks from corner to corner in the half of the district that is the squad's."""
    each = fixes // WALKS
    per_block = int(BLOCK_M / STEP_M)
    turns = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
    walks = []
    for _ in range(WALKS):
        corners = np.cumsum(turns[rng.integers(0, 4, each // per_block + 2)], axis=0)
        corners += rng.integers(0, BLOCKS, 2)
        corners = np.abs((corners - 1) % (2 * (BLOCKS - 2)) - (BLOCKS - 2)) + 1
        corners[:, 0] //= 2
        points = nodes[np.clip(corners[:, 1], 0, BLOCKS - 1), np.clip(corners[:, 0], 0, BLOCKS - 1)]
        share = np.arange(per_block)[None, :, None] / per_block
        line = (points[:-1, None] + (points[1:] - points[:-1])[:, None] * share).reshape(-1, 2)
        walks.append(line[:each] + rng.normal(0, 4, (len(line[:each]), 2)))
    return walks


def ours(streets: np.ndarray, houses: np.ndarray, walks: list[np.ndarray]) -> tuple[Seen, Near]:
    """Distances of streets and of houses; everything from geometries on is in it."""
    points = np.concatenate(walks)
    run = np.repeat(np.arange(len(walks)), [len(walk) for walk in walks])
    steps = Steps.of_runs(points[:, 0], points[:, 1], run)
    return seen_from(sample_lines(streets), steps), near_to(
        sample_lines(houses, OUTLINE_STEP_M), steps
    )


def exact_length(street: shapely.LineString, a: np.ndarray, b: np.ndarray, width: float) -> float:
    """Metres of a street within ``width`` of any step from ``a`` to ``b`` (n, 2)."""
    total = 0.0
    low, high = np.minimum(a, b) - width, np.maximum(a, b) + width
    for p, q in pairwise(shapely.get_coordinates(street)):
        length = float(np.hypot(*(q - p)))
        u = (q - p) / length
        near = ((low <= np.maximum(p, q)) & (high >= np.minimum(p, q))).all(1)
        spans = [*discs(a[near] - p, b[near] - p, u, width),
                 rectangles(a[near] - p, b[near] - p, u, width)]  # fmt: skip
        found = np.clip(np.concatenate(spans), 0, length)
        reached = 0.0
        for begin, end in found[np.argsort(found[:, 0])]:
            if end > reached:
                total += end - max(begin, reached)
                reached = end
    return total


def discs(a: np.ndarray, b: np.ndarray, u: np.ndarray, width: float) -> list[np.ndarray]:
    """Where the line from 0 along ``u`` is within ``width`` of the ends of steps."""
    spans = []
    for end in (a, b):
        along, off = end @ u, end @ np.array([-u[1], u[0]])
        half = np.sqrt(np.maximum(width**2 - off**2, 0))
        spans.append(np.stack([along - half, along + half], 1)[np.abs(off) <= width])
    return spans


def rectangles(a: np.ndarray, b: np.ndarray, u: np.ndarray, width: float) -> np.ndarray:
    """Where the line crosses the rectangles between the discs: inside two strips at once."""
    size = np.hypot(*(b - a).T)
    a, b, size = (v[size > 0] for v in (a, b, size))
    v = (b - a) / size[:, None]
    n = np.stack([-v[:, 1], v[:, 0]], 1)
    low, high = np.full(len(a), -np.inf), np.full(len(a), np.inf)
    for axis, least, most in ((v, np.zeros(len(a)), size), (n, -width, width)):
        rate, start = axis @ u, -(axis * a).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            t0, t1 = (least - start) / rate, (most - start) / rate
        still = np.abs(rate) < 1e-12
        inside = (start >= least) & (start <= most)
        t0 = np.where(still, np.where(inside, -np.inf, np.inf), t0)
        t1 = np.where(still, np.inf, t1)
        low = np.maximum(low, np.minimum(t0, t1))
        high = np.minimum(high, np.maximum(t0, t1))
    return np.stack([low, high], 1)[low < high]


def fill(
    connection: psycopg.Connection, streets: np.ndarray, houses: np.ndarray, walks: list[np.ndarray]
) -> None:
    """The same in PostGIS, walks as lines of 20 fixes that an index can tell apart."""
    pieces = [walk[start : start + 21] for walk in walks for start in range(0, len(walk) - 1, 20)]
    tables = {
        "street": streets, "house": houses,
        "walk": np.array([shapely.LineString(piece) for piece in pieces]),
    }  # fmt: skip
    for name, shapes in tables.items():
        connection.execute(f"CREATE TEMP TABLE {name} (n int, geom geometry)")
        with connection.cursor().copy(f"COPY {name} (n, geom) FROM STDIN") as copy:
            for number, wkb in enumerate(shapely.to_wkb(shapes, hex=True)):
                copy.write_row((number, wkb))
        connection.execute(f"CREATE INDEX ON {name} USING gist (geom)")
        connection.execute(f"ANALYZE {name}")


def main() -> None:
    """Runs and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fixes", type=int, default=2_500_000)
    parser.add_argument("--peer", type=int, default=0, help="fixes for PostGIS; 0: the same")
    options = parser.parse_args()
    rng = np.random.default_rng(5)
    nodes, streets, houses = make_streets(rng)
    ours(streets[:10], houses[:10], make_walks(nodes, 10_000, rng))[0].covered_m(5)  # compiles
    ours(streets[:10], houses[:10], make_walks(nodes, 10_000, rng))[1].within(5)
    walks = make_walks(nodes, options.fixes, rng)
    gc.freeze()  # as the service does at its start

    def first() -> tuple[Seen, Near, np.ndarray, int]:
        roads, outlines = ours(streets, houses, walks)
        return roads, outlines, roads.covered_m(WIDTH), int(outlines.within(WIDTH).sum())

    (roads, outlines, found, seen), first_s = timed(first)
    _, second_s = timed(lambda: (roads.covered_m(OTHER_WIDTH), outlines.within(OTHER_WIDTH)))
    if options.peer and options.peer < options.fixes:
        peer_walks = [walk[: options.peer // WALKS] for walk in walks]
        (roads, outlines, found, seen), ours_s = timed(
            lambda: (*(pair := ours(streets, houses, peer_walks)), pair[0].covered_m(WIDTH),
                     int(pair[1].within(WIDTH).sum()))
        )  # fmt: skip
    else:
        peer_walks, ours_s = walks, first_s
    # whole or not at all is easily right: of the rest as many as there are
    lengths = shapely.length(streets)
    partly = np.flatnonzero((found > 1) & (found < lengths - 1))
    others = np.setdiff1d(np.arange(len(streets)), partly)
    sample = np.concatenate([
        rng.permutation(partly)[:SAMPLE], rng.choice(others, SAMPLE, replace=False)
    ])  # fmt: skip
    points = np.concatenate(peer_walks)
    run = np.repeat(np.arange(len(peer_walks)), [len(walk) for walk in peer_walks])
    steps = Steps.of_runs(points[:, 0], points[:, 1], run)
    ends = points[steps.begin], points[steps.end]
    exact = np.array([exact_length(street, *ends, WIDTH) for street in streets[sample]])
    error = np.abs(found[sample] - exact)
    allowed = np.maximum(1.0, 0.01 * exact)
    with bench_database() as database, psycopg.connect(database.address) as connection:
        fill(connection, streets, houses, peer_walks)
        values = {"width": WIDTH}
        rows, points_s = timed(lambda: connection.execute(POINTS, values).fetchall())
        houses_seen, houses_s = timed(lambda: connection.execute(HOUSES, values).fetchall())
    theirs = np.zeros(len(streets))
    theirs[[n for n, _ in rows]] = [metres for _, metres in rows]
    count = sum(len(walk) for walk in peer_walks)
    total = lengths.sum()
    whole = lengths[sample]
    partly_exact = int(((exact > 1) & (exact < whole - 1)).sum())
    both_s = points_s + houses_s
    print(f"## Swath of {WIDTH:g} m: {total / 1000:,.0f} km of streets, {len(houses):,} houses\n")
    print("| way | fixes | s | × ours | streets covered | houses |\n|---|---|---|---|---|---|")
    print(f"| ours | {count:,} | {ours_s:.2f} | 1 | {found.sum() / total:.2%} | {seen:,} |")
    print(f"| PostGIS, a point a metre | {count:,} | {both_s:.2f} | {both_s / ours_s:.1f} "
          f"| {theirs.sum() / total:.2%} | {houses_seen[0][0]:,} |")  # fmt: skip
    print(f"\nOurs with {options.fixes:,} fixes {first_s:.2f} s, another width "
          f"{second_s / first_s:.3f} of that.")  # fmt: skip
    print("Wanted: ≥ 10 × PostGIS, another width ≤ 0.4.")
    print(
        f"Against the exact lengths of {len(sample)} streets ({partly_exact} partly covered): "
        f"largest error {error.max():.2f} m, beyond max(1 m, 1 %): {int((error > allowed).sum())}."
    )


if __name__ == "__main__":
    main()
