"""How every figure grows with the incidents: a table, and a plot on logarithmic axes.

    .venv/bin/python -m bench.growth [--sizes 100000 1000000] [--buildings 300000] [--asks 60]
    .venv/bin/python -m bench.growth --plot          only draws what was measured before

One database grows from size to size; at each one the service is started as people start it and
asked over loopback, one request after the other, without its cache of tiles. What was measured is
added to ``bench/growth.json``, from which table and plot are made. With ``--keep NAME`` the
database (``gis_test_bench_NAME``) stays and a run that was ended goes on with it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psycopg

from bench.database import BenchDatabase
from bench.grown import DAYS, END, grown_database, load_up_to, teller
from bench.positions import cpu_s, serve
from gis_service.accounts.service import Actor, add_account, add_token
from gis_service.analysis import quadkey

HERE = Path(__file__).parent
RESULTS = HERE / "growth.json"
SIZES = (100_000, 1_000_000)
# kind of figure -> how many times its value at a tenth of the incidents is wanted at most
LISTS, DAYS_OF_HEAT, HEAT, ALL = "list", "heat by class and day", "heat", "other"
WANTED = {LISTS: 3.0, DAYS_OF_HEAT: 3.0, HEAT: 13.0, ALL: 10.0}
Ask = Callable[[int], dict[str, Any]]


class Questions:
    """What is asked; the n-th asking is another one each time."""

    def __init__(self, client: httpx2.Client, codes: dict[str, list[str]], box: list[float]):
        self.client = client
        self.codes = codes
        self.box = box
        west, south, east, north = box
        keys = quadkey.of_positions([west, east], [south, north])
        z = 14
        while len(np.unique(keys >> (2 * (quadkey.ZOOM - z)))) > 1 and z > 7:
            z -= 1
        self.whole = (z, *_tile(keys[:1], z))
        middle = quadkey.of_positions([(west + east) / 2], [(south + north) / 2])
        self.near = (16, *_tile(middle, 16))
        self.actions: dict[str, int] = {}

    def all(self) -> Iterator[tuple[str, str, Ask]]:
        """(name, kind, asking)"""
        z, x, y = self.whole
        heat = f"/tiles/incident_heat/{z}/{x}/{y}.mvt"
        yield "newest page", LISTS, lambda n: self.get("/api/incidents", limit=50)
        yield "filtered page", LISTS, lambda n: self.get("/api/incidents", **self.filters(n))
        yield "page of a word", LISTS, lambda n: self.get("/api/incidents", **self.words(n))
        yield "page of a number", LISTS, lambda n: self.get("/api/incidents", q=f"A{977 * n + 5}")
        yield "duplicates", LISTS, self.duplicates
        yield "one incident", LISTS, lambda n: self.get(f"/api/incidents/{1 + 37 * n}")
        yield "locate", LISTS, self.locate
        yield "district facts", ALL, lambda n: self.get("/api/district")
        yield "classes", ALL, lambda n: self.get("/api/classes")
        yield "count, filtered", ALL, lambda n: self.get("/api/incidents/count", **self.span(n))
        yield "heat, no filter", DAYS_OF_HEAT, lambda n: self.get(heat)
        yield (
            "heat, days and classes",
            DAYS_OF_HEAT,
            lambda n: self.get(heat, **self.span(n), **self.some("class", n, 10)),
        )
        yield "heat, days", DAYS_OF_HEAT, lambda n: self.get(heat, **self.span(n))
        yield (
            "heat, to the second",
            HEAT,
            lambda n: self.get(
                heat, to=(END - timedelta(days=n % 900, seconds=17 * n + 1)).isoformat()
            ),
        )
        yield (
            "heat, a street",
            HEAT,
            lambda n: self.get(heat, **self.span(n), **self.some("street", n, 1)),
        )
        yield (
            "points, district",
            ALL,
            lambda n: self.get(f"/tiles/incidents/{z}/{x}/{y}.mvt", **self.span(n)),
        )
        a, b, c = self.near
        yield (
            "points, close",
            ALL,
            lambda n: self.get(f"/tiles/incidents/{a}/{b + n % 3}/{c}.mvt", **self.span(n)),
        )
        yield (
            "buildings, close",
            LISTS,
            lambda n: self.get(f"/tiles/building/{a}/{b + n % 3 - 1}/{c + n // 3 % 3 - 1}.mvt"),
        )
        yield (
            "grids by density",
            ALL,
            lambda n: self.get(f"/tiles/grid_density/{z}/{x}/{y}.mvt", **self.span(n)),
        )
        yield (
            "metrics by community",
            ALL,
            lambda n: self.get("/api/metrics", level="community", **self.span(n)),
        )
        yield "coverage", LISTS, lambda n: self.get("/api/coverage", **self.window(n))
        yield "gaps", ALL, lambda n: self.get("/api/coverage/gaps", **self.window(n))
        yield "report taken in", LISTS, self.report
        yield "change seen on the map", ALL, self.change

    def get(self, path: str, **asked: Any) -> dict[str, Any]:
        answer = self.client.get(path, params=asked)
        if answer.status_code not in (200, 204):
            raise RuntimeError(f"{path} {asked}: {answer.status_code} {answer.text[:300]}")
        kind = answer.headers.get("content-type", "")
        return answer.json() if kind.startswith("application/json") else {}

    def some(self, name: str, n: int, count: int) -> dict[str, str]:
        known = self.codes[name]
        return {name: ",".join(known[(n * 7 + one) % len(known)] for one in range(count))}

    def span(self, n: int) -> dict[str, str]:
        """Half a year or so, whole days."""
        first = END.date() - timedelta(days=200 + (37 * n) % (DAYS - 210))
        return {"from": str(first), "to": str(first + timedelta(days=180 + n % 9))}

    def window(self, n: int) -> dict[str, str]:
        return {"from": (END - timedelta(days=90, seconds=n)).isoformat(), "to": END.isoformat()}

    def filters(self, n: int) -> dict[str, Any]:
        out: dict[str, Any] = {"limit": 50}
        for divisor, more in (
            (2, {"state": ("reported", "filed", "closed", "in_progress")[n % 4]}),
            (3, self.some("class", n, 2)), (4, self.some("community", n, 1)),
            (5, self.some("grid", n, 1)), (3, self.span(n) if n % 2 else {}),
            (7, {"overdue": "true"}), (4, {"sort": ("due_at", "-updated_at")[n // 4 % 2]}),
            (6, {"bbox": self.small_box(n)}),
        ):  # fmt: skip
            if n % divisor == 0:
                out |= more
        return out

    def words(self, n: int) -> dict[str, Any]:
        words = ("井盖", "积水", "西街116号", "没有这个词", "东街", "树枝折断", "打锡街7号", "渣土")
        out: dict[str, Any] = {"limit": 50, "q": words[n % len(words)]}
        return out | (self.some("community", n, 1) if n % 3 == 0 else {})

    def small_box(self, n: int) -> str:
        x, y = self.place(n)
        return f"{x - 0.002:.6f},{y - 0.002:.6f},{x + 0.002:.6f},{y + 0.002:.6f}"

    def place(self, n: int) -> tuple[float, float]:
        west, south, east, north = self.box
        share = np.random.default_rng(n).uniform(0.3, 0.7, 2)
        return float(west + share[0] * (east - west)), float(south + share[1] * (north - south))

    def locate(self, n: int) -> dict[str, Any]:
        lon, lat = self.place(n)
        return self.get("/api/locate", lon=lon, lat=lat)

    def duplicates(self, n: int) -> dict[str, Any]:
        lon, lat = self.place(n)
        at = (END - timedelta(hours=5 * n + 1)).isoformat()
        asked = {"class": self.codes["class"][n % 9], "lon": lon, "lat": lat, "at": at}
        return self.get("/api/incidents/duplicates", **asked)

    def report(self, n: int) -> dict[str, Any]:
        lon, lat = self.place(n)
        body = {"class": self.codes["class"][n % 9], "lon": lon, "lat": lat, "crs": "wgs84",
                "description": f"报告 {n}", "source": "resident"}  # fmt: skip
        answer = self.client.post("/api/incidents", json=body)
        answer.raise_for_status()
        return answer.json()  # type: ignore[no-any-return]

    def change(self, n: int) -> dict[str, Any]:
        """An old incident is opened again; until counts of the map know it."""
        grid = self.some("grid", n, 1)
        before = self.get("/api/incidents/count", **grid)["data_version"]
        closed = self.get("/api/incidents", state="closed", limit=1, sort="reported_at",
                          **self.some("community", n, 1))["items"]  # fmt: skip
        answer = self.client.post(
            f"/api/incidents/{closed[0]['id']}/reopen", json={"reason": "bench"}
        )
        answer.raise_for_status()
        until = time.perf_counter() + 60
        while self.get("/api/incidents/count", **grid)["data_version"] <= before:
            assert time.perf_counter() < until, "the change was not heard within a minute"
        return {}


def _tile(keys: np.ndarray, z: int) -> tuple[int, int]:
    column, row = quadkey.to_columns_rows(keys >> (2 * (quadkey.ZOOM - z)))
    return int(column[0]), int(row[0])


@contextmanager
def served(
    database: BenchDatabase, settings: dict[str, str] | None = None
) -> Iterator[tuple[httpx2.Client, int, float]]:
    """The service without its tile cache: (a client that may do everything, process, seconds
    until it was ready)."""
    token = make_token(database)
    start = time.perf_counter()
    process, port = serve(database, {"GIS_TILE_CACHE_BYTES": "0", **(settings or {})})
    ready = time.perf_counter() - start
    try:
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=120,
            headers={"Authorization": f"Bearer {token}"},
        ) as client:  # fmt: skip
            yield client, process.pid, ready
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def make_token(database: BenchDatabase, name: str | None = None) -> str:
    """A token of a new account that may do everything."""
    actor = Actor(None, "bench")
    with database.sessions.begin() as session:
        account = add_account(
            session, database.settings, actor, name=name or f"bench-{time.time_ns()}", role="admin",
            password=None,
        )  # fmt: skip
        return add_token(session, actor, account, label="bench")[1]


def wait_for_rest(pid: int, longest_s: float = 900) -> float:
    """Seconds until a process has nothing to do for three seconds on end: after a start the texts
    of all incidents are read beside the requests."""
    begin = rested = time.perf_counter()
    used = cpu_s(pid)
    while rested - begin < longest_s and time.perf_counter() - rested < 3:
        time.sleep(0.5)
        if cpu_s(pid) - used > 0.05:
            rested = time.perf_counter()
        used = cpu_s(pid)
    return rested - begin


def rss_mb(pid: int) -> float:
    """Memory that a process holds itself, in MB: what is mapped from files is not counted."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise KeyError("RssAnon")


