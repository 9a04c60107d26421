"""The database is killed, stopped and started again under load; nobody's hands are needed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from gis_service.db.embedded import Cluster
from tests.conftest import Database
from tests.faults.served import Answer, Reporters, Served, until

READS = (
    "/api/incidents?limit=50", "/tiles/incidents/12/3398/1754.mvt", "/tiles/grid/12/3398/1754.mvt",
    "/ogc/collections/grid/items?limit=5", "/api/locate?lon=118.605&lat=24.905",
    "/open311/v2/services.json", "/api/metrics?level=street",
)  # fmt: skip


class Readers(threading.Thread):
    """Asks for everything in turn; whatever is neither an answer nor 503 is kept."""

    def __init__(self, service: Served) -> None:
        super().__init__()
        self.service = service
        self.ended = threading.Event()
        self.fine = 0
        self.refused: list[Answer] = []
        self.strange: list[tuple[str, Answer]] = []

    def run(self) -> None:
        while not self.ended.is_set():
            for path in READS:
                answer = self.service.ask("GET", path)
                if answer.status in (200, 204):
                    self.fine += 1
                elif answer.status == 503:
                    self.refused.append(answer)
                else:
                    self.strange.append((path, answer))


def postmaster(cluster: Cluster) -> int:
    return int((cluster.folder / "postmaster.pid").read_text().split()[0])


def end_a_backend(cluster: Cluster) -> None:
    """One backend dies, the server throws out all and recovers by itself."""
    with psycopg.connect(cluster.url()) as connection:
        row = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = 'gis' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    # this connection would be thrown out, too
    os.kill(row[0], signal.SIGKILL)


def end_the_server(cluster: Cluster) -> None:
    """The server itself dies; nothing but the service is there to start it again."""
    os.kill(postmaster(cluster), signal.SIGKILL)


def stop_at_once(cluster: Cluster) -> None:
    """What an operator does in a hurry; the service leaves a server alone that was stopped."""
    cluster._run("pg_ctl", "stop", "-D", str(cluster.folder), "-m", "immediate", "-w")
    time.sleep(4)
    assert not cluster.running()
    cluster.ensure()


@pytest.mark.long
def test_the_service_comes_back_by_itself_and_nothing_acknowledged_is_lost(
    own: Database, serve: Callable[..., Served]
) -> None:
    cluster = Cluster(own.settings.data_dir)
    service = serve(own)
    reporters, readers = Reporters(service), Readers(service)
    readers.start()
    try:
        with reporters.at_work():
            for fault in (end_a_backend, end_the_server, stop_at_once):
                reporters.wait_for(40)
                refused = reporters.statuses.get(503, 0)
                fault(cluster)
                until(
                    lambda before=refused: reporters.statuses.get(503, 0) > before, 30, "refusals"
                )
                reporters.wait_for(40)
                until(lambda: service.ask("GET", "/readyz").status == 200, 30, "ready")
    finally:
        readers.ended.set()
        readers.join(60)
    assert reporters.strange == []
    assert readers.strange == []
    assert readers.fine > 20
    assert readers.refused
    assert all(answer.headers["retry-after"] for answer in readers.refused)
    reporters.check(own.rows)
    reporters.send_again()
    reporters.check(own.rows)
    assert set(reporters.statuses) <= {0, 200, 201, 503}
