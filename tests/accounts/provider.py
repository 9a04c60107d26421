"""A real OpenID provider on loopback, which can be made to misbehave."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import oidc_provider_mock
import requests
from oidc_provider_mock._app import AuthorizationCodeGrant
from werkzeug.serving import make_server

CALLBACK = "/login/oidc/callback"
# public clients, too: they prove by PKCE that they are who asked
AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = [
    "client_secret_basic", "client_secret_post", "none",
]  # fmt: skip


class Desk:
    """The provider: ``people`` are its users, ``asked`` the forms sent to its token endpoint,
    ``instead`` what it answers at a path instead of the truth (status, body)."""

    def __init__(self, people: dict[str, dict[str, Any]], registered: bool) -> None:
        users = [oidc_provider_mock.User(sub=sub, claims=claims) for sub, claims in people.items()]
        self.app = oidc_provider_mock.app(
            require_client_registration=registered, require_nonce=True, user_claims=users
        )
        self.asked: list[dict[str, str]] = []
        self.instead: dict[str, tuple[int, bytes]] = {}
        self.issuer = ""
        self.client_id = self.client_secret = ""

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        path = environ["PATH_INFO"]
        if path == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            self.asked.append({k: v[0] for k, v in parse_qs(body.decode()).items()})
        if path in self.instead:
            status, answer = self.instead[path]
            start(f"{status} As Asked", [("Content-Type", "application/json")])
            return [answer]
        return self.app(environ, start)

    def register(self, redirect_uri: str) -> None:
        """The service as a client that has to send its secret."""
        answer = requests.post(
            f"{self.issuer}/oauth2/clients", json={"redirect_uris": [redirect_uri]}, timeout=5
        ).json()
        self.client_id, self.client_secret = answer["client_id"], answer["client_secret"]

    def settle(self, address: str, sub: str | None) -> str:
        """What somebody does at the provider; where the browser is sent then (path and query).
        ``sub`` None: refuses."""
        form = {"sub": sub} if sub else {"action": "deny"}
        answer = requests.post(address, data=form, allow_redirects=False, timeout=5)
        assert answer.status_code in (302, 303), answer.text
        back = urlsplit(answer.headers["location"])
        assert back.path == CALLBACK
        return f"{back.path}?{back.query}"


@contextmanager
def provider(
    people: dict[str, dict[str, Any]], port: int = 0, *, registered: bool = True
) -> Iterator[Desk]:
    """A running provider with these users (subject -> claims); with ``registered`` it knows only
    clients that it was told of, and their secrets."""
    desk = Desk(people, registered)
    server = make_server("localhost", port, desk, threaded=True)  # type: ignore[arg-type]
    desk.issuer = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def challenge(verifier: str) -> str:
    """S256 of RFC 7636, section 4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def body(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()