def measure(database: BenchDatabase, asks: int, told: Callable[[str], None]) -> dict[str, Any]:
    """name -> {kind, p50, p95 (ms)}, and what the process took."""
    figures: dict[str, Any] = {}
    with served(database) as (client, pid, ready):
        questions = Questions(client, codes_of(client), client.get("/api/district").json()["bbox"])
        figures["start until ready"] = {"kind": ALL, "p50": ready * 1000}
        figures["memory after the start, MB"] = {"kind": ALL, "p50": rss_mb(pid)}
        figures["texts read"] = {"kind": ALL, "p50": (ready + wait_for_rest(pid)) * 1000}
        figures |= answered(questions, asks, told)
        figures["memory after all, MB"] = {"kind": ALL, "p50": rss_mb(pid)}
        told(f"{cpu_s(pid):.0f} s of processor time")
    figures["database, MB"] = {"kind": ALL, "p50": database_mb(database)}
    return figures


def answered(questions: Questions, asks: int, told: Callable[[str], None]) -> dict[str, Any]:
    """name -> {kind, p50, p95 (ms), n} of all questions."""
    figures = {}
    for name, kind, ask in questions.all():
        figures[name] = {"kind": kind, **timed(ask, asks)}
        told("{}: p50 {p50:.1f} ms, p95 {p95:.1f} ms of {n}".format(name, **figures[name]))
    return figures


