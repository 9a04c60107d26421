"""A bureau at work: a hundred users on one server, each at a person's pace.

    .venv/bin/python -m bench.mixed [--users 100] [--minutes 10] [--incidents 1000000] [--restarted]
        [--processes 1]

Of ten users six read the map and its lists, two page the inbox, one looks at figures and one takes
reports in; every one has an event stream open, as every page has. A user does something every
``PACE_S`` seconds on average (a page of the inbox; a view of the map, which is twelve tiles, a
list and a count). Maps follow what happens as the page does (``static/js/following.js``): the
count at most every two seconds, the tiles in sight at most every thirty. Each request is sent when
its time comes whether or not others are answered, by a process of its own over loopback. Wanted:
p95 ≤ 200 ms, no error, memory flat after the first third.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import httpx2
import numpy as np
import orjson

from bench.grown import DAYS, END, grown_database, load_up_to, teller
from bench.growth import codes_of, make_token, rss_mb, stop
from bench.positions import cpu_s, serve
from gis_service.analysis import quadkey

PACE_S = 6.0
ROLES = ("map",) * 6 + ("inbox",) * 2 + ("figures", "intake")
# seconds: of a change the map asks again for the count and for the tiles in sight, see following.js
COUNT_S, COUNT_GOING_ON_S = 0.2, 2.0
TILES_S, TILES_APART_S, TILES_GOING_ON_S = 2.0, 5.0, 30.0
WARM = 1 / 3
WANTED_MS = 200


@dataclass
class Asked:
    """What was asked and how it went: kind -> seconds, and what failed."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    by_minute: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    begin: float = field(default_factory=time.perf_counter)
    errors: list[str] = field(default_factory=list)
    events: int = 0
    cut: int = 0


