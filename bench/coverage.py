"""`/api/coverage` and its gaps for every grid of the full demo district over 90 days, over HTTP.

.venv/bin/python -m bench.coverage [--requests 200]
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta

import numpy as np
from fastapi.testclient import TestClient

from bench.database import bench_database
from gis_service.accounts.service import Actor, add_account, add_token
from gis_service.app import create_app
from gis_service.demo.district import make_district
from gis_service.demo.loading import _load_areas
from gis_service.demo.patrol_loading import load_demo_walks

DAYS = 90
AS_OF = datetime(2026, 11, 19, 16, tzinfo=UTC)  # a midnight in the district


def run(requests: int) -> None:
    """Print the table."""
    with bench_database() as database:
        district = make_district(1, "full")
        with database.sessions.begin() as session:
            _load_areas(session, database.settings, district, "bench", AS_OF, ())
        fixes = load_demo_walks(database.sessions, database.settings, district, AS_OF)
        actor = Actor(None, "bench")
        with database.sessions.begin() as session:
            account = add_account(session, database.settings, actor, name="bench", role="admin",
                                  password=None)  # fmt: skip
            _, token = add_token(session, actor, account, label="bench")
        with TestClient(
            create_app(database.settings), headers={"Authorization": f"Bearer {token}"}
        ) as client:
            print(f"### Coverage of {len(district.grid):,} grids over {DAYS} days "
                  f"({fixes:,} fixes)\n")  # fmt: skip
            print("| asked | window | p50 ms | p95 ms |\n|---|---|---|---|")
            for path in ("/api/coverage", "/api/coverage/gaps"):
                for name, step in (("another each time", 1), ("the same", 0)):
                    times = []
                    for n in range(requests):
                        since = AS_OF - timedelta(days=DAYS, seconds=step * n)
                        asked = {"from": since.isoformat(), "to": AS_OF.isoformat()}
                        start = time.perf_counter()
                        answer = client.get(path, params=asked)
                        times.append((time.perf_counter() - start) * 1000)
                        assert answer.status_code == 200, answer.text
                    low, high = np.percentile(times, (50, 95))
                    print(f"| `{path}` | {name} | {low:.0f} | {high:.0f} |")
    print("\nMust be ≤ 100 ms at p95.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    run(parser.parse_args().requests)
