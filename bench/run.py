"""Every bench in turn, with the machine named; what ``make bench`` runs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime

MODULES = (
    "placing", "loading", "heat", "http", "inbox", "inbox_http", "live", "tracks", "positions",
    "swath", "metrics", "coverage", "effect", "planning", "export", "ogc", "restore", "growth",
    "fixes", "mixed",
)  # fmt: skip


def main() -> None:
    """Run the benches one after the other: side by side they would disturb each other."""
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores {platform.machine()}, "
          f"Python {platform.python_version()}\n", flush=True)  # fmt: skip
    for name in MODULES:
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)
        print(flush=True)


if __name__ == "__main__":
    main()