def timed(ask: Ask, asks: int) -> dict[str, Any]:
    """p50 and p95 (ms) of asking ``asks`` times, or for forty seconds, after three for practice."""
    times = []
    until = time.perf_counter() + 40
    for n in range(-3, asks):
        start = time.perf_counter()
        ask(n + 3)
        if n >= 0:
            times.append((time.perf_counter() - start) * 1000)
        if time.perf_counter() > until:
            break
    low, high = np.percentile(times or [np.nan], (50, 95))
    return {"p50": float(low), "p95": float(high), "n": len(times)}


def database_mb(database: BenchDatabase) -> float:
    """What the database takes on disk, in MB."""
    with psycopg.connect(database.address) as connection:
        row = connection.execute("SELECT pg_database_size(current_database()) / 1048576.0")
        return float(row.fetchone()[0])  # type: ignore[index]


def codes_of(client: httpx2.Client) -> dict[str, list[str]]:
    """Codes to filter by: of classes, and of the areas of each level."""
    classes = client.get("/api/classes").json()["items"]
    out = {"class": [one["code"] for one in classes if one["count"]]}
    for level in ("street", "community", "grid"):
        areas = client.get(f"/api/areas/{level}", params={"limit": 200}).json()["items"]
        out[level] = [one["code"] for one in areas]
    return out


