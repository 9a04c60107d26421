"""The inbox over a million incidents: random combinations of the filters that the page offers.

.venv/bin/python -m bench.inbox [--incidents 1000000] [--pages 400]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import text

from bench.database import BenchDatabase, bench_database
from gis_service.db.engine import async_session_factory, make_async_engine
from gis_service.incidents.arrays import Snapshot, read_snapshot
from gis_service.incidents.desk import DuplicateRule
from gis_service.incidents.duplicates import candidates
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.models import SOURCES
from gis_service.incidents.queries import SORTS, list_incidents
from gis_service.incidents.workflow import OPEN_STATES

CLASSES, STREETS, COMMUNITIES, GRIDS, UNITS = 77, 9, 82, 1050, 17
END = datetime(2026, 11, 1, tzinfo=UTC)
WEST, SOUTH, WIDE, HIGH = 118.54, 24.87, 0.10, 0.08
WORDS = ("井盖", "积水", "占道", "渣土", "夜间烧烤", "乱堆放", "西街", "西街116号", "12号", "桥",
         "树枝折断", "没有这个词", "20260311-4242", "垃圾", "A1000017")  # fmt: skip
# the tabs of the page
TABS: tuple[dict[str, Any], ...] = (
    {"states": ("reported",)}, {"states": ("verified",)}, {"states": ("filed", "returned")},
    {"states": ("dispatched", "accepted", "in_progress", "deferred")},
    {"states": ("resolved", "checked")}, {"overdue": True},
    {"unplaced": True, "states": OPEN_STATES}, {}, {},
)  # fmt: skip

_REFERENCE = """
    INSERT INTO incident_class (scheme, scheme_version, code, kind, major, major_name,
        major_name_en, name, name_en)
        SELECT 's', '', 'C' || n, 'event', '', '', '', 'n', 'n' FROM generate_series(1, %(c)s) n;
    INSERT INTO unit (code, name, name_en) SELECT 'u' || n, 'n', 'n'
        FROM generate_series(1, %(u)s) n ON CONFLICT DO NOTHING;
"""
# a grid is a cell of a lattice; community, street and squad follow from it, the unit from the class
_INCIDENTS = """
    INSERT INTO incident (code, state, class_id, class_name, source, origin, external_id,
        reported_at, due_at, closed_at, address, description, lon, lat, crs, geom, street_id,
        community_id, grid_id, placement_method, filed_path, is_order, urgent, supervised, unit_id,
        squad_id, updated_at)
    SELECT to_char(at, 'YYYYMMDD') || '-' || n,
        CASE WHEN age < interval '10 days' AND r1 < 0.7 THEN
            (%(open)s::text[])[1 + floor(r2 * %(open_n)s)::int] ELSE 'closed' END,
        class, (ARRAY['暴露垃圾','占道经营','井盖破损','道路积水','违规渣土'])[1 + class %% 5],
        (%(sources)s::text[])[1 + floor(r3 * 6)::int], 'bench', 'A' || n, at,
        at + interval '2 days', CASE WHEN age >= interval '10 days' THEN at + interval '1 day' END,
        (ARRAY['西街','东街','涂门街','新门街','打锡街','江滨南路'])[1 + floor(r4 * 6)::int]
            || floor(r5 * 400)::int || '号',
        (ARRAY['路面积水影响通行','商铺占道经营','井盖松动','夜间烧烤油烟','渣土洒落','杂物乱堆放',
            '树枝折断压住电线'])[1 + floor(r6 * 7)::int], x, y, 'wgs84',
        ST_SetSRID(ST_MakePoint(x, y), 4326), 1 + grid %% %(streets)s,
        100 + grid %% %(communities)s, 1000 + grid,
        CASE WHEN r1 > 0.99 THEN 'none' ELSE 'inside' END, '{}', r2 < 0.05, r3 < 0.02, r4 < 0.005,
        1 + class %% %(u)s, 1 + grid %% %(streets)s, at + interval '1 day'
    FROM (
        SELECT *, %(end)s::timestamptz - age AS at,
            %(west)s + ((grid %% 35) + r5) / 35 * %(wide)s AS x,
            %(south)s + ((grid / 35) + r6) / 30 * %(high)s AS y
        FROM (
            SELECT n, random() * interval '1095 days' AS age,
                (SELECT min(id) FROM incident_class)
                    + floor(power(random(), 2) * %(c)s)::int AS class,
                floor(power(random(), 1.5) * %(grids)s)::int AS grid, random() AS r1,
                random() AS r2, random() AS r3, random() AS r4, random() AS r5, random() AS r6
            FROM generate_series(1, %(count)s) n
        ) AS drawn
    ) AS placed
    ORDER BY at
