"""The service is killed at work."""

from __future__ import annotations

import signal

import pytest

from tests.faults.served import Reporters, Served
from tests.incidents.conftest import Bureau


@pytest.mark.long
def test_reports_that_were_acknowledged_survive_and_each_is_taken_once(
    bureau: Bureau, service: Served
) -> None:
    reporters = Reporters(service)
    with reporters.at_work():
        reporters.wait_for(60)
        service.kill()
        reporters.ended.set()
    assert reporters.strange == []
    assert len(reporters.sent) > len(reporters.acknowledged)  # some were under way
    service.start()
    reporters.check(bureau.database.rows)
    reporters.send_again()
    reporters.check(bureau.database.rows)
    assert bureau.database.value("SELECT count(*) FROM incident") == len(reporters.sent)
    shown = service.ask("GET", "/api/incidents?limit=1000").json()["items"]
    assert {one["id"] for one in shown} == set(reporters.acknowledged.values())


@pytest.mark.long
def test_it_stops_politely_with_pages_open(service: Served) -> None:
    pages = [service.open_stream("/events") for _ in range(3)]
    for page in pages:
        assert next(page.messages())[1] == "hello"
    assert service.stop(10) == -signal.SIGTERM  # the server raises it again at its end
    assert "without completing response" not in service.log.read_text()
    for page in pages:
        assert list(page.messages()) == []  # ended as a message ends, not cut off
        page.close()
