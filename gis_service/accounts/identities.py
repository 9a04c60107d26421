"""Who a cookie or a token belongs to, from memory: no query per request.

An answer is kept for a minute at most and doubted as soon as the feed tells of a change of its
account, so a lost feed delays a revocation by a minute and no more.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from gis_service.accounts.identity import Identity, Scope
from gis_service.accounts.permissions import permissions_of
from gis_service.events.feed import Published
from gis_service.settings import Settings

TOPIC = "accounts"
FRESH_S = 60.0  # how long an answer is believed; never longer than the shortest idle time-out
MOST = 20_000  # answers kept

Kind = Literal["session", "token"]

_ACCOUNT = """
    a.id, a.name, a.display_name, a.role,
    ARRAY(SELECT level || '=' || code FROM account_scope WHERE account_id = a.id ORDER BY 1)
        AS scopes
"""
_SESSION = text(f"""
    SELECT {_ACCOUNT}, s.created_at, s.seen_at, now() AS now
    FROM login_session s JOIN account a ON a.id = s.account_id
    WHERE s.token_hash = :hash AND s.ended_at IS NULL AND a.active
""")
_TOKEN = text(f"""
    SELECT {_ACCOUNT}, t.permissions, t.expires_at, now() AS now
    FROM api_token t JOIN account a ON a.id = t.account_id
    WHERE t.token_hash = :hash AND t.revoked_at IS NULL AND a.active
""")
_SEEN = text("""
    UPDATE login_session SET seen_at = now()
    WHERE token_hash = :hash AND seen_at < now() - interval '1 minute'
""")


def secret_hash(secret: str) -> bytes:
    """What is kept of a cookie or token. They are random, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def make_identity(row: Any, permissions: list[str] | None = None) -> Identity:
    """An account's row (``id, name, display_name, role, scopes`` as level=code); ``permissions``
    of a token narrow its role's."""
    own = permissions_of(row.role)
    return Identity(
        row.id,
        row.name,
        row.display_name,
        row.role,
        tuple(Scope(*pair.split("=", 1)) for pair in row.scopes),
        own if permissions is None else own & frozenset(permissions),
    )


@dataclass(eq=False)
class Known:
    """An answer and how long it holds; moments are seconds of the process's clock."""

    identity: Identity
    kind: Kind
    expires_at: datetime | None  # of a token
    fresh_until: float
    used: float


class Identities:
    """The identities of a serving process."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings
        self._known: dict[bytes, Known] = {}
        self._heard = 0

    async def find(self, kind: Kind, secret: str) -> Known | None:
        """The account behind a session's cookie or a token; None where it is unknown, ended, timed
        out or its account switched off."""
        key = secret_hash(secret)
        known = self._known.get(key)
        now = time.monotonic()
        if known is not None and known.kind == kind and now < known.fresh_until:
            known.used = now
            return known
        used_ago = now - known.used if known is not None else None
        heard = self._heard
        found = await (self._session(key, used_ago) if kind == "session" else self._token(key))
        if found is None:
            self._known.pop(key, None)
            return None
        if heard != self._heard:
            found.fresh_until = 0.0  # something changed while it was read: ask again next time
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = found
        return found

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed: answers about changed accounts are asked for again."""
        changed: set[Any] = {
            event.payload.get("account") for event in events if event.topic == TOPIC
        }
        if changed:
            self.doubt(None if None in changed else changed)

    def doubt(self, accounts: Collection[int] | None = None) -> None:
        """Ask again about these accounts, about all where none is named."""
        self._heard += 1
        for known in self._known.values():
            if accounts is None or known.identity.account_id in accounts:
                known.fresh_until = 0.0

    async def _session(self, key: bytes, used_ago: float | None) -> Known | None:
        """``used_ago``: seconds since this process last answered for it, which the database does
        not know to the minute."""
        async with self.sessions() as session:
            row = (await session.execute(_SESSION, {"hash": key})).one_or_none()
            if row is None:
                return None
            idle = (row.now - row.seen_at).total_seconds()
            if used_ago is not None:
                idle = min(idle, used_ago)
            left = self.settings.session_hours * 3600 - (row.now - row.created_at).total_seconds()
            if idle >= self.settings.session_idle_minutes * 60 or left <= 0:
                return None
            await session.execute(_SEEN, {"hash": key})
            await session.commit()
        return self._keep("session", make_identity(row), left, None)

    async def _token(self, key: bytes) -> Known | None:
        async with self.sessions() as session:
            row = (await session.execute(_TOKEN, {"hash": key})).one_or_none()
        if row is None:
            return None
        left = (row.expires_at - row.now).total_seconds() if row.expires_at else FRESH_S
        if left <= 0:
            return None
        return self._keep("token", make_identity(row, row.permissions), left, row.expires_at)

    def _keep(
        self, kind: Kind, identity: Identity, left: float, expires_at: datetime | None
    ) -> Known:
        now = time.monotonic()
        return Known(identity, kind, expires_at, now + min(FRESH_S, left), now)
