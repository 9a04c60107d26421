"""Accounts of tests: identities as the sign-in would give them."""

from __future__ import annotations

from gis_service.accounts.identity import Identity, Scope
from gis_service.accounts.permissions import permissions_of


def somebody(role: str, *scopes: tuple[str, str], number: int = 0, name: str = "") -> Identity:
    """An account of ``role`` with ``(level, code)`` scopes."""
    return Identity(
        number or abs(hash((role, scopes, name))) % 10**6 + 1,
        name or f"{role}-1",
        name or role,
        role,
        tuple(Scope(*scope) for scope in scopes),
        permissions_of(role),
    )
