"""Those who reported: read with a log row, deleted when their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.audit import record
from gis_service.accounts.identity import Identity
from gis_service.accounts.personal import open_sealed
from gis_service.settings import Settings


def people_of(
    session: Session, row: dict[str, Any], identity: Identity, address: str
) -> list[dict[str, Any]]:
    """Names, phones and e-mails of the reporters of an incident; writes the audit log."""
    found = session.execute(
        text(
            "SELECT r.id AS report, p.sealed FROM report r JOIN reporter p ON p.id = r.reporter_id "
            "WHERE r.incident_id = :id ORDER BY r.id"
        ),
        {"id": row["id"]},
    ).all()
    record(
        session, action="personal.read", account=identity, subject=row["code"], success=True,
        address=address, detail={"reports": [one.report for one in found]},
    )  # fmt: skip
    return [{"report": one.report, **open_sealed(bytes(one.sealed))} for one in found]


def purge(session: Session, settings: Settings) -> int:
    """Delete reporters older than the setting allows; their reports stay. The caller commits."""
    before = datetime.now(UTC) - timedelta(days=settings.personal_days)
    session.execute(
        text(
            "UPDATE report SET reporter_id = NULL WHERE reporter_id IN "
            "(SELECT id FROM reporter WHERE created_at < :before)"
        ),
        {"before": before},
    )
    gone = session.execute(
        text("DELETE FROM reporter WHERE created_at < :before RETURNING id"), {"before": before}
    )
    return len(gone.all())
