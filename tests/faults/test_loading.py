"""A load is killed; two loads of one file run at once."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

from gis_service.incidents.loading import Result
from tests.conftest import Database
from tests.incidents.test_loading import MAPPING, district, row, run, write

__all__ = ["district"]


def test_a_killed_load_started_again_ends_in_the_same_state(
    district: Database, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", [row(i) for i in range(20_000)])
    command = [".venv/bin/gis-service", "load", "incidents", str(path), "--mapping", MAPPING]
    environment = {**os.environ, **district.environment, "GIS_LOAD_BATCH": "500"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while district.value("SELECT count(*) FROM incident") < 2000:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    there = district.value("SELECT count(*) FROM incident")
    assert there % 500 == 0
    assert there < 20_000
    result = run(district, path)
    assert (result.loaded, result.already) == (20_000 - there, there)
    assert district.value("SELECT count(*) FROM incident_log") == 20_000
    assert district.value("SELECT count(DISTINCT external_id) FROM incident") == 20_000


def test_two_loads_of_one_file_at_once_load_it_once(district: Database, tmp_path: Path) -> None:
    district.settings.load_batch = 500
    path = write(tmp_path / "a.csv", [row(i) for i in range(5000)])
    results: list[Result] = []
    threads = [
        threading.Thread(target=lambda: results.append(run(district, path))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((r.loaded, r.already) for r in results) == [(0, 5000), (5000, 0)]
