"""When the working calendar changes, deadlines that run are computed again, and it is logged."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.events.feed import publish
from gis_service.incidents.deadlines import computed
from gis_service.incidents.workflow import OPEN_STATES
from gis_service.reference.queries import load_calendar
from gis_service.settings import Settings

ACTION, ACTOR = "deadline", "calendar"

_OPEN = text("""
    SELECT id, version, state, due_at, due_basis FROM incident
    WHERE state = ANY(:states) AND due_basis IS NOT NULL ORDER BY id FOR UPDATE
""")
_WRITE = text("""
    UPDATE incident SET due_at = :due_at, due_basis = CAST(:basis AS jsonb), version = :version,
        updated_at = :now WHERE id = :id
""")
_LOG = text("""
    INSERT INTO incident_log (incident_id, at, actor, action, state, version, detail)
    VALUES (:id, :now, :actor, :action, :state, :version, CAST(:detail AS jsonb))
""")


def follow_calendar(session: Session, settings: Settings) -> int:
    """Compute the deadlines of open incidents again on the calendar as the session sees it;
    returns how many moved. Runs in the transaction that changed the calendar."""
    calendar = load_calendar(session, settings)
    now = datetime.now(UTC)
    moved = []
    for row in session.execute(_OPEN, {"states": list(OPEN_STATES)}):
        due_at, basis = computed(row.due_basis, calendar, settings.workday_mode)
        if due_at == row.due_at and basis["provisional"] == row.due_basis["provisional"]:
            continue
        moved.append(
            {
                "id": row.id, "due_at": due_at, "basis": orjson.dumps(basis).decode(),
                "version": row.version + 1, "state": row.state, "now": now, "actor": ACTOR,
                "action": ACTION,
                "detail": orjson.dumps({"from": row.due_at, "to": due_at}).decode(),
            }
        )  # fmt: skip
    if moved:
        session.execute(_WRITE, moved)
        session.execute(_LOG, moved)
        publish(session, "incidents", ids=[one["id"] for one in moved])
    return len(moved)
