"""Positions one per request, sustained, and what is left of them when the process is killed.

    .venv/bin/python -m bench.positions [--seconds 30] [--connections 64]

120 phones send through one serving process over loopback (OsmAnd, GET, connections kept alive);
the client is a process of its own on the same processors. Then the server is killed (SIGKILL)
under full load, and every acknowledged position is looked for in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
from sqlalchemy import text

from bench.boston import DATA
from bench.database import BenchDatabase, bench_database, load_boston
from gis_service.patrols.devices import add_device
from gis_service.responsibility.models import Officer
from tests.ports import free_port

PHONES = 120
WANTED = 2_000


class Phone(asyncio.Protocol):
    """A connection that asks again as soon as it is answered."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.data = b""
        self.key = (0, 0)
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.key, request = self.client.next_request()
        self.sent_at = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, found, body = self.data.partition(b"\r\n\r\n")
        if not found or not body.endswith(b"}"):
            return
        self.data = b""
        self.client.answered(self.key, head, body, time.perf_counter() - self.sent_at)
        if not self.client.over:
            self.ask()

    def connection_lost(self, problem: Exception | None) -> None:
        self.client.open -= 1


class Client:
    """All phones: what they sent, what was acknowledged, how long it took."""

    def __init__(self, tokens: list[str], first: int) -> None:
        self.tokens = tokens
        self.first = first
        self.number = 0
        self.acknowledged: list[tuple[int, int]] = []
        self.took: list[float] = []
        self.refused = 0
        self.over = False
        self.open = 0

    def next_request(self) -> tuple[tuple[int, int], bytes]:
        self.number += 1
        phone = self.number % PHONES
        at = self.first + self.number // PHONES
        lon, lat = -71.09 + (at % 3000) * 1e-5, 42.33 + phone * 1e-4
        path = (
            f"/api/positions/osmand?id={self.tokens[phone]}&lat={lat:.5f}&lon={lon:.5f}"
            f"&timestamp={at}&accuracy=8&speed=1.2&batt=80"
        )
        return (phone, at), f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()

    def answered(self, key: tuple[int, int], head: bytes, body: bytes, took: float) -> None:
        if head.startswith(b"HTTP/1.1 200") and b'"stored"' in body:
            self.acknowledged.append(key)
            self.took.append(took)
        else:
            self.refused += 1


async def load(client: Client, port: int, connections: int, seconds: float, pid: int) -> float:
    """Sends for ``seconds``, then kills the server while it goes on; positions a second."""
    loop = asyncio.get_running_loop()
    client.open = connections
    for _ in range(connections):
        await loop.create_connection(lambda: Phone(client), "127.0.0.1", port)
    await asyncio.sleep(2)  # what is compiled or prepared once
    before, begin = len(client.acknowledged), time.perf_counter()
    used, used_here = cpu_s(pid), time.process_time()
    marks = []
    while time.perf_counter() - begin < seconds:
        await asyncio.sleep(1)
        marks.append(len(client.acknowledged))
    rate = (len(client.acknowledged) - before) / (time.perf_counter() - begin)
    steps = [b - a for a, b in pairwise(marks)]
    print(f"slowest second {min(steps, default=0):,}, fastest {max(steps, default=0):,}")
    count = max(len(client.acknowledged) - before, 1)
    print(f"processor time a position: server {(cpu_s(pid) - used) / count * 1e6:.0f} µs, "
          f"client {(time.process_time() - used_here) / count * 1e6:.0f} µs; "
          f"load of the machine {os.getloadavg()[0]:.1f}")  # fmt: skip
    os.kill(pid, signal.SIGKILL)
    while client.open:
        await asyncio.sleep(0.05)
    return rate


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    columns = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")


def make_phones(database: BenchDatabase) -> list[str]:
    """An officer each, with a phone; their tokens."""
    with database.sessions.begin() as session:
        officers = [Officer(code=f"B{i:03d}", name=f"B{i:03d}") for i in range(PHONES)]
        session.add_all(officers)
        session.flush()
        return [add_device(session, officer, "osmand", "bench")[1] for officer in officers]


def serve(
    database: BenchDatabase, settings: dict[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """The service as people start it, with some settings of its own."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", "from gis_service.cli import main; main()", "serve"],
        env={
            **os.environ, "GIS_DATABASE_URL": database.address, "GIS_PORT": str(port),
            "GIS_DATA_DIR": str(database.settings.data_dir), "GIS_DUTY_HOURS": "00:00-24:00",
            **(settings or {}),
        },
        stdout=subprocess.DEVNULL, stderr=(database.settings.data_dir / "server.log").open("ab"),
    )  # fmt: skip
    for _ in range(3000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
            return process, port
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    raise RuntimeError("the server did not start")


def main() -> None:
    """Runs and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    with bench_database() as database:
        if DATA.is_dir():
            load_boston(database)  # visits are derived meanwhile, as in life
        tokens = make_phones(database)
        process, port = serve(database)
        try:
            first = int((datetime.now(UTC) - timedelta(days=2)).timestamp())
            client = Client(tokens, first)
            rate = asyncio.run(
                load(client, port, options.connections, options.seconds, process.pid)
            )
        finally:
            process.kill()
            process.wait()
        with psycopg.connect(database.address) as connection:
            rows = connection.execute(
                "SELECT d.id, extract(epoch FROM f.at)::bigint FROM fix f "
                "JOIN device d ON d.id = f.device_id"
            ).fetchall()
            order = [n for (n,) in connection.execute("SELECT id FROM device ORDER BY id")]
        with database.sessions() as session:
            counted = session.execute(text("SELECT sum(fixes) FROM received_day")).scalar_one()
    phone_of = {number: phone for phone, number in enumerate(order)}
    stored = {(phone_of[device], at) for device, at in rows}
    lost = set(client.acknowledged) - stored
    took = sorted(client.took)
    print(
        f"## Positions, one per request, {options.seconds:g} s, {options.connections} connections\n"
    )
    print("| | |\n|---|---|")
    print(f"| acknowledged a second | {rate:,.0f} (wanted ≥ {WANTED:,}) |")
    print(f"| answered in, median / p99 | {took[len(took) // 2] * 1e3:.0f} / "
          f"{took[int(len(took) * 0.99)] * 1e3:.0f} ms |")  # fmt: skip
    print(
        f"| acknowledged until the kill | {len(client.acknowledged):,}, refused {client.refused} |"
    )
    print(f"| of these lost | {len(lost)} (wanted 0) |")
    print(f"| in the database / counted by day | {len(stored):,} / {counted:,} |")


if __name__ == "__main__":
    main()
