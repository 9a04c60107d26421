"""Accounts with passwords, for tests that sign in."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from gis_service.accounts.service import Actor, add_account
from tests.conftest import Database

PASSWORD = "Quiet-river-7"
ORIGIN = {"Origin": "http://testserver"}


def add(database: Database, name: str = "li", role: str = "dispatcher", **facts: Any) -> int:
    """A new account with PASSWORD; its number."""
    with database.sessions.begin() as session:
        return add_account(
            session, database.settings, Actor(None, "test"), name=name, role=role,
            **{"password": PASSWORD, **facts},
        ).id  # fmt: skip


def sign_in(client: TestClient, name: str = "li", password: str = PASSWORD, **more: Any) -> Any:
    """The answer to an attempt to sign in; the client keeps the cookie."""
    body = {"name": name, "password": password, **more}
    return client.post("/api/session", json=body, headers=ORIGIN)
