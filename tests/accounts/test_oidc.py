"""Signing in through an OpenID provider, and everything that may go wrong on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import requests
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gis_service.accounts.dependencies import COOKIE
from gis_service.accounts.oidc import Provider
from gis_service.app import create_app
from gis_service.settings import Settings
from tests.accounts.people import ORIGIN, add, sign_in
from tests.accounts.provider import CALLBACK, Desk, body, challenge, provider
from tests.conftest import Database

PEOPLE = {
    "s-li": {"preferred_username": "LI", "name": "李明"},
    "s-other-li": {"preferred_username": "li"},
    "s-wang": {"preferred_username": "wang", "name": "王芳", "groups": ["staff", "街道办"]},
    "s-guest": {"preferred_username": "guest", "groups": ["visitors"]},
    "s-nameless": {"name": "Nobody"},
    "s-odd": {"preferred_username": "<b>", "groups": ["staff"]},
}
ROLES = {"街道办": "street_office street=350502001", "staff": "viewer"}


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with provider(PEOPLE) as desk:
        desk.register(f"http://testserver{CALLBACK}")
        yield desk


@dataclass
class Bureau:
    """The service and its provider."""

    database: Database
    desk: Desk
    client: TestClient

    def begin(self, target: str = "/dispatch") -> str:
        answer = self.client.get("/login/oidc", params={"next": target}, follow_redirects=False)
        assert answer.status_code == 303
        return answer.headers["location"]

    def back(self, path: str) -> str:
        answer = self.client.get(path, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def walk(self, sub: str | None, target: str = "/dispatch") -> str:
        """To the provider and back; where the browser is sent in the end."""
        return self.back(self.desk.settle(self.begin(target), sub))

    def forget(self) -> None:
        """As after an hour: the provider is asked again what it says of itself."""
        app: Any = self.client.app
        app.state.oidc = Provider(app.state.settings)

    def audit(self) -> list[tuple[str, str, bool, str | None]]:
        return self.database.rows(
            "SELECT action, actor, success, detail->>'why' FROM audit_entry "
            "WHERE detail->>'by' = 'oidc' OR action IN ('account.link', 'account.add') ORDER BY id"
        )


@pytest.fixture
def make(database: Database, desk: Desk, tmp_path: Path) -> Iterator[Callable[..., Bureau]]:
    desk.instead.clear()
    desk.asked.clear()
    secret = tmp_path / "secret"
    secret.write_text(f"{desk.client_secret}\n")
    opened: list[TestClient] = []

    def make(**settings: Any) -> Bureau:
        given = {
            "oidc_issuer": desk.issuer, "oidc_client_id": desk.client_id,
            "oidc_client_secret_file": secret, **settings,
        }  # fmt: skip
        made = Settings(database_url=database.address, data_dir=database.settings.data_dir, **given)
        client = TestClient(create_app(made), headers={"accept-language": "en"})
        opened.append(client)
        client.__enter__()
        return Bureau(database, desk, client)

    yield make
    for client in opened:
        client.__exit__(None, None, None)


def reason(location: str) -> str:
    parts = urlsplit(location)
    assert parts.path == "/login"
    return parse_qs(parts.query)["problem"][0]


# -- the way in ----------------------------------------------------------------------------


def test_who_signs_in_there_is_signed_in_here(make: Callable[..., Bureau]) -> None:
    bureau = make()
    add(bureau.database, display_name="李明")
    address = bureau.begin("/dispatch?state=filed#a")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) > 40
    assert len(asked["nonce"]) > 40
    assert asked["scope"].split() == ["openid", "profile"]
    answer = bureau.client.get(bureau.desk.settle(address, "s-li"), follow_redirects=False)
    assert answer.headers["location"] == "/dispatch?state=filed#a"
    # the code was worth nothing without what only this service knew
    assert challenge(bureau.desk.asked[-1]["code_verifier"]) == asked["code_challenge"]
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    me = bureau.client.get("/api/session").json()
    assert (me["name"], me["role"]) == ("li", "dispatcher")
    assert bureau.audit()[-2:] == [
        ("account.link", "oidc", True, None), ("login", "li", True, None)
    ]  # fmt: skip
    assert bureau.client.delete("/api/session", headers=ORIGIN).status_code == 204
    assert bureau.client.get("/api/session").status_code == 401
    # the account is this person's now: another one who goes by the name stays out
    assert reason(bureau.walk("s-other-li")) == "taken"
    assert bureau.walk("s-li") == "/dispatch"


def test_signing_out_leads_to_the_provider_where_that_is_set(make: Callable[..., Bureau]) -> None:
    bureau = make(oidc_logout=True)
    add(bureau.database)

    def sign_out() -> Any:
        answer = bureau.client.delete("/api/session", headers=ORIGIN)
        assert bureau.client.get("/api/session").status_code == 401
        return answer

    bureau.walk("s-li")
    answer = sign_out()
    assert answer.status_code == 200
    address = urlsplit(answer.json()["provider"])
    assert answer.json()["provider"].startswith(f"{bureau.desk.issuer}/oauth2/end_session?")
    assert parse_qs(address.query) == {
        "client_id": [bureau.desk.client_id],
        "post_logout_redirect_uri": ["http://testserver/login"],
    }
    assert sign_out().status_code == 204  # nothing is left to end
    bureau.walk("s-li")
    assert sign_in(bureau.client).status_code == 200  # by password, and so no longer from there
    assert sign_out().status_code == 204


def test_an_answer_signs_in_once_and_only_who_asked(make: Callable[..., Bureau]) -> None:
    bureau = make()
    add(bureau.database)
    theirs = bureau.desk.settle(bureau.begin(), "s-li")
    bureau.client.cookies.clear()  # somebody else's browser
    assert reason(bureau.back(theirs)) == "stale"
    bureau.begin()
    assert reason(bureau.back(theirs)) == "stale"  # begun there as well, but another login
    ours = bureau.desk.settle(bureau.begin(), "s-li")
    assert bureau.back(ours) == "/dispatch"
    assert reason(bureau.back(ours)) == "stale"
    assert reason(bureau.back(CALLBACK)) == "stale"
    assert reason(bureau.walk(None)) == "refused"


def test_nobody_is_sent_elsewhere(make: Callable[..., Bureau]) -> None:
    bureau = make()
    add(bureau.database)
    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example",
                      "/\t/evil.example", "javascript:alert(1)", ""):  # fmt: skip
        assert bureau.walk("s-li", elsewhere) == "/", elsewhere


def test_accounts_are_made_only_where_a_setting_says_so(make: Callable[..., Bureau]) -> None:
    bureau = make()
    assert reason(bureau.walk("s-wang")) == "unknown"
    assert bureau.database.value("SELECT count(*) FROM account") == 0
    assert bureau.audit() == [("login", "wang", False, "unknown")]
    bureau = make(oidc_roles=ROLES)
    for sub, why in (("s-guest", "unknown"), ("s-nameless", "unnamed"), ("s-odd", "unnamed")):
        assert reason(bureau.walk(sub)) == why
    assert bureau.database.value("SELECT count(*) FROM account") == 0
    assert bureau.walk("s-wang") == "/dispatch"
    me = bureau.client.get("/api/session").json()
    assert (me["name"], me["display_name"], me["role"]) == ("wang", "王芳", "street_office")
    assert me["scopes"] == [{"level": "street", "code": "350502001"}]
    assert me["password"] is False
    assert sign_in(bureau.client, "wang", "").status_code in (400, 401)  # it has no password


def test_locked_and_switched_off_accounts_stay_out(make: Callable[..., Bureau]) -> None:
    bureau = make()
    add(bureau.database)
    for change, why in (
        ("locked_until = now() + interval '1 minute'", "locked"),
        ("locked_until = NULL, active = false", "inactive"),
    ):
        with psycopg.connect(bureau.database.address) as connection:
            connection.execute(f"UPDATE account SET {change}")
        assert reason(bureau.walk("s-li")) == why
        assert bureau.audit()[-1] == ("login", "li", False, why)
    assert COOKIE not in bureau.client.cookies


# -- a provider that is not what it should be ----------------------------------------------

WELL_KNOWN = "/.well-known/openid-configuration"
RUBBISH: list[tuple[str, int, Any]] = [
    (WELL_KNOWN, 200, b"<html>Maintenance</html>"),
    (WELL_KNOWN, 200, b"\xff\xfe"),
    (WELL_KNOWN, 200, []),
    (WELL_KNOWN, 200, {"issuer": "https://evil.example"}),
    (WELL_KNOWN, 503, b""),
    (WELL_KNOWN, 200, b"[" * 2_000_000),
    ("/oauth2/token", 500, b"<html>Oops</html>"),
    ("/oauth2/token", 200, b"{"),
    ("/oauth2/token", 200, {}),
    ("/oauth2/token", 200, {"access_token": "x", "token_type": "Bearer", "id_token": "a.b.c"}),
    ("/oauth2/token", 200, {"access_token": "x", "token_type": "Bearer", "id_token": 5}),
    ("/oauth2/token", 400, {"error": "invalid_client", "error_description": "<script>"}),
    ("/jwks", 200, {"keys": "none"}),
    ("/jwks", 404, b""),
]


@pytest.mark.parametrize(
    "said", [None, {}, {"end_session_endpoint": 5}, {"end_session_endpoint": "javascript:alert(1)"}]
)
def test_who_signs_out_is_signed_out_here_whatever_the_provider_says(
    make: Callable[..., Bureau], said: dict[str, Any] | None
) -> None:
    bureau = make(oidc_logout=True)
    add(bureau.database)
    bureau.walk("s-li")
    known = requests.get(f"{bureau.desk.issuer}{WELL_KNOWN}", timeout=5).json()
    del known["end_session_endpoint"]
    bureau.desk.instead[WELL_KNOWN] = (503, b"") if said is None else (200, body(known | said))
    bureau.forget()
    assert bureau.client.delete("/api/session", headers=ORIGIN).status_code == 204
    assert bureau.client.get("/api/session").status_code == 401


def test_rubbish_is_told_and_a_password_still_works(make: Callable[..., Bureau]) -> None:
    bureau = make()
    add(bureau.database)
    for path, status, answer in RUBBISH:
        bureau.forget()
        bureau.desk.instead[path] = (status, body(answer))
        location = bureau.begin() if path == WELL_KNOWN else bureau.walk("s-li")
        assert reason(location) == "answer", (path, answer)
        page = bureau.client.get(location).text
        assert "gave no valid answer" in page
        assert "<script>" not in page
        assert bureau.client.get("/api/session").status_code == 401
        bureau.desk.instead.clear()
    assert sign_in(bureau.client).status_code == 200
    assert bureau.walk("s-li") == "/dispatch"  # nothing bad was kept


def test_a_provider_that_is_down_is_told(make: Callable[..., Bureau]) -> None:
    bureau = make(oidc_issuer="http://localhost:9")
    add(bureau.database)
    location = bureau.begin("/watches")
    assert reason(location) == "unreachable"
    assert parse_qs(urlsplit(location).query)["next"] == ["/watches"]
    assert "cannot be reached" in bureau.client.get(location).text
    assert "无法连接" in bureau.client.get(location.replace("lang=en", "lang=zh")).text
    assert sign_in(bureau.client).status_code == 200


FORGED: list[tuple[str, dict[str, Any]]] = [
    ("their key", {}),
    ("ours", {"iss": "https://evil.example"}),
    ("ours", {"aud": "another-service"}),
    ("ours", {"aud": ["another-service"]}),  # beside us, and without azp
    ("ours", {"exp": 1}),
    ("ours", {"nonce": "another login's"}),
    ("ours", {"nonce": None}),
    ("ours", {"sub": ""}),
    ("secret", {}),
    ("none", {}),
]


def test_a_token_that_proves_nothing_is_refused(make: Callable[..., Bureau]) -> None:
    bureau = make()
    add(bureau.database)
    ours, theirs = (
        RSAKey.generate_key(2048, {"kid": "k", "alg": "RS256", "use": "sig"}) for _ in range(2)
    )
    signing: dict[str, tuple[str, Any]] = {
        "ours": ("RS256", ours), "their key": ("RS256", theirs),
        "secret": ("HS256", OctKey.import_key(bureau.desk.client_secret * 2)),
        "none": ("none", OctKey.generate_key(256)),
    }  # fmt: skip
    # the last one is right: the others are refused for what is wrong with them
    for name, change in (*FORGED, ("ours", {})):
        bureau.forget()
        address = bureau.begin()
        back = bureau.desk.settle(address, "s-li")
        claims = {
            "iss": bureau.desk.issuer, "aud": bureau.desk.client_id, "sub": "s-li",
            "nonce": parse_qs(urlsplit(address).query)["nonce"][0],
            "exp": int(time.time()) + 60, "iat": int(time.time()), "preferred_username": "li",
            **change,
        }  # fmt: skip
        if isinstance(claims["aud"], list):
            claims["aud"] = [*claims["aud"], bureau.desk.client_id]
        claims = {claim: value for claim, value in claims.items() if value is not None}
        algorithm, key = signing[name]
        token = jwt.encode({"alg": algorithm, "kid": "k"}, claims, key, algorithms=[algorithm])
        bureau.desk.instead = {
            "/jwks": (200, body({"keys": [ours.as_dict(private=False)]})),
            "/oauth2/token": (
                200, body({"access_token": "x", "token_type": "Bearer", "id_token": token})
            ),
        }  # fmt: skip
        location = bureau.back(back)
        bureau.desk.instead.clear()
        if change or name != "ours":
            assert reason(location) == "answer", (name, change)
            assert bureau.client.get("/api/session").status_code == 401
    assert location == "/dispatch"


def test_without_a_provider_there_is_no_way_to_it(anonymous_client: TestClient) -> None:
    assert anonymous_client.get("/login/oidc").status_code == 404
    assert anonymous_client.get(CALLBACK).status_code == 404
    page = anonymous_client.get("/login?problem=unreachable").text
    assert "elsewhere" not in page
    assert "cannot be reached" not in page
