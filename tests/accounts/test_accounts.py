"""Accounts, tokens and the audit log over HTTP."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from gis_service.accounts.service import Actor, add_account, change_account, get_account
from gis_service.app import create_app
from gis_service.errors import Conflict
from tests.accounts.people import ORIGIN, PASSWORD, add, sign_in
from tests.conftest import Database, token_headers


def refused_soon(client: TestClient, headers: dict[str, str]) -> None:
    until = time.monotonic() + 5
    while client.get("/api/session", headers=headers).status_code != 401:
        assert time.monotonic() < until, "the change was not heard of"
        time.sleep(0.02)


# -- accounts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "where"),
    [({"name": "x"}, "name"), ({"name": "a b"}, "name"), ({"name": "_li"}, "name"),
     ({"name": "<b>li"}, "name"), ({"role": "king"}, "role"), ({"password": "weak"}, "password"),
     ({"scopes": [{"level": "planet", "code": "1"}]}, "scopes"),
     ({"scopes": [{"level": "street", "code": ""}]}, "scopes"), ({"rights": ["all"]}, "rights"),
     ({"display_name": "a\nb"}, "display_name")],
)  # fmt: skip
def test_a_bad_account_is_refused_by_name(
    client: TestClient, change: dict[str, Any], where: str
) -> None:
    body = {"name": "wang", "role": "viewer", "password": PASSWORD} | change
    answer = client.post("/api/accounts", json=body)
    assert (answer.status_code, answer.json()["where"]) == (400, where)
    assert len(client.get("/api/accounts").json()["items"]) == 1


def test_an_account_is_made_listed_changed_and_switched_off(
    client: TestClient, anonymous_client: TestClient
) -> None:
    body = {
        "name": "王芳", "role": "street_office", "password": PASSWORD, "display_name": "王芳",
        "scopes": [{"level": "street", "code": "S0"}, {"level": "street", "code": "S0"}],
    }  # fmt: skip
    made = client.post("/api/accounts", json=body).json()
    assert made["scopes"] == [{"level": "street", "code": "S0"}]
    assert client.post("/api/accounts", json=body).status_code == 409
    page = client.get("/api/accounts?limit=1").json()
    rest = client.get(f"/api/accounts?limit=1&cursor={page['next']}").json()
    assert [a["name"] for a in page["items"] + rest["items"]] == ["admin", "王芳"]
    assert rest["next"] is None
    browser = anonymous_client
    assert sign_in(browser, "王芳").json()["scopes"] == made["scopes"]
    path = f"/api/accounts/{made['id']}"
    changed = client.patch(path, json={"role": "viewer", "scopes": []}).json()
    assert (changed["role"], changed["scopes"]) == ("viewer", [])
    until = time.monotonic() + 5
    while browser.get("/api/session").json()["role"] != "viewer":
        assert time.monotonic() < until
    assert client.patch(path, json={"active": False}).json()["active"] is False
    refused_soon(browser, {})
    client.patch(path, json={"active": True})
    # what was ended stays ended
    assert browser.get("/api/session").status_code == 401
    assert sign_in(browser, "王芳").status_code == 200
    assert client.patch("/api/accounts/999", json={"active": True}).status_code == 404
    assert client.patch(path, json={"role": "king"}).status_code == 400


def test_the_list_tells_who_has_no_password(client: TestClient) -> None:
    made = client.post("/api/accounts", json={"name": "elsewhere", "role": "viewer"}).json()
    path = f"/api/accounts/{made['id']}"
    assert made["password"] is False
    assert client.patch(path, json={"password": "weak"}).status_code == 400
    listed = client.get("/api/accounts").json()["items"][-1]
    assert (listed["name"], listed["password"]) == ("elsewhere", False)
    assert client.patch(path, json={"password": PASSWORD}).json()["password"] is True


def test_an_administrator_sets_a_password_and_unlocks(
    database: Database, client: TestClient, anonymous_client: TestClient
) -> None:
    number = add(database)
    for _ in range(6):
        sign_in(anonymous_client, password="wrong")
    accounts = client.get("/api/accounts").json()["items"]
    locked = next(account for account in accounts if account["id"] == number)
    assert locked["locked_until"] is not None
    changed = client.patch(f"/api/accounts/{number}", json={"password": "Loud-river-8"}).json()
    assert changed["locked_until"] is None
    assert sign_in(anonymous_client, password="Loud-river-8").status_code == 200


def test_the_last_administrator_stays(database: Database, client: TestClient) -> None:
    own = client.get("/api/session").json()["id"]
    for change in ({"active": False}, {"role": "viewer"}):
        assert client.patch(f"/api/accounts/{own}", json=change).status_code == 409
    add(database, "second", "admin")
    assert client.patch(f"/api/accounts/{own}", json={"role": "viewer"}).status_code == 200


def test_two_accounts_of_one_name_at_once_are_one(database: Database) -> None:
    first, second = database.sessions(), database.sessions()
    facts: dict[str, Any] = {"role": "viewer", "password": None}
    actor = Actor(None, "test")
    add_account(first, database.settings, actor, name="li", **facts)
    with psycopg.connect(database.address, autocommit=True) as watcher:
        problems: list[Exception] = []

        def other() -> None:
            try:
                add_account(second, database.settings, actor, name="LI", **facts)
            except Conflict as problem:
                problems.append(problem)

        thread = threading.Thread(target=other)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        until = time.monotonic() + 5
        while watcher.execute(waiting).fetchone() == (0,):
            assert time.monotonic() < until
        first.commit()
        thread.join(5)
    assert len(problems) == 1
    first.close()
    second.close()


# -- tokens --------------------------------------------------------------------------------


def test_a_token_is_told_once_listed_and_revoked(
    database: Database, anonymous_client: TestClient
) -> None:
    client = anonymous_client
    add(database)
    sign_in(client)
    made = client.post("/api/tokens", json={"label": "script"}, headers=ORIGIN).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    listed = client.get("/api/tokens").json()["items"]
    assert [(t["id"], t["label"]) for t in listed] == [(made["id"], "script")]
    assert made["token"] not in client.get("/api/tokens").text
    client.cookies.clear()
    assert client.get("/api/session", headers=headers).json()["name"] == "li"
    stranger = token_headers(database, "viewer")
    path = f"/api/tokens/{made['id']}"
    assert client.delete(path, headers=stranger).status_code == 404
    assert client.delete(path, headers=headers).status_code == 204
    refused_soon(client, headers)


def test_a_narrow_token_does_what_it_says_and_makes_no_wider_one(
    database: Database, client: TestClient
) -> None:
    wanted = ["self", "incident.read"]
    narrow = client.post("/api/tokens", json={"label": "n", "permissions": wanted}).json()
    headers = {"Authorization": f"Bearer {narrow['token']}"}
    assert client.get("/api/session", headers=headers).json()["permissions"] == sorted(wanted)
    assert client.get("/api/incidents", headers=headers).status_code == 200
    assert client.get("/api/accounts", headers=headers).status_code == 403
    body: dict[str, Any] = {"label": "wider", "permissions": ["account.manage"]}
    assert client.post("/api/tokens", json=body, headers=headers).status_code == 403
    same = client.post("/api/tokens", json={"label": "all"}, headers=headers).json()
    assert same["permissions"] == sorted(wanted)
    viewer = token_headers(database, "viewer")
    assert client.post("/api/tokens", json=body, headers=viewer).status_code == 403
    body["permissions"] = ["fly"]
    assert client.post("/api/tokens", json=body).json()["where"] == "permissions"


def test_a_token_ends_and_outlives_no_one(database: Database, client: TestClient) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = client.post("/api/tokens", json={"label": "x", "expires_at": soon.isoformat()}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    child = client.post("/api/tokens", json={"label": "child"}, headers=headers).json()
    assert datetime.fromisoformat(child["expires_at"]) == soon
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    answer = client.post("/api/tokens", json={"label": "x", "expires_at": past})
    assert answer.json()["where"] == "expires_at"
    naive = client.post("/api/tokens", json={"label": "x", "expires_at": "2099-01-01T00:00"})
    assert naive.status_code == 400
    with psycopg.connect(database.address) as connection:
        connection.execute("UPDATE api_token SET expires_at = now() WHERE label = 'x'")
    with TestClient(create_app(database.settings)) as other:
        assert other.get("/api/session", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer x", "bearer gis_x", "Bearer é", "Bearer a b"]
)
def test_a_token_that_is_none_is_a_401_on_public_routes_too(
    anonymous_client: TestClient, value: str
) -> None:
    headers = {"Authorization": value.encode()}
    answer = anonymous_client.get("/styles/map.json", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_who_is_switched_off_has_no_tokens(database: Database, client: TestClient) -> None:
    headers = token_headers(database, "officer")
    assert client.get("/api/session", headers=headers).status_code == 200
    with database.sessions.begin() as session:
        account = get_account(session, "officer")
        change_account(session, database.settings, Actor(None, "t"), account, {"active": False})
    refused_soon(client, headers)


# -- audit ---------------------------------------------------------------------------------


def test_the_audit_log_is_paged_and_filtered(database: Database, client: TestClient) -> None:
    for number in range(5):
        add(database, f"person{number}")
    seen: list[int] = []
    cursor = ""
    while True:
        page = client.get(f"/api/audit?limit=3{cursor}").json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == list(range(7, 0, -1))  # the administrator, its token and five accounts
    added = client.get("/api/audit?action=account.add&actor=test").json()["items"]
    assert added[0]["subject"] == "person4"
    assert client.get("/api/audit?to=2020-01-01T00:00:00Z").json()["items"] == []
    for bad in ("cursor=x", "cursor=-1", "limit=0", "from=yesterday", "whom=li"):
        assert client.get(f"/api/audit?{bad}").status_code == 400
