"""Phones' positions: understood, committed before they are acknowledged, followed by visits."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gis_service.app import create_app
from gis_service.errors import InvalidInput
from gis_service.interop.positions.parsing import (
    parse_osmand,
    parse_osmand_json,
    parse_owntracks,
)
from gis_service.patrols.devices import add_device, switch_off
from gis_service.patrols.following import derive_pending
from gis_service.patrols.reading import NO_TIME
from gis_service.responsibility.models import Officer
from tests.patrols.conftest import Patrol, patrol, stroll
from tests.ports import free_port

__all__ = ["patrol"]

# 09:00 in the district, yesterday: on duty, and not in the future
START = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=1)


def phone(patrol: Patrol, kind: str, officer: str = "T1", **options: Any) -> str:
    """The token of a new phone."""
    with patrol.database.sessions.begin() as session:
        owner = session.get_one(Officer, patrol.officers[officer])
        return add_device(session, owner, kind, f"{kind} phone", **options)[1]


def basic(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"any:{token}".encode()).decode()}


def location(at: datetime, lon: float, lat: float, **more: Any) -> dict[str, Any]:
    return {"_type": "location", "tst": int(at.timestamp()), "lon": lon, "lat": lat, **more}


def test_owntracks_messages() -> None:
    (one,) = parse_owntracks(
        b'{"_type":"location","tst":1764032400,"lon":118.6,"lat":24.9,"acc":12}'
    )
    assert (one.at, one.lon, one.lat, one.accuracy_m) == (1764032400 * 10**6, 118.6, 24.9, 12)
    assert parse_owntracks(b'{"_type":"lwt","tst":1}') == []
    for bad in (b"", b"[]", b'{"_type":"encrypted","data":"x"}', b'{"_type":"pigeon"}', b"{}"):
        with pytest.raises(InvalidInput):
            parse_owntracks(bad)
    (strange,) = parse_owntracks(b'{"_type":"location","tst":"soon","lon":null,"lat":[],"acc":-4}')
    assert strange.at == NO_TIME
    assert not strange.lat == strange.lat
    assert not strange.accuracy_m == strange.accuracy_m


def test_osmand_requests() -> None:
    for at in ("1764032400", "1764032400000", "2025-11-25T01:00:00Z", "2025-11-25 01:00:00"):
        token, (one,) = parse_osmand({"id": "t", "lat": "24.9", "lon": "118.6", "timestamp": at})
        assert (token, one.at, one.lon) == ("t", 1764032400 * 10**6, 118.6), at
    _, (one,) = parse_osmand({"deviceid": "t", "location": "24.9,118.6", "timestamp": "1764032400"})
    assert (one.lat, one.lon) == (24.9, 118.6)
    body = b"""{"device_id": "t", "location": {"timestamp": "2025-11-25T01:00:00.000Z",
        "coords": {"latitude": 24.9, "longitude": 118.6, "accuracy": 5.5}}}"""
    assert parse_osmand_json(body) == ("t", [type(one)(1764032400 * 10**6, 118.6, 24.9, 5.5)])
    for bad in ({}, {"id": ""}):
        with pytest.raises(InvalidInput):
            parse_osmand(bad)
    for bad_body in (b"{", b'{"location": {}}', b'{"device_id": "t"}'):
        with pytest.raises(InvalidInput):
            parse_osmand_json(bad_body)


def test_positions_of_both_kinds_become_visits(patrol: Patrol) -> None:
    own, osm = phone(patrol, "owntracks"), phone(patrol, "osmand", "T2")
    with TestClient(create_app(patrol.database.settings)) as client:
        for at, lon, lat in stroll(START, 20):
            answer = client.post(
                "/api/positions/owntracks", json=location(at, lon, lat, acc=8), headers=basic(own)
            )
            assert (answer.status_code, answer.text) == (200, "[]")
            assert answer.headers["x-position-status"] == "stored"
            query = {"id": osm, "lat": lat, "lon": lon, "timestamp": int(at.timestamp())}
            answer = client.get("/api/positions/osmand", params=query)
            assert answer.json() == {"status": "stored"}
        # the same again, by the other methods
        assert client.post("/api/positions/osmand", params=query).json() == {"status": "already"}
        assert client.post("/api/positions/osmand", data=query).json() == {"status": "already"}
        lwt = client.post("/api/positions/owntracks", json={"_type": "lwt"}, headers=basic(own))
        assert lwt.status_code == 200
    assert patrol.database.rows("SELECT fixes FROM received_day") == [(81,), (81,)]
    while derive_pending(patrol.database.sessions, patrol.database.settings):
        pass
    assert not patrol.database.value("SELECT bool_or(pending) FROM received_day")
    assert [visit[0] for visit in patrol.visits()] == ["S0C0G0", "S0C0G1"]
    assert patrol.visits() == patrol.visits("T2")
    assert patrol.database.rows("SELECT DISTINCT source FROM track ORDER BY 1") == [
        ("osmand",), ("owntracks",),
    ]  # fmt: skip


def test_what_cannot_be_kept_is_said(patrol: Patrol) -> None:
    token, keeper = phone(patrol, "osmand"), phone(patrol, "osmand", keep_off_duty=True)
    night = START.replace(hour=18)  # 02:00 in the district
    with patrol.database.sessions.begin() as session:
        session.execute(
            text("INSERT INTO officer_absence (officer_id, from_day, to_day) VALUES (:id, :d, :d)"),
            {"id": patrol.officers["T2"], "d": START.date()},
        )
    away = phone(patrol, "osmand", "T2")
    wanted = [
        (token, START, "24.9", "stored"), (token, night, "24.9", "dropped_off_duty"),
        (keeper, night, "24.9", "stored"), (away, START, "24.9", "on_leave"),
        (token, START, "95", "nowhere"), (token, START, "nan", "nowhere"),
        (token, datetime.now(UTC) + timedelta(hours=1), "24.9", "future"),
        (token, START.replace(year=1999), "24.9", "too_old"), (token, None, "24.9", "untimed"),
        # sent again: acknowledged again, counted once
        (token, night, "24.9", "dropped_off_duty"), (away, START, "24.9", "on_leave"),
    ]  # fmt: skip
    with TestClient(create_app(patrol.database.settings)) as client:
        for device, at, lat, status in wanted:
            query = {"id": device, "lat": lat, "lon": "118.6"}
            if at:
                query["timestamp"] = str(int(at.timestamp()))
            assert client.get("/api/positions/osmand", params=query).json() == {"status": status}
    assert patrol.database.value("SELECT count(*) FROM fix") == 2
    assert patrol.database.rows(
        "SELECT officer_id, sum(fixes), sum(dropped_off_duty), sum(on_leave) FROM received_day "
        "GROUP BY 1 ORDER BY 1"
    ) == [(patrol.officers["T1"], 2, 1, 0), (patrol.officers["T2"], 0, 1, 1)]


def test_strangers_are_refused(patrol: Patrol) -> None:
    own, osm = phone(patrol, "owntracks"), phone(patrol, "osmand")
    good = location(START, 118.6, 24.9)
    with TestClient(create_app(patrol.database.settings)) as client:

        def post(headers: dict[str, str], **content: Any) -> int:
            content = content or {"json": good}
            path = "/api/positions/owntracks"
            return client.post(path, headers=headers, **content).status_code

        assert post({}) == post(basic("wrong")) == post(basic(osm)) == 401
        assert post({"Authorization": "Basic %%%"}) == post({"Authorization": "Bearer no"}) == 401
        assert post({"Authorization": f"Bearer {own}"}) == 200
        assert post(basic(own), content=b"{") == 400
        assert post(basic(own), content=b" " * 70_000) == 413
        osmand = "/api/positions/osmand"
        assert client.get(osmand, params={"lat": 1}).status_code == 400
        assert client.get(osmand, params={"id": own, "lat": 1, "lon": 1}).status_code == 401
        assert client.post(osmand, content=b'{"location": 1}').status_code == 400
        blank = {"id": osm, "lat": "", "location": "24.9,118.6", "timestamp": 1764032400}
        assert client.get(osmand, params=blank).json() == {"status": "nowhere"}
        number = patrol.database.value("SELECT id FROM device WHERE kind = 'owntracks'")
        with patrol.database.sessions.begin() as session:
            switch_off(session, number)
        until = time.monotonic() + 10
        while post(basic(own)) != 401:  # the feed tells within a second
            assert time.monotonic() < until
            time.sleep(0.1)
    assert patrol.database.value("SELECT count(*) FROM fix") == 1


def test_what_was_acknowledged_survives_a_kill(patrol: Patrol) -> None:
    token = phone(patrol, "osmand")
    port = free_port()
    environment = {**os.environ, **patrol.database.environment, "GIS_PORT": str(port)}
    command = [sys.executable, "-c", "from gis_service.cli import main; main()", "serve"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    acknowledged: list[int] = []
    sent: list[int] = []
    first = int(START.timestamp())

    def send(worker: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        for number in range(worker, 20_000, 8):
            at = first + number
            try:
                sent.append(at)
                connection.request(
                    "GET", f"/api/positions/osmand?id={token}&lat=24.9&lon=118.6&timestamp={at}"
                )
                answer = connection.getresponse()
                answer.read()
            except OSError:
                return
            if answer.status == 200:
                acknowledged.append(at)

    try:
        until = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                assert time.monotonic() < until
                assert server.poll() is None
                time.sleep(0.1)
        workers = [threading.Thread(target=send, args=(number,)) for number in range(8)]
        for worker in workers:
            worker.start()
        until = time.monotonic() + 60
        while len(acknowledged) < 500:
            assert time.monotonic() < until
            time.sleep(0.01)
        os.kill(server.pid, signal.SIGKILL)
        for worker in workers:
            worker.join(30)
    finally:
        server.kill()
        server.wait()
    stored = {
        at for (at,) in patrol.database.rows("SELECT extract(epoch FROM at)::bigint FROM fix")
    }
    assert len(acknowledged) >= 500
    assert set(acknowledged) <= stored <= set(sent)
    assert patrol.database.value("SELECT sum(fixes) FROM received_day") == len(stored)