class User:
    """Somebody with a page open."""

    def __init__(
        self, number: int, client: aiohttp.ClientSession, facts: Any, asked: Asked
    ) -> None:
        self.rng = np.random.default_rng(number)
        self.role = ROLES[number % len(ROLES)]
        self.client, self.codes, self.box, self.asked = client, facts[0], facts[1], asked
        self.z = 13
        self.cursor: str | None = None
        self.number = number
        self.seen: list[str] = []  # tiles in sight that show incidents
        self.chosen: dict[str, str] = {}
        self.counting = self.drawing = False
        self.counted = self.drawn = -math.inf

    async def work(self, until: float) -> None:
        do = {"map": self.look, "inbox": self.page, "figures": self.figures, "intake": self.report}
        await asyncio.sleep(self.rng.random() * PACE_S)
        while time.perf_counter() < until:
            begin = time.perf_counter()
            await do[self.role]()
            pause = self.rng.exponential(PACE_S)
            await asyncio.sleep(max(0.0, pause - (time.perf_counter() - begin)))

    async def ask(self, kind: str, path: str, **how: Any) -> bytes | None:
        """The body of the answer; None where there is none, or it is an error."""
        start = time.perf_counter()
        try:
            method = "POST" if "json" in how else "GET"
            async with self.client.request(method, path, **how) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as problem:
            self.asked.errors.append(f"{kind}: {problem!r}")
            return None
        took = time.perf_counter() - start
        self.asked.took[kind].append(took)
        self.asked.by_minute[int((start - self.asked.begin) // 60)].append(took)
        if answer.status >= 400:
            self.asked.errors.append(f"{kind}: {answer.status} {body[:200]!r}")
            return None
        return body

    def place(self) -> tuple[float, float]:
        west, south, east, north = self.box
        share = np.clip(self.rng.normal(0.5, 0.12, 2), 0, 1)
        return float(west + share[0] * (east - west)), float(south + share[1] * (north - south))

    def some(self, name: str) -> str:
        return str(self.rng.choice(self.codes[name]))

    def filter(self) -> dict[str, str]:
        """Of ten views seven have no filter, as most do."""
        out: dict[str, str] = {}
        if self.rng.random() < 0.3:
            first = END.date() - timedelta(days=int(self.rng.integers(30, DAYS)))
            out |= {"from": str(first), "to": str(first + timedelta(days=30))}
        if self.rng.random() < 0.15:
            out["class"] = self.some("class")
        return out

    async def look(self) -> None:
        """A view of the map: six tiles of each of two layers, then the list beside it."""
        self.z = int(np.clip(self.z + self.rng.integers(-1, 2), 11, 17))
        lon, lat = self.place()
        key = quadkey.of_positions([lon], [lat]) >> (2 * (quadkey.ZOOM - self.z))
        column, row = (int(one[0]) for one in quadkey.to_columns_rows(key))
        layer = str(self.rng.choice(["incident_heat", "incidents", "grid_density"]))
        chosen = self.chosen = self.filter()
        around = [f"{self.z}/{column + dx}/{row + dy}.mvt" for dx in range(3) for dy in range(2)]
        self.seen = [f"/tiles/{layer}/{one}" for one in around]
        await asyncio.gather(
            *(self.ask("tile grid", f"/tiles/grid/{one}", params={}) for one in around),
            *(self.ask(f"tile {layer}", one, params=chosen) for one in self.seen),
        )
        await self.ask("list", "/api/incidents", params={**chosen, "limit": "50"})
        await self.ask("count", "/api/incidents/count", params=chosen)

    async def hear(self) -> None:
        """A map whose incidents changed: soon the count, then the tiles; while changes go on, no
        more often than so."""
        now = time.perf_counter()
        if self.role != "map" or not self.seen:
            return
        if not self.counting:
            self.counting = True
            await asyncio.sleep(max(COUNT_S, self.counted + COUNT_GOING_ON_S - now))
            self.counting, self.counted = False, time.perf_counter()
            await self.ask("followed count", "/api/incidents/count", params=self.chosen)
        if not self.drawing:
            self.drawing = True
            wait = max(TILES_S, self.drawn + TILES_GOING_ON_S - now)
            await asyncio.sleep(wait + self.rng.random() * TILES_APART_S)
            self.drawing, self.drawn = False, time.perf_counter()
            await asyncio.gather(
                *(self.ask("followed tile", one, params=self.chosen) for one in self.seen)
            )

    async def page(self) -> None:
        """The next page of the inbox, else another tab; sometimes one incident."""
        asked: dict[str, str] = {"limit": "50"}
        if self.cursor is None:
            self.tab = [
                {"state": "reported"}, {"state": "filed,returned"}, {"overdue": "true"},
                {"state": "dispatched,accepted,in_progress"}, {"street": self.some("street")},
                {"q": "井盖"}, {"community": self.some("community")}, {},
            ][int(self.rng.integers(8))]  # fmt: skip
        else:
            asked["cursor"] = self.cursor
        answer = await self.ask("inbox", "/api/incidents", params={**self.tab, **asked})
        body = orjson.loads(answer) if answer else {"items": [], "next": None}
        self.cursor = body["next"] if self.rng.random() < 0.6 else None
        if body["items"] and self.rng.random() < 0.4:
            await self.ask("incident", f"/api/incidents/{self.rng.choice(body['items'])['id']}")

    async def figures(self) -> None:
        first = END.date() - timedelta(days=int(self.rng.integers(60, DAYS)))
        await self.ask(
            "metrics", "/api/metrics",
            params={"level": "community", "from": str(first),
                    "to": str(first + timedelta(days=60))},
        )  # fmt: skip

    async def report(self) -> None:
        lon, lat = self.place()
        of = self.some("class")
        await self.ask(
            "duplicates", "/api/incidents/duplicates", params={"class": of, "lon": lon, "lat": lat}
        )
        await self.ask(
            "intake", "/api/incidents",
            json={"class": of, "lon": lon, "lat": lat, "crs": "wgs84", "source": "resident",
                  "description": f"用户 {self.number}"},
        )  # fmt: skip


async def follow(user: User, asked: Asked) -> None:
    """An open event stream, and what its page does about it."""
    heard: set[asyncio.Task[None]] = set()
    try:
        async with user.client.get("/events", timeout=aiohttp.ClientTimeout()) as answer:
            async for line in answer.content:
                if line.startswith(b"event: incidents"):
                    asked.events += 1
                    task = asyncio.create_task(user.hear())
                    heard.add(task)
                    task.add_done_callback(heard.discard)
    except aiohttp.ClientError as problem:
        asked.errors.append(f"events: {problem!r}")
    asked.cut += 1


async def run(bases: list[str], token: str, pids: list[int], users: int, minutes: float) -> bool:
    """Everybody works; prints the table. Whether all that is wanted was reached."""
    headers = {"Authorization": f"Bearer {token}"}
    asked = Asked()
    with httpx2.Client(base_url=bases[0], timeout=30, headers=headers) as once:
        facts = codes_of(once), once.get("/api/district").json()["bbox"]
    memory: list[tuple[float, float]] = []
    async with AsyncExitStack() as stack:
        # each has connections of their own, as browsers do
        clients = [
            await stack.enter_async_context(
                aiohttp.ClientSession(
                    bases[number % len(bases)],
                    headers=headers,
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=30),
                )
            )
            for number in range(users)
        ]
        people = [User(number, clients[number], facts, asked) for number in range(users)]
        followers = [asyncio.create_task(follow(user, asked)) for user in people]
        begin, used_here = time.perf_counter(), time.process_time()
        used = sum(map(cpu_s, pids))
        until = begin + 60 * minutes
        work = asyncio.gather(*(user.work(until) for user in people))
        while not work.done():
            await asyncio.wait([work], timeout=5)
            memory.append((time.perf_counter() - begin, sum(map(rss_mb, pids))))
        await work
        seconds = time.perf_counter() - begin
        used, used_here = sum(map(cpu_s, pids)) - used, time.process_time() - used_here
        still = sum(not one.done() for one in followers)
        for one in followers:
            one.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    every = [took for times in asked.took.values() for took in times]
    print("| asked | times | p50 ms | p95 ms | p99 ms | worst |\n|---|---|---|---|---|---|")
    for kind, times in [*sorted(asked.took.items()), ("all", every)]:
        low, high, rare = np.percentile(np.array(times) * 1e3, (50, 95, 99))
        print(f"| {kind} | {len(times):,} | {low:.0f} | {high:.0f} | {rare:.0f} | "
              f"{max(times) * 1e3:.0f} |")  # fmt: skip
    warm = next(mb for at, mb in memory if at >= WARM * seconds)
    last = memory[-1][1]
    p95 = float(np.percentile(np.array(every) * 1e3, 95))
    print(f"\n{len(every) / seconds:.0f} requests a second; {asked.events:,} events on {still} of "
          f"{users} streams; errors {len(asked.errors)} (wanted 0); p95 {p95:.0f} ms (wanted ≤ "
          f"{WANTED_MS}); processor: server {used / seconds:.2f}, client {used_here / seconds:.2f} "
          f"of {os.cpu_count()}; load {os.getloadavg()[0]:.1f}\n"
          f"Memory of the server: {memory[0][1]:,.0f} MB, warm {warm:,.0f} MB, at the end "
          f"{last:,.0f} MB ({(last / warm - 1):+.1%})")  # fmt: skip
    minutes_ms = [np.percentile(asked.by_minute[m], 95) * 1e3 for m in sorted(asked.by_minute)]
    print("p95 ms of each minute: " + ", ".join(f"{ms:.0f}" for ms in minutes_ms))
    steps = [b - a for (_, a), (_, b) in pairwise(memory)]
    print(f"largest step between looks {max(steps, default=0):+.0f} MB")
    for problem in asked.errors[:5]:
        print(f"- {problem}")
    return not asked.errors and p95 <= WANTED_MS


def main() -> None:
    """Runs the server here and the users in another process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--buildings", type=int, default=0)
    parser.add_argument("--keep", help="name of the database to keep, as bench.growth does")
    parser.add_argument("--processes", type=int, default=1, help="that serve")
    parser.add_argument("--restarted", action="store_true", help="after all texts were kept")
    # base address, process, next base address, ...: the users' side
    parser.add_argument("--at", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.at:
        bases, pids = options.at.split(",")[::2], [int(one) for one in options.at.split(",")[1::2]]
        asyncio.run(run(bases, os.environ["BENCH_TOKEN"], pids, options.users, options.minutes))
        return
    told = teller(sys.stderr)
    with grown_database(options.keep, options.buildings, told, walks=False) as database:
        load_up_to(database, options.incidents, told)
        token = make_token(database)
        if options.restarted:
            told("starting once")
            process, _ = serve(database)
            while not list(database.settings.data_dir.glob("words/*/*")):
                time.sleep(1)
            stop(process)
        started = [serve(database) for _ in range(options.processes)]
        try:
            print(f"### {options.users} users, {options.minutes:g} minutes, "
                  f"{options.incidents:,} incidents\n", flush=True)  # fmt: skip
            at = [f"http://127.0.0.1:{port},{process.pid}" for process, port in started]
            subprocess.run(
                [sys.executable, "-m", "bench.mixed", "--users", str(options.users),
                 "--minutes", str(options.minutes), "--at", ",".join(at)],
                env={**os.environ, "BENCH_TOKEN": token}, check=True,
            )  # fmt: skip
        finally:
            for process, _ in started:
                stop(process)


if __name__ == "__main__":
    main()
