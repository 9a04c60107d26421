"""The inbox over HTTP: twenty clients who page through its tabs, on one process.

    .venv/bin/python -m bench.inbox_http [--clients 20] [--incidents 1000000] [--keep NAME]

Each is one of ``bench.mixed``'s users at the inbox, asking by itself: a page every two seconds,
every second, twice a second (on average, at random moments), and as soon as the page before is
there. Beside the times stand the pages a second and the server's processor time for each; the
asking process has its own and shares the machine. Wanted: p95 ≤ 40 ms, with twenty clients.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time

import aiohttp
import httpx2
import numpy as np

from bench.grown import grown_database, load_up_to, teller
from bench.growth import codes_of, make_token, stop, wait_for_rest
from bench.mixed import Asked, User
from bench.positions import cpu_s, serve

PAUSES_S = (2.0, 1.0, 0.5, 0.0)
WANTED_MS = 40


async def run(base: str, token: str, pid: int, clients: int, pause_s: float, seconds: float) -> str:
    """A row of the table."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=base, timeout=60, headers=headers) as once:
        facts = codes_of(once), once.get("/api/district").json()["bbox"]
    asked = Asked()
    used, until = cpu_s(pid), time.perf_counter() + seconds

    async def one(number: int) -> None:
        async with aiohttp.ClientSession(base, headers=headers) as session:
            user = User(number, session, facts, asked)
            await asyncio.sleep(user.rng.random() * pause_s)
            while (start := time.perf_counter()) < until:
                await user.page()
                wait = user.rng.exponential(pause_s) if pause_s else 0
                await asyncio.sleep(max(0.0, wait - (time.perf_counter() - start)))

    await asyncio.gather(*(one(number) for number in range(clients)))
    took = np.array(asked.took["inbox"]) * 1000
    answers = len(took) + len(asked.took["incident"])
    each_ms = (cpu_s(pid) - used) / answers * 1000
    p50, p95, p99 = np.percentile(took, (50, 95, 99))
    pace = f"one in {pause_s:g} s" if pause_s else "as soon as the one before is there"
    reached = "" if p95 <= WANTED_MS else " **missed**"
    return (
        f"| {pace} | {len(took) / seconds:.0f} | {p50:.0f} | {p95:.0f}{reached} | {p99:.0f} | "
        f"{each_ms:.1f} | {len(asked.errors)} |"
    )


def main() -> None:
    """Runs the server here and the clients in another process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20, help="for each pace")
    parser.add_argument("--keep", help="name of the database to keep, as bench.growth does")
    # base address and process: the clients' side
    parser.add_argument("--at", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.at:
        base, pid = options.at.split(",")
        for pause_s in PAUSES_S:
            row = run(base, os.environ["BENCH_TOKEN"], int(pid), options.clients, pause_s,
                      options.seconds)  # fmt: skip
            print(asyncio.run(row), flush=True)
        return
    told = teller(sys.stderr)
    with grown_database(options.keep, 0, told, walks=False) as database:
        load_up_to(database, options.incidents, told)
        token = make_token(database)
        process, port = serve(database)
        try:
            wait_for_rest(process.pid)
            print(f"### {options.clients} clients, {options.incidents:,} incidents\n\n"
                  "| a page each | pages a second | p50 ms | p95 ms | p99 ms | "
                  "processor ms an answer | errors |\n" + "|---" * 7 + "|", flush=True)  # fmt: skip
            subprocess.run(
                [sys.executable, "-m", "bench.inbox_http", "--clients", str(options.clients),
                 "--seconds", str(options.seconds), "--at",
                 f"http://127.0.0.1:{port},{process.pid}"],
                env={**os.environ, "BENCH_TOKEN": token}, check=True,
            )  # fmt: skip
        finally:
            stop(process)


if __name__ == "__main__":
    main()
