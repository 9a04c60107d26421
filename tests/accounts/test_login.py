"""Signing in and out over HTTP: refusals, lock-out, time-outs, other sites, the second factor."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pyotp
import pytest
from fastapi.testclient import TestClient

from gis_service.accounts.dependencies import COOKIE
from gis_service.app import create_app
from gis_service.settings import Settings
from tests.accounts.people import ORIGIN, PASSWORD, add, sign_in
from tests.conftest import Database


def change(database: Database, statement: str) -> None:
    with psycopg.connect(database.address) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def client_with(database: Database, **settings: Any) -> TestClient:
    made = Settings(database_url=database.address, data_dir=database.settings.data_dir, **settings)
    return TestClient(create_app(made), headers={"accept-language": "en"})


# -- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "li"}, {"name": "li", "password": ["x"]}, {"name": "li", "password": "x" * 300},
     {"name": "li\u0000", "password": "x"}, {"name": "li", "password": "x", "role": "admin"},
     [], "li"],
)  # fmt: skip
def test_what_is_no_login_is_a_400(anonymous_client: TestClient, body: Any) -> None:
    answer = anonymous_client.post("/api/session", json=body, headers=ORIGIN)
    assert answer.status_code == 400
    assert "x" * 300 not in answer.text


def test_an_unknown_name_and_a_wrong_password_look_the_same(
    database: Database, anonymous_client: TestClient
) -> None:
    add(database)
    add(database, "off")
    add(database, "robot", password=None)
    change(database, "UPDATE account SET active = false WHERE name = 'off'")
    answers = [
        sign_in(anonymous_client, "nobody"),
        sign_in(anonymous_client, password="Quiet-river-8"),
        sign_in(anonymous_client, "off"),
        sign_in(anonymous_client, "robot"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert len({answer.text for answer in answers}) == 1
    assert COOKIE not in anonymous_client.cookies
    why = database.rows("SELECT actor, detail ->> 'why' FROM audit_entry WHERE action = 'login'")
    assert why == [("nobody", "unknown"), ("li", "password"), ("off", "unknown"),
                   ("robot", "password")]  # fmt: skip


def test_failures_lock_and_an_unknown_name_is_not_told_apart(
    database: Database, anonymous_client: TestClient
) -> None:
    add(database)
    told: dict[str, list[tuple[int, str]]] = {"li": [], "nobody": []}
    for name, answers in told.items():
        for _ in range(database.settings.lockout_failures + 1):
            answer = sign_in(anonymous_client, name, "wrong")
            answers.append((answer.status_code, answer.json()["detail"]))
    assert [status for status, _ in told["li"]] == [401] * 5 + [429]
    assert told["li"] == told["nobody"]
    locked = sign_in(anonymous_client)  # the right one does not help now
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 15 * 60
    assert database.value("SELECT count(*) FROM audit_entry WHERE action = 'account.locked'") == 1
    change(database, "UPDATE account SET locked_until = now() - interval '1 s'")
    assert sign_in(anonymous_client).status_code == 200
    assert database.value("SELECT failed_logins FROM account WHERE name = 'li'") == 0


def test_attempts_at_once_do_not_slip_past_the_lock(
    database: Database, anonymous_client: TestClient
) -> None:
    add(database)
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(
            lambda n: sign_in(anonymous_client, password=f"wrong{n}").status_code, range(12)
        ))  # fmt: skip
    assert sorted(statuses) == [401] * 5 + [429] * 7


def test_one_address_cannot_try_without_end(database: Database) -> None:
    with client_with(database, logins_per_minute=3) as client:
        statuses = [sign_in(client, f"name{number}").status_code for number in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


# -- sessions ------------------------------------------------------------------------------


def test_a_session_from_in_to_out(database: Database, anonymous_client: TestClient) -> None:
    client = anonymous_client
    add(database, display_name="李明")
    assert client.get("/api/session").status_code == 401
    answer = sign_in(client, "LI")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # it came over HTTP
    me = client.get("/api/session").json()
    assert (me["name"], me["display_name"], me["role"]) == ("li", "李明", "dispatcher")
    assert me["role_name"] == {"zh": "派遣员", "en": "dispatcher"}
    assert (me["password"], me["totp"]) == (True, False)
    assert "incident.file" in me["permissions"]
    assert "account.manage" not in me["permissions"]
    kept = database.value("SELECT token_hash FROM login_session")
    assert client.cookies[COOKIE].encode() not in kept
    assert len(kept) == 32
    cookie_value = client.cookies[COOKIE]
    assert client.delete("/api/session", headers=ORIGIN).status_code == 204
    assert COOKIE not in client.cookies
    client.cookies.set(COOKIE, cookie_value)
    assert client.get("/api/session").status_code == 401
    assert [row[0] for row in database.rows("SELECT action FROM audit_entry ORDER BY id")] == [
        "account.add", "login", "logout",
    ]  # fmt: skip


def test_signing_in_again_ends_the_session_before(
    database: Database, anonymous_client: TestClient
) -> None:
    add(database)
    sign_in(anonymous_client)
    first = anonymous_client.cookies[COOKIE]
    sign_in(anonymous_client)
    assert anonymous_client.cookies[COOKIE] != first
    assert database.value("SELECT count(*) FROM login_session WHERE ended_at IS NULL") == 1


@pytest.mark.parametrize("secure", [True, None])
def test_over_https_the_cookie_stays_there(database: Database, secure: bool | None) -> None:
    add(database)
    with client_with(database, secure_cookies=secure) as client:
        answer = client.post(
            f"{'https' if secure is None else 'http'}://testserver/api/session",
            json={"name": "li", "password": PASSWORD},
        )
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "past",
    ["seen_at = now() - interval '31 min'", "created_at = now() - interval '13 h'",
     "ended_at = now()"],
)  # fmt: skip
def test_a_session_ends_by_itself(database: Database, past: str) -> None:
    add(database)
    with client_with(database) as client:
        sign_in(client)
        cookie = client.cookies[COOKIE]
    change(database, f"UPDATE login_session SET {past}")
    with client_with(database) as client:  # as another worker would
        client.cookies.set(COOKIE, cookie)
        assert client.get("/api/session").status_code == 401


def test_use_is_noted_once_a_minute_at_most(
    database: Database, anonymous_client: TestClient
) -> None:
    add(database)
    sign_in(anonymous_client)
    change(database, "UPDATE login_session SET seen_at = now() - interval '5 min'")
    before = database.value("SELECT seen_at FROM login_session")
    assert anonymous_client.get("/api/session").status_code == 200
    first = database.value("SELECT seen_at FROM login_session")
    assert (first - before).total_seconds() > 290
    for _ in range(5):
        anonymous_client.get("/api/session")
    assert database.value("SELECT seen_at FROM login_session") == first


# -- other sites ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver:8080"}, 403),
        ({"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://testserver"}, 201),
    ],
)
def test_a_change_by_cookie_must_come_from_our_own_pages(
    database: Database, anonymous_client: TestClient, headers: dict[str, str], status: int
) -> None:
    add(database)
    sign_in(anonymous_client)
    answer = anonymous_client.post("/api/tokens", json={"label": "x"}, headers=headers)
    assert answer.status_code == status
    assert database.value("SELECT count(*) FROM api_token") == (status == 201)
    # reading changes nothing, and links from elsewhere must work
    assert anonymous_client.get("/api/session", headers=headers).status_code == 200


def test_another_site_signs_nobody_in_or_out(
    database: Database, anonymous_client: TestClient
) -> None:
    add(database)
    sign_in(anonymous_client)
    evil = {"Origin": "http://evil.example"}
    login = {"name": "li", "password": PASSWORD}
    assert anonymous_client.post("/api/session", json=login, headers=evil).status_code == 403
    assert anonymous_client.delete("/api/session", headers=evil).status_code == 403
    assert anonymous_client.get("/api/session").status_code == 200


def test_a_token_needs_no_origin(client: TestClient) -> None:
    assert client.post("/api/tokens", json={"label": "x"}).status_code == 201


# -- passwords -----------------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions(
    database: Database, anonymous_client: TestClient
) -> None:
    client = anonymous_client
    add(database)
    sign_in(client)
    other = client.cookies[COOKIE]
    client.cookies.clear()
    sign_in(client)
    own = client.cookies[COOKIE]

    def password(old: str, new: str) -> Any:
        body = {"old": old, "new": new}
        return client.post("/api/session/password", json=body, headers=ORIGIN)

    assert password("wrong", "Loud-river-8").status_code == 403
    assert password(PASSWORD, "weak").json()["where"] == "password"
    assert password(PASSWORD, PASSWORD).status_code == 400
    assert password(PASSWORD, "Loud-river-8").status_code == 204
    assert client.get("/api/session").status_code == 200
    until = time.monotonic() + 5
    client.cookies.clear()
    client.cookies.set(COOKIE, other)
    while client.get("/api/session").status_code != 401:
        assert time.monotonic() < until
    client.cookies.clear()
    assert sign_in(client).status_code == 401
    assert sign_in(client, password="Loud-river-8").status_code == 200
    assert own != client.cookies[COOKIE]


# -- second factor -------------------------------------------------------------------------


def test_a_second_factor_from_setting_up_to_taking_away(
    database: Database, anonymous_client: TestClient
) -> None:
    client = anonymous_client
    add(database)
    sign_in(client)

    def ask(**body: Any) -> Any:
        return client.post("/api/session/totp", json=body, headers=ORIGIN)

    assert ask(password="wrong").status_code == 403
    proposed = ask(password=PASSWORD).json()
    assert proposed["uri"].startswith("otpauth://totp/")
    assert proposed["picture"].startswith("data:image/svg+xml")
    totp = pyotp.TOTP(proposed["secret"])
    assert ask(password=PASSWORD, secret=totp.secret, code="000000").status_code == 403
    assert ask(password=PASSWORD, secret="A1!", code="000000").status_code == 400
    assert client.get("/api/session").json()["totp"] is False
    used = totp.now()
    assert ask(password=PASSWORD, secret=totp.secret, code=used).json() == {"totp": True}
    assert ask(password=PASSWORD, secret=totp.secret, code=used).status_code == 409
    kept = database.value("SELECT totp_secret FROM account")
    assert totp.secret.encode() not in kept

    client.cookies.clear()
    asked = sign_in(client)
    assert (asked.status_code, asked.json()["where"]) == (401, "totp")
    assert database.value("SELECT failed_logins FROM account") == 0
    again = sign_in(client, totp=used)
    assert (again.status_code, again.json()["where"]) == (401, "totp")
    assert sign_in(client, password="wrong", totp=totp.now()).json().get("where") is None
    assert database.value("SELECT failed_logins FROM account") == 2
    following = totp.at(int(time.time()) + 30)
    assert sign_in(client, totp=following).status_code == 200
    assert ask(password=PASSWORD, off=True).json() == {"totp": False}
    client.cookies.clear()
    assert sign_in(client).status_code == 200
