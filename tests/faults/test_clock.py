"""The server's clock jumps back two hours, on by three days, and comes right again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from gis_service.accounts.service import Actor, add_account
from tests.faults.served import Reporters, Served, until
from tests.incidents.conftest import Bureau

JUMPS = ("-2h", "+3d", "-400d", "+0")


@pytest.fixture
def clock(bureau: Bureau, serve: Callable[..., Served], tmp_path: Path) -> tuple[Served, Path]:
    """A service whose wall clock is set by a file; what measures durations is left alone, as a
    real jump leaves it."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    assert library is not None, "libfaketime is missing: scripts/setup.sh test installs it"
    setting = tmp_path / "clock"
    setting.write_text("+0")
    service = serve(
        bureau.database, LD_PRELOAD=str(library), FAKETIME_TIMESTAMP_FILE=str(setting),
        FAKETIME_CACHE_DURATION="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
    )  # fmt: skip
    return service, setting


def moment(words: str) -> datetime:
    return datetime.fromisoformat(words)


def sign_in(service: Served, bureau: Bureau) -> dict[str, str]:
    """The cookie of a session."""
    with bureau.database.sessions.begin() as session:
        add_account(
            session, bureau.database.settings, Actor(None, "test"), name="desk",
            role="dispatcher", password="Correct-horse-7", scopes=[],
        )  # fmt: skip
    answer = service.ask(
        "POST", "/api/session", {"name": "desk", "password": "Correct-horse-7"},
        **{"sec-fetch-site": "same-origin"},
    )  # fmt: skip
    assert answer.status == 200, answer
    return {"cookie": answer.headers["set-cookie"].split(";")[0]}


@pytest.mark.long
def test_nothing_is_lost_or_out_of_order_when_the_clock_jumps(
    clock: tuple[Served, Path], bureau: Bureau
) -> None:
    service, setting = clock
    rows = bureau.database.rows
    cookie = sign_in(service, bureau)
    stream = service.open_stream("/events")
    messages = stream.messages()
    seq = next(messages)[0]
    reporters = Reporters(service)
    with reporters.at_work(2):
        for jump in JUMPS:
            reporters.wait_for(15)
            first = service.report(f"before {jump}").json()
            reporters.sent.append(f"before {jump}")
            reporters.acknowledged[f"before {jump}"] = first["id"]
            setting.write_text(jump)
            time.sleep(1.5)  # it is looked at once a second
            # what was reported on the other side of the jump is dealt with on this side
            for action in ("verify", "file"):
                answer = service.ask("POST", f"/api/incidents/{first['id']}/{action}", {})
                assert answer.status in (200, 400, 409), (jump, action, answer)
            done = service.ask("GET", f"/api/incidents/{first['id']}").json()
            if done["due_at"]:
                assert moment(done["due_at"]) >= moment(done["reported_at"])
            until(lambda: service.ask("GET", "/readyz").status == 200, 20, "ready")
            assert service.ask("GET", "/api/metrics?level=street").status == 200
            assert service.ask("GET", "/api/coverage").status == 200
            # a session's time is the database's: nobody is thrown out, none is prolonged
            assert service.ask("GET", "/api/session", Authorization="", **cookie).status == 200
    assert reporters.strange == []
    reporters.check(rows)
    wanted = set(reporters.acknowledged.values())
    told: set[int] = set()
    while not wanted <= told:
        at, event, data = next(messages)
        assert at >= seq, "the stream went back"
        seq = at
        if event == "incidents":
            told |= {item["id"] for item in data["items"]}
    stream.close()
    # the log of each is in the order in which things happened, by its numbers
    assert rows("SELECT count(*) FROM incident_log") != [(0,)]
    for (number,) in rows("SELECT DISTINCT incident_id FROM incident_log LIMIT 5"):
        log = service.ask("GET", f"/api/incidents/{number}/log").json()["items"]
        assert log[0]["action"] == "report"
    until(lambda: service.ask("GET", "/readyz").status == 200, 10, "ready")
