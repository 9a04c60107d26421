"""More slow requests at once than there are connections to the database."""

from __future__ import annotations

import threading
import time

import psycopg

from tests.faults.conftest import Shared
from tests.faults.served import Answer, until

CONNECTIONS = 3


def test_waiting_is_bounded_told_and_over_once_the_slow_ones_are(shared: Shared) -> None:
    service = shared.service
    assert service.ask("GET", "/readyz").status == 200
    answers: list[tuple[Answer, float]] = []

    def report(number: int) -> None:
        began = time.monotonic()
        answer = service.report(f"full-{number}")
        answers.append((answer, time.monotonic() - began))

    threads = [threading.Thread(target=report, args=(number,)) for number in range(9)]
    with psycopg.connect(shared.database.address) as holder:
        # what makes a request slow in earnest: somebody else holds the table
        holder.execute("LOCK TABLE incident IN ACCESS EXCLUSIVE MODE")
        for thread in threads:
            thread.start()
        until(lambda: len(answers) == 9 - CONNECTIONS, 15, "the others are refused")
        for answer, seconds in answers:
            assert (answer.status, answer.headers["retry-after"]) == (503, "5"), answer
            assert "too many requests at once" in answer.json()["detail"]
            assert seconds < 5
        zh = service.ask("GET", "/api/incidents?limit=1", **{"accept-language": "zh"})
        assert zh.status == 503
        assert zh.json()["detail"] == "同时请求过多，请稍后重试"
        began = time.monotonic()
        ready = service.ask("GET", "/readyz")
        assert ready.status == 503
        assert time.monotonic() - began < 4
        assert "no connection left" in ready.json()["reasons"][-1] or (
            "TimeoutError" in ready.json()["reasons"][-1]
        )
        assert service.ask("GET", "/healthz").status == 200
        assert service.ask("GET", "/static/app.css").status in (200, 404)
    for thread in threads:
        thread.join(30)
    assert sorted(answer.status for answer, _ in answers) == [201] * CONNECTIONS + [503] * 6
    until(lambda: service.ask("GET", "/readyz").status == 200, 10, "ready again")
    again = [service.report(f"full-{number}").status for number in range(9)]
    assert sorted(again) == [200] * CONNECTIONS + [201] * 6
    assert shared.database.value(
        "SELECT count(*) FROM incident WHERE description LIKE 'full-%%'"
    ) == 9  # fmt: skip
