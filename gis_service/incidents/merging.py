"""Merge a duplicate into another incident and take it out again, without loss.

A report keeps the incident it first belonged to; merging moves it to the incident that goes on,
un-merging brings back exactly those that came with the incident.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import Conflict, InvalidInput, NotFound
from gis_service.incidents.changing import locked, write
from gis_service.incidents.models import ENDED_STATES
from gis_service.incidents.records import find
from gis_service.incidents.visibility import may_see

# the incident and all that was merged into it, at any depth
_FAMILY = """
    WITH RECURSIVE family AS (
        SELECT CAST(:id AS bigint) AS id
        UNION
        SELECT i.id FROM incident i JOIN family f ON i.merged_into = f.id
    )
"""
# an incident that was loaded from a file has no report row until somebody needs one
_FIRST_REPORT = text("""
    INSERT INTO report (incident_id, first_incident_id, source, reported_at, description)
    SELECT id, id, source, reported_at, description FROM incident i
    WHERE id = ANY(:ids) AND NOT EXISTS (SELECT 1 FROM report WHERE first_incident_id = i.id)
""")
_MOVE = text(
    _FAMILY + "UPDATE report SET incident_id = :target "
    "WHERE first_incident_id IN (SELECT id FROM family)"
)


def merge(session: Session, identity: Identity, row: dict, into: str, now: datetime) -> None:
    """Move the reports of the locked ``row`` to the incident ``into`` and log it there.

    Raises NotFound, InvalidInput for itself, Conflict for a target that has ended.
    """
    target_id = find(session, into)
    if target_id == row["id"]:
        raise InvalidInput("an incident cannot be merged into itself", "不能并入自身", where="into")
    target = locked(session, target_id)
    if not may_see(session, identity, target):
        raise NotFound(f"no incident {into}", f"没有案件 {into}", where="into")
    if target["state"] in ENDED_STATES:
        raise Conflict(
            f"incident {target['code']} is {target['state']}; merge into one that is open",
            f"案件 {target['code']} 已是“{target['state']}”，请并入未结案件",
            where="into",
        )
    session.execute(_FIRST_REPORT, {"ids": [row["id"], target_id]})
    session.execute(_MOVE, {"id": row["id"], "target": target_id})
    write(session, target, action="merge", actor=identity.name, at=now,
          detail={"absorbed": row["id"], "code": row["code"]})  # fmt: skip


def unmerge(session: Session, identity: Identity, row: dict, now: datetime) -> None:
    """Bring the reports of the locked ``row`` back from where they are."""
    target = locked(session, row["merged_into"])
    session.execute(_MOVE, {"id": row["id"], "target": row["id"]})
    write(session, target, action="unmerge", actor=identity.name, at=now,
          detail={"released": row["id"], "code": row["code"]})  # fmt: skip
