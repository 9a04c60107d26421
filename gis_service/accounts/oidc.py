"""Signing in through an OpenID provider: what goes over the wire, and what of it is believed.

Authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636). Everything
here waits for another machine and belongs beside the event loop.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gis_service.accounts.oidc_settings import check_address, read_secret, scopes_of
from gis_service.settings import Settings

TIMEOUT_S = 5.0  # of each question, to connect and between two pieces of an answer
MOST_BYTES = 1_000_000  # of an answer
KEPT_S = 3600.0  # what a provider says of itself
LEEWAY_S = 60  # between its clock and ours
PENDING_S = 600.0  # how long somebody may stay at the provider
# signatures that take the provider's own key: none and the shared secret are not among them
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "Ed25519", "EdDSA"]  # fmt: skip
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class NotThrough(Exception):
    """Why nobody is signed in: ``reason`` names the words the login page has for it, ``detail``
    is for the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Pending:
    """What a browser keeps, sealed, while its user is at the provider."""

    state: str
    nonce: str
    verifier: str
    target: str  # where to go afterwards, a path of this service
    lang: str
    since: float  # seconds since 1970

    def facts(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Person:
    """Whom the provider vouches for: ``subject`` never changes, ``claims`` may."""

    subject: str
    claims: dict[str, Any]


class Provider:
    """The provider that the settings name; remembers for a while what it says of itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._known: tuple[float, dict[str, Any]] | None = None
        self._keys: KeySet | None = None

    def begin(self, redirect_uri: str, target: str, lang: str) -> tuple[str, Pending]:
        """The address to send a browser to, and what has to come back with it. Raises
        NotThrough."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = Pending(state, nonce, verifier, target, lang, time.time())
        known = self.discover()
        asked = {"prompt": self.settings.oidc_prompt} if self.settings.oidc_prompt else {}
        with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(
                known["authorization_endpoint"], state=pending.state, nonce=pending.nonce,
                code_verifier=pending.verifier, **asked,
            )  # fmt: skip
        return str(address), pending

    def finish(self, redirect_uri: str, pending: Pending, code: str) -> Person:
        """Whom the code stands for. Raises NotThrough."""
        known = self.discover()
        try:
            with self._client(redirect_uri) as client:
                client.token_endpoint_auth_method = self._authentication(known)
                token = client.fetch_token(
                    known["token_endpoint"], grant_type="authorization_code", code=code,
                    code_verifier=pending.verifier, redirect_uri=redirect_uri,
                    timeout=TIMEOUT_S, allow_redirects=False,
                )  # fmt: skip
                claims = self._claims(known, token, pending.nonce)
                if self.settings.oidc_claim not in claims and "userinfo_endpoint" in known:
                    claims = self._more(known, token["access_token"], claims)
        except (requests.ConnectionError, requests.Timeout) as problem:
            raise NotThrough("unreachable", str(problem)) from None
        except (requests.RequestException, AuthlibBaseError, JoseError) as problem:
            raise NotThrough("answer", str(problem)) from None
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise NotThrough("answer", f"{type(problem).__name__}: {problem}") from None
        return Person(f"{known['issuer']} {claims['sub']}", claims)

    def leave(self, back: str) -> str | None:
        """The address at which a browser ends its session at the provider and is sent ``back``
        (OpenID Connect RP-Initiated Logout 1.0); None where it offers none. Raises NotThrough."""
        known = self.discover()
        address = known.get("end_session_endpoint")
        if not isinstance(address, str) or not _as_safe(known["issuer"], address):
            return None
        asked = {"client_id": self.settings.oidc_client_id, "post_logout_redirect_uri": back}
        return str(add_params_to_uri(address, [*asked.items()]))

    def discover(self) -> dict[str, Any]:
        """What the provider says of itself. Raises NotThrough."""
        if self._known is not None and time.monotonic() - self._known[0] < KEPT_S:
            return self._known[1]
        issuer = check_address("GIS_OIDC_ISSUER", self.settings.oidc_issuer or "")
        said = _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if str(said.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise NotThrough("answer", f"it calls itself {said.get('issuer')!r}, not {issuer!r}")
        for name in (*ENDPOINTS, *({"userinfo_endpoint"} & said.keys())):
            address = said.get(name)
            if not isinstance(address, str) or not _as_safe(issuer, address):
                raise NotThrough("answer", f"its {name} is {address!r}")
        self._known, self._keys = (time.monotonic(), said), None
        return said

    def _client(self, redirect_uri: str) -> OAuth2Session:
        return OAuth2Session(
            client_id=self.settings.oidc_client_id,
            client_secret=read_secret(self.settings),
            scope=" ".join(scopes_of(self.settings)),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _authentication(self, known: dict[str, Any]) -> str:
        if self.settings.oidc_client_secret_file is None:
            return "none"
        offered = known.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _claims(self, known: dict[str, Any], token: dict[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of a token that the provider signed, for us, now, and for this very login."""
        signed = self._verified(known, token["id_token"])
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            {"iss": {"essential": True, "value": known["issuer"]},
             "aud": {"essential": True, "value": self.settings.oidc_client_id}},
            {"nonce": nonce, "client_id": self.settings.oidc_client_id,
             "access_token": token.get("access_token")},
        )  # fmt: skip
        claims.validate(leeway=LEEWAY_S)
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise NotThrough("answer", "no subject")
        return dict(claims)

    def _verified(self, known: dict[str, Any], raw: str) -> jwt.Token:
        if self._keys is not None:
            try:
                return jwt.decode(raw, self._keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                pass  # it may sign with a new key by now
        self._keys = KeySet.import_key_set(_get(known["jwks_uri"]))  # type: ignore[arg-type]
        return jwt.decode(raw, self._keys, algorithms=ALGORITHMS)

    def _more(self, known: dict[str, Any], token: str, claims: dict[str, Any]) -> dict[str, Any]:
        said = _get(known["userinfo_endpoint"], {"Authorization": f"Bearer {token}"})
        if said.get("sub") != claims["sub"]:
            raise NotThrough("answer", "userinfo tells of somebody else")
        return said | claims


def own_path(asked: str) -> str:
    """Where to go after signing in: a path of this very service, whatever is asked."""
    parts = urlsplit(asked)
    plain = asked.isprintable() and "\\" not in asked
    own = plain and asked.startswith("/") and not asked.startswith("//") and not parts.netloc
    return asked if own and not parts.scheme and len(asked) <= 2000 else "/"


def _as_safe(issuer: str, address: str) -> bool:
    """HTTPS, unless the provider itself is asked in the clear, which only this machine's may."""
    scheme = urlsplit(address).scheme
    return scheme == "https" or (scheme == "http" and issuer.startswith("http:"))


def _get(address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """A JSON object. Raises NotThrough."""
    try:
        with requests.get(
            address, headers={"Accept": "application/json", **(headers or {})},
            timeout=TIMEOUT_S, allow_redirects=False, stream=True,
        ) as answer:  # fmt: skip
            if answer.status_code != 200:
                raise NotThrough("answer", f"{address} answers {answer.status_code}")
            raw = b""
            for piece in answer.iter_content(65_536):
                raw += piece
                if len(raw) > MOST_BYTES:
                    raise NotThrough("answer", f"{address} answers without end")
        said = orjson.loads(raw)
    except (requests.ConnectionError, requests.Timeout) as problem:
        raise NotThrough("unreachable", str(problem)) from None
    except (requests.RequestException, ValueError):
        raise NotThrough("answer", f"{address} answers no JSON") from None
    if not isinstance(said, dict):
        raise NotThrough("answer", f"{address} answers no JSON object")
    return said
