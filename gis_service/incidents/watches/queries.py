"""Watches and notices of an account: async session and arguments to rows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.accounts.personal import open_sealed

_WATCHES = text("""
    SELECT w.id, w.name, w.level, w.code, w.class_code, w.on_new, w.on_change, w.language,
           w.created_at, w.webhook_kind, w.webhook_sealed, w.delivered_at, w.problem,
           ST_AsGeoJSON(w.geom, 7) AS polygon,
           (SELECT count(*) FROM notice n WHERE n.watch_id = w.id AND n.read_at IS NULL) AS unread
    FROM watch w WHERE w.account_id = :account AND (CAST(:id AS int) IS NULL OR w.id = :id)
    ORDER BY w.id
""")
_NOTICES = """
    SELECT n.id, n.kind, n.action, n.state, n.at, n.read_at, w.id AS watch_id,
           w.name AS watch_name, i.id AS incident_id, i.code AS incident_code,
           c.code AS class_code, c.name AS class_name, c.name_en AS class_name_en,
           i.community_id
    FROM notice n
    JOIN watch w ON w.id = n.watch_id
    JOIN incident i ON i.id = n.incident_id
    JOIN incident_class c ON c.id = i.class_id
"""
_UNREAD = text("SELECT count(*) FROM notice WHERE account_id = :account AND read_at IS NULL")


async def watches(
    session: AsyncSession, account: int, watch_id: int | None = None
) -> list[dict[str, Any]]:
    """The watches of an account (or one of them) as ``schemas.WatchRow``."""
    rows = await session.execute(_WATCHES, {"account": account, "id": watch_id})
    return [_told(row) for row in rows.mappings()]


def _told(row: Any) -> dict[str, Any]:
    webhook = None
    if row["webhook_kind"]:
        address = open_sealed(bytes(row["webhook_sealed"]))
        webhook = {
            "kind": row["webhook_kind"], "host": urlsplit(address["url"]).netloc,
            "signed": bool(address.get("secret")), "delivered_at": row["delivered_at"],
            "problem": row["problem"],
        }  # fmt: skip
    return {
        **{name: row[name] for name in ("id", "name", "level", "code", "on_new", "on_change",
                                        "language", "created_at", "unread")},
        "class": row["class_code"],
        "polygon": orjson.loads(row["polygon"]) if row["polygon"] else None,
        "webhook": webhook,
    }  # fmt: skip


async def notices(
    session: AsyncSession,
    account: int,
    *,
    unread: bool,
    before: int | None,
    watch_id: int | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Notices of an account, newest first, those with an id below ``before``."""
    condition = "n.account_id = :account"
    values: dict[str, Any] = {"account": account, "limit": limit}
    if unread:
        condition += " AND n.read_at IS NULL"
    if before is not None:
        condition += " AND n.id < :before"
        values["before"] = before
    if watch_id is not None:
        condition += " AND n.watch_id = :watch"
        values["watch"] = watch_id
    rows = await session.execute(
        text(f"{_NOTICES} WHERE {condition} ORDER BY n.id DESC LIMIT :limit"), values
    )
    return [dict(row) for row in rows.mappings()]


async def unread_count(session: AsyncSession, account: int) -> int:
    """How many notices of an account are unread."""
    return int((await session.execute(_UNREAD, {"account": account})).scalar_one())


async def mark_read(session: AsyncSession, account: int, upto: int | None, ids: list[int]) -> None:
    """Mark notices read; the caller commits."""
    await session.execute(
        text(
            "UPDATE notice SET read_at = now() WHERE account_id = :account AND read_at IS NULL "
            "AND (id <= :upto OR id = ANY(:ids))"
        ),
        {"account": account, "upto": upto or 0, "ids": ids},
    )
