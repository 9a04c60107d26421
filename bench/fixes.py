"""How what is asked of walks grows with the fixes: a table, and a plot on logarithmic axes.

    .venv/bin/python -m bench.fixes [--sizes 1000000 10000000 100000000] [--keep NAME]
    .venv/bin/python -m bench.fixes --plot          only draws what was measured before

The full illustrative district, first with the walks of its own officers (1.2 million fixes in seven
months), then with those of more and more others (`bench.grown`), asked as `bench.growth` asks. How
many fixes are stored a second, and how many of them become visits, is printed on the way.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.database import BenchDatabase
from bench.grown import END, grown_database, load_fixes, teller
from bench.growth import (
    ALL,
    LISTS,
    Ask,
    Questions,
    answered,
    codes_of,
    database_mb,
    plot,
    rss_mb,
    served,
    table,
)
from gis_service.patrols.devices import add_device
from gis_service.responsibility.models import Officer

RESULTS = Path(__file__).parent / "fixes.json"
SIZES = (1_000_000, 10_000_000, 100_000_000)


class FixQuestions(Questions):
    """What is asked of walks, and what phones send."""

    def __init__(self, *known: Any, officers: list[str], squads: list[str], token: str) -> None:
        super().__init__(*known)
        self.officers = officers
        self.squads = squads
        self.token = token

    def all(self) -> Iterator[tuple[str, str, Ask]]:
        yield "coverage, 90 days", LISTS, lambda n: self.get("/api/coverage", **self.window(n))
        yield "gaps, 90 days", LISTS, lambda n: self.get("/api/coverage/gaps", **self.window(n))
        yield "visits to a grid", LISTS, self.visits
        yield "an officer's week, replayed", LISTS, self.replay
        yield "a squad's week, replayed", ALL, self.replay_squad
        yield "what a squad saw in a month", ALL, self.swath
        yield "position taken in", LISTS, self.position
        yield "walk of an hour uploaded", LISTS, self.upload

    def days(self, n: int, days: int) -> dict[str, str]:
        last = END - timedelta(days=n % 60, seconds=n)
        return {"from": (last - timedelta(days=days)).isoformat(), "to": last.isoformat()}

    def visits(self, n: int) -> dict[str, Any]:
        asked = self.some("grid", n, 1) | self.window(n)
        return self.get("/api/coverage/visits", **asked)

    def replay(self, n: int) -> dict[str, Any]:
        asked = {"officer": self.officers[n % len(self.officers)], **self.days(n, 7)}
        return self.get("/api/coverage/replay", **asked)

    def replay_squad(self, n: int) -> dict[str, Any]:
        return self.get(
            "/api/coverage/replay", squad=self.squads[n % len(self.squads)], **self.days(n, 7)
        )

    def swath(self, n: int) -> dict[str, Any]:
        return self.get(
            "/api/coverage/swath", squad=self.squads[n % len(self.squads)], **self.days(n, 30)
        )

    def position(self, n: int) -> dict[str, Any]:
        lon, lat = self.place(n)
        moment = int((END + timedelta(days=1)).timestamp()) + 20 * n
        return self.get("/api/positions/osmand", id=self.token, lon=lon, lat=lat, timestamp=moment)

    def upload(self, n: int) -> dict[str, Any]:
        lon, lat = self.place(n)
        first = END + timedelta(days=2, hours=2 * n)
        points = "".join(
            f'<trkpt lat="{lat + 1e-5 * minute}" lon="{lon}">'
            f"<time>{(first + timedelta(minutes=minute)):%Y-%m-%dT%H:%M:%SZ}</time></trkpt>"
            for minute in range(60)
        )
        answer = self.client.post(
            "/api/tracks", params={"officer": self.officers[n % len(self.officers)]},
            content=f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
                    f"{points}</trkseg></trk></gpx>",
            headers={"Content-Type": "application/gpx+xml"},
        )  # fmt: skip
        answer.raise_for_status()
        return answer.json()  # type: ignore[no-any-return]


def measure(database: BenchDatabase, asks: int, told: Callable[[str], None]) -> dict[str, Any]:
    """name -> {kind, p50, p95 (ms)}, and what the process took."""
    with database.sessions.begin() as session:
        officers = session.scalars(select(Officer).order_by(Officer.code)).all()
        own = [one.code for one in officers if "-" not in one.code]
        _, token = add_device(session, officers[0], "osmand", f"bench {time.time_ns()}")
    figures: dict[str, Any] = {}
    # the walks end on a fixed day: none is dropped because the bench runs later
    with served(database, {"GIS_FIX_DAYS": "3650"}) as (client, pid, ready):
        figures["start until ready"] = {"kind": ALL, "p50": ready * 1000}
        squads = [one["code"] for one in client.get("/api/squads").json()["items"]]
        questions = FixQuestions(
            client, codes_of(client), client.get("/api/district").json()["bbox"],
            officers=own, squads=squads, token=token,
        )  # fmt: skip
        figures |= answered(questions, asks, told)
        figures["memory after all, MB"] = {"kind": ALL, "p50": rss_mb(pid)}
    figures["database, MB"] = {"kind": ALL, "p50": database_mb(database)}
    return figures


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--asks", type=int, default=20)
    parser.add_argument("--keep")
    parser.add_argument("--plot", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    if not options.plot:
        told = teller()
        with grown_database(options.keep, 15_000, told, walks=True) as database:
            for size in sorted(options.sizes):
                load_fixes(database, size, told)
                results[str(size)] = measure(database, options.asks, told)
                options.out.write_text(json.dumps(results, indent=1, sort_keys=False) + "\n")
    print("\n### Growth with the fixes\n")
    print("\n".join(table(results)))
    plot(results, options.out.with_suffix(".png"), "fixes")


if __name__ == "__main__":
    main()