"""


def fill(database: BenchDatabase, count: int) -> None:
    """Three years of incidents, the last ten days of them still open, most in a few grids."""
    values = {
        "c": CLASSES, "u": UNITS, "streets": STREETS, "communities": COMMUNITIES, "grids": GRIDS,
        "count": count, "open": list(OPEN_STATES), "open_n": len(OPEN_STATES), "end": END,
        "sources": list(SOURCES), "west": WEST, "south": SOUTH, "wide": WIDE, "high": HIGH,
    }  # fmt: skip
    with psycopg.connect(database.address) as connection:
        cursor = psycopg.ClientCursor(connection)
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(_REFERENCE, values)
        cursor.execute(_INCIDENTS, values)
    with psycopg.connect(database.address, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE incident")


def draw(rng: np.random.Generator, first_class: int) -> tuple[IncidentFilter, str]:
    """A combination as somebody might ask for it, and an order."""

    def some(chance: float) -> bool:
        return bool(rng.random() < chance)

    fields: dict[str, Any] = dict(TABS[rng.integers(len(TABS))])
    fields["now"] = END
    if some(0.3):
        fields["q"] = WORDS[rng.integers(len(WORDS))]
    if some(0.25):
        fields["classes"] = tuple(
            int(one) for one in first_class + rng.integers(0, CLASSES, rng.integers(1, 4))
        )
    if some(0.15):
        fields["streets"] = (int(rng.integers(1, STREETS + 1)),)
    elif some(0.25):
        fields["communities"] = (100 + int(rng.integers(COMMUNITIES)),)
    elif some(0.2):
        fields["grids"] = (1000 + int(rng.integers(GRIDS)),)
    if some(0.15):
        fields["units"] = (int(rng.integers(1, UNITS + 1)),)
    if some(0.1):
        fields["squads"] = (int(rng.integers(1, STREETS + 1)),)
    if some(0.15):
        fields["sources"] = (SOURCES[rng.integers(6)],)
    for flag in ("urgent", "supervised", "order"):
        if some(0.07):
            fields[flag] = True
    if some(0.3):
        since = END - timedelta(days=int(rng.integers(1, 1000)))
        fields["since"], fields["until"] = since, since + timedelta(days=int(rng.integers(1, 90)))
    if some(0.2):
        x, y = WEST + rng.random() * WIDE, SOUTH + rng.random() * HIGH
        side = 0.002 + 0.03 * rng.random()
        fields["bbox"] = (x, y, x + side, y + side)
    return IncidentFilter(**fields), list(SORTS)[rng.integers(len(SORTS))]


async def ask(
    database: BenchDatabase, snapshot: Snapshot, pages: int
) -> list[tuple[float, IncidentFilter, str, int]]:
    """(seconds, filter, order, rows) of so many pages, some of them later ones; asked as the
    service does, what it looks up in memory included."""
    rng = np.random.default_rng(7)
    engine = make_async_engine(database.address, database.settings)
    sessions = async_session_factory(engine)
    out = []
    async with sessions() as session:
        first_class = int(
            (await (await session.connection()).exec_driver_sql(
                "SELECT min(id) FROM incident_class")).scalar_one()
        )  # fmt: skip
        while len(out) < pages:
            wanted, sort = draw(rng, first_class)
            cursor: str | None = None
            for _ in range(int(rng.integers(1, 4))):
                start = time.perf_counter()
                rows, cursor = await list_incidents(
                    session, wanted, sort=sort, cursor=cursor, limit=50,
                    snapshot=snapshot,
                )  # fmt: skip
                out.append((time.perf_counter() - start, wanted, sort, len(rows)))
                if cursor is None:
                    break
    await engine.dispose()
    return out


async def look_for_duplicates(database: BenchDatabase, count: int) -> list[float]:
    """Seconds of each question for what a report of the last ten days may repeat, within 100 m
    and three days."""
    rng = np.random.default_rng(8)
    engine = make_async_engine(database.address, database.settings)
    out = []
    async with async_session_factory(engine)() as session:
        known = (
            await session.execute(
                text("SELECT class_id, ST_X(geom) AS x, ST_Y(geom) AS y, reported_at AS at "
                     "FROM incident WHERE geom IS NOT NULL ORDER BY reported_at DESC LIMIT 9000")
            )
        ).all()  # fmt: skip
        for place in rng.integers(0, len(known), count):
            one = known[place]
            rule = DuplicateRule(one.class_id, 100.0, 72)
            start = time.perf_counter()
            await candidates(session, rule, one.x, one.y, one.at, None)
            out.append(time.perf_counter() - start)
    await engine.dispose()
    return out


def run(count: int, pages: int) -> None:
    """Print p50, p95 and the worst, and which combinations were slow."""
    gc.set_threshold(20_000, 20, 20)  # as the service does, see cli.py and serving.py
    with bench_database() as database:
        fill(database, count)
        with database.sessions() as session:
            start = time.perf_counter()
            snapshot = read_snapshot(session, texts=True)
            print(f"read into memory in {time.perf_counter() - start:.1f} s, "
                  f"of it the words {snapshot.words.size() / 2**20:.0f} MiB\n")  # fmt: skip
        gc.freeze()
        asyncio.run(ask(database, snapshot, 50))  # warms the cache
        found = asyncio.run(ask(database, snapshot, pages))
        repeated = np.array(asyncio.run(look_for_duplicates(database, pages))) * 1000
    seconds = np.array([one[0] for one in found]) * 1000
    print(f"### Inbox page of 50 over {count:,} incidents ({pages} pages of random combinations)\n")
    print("| p50 ms | p95 ms | worst ms |\n|---|---|---|")
    print(f"| {np.median(seconds):.1f} | {np.percentile(seconds, 95):.1f} | {seconds.max():.1f} |")
    print("\nMust be p95 ≤ 10 ms and worst ≤ 100 ms.\n")
    print(f"Duplicate candidates: p50 {np.median(repeated):.1f} ms, p95 "
          f"{np.percentile(repeated, 95):.1f} ms (must be ≤ 10).\n")  # fmt: skip
    for at in np.argsort(-seconds)[:8]:
        _, wanted, sort, rows = found[at]
        given = {k: v for k, v in vars(wanted).items() if v not in (None, (), "") and k != "now"}
        print(f"- {seconds[at]:.0f} ms, {rows} rows, {sort}: {given}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=400)
    options = parser.parse_args()
    run(options.incidents, options.pages)
