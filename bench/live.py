"""Reports as they come: how soon another open page shows them, and how many a second are taken.

    .venv/bin/python -m bench.live [--streams 200] [--seconds 60] [--incidents 1000000]

One serving process over loopback, on the Boston hierarchy. First two reports a second with so many
open pages, then the same while ``--incidents`` are being loaded, then fifty reports a second, the
pages still open and once more without them. Before each report its duplicates are asked for, as a
page does that takes one in, and both together are timed; every acknowledged one is counted in the
database.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import orjson
import psycopg

from bench.boston import case_points
from bench.database import BenchDatabase, bench_database, load_boston
from bench.loading import write_csv
from bench.positions import cpu_s, serve
from gis_service.accounts.service import Actor, add_account, add_token

CALM, BUSY = 2.0, 50.0  # reports a second
BAD_AFTER = 30.0  # seconds: a report that no page showed by then is missing


@dataclass
class Pages:
    """Open event streams; when each first heard of an incident."""

    port: int
    token: str
    seen: dict[str, list[float]] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    ready: int = 0
    reloads: int = 0  # messages that say: too much changed to name, load the list again

    async def open(self, count: int) -> None:
        self.tasks = [asyncio.create_task(self._follow()) for _ in range(count)]
        while self.ready < count:
            await asyncio.sleep(0.05)

    async def _follow(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        bearer = f"Authorization: Bearer {self.token}"
        writer.write(f"GET /events HTTP/1.1\r\nHost: bench\r\n{bearer}\r\n\r\n".encode())
        async for line in reader:
            if line.startswith(b"event: hello"):
                self.ready += 1
            elif line.startswith(b"event: reload"):
                self.reloads += 1
            elif line.startswith(b'data: {"items"'):
                now = time.perf_counter()
                for item in orjson.loads(line[6:])["items"]:
                    self.seen.setdefault(item["code"], []).append(now)

    def close(self) -> None:
        for task in self.tasks:
            task.cancel()


@dataclass
class Taken:
    """What a run of reports gave, in seconds."""

    answered: list[float] = field(default_factory=list)
    codes: dict[str, float] = field(default_factory=dict)  # -> when it was sent
    refused: list[str] = field(default_factory=list)


async def report(client: aiohttp.ClientSession, rate: float, seconds: float, first: int) -> Taken:
    """``rate`` reports a second, sent when their time comes whether or not others are answered."""
    out = Taken()
    lon, lat = case_points(100_000)
    rng = np.random.default_rng(first)
    begin = time.perf_counter()

    async def one(number: int) -> None:
        place = int(rng.integers(len(lon)))
        await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        what = {"class": "E-01-12", "lon": float(lon[place]), "lat": float(lat[place])}
        asked = time.perf_counter()
        async with client.get("/api/incidents/duplicates", params=what) as known:
            words = await known.text()
        sent = time.perf_counter()
        async with client.post(
            "/api/incidents",
            headers={"Idempotency-Key": f"{first}-{number}"},
            json={**what, "crs": "wgs84", "description": f"report {number}", "source": "resident"},
        ) as answer:
            body = await answer.text()
        if (known.status, answer.status) == (200, 201):
            out.answered.append(time.perf_counter() - asked)
            out.codes[orjson.loads(body)["code"]] = sent
        else:
            out.refused.append((words if known.status != 200 else body)[:200])

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    return out


async def shown(taken: Taken, pages: Pages) -> tuple[np.ndarray, int]:
    """(seconds from sending to each page that showed it, how many showings are missing)."""
    until = time.perf_counter() + BAD_AFTER
    wanted = len(pages.tasks)
    while time.perf_counter() < until and any(
        len(pages.seen.get(code, ())) < wanted for code in taken.codes
    ):
        await asyncio.sleep(0.1)
    waits = [at - sent for code, sent in taken.codes.items() for at in pages.seen.get(code, ())]
    return np.array(waits or [np.nan]), wanted * len(taken.codes) - len(waits)


def ms(values: Any, share: float) -> str:
    return f"{np.percentile(values, share) * 1e3:,.0f}"


async def run(
    database: BenchDatabase, port: int, pid: int, token: str, options: Any, csv: Path
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", headers=headers, timeout=aiohttp.ClientTimeout(total=60)
    ) as client:
        await report(client, CALM, 3, 1)  # what is prepared once
        pages = Pages(port, token)
        await pages.open(options.streams)
        print("| while | reports | pages | shown p50 ms | p95 ms (≤ 500) | not shown | reloads |")
        print("|---|---|---|---|---|---|---|", flush=True)
        runs = [("nothing else", await report(client, CALM, options.seconds / 2, 2))]
        await tell(runs[-1], pages)
        loader = subprocess.Popen(
            [sys.executable, "-c", "from gis_service.cli import main; main()", "load", "incidents",
             str(csv), "--mapping", "standard"],
            env={**os.environ, "GIS_DATABASE_URL": database.address,
                 "GIS_DATA_DIR": str(database.settings.data_dir)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        number = 3
        while loader.poll() is None:
            runs.append(
                (
                    f"{options.incidents:,} incidents are loaded",
                    await report(client, CALM, 20, number),
                )
            )
            number += 1
        assert loader.returncode == 0
        several = Taken()
        for _, part in runs[1:]:
            several.answered += part.answered
            several.codes |= part.codes
            several.refused += part.refused
        await tell((f"{options.incidents:,} incidents are loaded", several), pages)
        print("\n| fifty a second, pages | taken | refused | p50 ms | p99 ms (≤ 150) | processor, "
              "ms each |\n|---|---|---|---|---|---|", flush=True)  # fmt: skip
        busy = [await crowd(client, options, pid, 98, len(pages.tasks))]
        pages.close()
        await asyncio.sleep(2)  # the streams end
        busy.append(await crowd(client, options, pid, 99, 0))
    for problem in [one for part in (several, *busy) for one in part.refused][:3]:
        print(f"- refused: {problem}")
    codes = [code for part in (runs[0][1], several, *busy) for code in part.codes]
    with psycopg.connect(database.address) as connection:
        row = connection.execute(
            "SELECT count(*), count(DISTINCT l.incident_id), count(*) FILTER (WHERE i.street_id "
            "IS NOT NULL) FROM incident i LEFT JOIN incident_log l ON l.incident_id = i.id "
            "WHERE i.code = ANY(%s)", (codes,)
        ).fetchone()  # fmt: skip
    assert row is not None
    print(f"Acknowledged {len(codes):,}; lost {len(codes) - row[1]}; placed {row[2]:,}.")


async def crowd(
    client: aiohttp.ClientSession, options: Any, pid: int, first: int, pages: int
) -> Taken:
    """Fifty reports a second, told as one row."""
    used = cpu_s(pid)
    busy = await report(client, BUSY, options.seconds, first)
    used = (cpu_s(pid) - used) / max(len(busy.codes), 1)
    took = np.array(busy.answered)
    print(f"| {pages} | {len(took):,} of {BUSY * options.seconds:,.0f} | {len(busy.refused)} | "
          f"{ms(took, 50)} | {ms(took, 99)} | {used * 1e3:.1f} |", flush=True)  # fmt: skip
    return busy


async def tell(named: tuple[str, Taken], pages: Pages) -> None:
    """One row of the table."""
    name, taken = named
    waits, missing = await shown(taken, pages)
    print(f"| {name} | {len(taken.codes):,} | {len(pages.tasks)} | {ms(waits, 50)} | "
          f"{ms(waits, 95)} | {missing} | {pages.reloads} |", flush=True)  # fmt: skip


def main() -> None:
    """Runs and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    options = parser.parse_args()
    with bench_database() as database, tempfile.TemporaryDirectory() as folder:
        load_boston(database)
        with database.sessions.begin() as session:
            actor = Actor(None, "bench")
            account = add_account(
                session, database.settings, actor, name="bench", role="dispatcher", password=None
            )
            _, token = add_token(session, actor, account, label="bench")
        csv = Path(folder) / "incidents.csv"
        write_csv(csv, options.incidents)
        process, port = serve(database)
        print(f"### Reports as they come ({options.streams} open pages)\n")
        try:
            asyncio.run(run(database, port, process.pid, token, options, csv))
        finally:
            process.terminate()
            process.wait(30)
        print(f"\nLoad of the machine {os.getloadavg()[0]:.1f}.\n")


if __name__ == "__main__":
    main()
