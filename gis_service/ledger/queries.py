"""Entries of the ledger as rows, and what of the district's records it is filled from. An async
session runs these by ``run_sync``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import NotFound


@dataclass(frozen=True)
class LedgerFilter:
    """What is asked for; codes, ``[since, until)`` days. ``own``: ids of communities that the
    asker works in (None: the whole district)."""

    community: str | None = None
    unit: str | None = None
    campaign: str | None = None
    kind: str | None = None
    since: date | None = None
    until: date | None = None
    own: Sequence[int] | None = None


_ENTRIES = """
    SELECT e.id, e.code, e.day, e.kind, e.title, e.content, e.result, e.people, e.note,
           c.code AS community, c.name AS community_name, u.code AS unit, u.name AS unit_name,
           u.name_en AS unit_name_en,
           k.code AS campaign, k.name AS campaign_name, e.source, e.version, e.changed_by,
           e.changed_at
    FROM ledger_entry e
    -- as last known: what was done in a community that has been merged since stays its own
    LEFT JOIN LATERAL (SELECT code, name FROM community WHERE area_id = e.community_id
        ORDER BY valid_from DESC LIMIT 1) c ON true
    LEFT JOIN unit u ON u.id = e.unit_id
    LEFT JOIN campaign k ON k.id = e.campaign_id
"""


def list_entries(
    session: Session, wanted: LedgerFilter, *, after: tuple[date, str] | None = None,
    limit: int = 20_000,
) -> list[dict[str, Any]]:  # fmt: skip
    """Entries by day and code."""
    rows = session.execute(
        text(f"""
            {_ENTRIES}
            WHERE (CAST(:community AS text) IS NULL OR c.code = :community)
              AND (CAST(:unit AS text) IS NULL OR u.code = :unit)
              AND (CAST(:campaign AS text) IS NULL OR k.code = :campaign)
              AND (CAST(:kind AS text) IS NULL OR e.kind = :kind)
              AND (CAST(:since AS date) IS NULL OR e.day >= :since)
              AND (CAST(:until AS date) IS NULL OR e.day < :until)
              AND (CAST(:own AS int[]) IS NULL OR e.community_id = ANY(:own))
              AND (CAST(:after_day AS date) IS NULL OR (e.day, e.code) > (:after_day, :after_code))
            ORDER BY e.day, e.code LIMIT :limit
        """),
        {
            **asdict(wanted), "own": None if wanted.own is None else list(wanted.own),
            "after_day": after[0] if after else None, "after_code": after[1] if after else None,
            "limit": limit,
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def get_entry(session: Session, code: str) -> dict[str, Any]:
    """One entry. Raises NotFound."""
    row = session.execute(text(f"{_ENTRIES} WHERE e.code = :code"), {"code": code})
    found = row.mappings().one_or_none()
    if found is None:
        raise NotFound(f"no entry {code!r}", f"没有台账记录 {code!r}", where="code")
    return dict(found)


def entries_of(session: Session, codes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Entries by code, those of ``codes`` that there are."""
    rows = session.execute(text(f"{_ENTRIES} WHERE e.code = ANY(:codes)"), {"codes": list(codes)})
    return {row["code"]: dict(row) for row in rows.mappings()}


def log_of(session: Session, entry_id: int) -> list[dict[str, Any]]:
    """What was changed of an entry, the oldest first."""
    rows = session.execute(
        text("SELECT at, actor, action, changes FROM ledger_log WHERE entry_id = :id ORDER BY id"),
        {"id": entry_id},
    )
    return [dict(row) for row in rows.mappings()]
