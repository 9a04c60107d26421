"""What the service does so that nobody waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from fastapi import Request
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route

from gis_service.app import create_app
from gis_service.dependencies import get_session
from gis_service.settings import Settings
from tests.conftest import Database
from tests.ports import free_port

# asked from beside, then told to stop as an operator's TERM does
STARTED = """
import gc, os, signal, threading, time, urllib.request
from gis_service.serving import serve
from gis_service.settings import get_settings

settings = get_settings()

def look():
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{settings.port}/healthz").read()
            break
        except OSError:
            time.sleep(0.1)
    print("left alone", gc.get_freeze_count(), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=look).start()
serve(settings)
"""


def test_the_collector_of_garbage_leaves_the_libraries_alone(database: Database) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED], capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | database.environment | {"GIS_PORT": str(free_port())},
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGTERM), done.stderr
    told = next(line for line in done.stdout.splitlines() if line.startswith("left alone"))
    assert int(told.split()[-1]) > 100_000


def test_no_route_is_made_at_the_first_request() -> None:
    routes = create_app(Settings()).routes
    assert len(routes) > 300
    assert {type(route) for route in routes if not isinstance(route, APIRoute)} <= {Route, Mount}


@pytest.mark.parametrize(("method", "reads"), [("GET", True), ("POST", False)])
def test_what_reads_asks_without_a_transaction(
    client: TestClient, method: str, reads: bool
) -> None:
    asked = Request({"type": "http", "method": method, "app": client.app})

    async def ask() -> Any:
        async for session in get_session(asked):
            pooled = await (await session.connection()).get_raw_connection()
            return pooled.driver_connection.autocommit

    assert client.portal is not None
    assert client.portal.call(ask) is reads