def table(results: dict[str, Any]) -> list[str]:
    """The lines of the table: a figure a row, a size a column, and how it grew at the last step."""
    sizes = sorted(map(int, results))
    named = [f"{size:,}" for size in sizes]
    lines = [f"| figure, ms | {' | '.join(named)} | grew | wanted |",
             "|---" * (len(sizes) + 3) + "|"]  # fmt: skip
    for name, last in results[str(sizes[-1])].items():
        values = [results[str(size)].get(name, {}).get("p50") for size in sizes]
        grew, wanted = "", ""
        if len(sizes) > 1 and values[-2]:
            factor = values[-1] / values[-2]
            most = WANTED[last["kind"]] ** np.log10(sizes[-1] / sizes[-2])
            grew = f"{factor:.1f} ×" + (" **missed**" if factor > most else "")
            wanted = f"≤ {most:.0f} ×"
        told = ["" if value is None else f"{value:,.1f}" for value in values]
        lines.append(f"| {name} | {' | '.join(told)} | {grew} | {wanted} |")
    return lines


def plot(results: dict[str, Any], out: Path, counted: str = "incidents") -> None:
    """Every figure against the incidents, relative to its value at the smallest size, and the line
    of equal growth."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    sizes = sorted(map(int, results))
    kinds = [kind for kind in WANTED
             if any(one["kind"] == kind for one in results[str(sizes[0])].values())]  # fmt: skip
    rows = (len(kinds) + 1) // 2
    figure, panes = plt.subplots(rows, 2, figsize=(11, 4.5 * rows), sharex=True, sharey=True)
    for kind, pane in zip(kinds, panes.flat, strict=True):
        pane.set_prop_cycle(color=plt.colormaps["tab20"].colors)
        for name, one in results[str(sizes[0])].items():
            if one["kind"] != kind:
                continue
            values = [
                results[str(size)][name]["p50"] for size in sizes if name in results[str(size)]
            ]
            pane.plot(sizes[: len(values)], np.array(values) / values[0], marker="o", label=name)
        pane.plot(sizes, np.array(sizes) / sizes[0], color="black", linestyle="--",
                  label="as the data")  # fmt: skip
        pane.set(xscale="log", yscale="log", title=kind)
        pane.grid(visible=True, which="major", alpha=0.3)
        pane.legend(fontsize=7, loc="upper left")
    figure.supxlabel(counted)
    figure.supylabel(f"× the figure at {sizes[0]:,}")
    figure.tight_layout()
    figure.savefig(out, dpi=100, metadata={"Software": None})


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--buildings", type=int, default=300_000)
    parser.add_argument("--asks", type=int, default=60)
    parser.add_argument("--no-walks", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--plot", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    if not options.plot:
        told = teller()
        walks = not options.no_walks
        with grown_database(options.keep, options.buildings, told, walks=walks) as database:
            for size in sorted(options.sizes):
                load_up_to(database, size, told)
                results[str(size)] = measure(database, options.asks, told)
                options.out.write_text(json.dumps(results, indent=1, sort_keys=False) + "\n")
    print("\n### Growth\n")
    print("\n".join(table(results)))
    plot(results, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
