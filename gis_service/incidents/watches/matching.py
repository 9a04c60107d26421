"""Who watches what has changed: read from the feed once, whichever worker comes first."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identities import make_identity
from gis_service.events.jobs import enqueue
from gis_service.incidents.visibility import may_see

KIND = "watch webhook"
TOGETHER = 500  # events asked about in one transaction
KEPT_DAYS = 90  # notices

_BEGIN = text("""
    INSERT INTO watch_cursor (id, seq) SELECT 1, coalesce(max(seq), 0) FROM event
    ON CONFLICT (id) DO NOTHING
""")
_CURSOR = text("SELECT seq FROM watch_cursor WHERE id = 1 FOR UPDATE SKIP LOCKED")
_EVENTS = text("""
    SELECT seq, topic, payload FROM event WHERE seq > :seq ORDER BY seq LIMIT :limit
""")
# a bulk load and a boundary revision name no incidents one by one and are nobody's news
_MATCHES = text("""
    WITH latest AS (
        SELECT DISTINCT ON (incident_id) incident_id, version, action, actor, state, at
        FROM incident_log WHERE incident_id = ANY(:ids) ORDER BY incident_id, version DESC, id DESC
    )
    SELECT w.id AS watch_id, w.on_new, w.on_change, w.webhook_kind, i.id AS id, i.unit_id,
           i.squad_id, i.street_id, i.community_id, i.reported_by, l.version, l.action, l.state,
           l.at, a.id AS account_id, a.name, a.display_name, a.role,
           ARRAY(SELECT s.level || '=' || s.code FROM account_scope s WHERE s.account_id = a.id
                 ORDER BY 1) AS scopes,
           i.reported_at,
           NOT EXISTS (SELECT 1 FROM notice n WHERE n.watch_id = w.id AND n.incident_id = i.id)
               AND EXISTS (SELECT 1 FROM incident_log r WHERE r.incident_id = i.id
                           AND r.version = 1 AND r.action = 'report' AND r.at >= w.created_at)
               AS is_new
    FROM incident i
    JOIN incident_class c ON c.id = i.class_id
    JOIN latest l ON l.incident_id = i.id
    JOIN watch w ON (w.class_code IS NULL OR w.class_code = c.code)
        AND (w.geom IS NULL OR ST_Covers(w.geom, i.geom))
        AND (w.level IS NULL OR EXISTS (
            SELECT 1 FROM area WHERE level = w.level AND code = w.code
            AND id IN (i.street_id, i.community_id, i.grid_id, i.building_id)))
    JOIN account a ON a.id = w.account_id AND a.active
    WHERE i.id = ANY(:ids) AND l.at >= w.created_at AND l.actor <> a.name
    ORDER BY l.at, i.id, w.id
""")
_NOTICE = text("""
    INSERT INTO notice (watch_id, account_id, incident_id, version, kind, action, state, at)
    VALUES (:watch, :account, :incident, :version, :kind, :action, :state, :at)
    ON CONFLICT (watch_id, incident_id, version) DO NOTHING RETURNING id
""")


def match(session: Session) -> bool:
    """Write the notices of what happened since the last time, and queue their delivery; whether
    there may be more. The caller commits.

    Changes that follow each other faster than this is called make one notice, of the latest.
    """
    session.execute(_BEGIN)
    seq = session.execute(_CURSOR).scalar()
    if seq is None:
        return False  # another worker is at it
    events = session.execute(_EVENTS, {"seq": seq, "limit": TOGETHER}).all()
    if not events:
        return False
    ids = {
        number
        for event in events
        if event.topic == "incidents"
        for number in event.payload.get("ids", ())
    }
    if ids:
        _tell(session, sorted(ids))
    session.execute(
        text("UPDATE watch_cursor SET seq = :seq WHERE id = 1"), {"seq": events[-1].seq}
    )
    return len(events) == TOGETHER


def _tell(session: Session, ids: list[int]) -> None:
    made: dict[int, list[int]] = defaultdict(list)
    for row in session.execute(_MATCHES, {"ids": ids}).mappings().all():
        kind = "new" if row["is_new"] and row["on_new"] else "changed"
        if kind == "changed" and (not row["on_change"] or row["action"] == "report"):
            continue
        if not _may_hear(session, row):
            continue
        notice = session.execute(
            _NOTICE,
            {
                "watch": row["watch_id"], "account": row["account_id"], "incident": row["id"],
                "version": row["version"], "kind": kind, "action": row["action"],
                "state": row["state"], "at": row["at"],
            },
        ).scalar()  # fmt: skip
        if notice is not None and row["webhook_kind"]:
            made[row["watch_id"]].append(notice)
    for watch, notices in made.items():
        enqueue(session, KIND, {"watch": watch, "notices": notices})


def _may_hear(session: Session, row: Any) -> bool:
    """The account's scope as it is now."""

    account = SimpleNamespace(
        id=row["account_id"], **{name: row[name] for name in ("name", "display_name", "role",
                                                              "scopes")}
    )  # fmt: skip
    identity = make_identity(account)
    return identity.may("incident.read") and may_see(session, identity, dict(row))


def heard_up_to(session: Session) -> int:
    """The last change of the feed that the watches have been asked about."""
    return int(session.execute(text("SELECT max(seq) FROM watch_cursor")).scalar() or 0)


def forget_notices(session: Session) -> int:
    """Remove old notices, how many; the caller commits."""
    gone = session.execute(
        text("DELETE FROM notice WHERE at < now() - make_interval(days => :days) RETURNING id"),
        {"days": KEPT_DAYS},
    )
    return len(gone.all())
