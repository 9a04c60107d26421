"""Walks over HTTP and the command line: who may, what is answered, what is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from typer.testing import CliRunner

from gis_service.accounts.models import Account
from gis_service.app import create_app
from gis_service.cli import app as command_line
from gis_service.responsibility.models import Officer
from tests.conftest import token_headers
from tests.patrols.conftest import NINE, Patrol, geojson, gpx, stroll

START = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def officer(patrol: Patrol) -> dict[str, str]:
    """The headers of officer T1's own account."""
    headers = token_headers(patrol.database, "officer", name="t1")
    with patrol.database.sessions.begin() as session:
        account = session.scalar(select(Account.id).where(Account.name == "t1"))
        session.execute(update(Officer).where(Officer.code == "T1").values(account_id=account))
    return {**headers, "accept-language": "en"}


@pytest.fixture
def served(patrol: Patrol) -> TestClient:
    return TestClient(create_app(patrol.database.settings))


def test_an_officer_uploads_a_walk_and_the_visits_are_there(
    patrol: Patrol, served: TestClient, officer: dict[str, str]
) -> None:
    walk = gpx(stroll(START, 20))
    with served as client:
        answer = client.post("/api/tracks", files={"file": ("walk.gpx", walk)}, headers=officer)
        assert answer.status_code == 201, answer.text
        assert (answer.json()["loaded"], answer.json()["visits"]) == (81, 2)
        again = client.post("/api/tracks", content=geojson(stroll(START, 20)), headers=officer)
        assert (again.json()["already"], again.json()["format"]) == (81, "geojson")
        assert client.post("/api/tracks", content=walk).status_code == 401
        for query, status in (("officer=T2", 403), ("officer=NO", 404), ("colour=red", 400)):
            refused = client.post(f"/api/tracks?{query}", content=walk, headers=officer)
            assert refused.status_code == status, query
        broken = client.post("/api/tracks", content=walk[:-5], headers=officer)
        assert broken.status_code == 400
        assert "line 1" in broken.json()["detail"]
        form = client.post("/api/tracks", files={"other": ("x", b"")}, headers=officer)
        assert form.status_code == 400
        leader = token_headers(patrol.database, "squad_leader", scopes=["squad=Z1"])
        theirs = "/api/tracks?officer=T2"
        assert client.post(theirs, content=walk, headers=leader).status_code == 201
        assert client.post("/api/tracks", content=walk, headers=leader).status_code == 400
        keep = f"{theirs}&keep_off_duty=true"
        assert client.post(keep, content=walk, headers=leader).status_code == 400
        stranger = token_headers(patrol.database, "squad_leader", name="other", scopes=["squad=Z9"])
        assert client.post(theirs, content=walk, headers=stranger).status_code == 403
    assert [code for code, *_ in patrol.visits("T2")] == ["S0C0G0", "S0C0G1"]


def test_a_file_that_is_too_large_is_refused(patrol: Patrol, officer: dict[str, str]) -> None:
    small = patrol.database.settings.model_copy(update={"track_bytes": 1000})
    walk = gpx(stroll(START, 20))
    with TestClient(create_app(small)) as client:
        assert client.post("/api/tracks", content=walk, headers=officer).status_code == 413
        form = client.post("/api/tracks", files={"file": ("w", walk)}, headers=officer)
        assert form.status_code == 413


def test_phones_get_tokens_and_lose_them(
    patrol: Patrol, served: TestClient, officer: dict[str, str]
) -> None:
    with served as client:
        made = client.post("/api/devices", json={"kind": "owntracks"}, headers=officer)
        assert made.status_code == 201, made.text
        assert len(made.json()["token"]) > 20
        setup = made.json()["setup"]
        assert setup["address"] == "http://testserver/api/positions/owntracks"
        assert setup["picture"].startswith("data:image/svg+xml")
        told = json.loads(base64.b64decode(setup["link"].partition("inline=")[2]))
        assert (told["url"], told["password"]) == (setup["address"], made.json()["token"])
        assert patrol.database.value("SELECT length(token_hash) FROM device") == 32
        for bad in (
            {"kind": "pigeon"},
            {"kind": "osmand", "label": " "},
            {"kind": "osmand", "x": 1},
        ):
            assert client.post("/api/devices", json=bad, headers=officer).status_code in (400, 422)
        other = {"kind": "osmand", "officer": "T2"}
        assert client.post("/api/devices", json=other, headers=officer).status_code == 403
        leader = token_headers(patrol.database, "squad_leader", scopes=["squad=Z1"])
        theirs = client.post("/api/devices", json=other, headers=leader).json()
        link = f"http://testserver/api/positions/osmand?id={theirs['token']}"
        assert theirs["setup"]["link"] == link
        listed = client.get("/api/devices", headers=officer).json()["items"]
        assert [one["officer"] for one in listed] == ["T1"]
        assert len(client.get("/api/devices", headers=leader).json()["items"]) == 2
        assert client.delete(f"/api/devices/{theirs['id']}", headers=officer).status_code == 403
        off = client.delete(f"/api/devices/{theirs['id']}", headers=leader)
        assert off.json()["active"] is False
        assert client.delete("/api/devices/999", headers=leader).status_code == 404
    assert patrol.database.rows("SELECT active FROM device ORDER BY id") == [(True,), (False,)]


def test_the_command_line(patrol: Patrol, tmp_path: Path) -> None:
    run = CliRunner()
    (tmp_path / "T1_morning.gpx").write_bytes(gpx(stroll(NINE.replace(month=10), 20)))
    (tmp_path / "T1_broken.gpx").write_bytes(b"<gpx>")
    (tmp_path / "nobody.gpx").write_bytes(gpx(stroll(NINE.replace(month=10), 20)))
    (tmp_path / "x.geojson").write_bytes(geojson(stroll(NINE.replace(month=9), 20)))
    good = run.invoke(command_line, ["load", "tracks", str(tmp_path / "T1_morning.gpx")])
    counts = orjson.loads(good.stdout.splitlines()[-1])
    assert (good.exit_code, counts["read"], counts["loaded"], counts["visits"]) == (0, 81, 81, 2)
    names = [str(tmp_path / name) for name in ("T1_broken.gpx", "nobody.gpx", "none.gpx")]
    bad = run.invoke(command_line, ["load", "tracks", *names, "--crs", "WGS-84"])
    assert bad.exit_code == 1
    assert orjson.loads(bad.stdout.splitlines()[-1])["files_refused"] == 3
    for words in ("T1_broken.gpx: the XML", "no officer 'nobody'", "none.gpx"):
        assert words in bad.stderr, bad.stderr
    named = ["load", "tracks", str(tmp_path / "x.geojson"), "--officer", "T2", "--crs", "gcj02"]
    assert run.invoke(command_line, named).exit_code == 0
    before = patrol.visits()
    again = run.invoke(command_line, ["patrols", "rebuild", "--from", "2026-10-01"])
    assert orjson.loads(again.stdout.splitlines()[-1])["visits"] == 2
    assert patrol.visits() == before
    assert run.invoke(command_line, ["patrols", "rebuild", "--from", "soon"]).exit_code == 1
    token = run.invoke(command_line, ["device", "add", "T1", "--kind", "osmand"])
    assert len(token.stdout.strip()) > 20
    number = patrol.database.value("SELECT id FROM device WHERE kind = 'osmand'")
    assert f"{number}\tT1\tosmand\ton\tphone" in run.invoke(command_line, ["device", "list"]).stdout
    assert run.invoke(command_line, ["device", "off", str(number)]).exit_code == 0
    assert run.invoke(command_line, ["patrols", "purge"]).exit_code == 0
