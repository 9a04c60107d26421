"""The audit log: who signed in, who changed accounts, who read personal data.

Each row carries the SHA-256 of the row before it and of itself, so a row that was changed or taken
out shows (:func:`verify`). The database refuses UPDATE and DELETE; entries older than the setting
``audit_days`` may be purged from the front, which leaves an entry of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.accounts.models import AuditEntry
from gis_service.settings import Settings

LOCK = 4_711_003
_LAST = text("SELECT chain FROM audit_entry ORDER BY id DESC LIMIT 1")


def record(
    session: Session,
    *,
    action: str,
    success: bool,
    account: Identity | None = None,
    actor: str | None = None,
    subject: str = "",
    address: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Add an entry to the session's transaction. ``actor`` is who it was where there is no
    ``account``. Entries take turns: the caller should commit soon."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    before = session.execute(_LAST).scalar()
    entry = AuditEntry(
        at=datetime.now(UTC),
        account_id=account.account_id if account else None,
        actor=account.name if account else (actor or ""),
        action=action,
        subject=subject,
        success=success,
        address=address,
        detail=detail,
    )
    entry.chain = link(bytes(before or b""), entry)
    session.add(entry)
    session.flush()


def link(before: bytes, entry: AuditEntry) -> bytes:
    """The chain value of ``entry`` behind a row with the chain value ``before``."""
    facts = {
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "account_id": entry.account_id,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "success": entry.success,
        "address": entry.address,
        "detail": entry.detail,
    }
    return hashlib.sha256(before + orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True)
class Verdict:
    """``broken`` is the id of the first entry that does not follow from the one before it.
    ``last`` and ``chain`` end the log: noted elsewhere, they show a cut-off end later."""

    entries: int
    broken: int | None
    last: int | None
    chain: str


def verify(session: Session) -> Verdict:
    """Follow the chain through the whole log."""
    before = _purged_chain(session)
    count, last = 0, None
    for entry in _entries(session):
        if bytes(entry.chain) != link(before, entry):
            return Verdict(count, entry.id, entry.id, bytes(entry.chain).hex())
        before, last = bytes(entry.chain), entry.id
        count += 1
    return Verdict(count, None, last, before.hex())


def purge(session: Session, settings: Settings) -> int:
    """Take out entries older than the setting, from the front, and note where the chain goes on.
    The caller commits."""
    before = datetime.now(UTC) - timedelta(days=settings.audit_days)
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    row = session.execute(text("SELECT * FROM audit_purge(:before)"), {"before": before}).one()
    if row.removed:
        chain = bytes(row.last_chain).hex()
        record(
            session, action="audit.purge", actor="owner", success=True,
            detail={"removed": row.removed, "last": row.last_id, "chain": chain},
        )  # fmt: skip
    return int(row.removed)


def _purged_chain(session: Session) -> bytes:
    """What the first entry left follows from: the last purged one, or nothing."""
    purged = session.execute(
        select(AuditEntry.detail)
        .where(AuditEntry.action == "audit.purge")
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).scalar()
    return bytes.fromhex(purged["chain"]) if purged else b""


def _entries(session: Session) -> Iterator[AuditEntry]:
    query = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=2000)
    yield from session.scalars(query)
