"""Lists of accounts, tokens and audit entries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ACCOUNTS = text("""
    SELECT a.id, a.name, a.display_name, a.role, a.active,
        a.password_hash IS NOT NULL AS password, a.totp_secret IS NOT NULL AS totp,
        a.oidc_subject IS NOT NULL AS oidc,
        CASE WHEN a.locked_until > now() THEN a.locked_until END AS locked_until, a.created_at,
        coalesce((SELECT json_agg(json_build_object('level', level, 'code', code)
                                  ORDER BY level, code)
                  FROM account_scope WHERE account_id = a.id), '[]') AS scopes
    FROM account a
    WHERE a.id > :after AND (CAST(:id AS integer) IS NULL OR a.id = :id)
    ORDER BY a.id LIMIT :limit
""")
_TOKENS = text("""
    SELECT id, label, permissions, created_at, expires_at FROM api_token
    WHERE account_id = :account AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > now())
    ORDER BY id
""")
_AUDIT = text("""
    SELECT id, at, account_id, actor, action, subject, success, address, detail FROM audit_entry
    WHERE id < :before
        AND (CAST(:action AS text) IS NULL OR action = :action)
        AND (CAST(:actor AS text) IS NULL OR actor = :actor)
        AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
    ORDER BY id DESC LIMIT :limit
""")


async def list_accounts(
    session: AsyncSession, *, after: int = 0, limit: int = 100, account_id: int | None = None
) -> list[dict[str, Any]]:
    """Accounts by number, behind ``after``; ``account_id``: that one only."""
    rows = await session.execute(_ACCOUNTS, {"after": after, "limit": limit, "id": account_id})
    return [dict(row) for row in rows.mappings()]


async def list_tokens(session: AsyncSession, account_id: int) -> list[dict[str, Any]]:
    """The tokens of an account that are in force."""
    rows = await session.execute(_TOKENS, {"account": account_id})
    return [dict(row) for row in rows.mappings()]


async def list_audit(
    session: AsyncSession,
    *,
    before: int,
    limit: int,
    action: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[dict[str, Any]]:
    """Audit entries, newest first, before the number ``before``."""
    rows = await session.execute(
        _AUDIT,
        {"before": before, "limit": limit, "action": action, "actor": actor, "since": since,
         "until": until},
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]
