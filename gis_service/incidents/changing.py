"""One way to change an incident: lock its row, change it, log it, tell the others.

Everything that changes an incident after its intake goes through :func:`locked` and :func:`write`,
in one transaction of the caller's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.rows import run
from gis_service.errors import Conflict, NotFound
from gis_service.events.feed import publish

_LOCK = text("""
    SELECT i.*, ST_X(i.geom) AS x, ST_Y(i.geom) AS y, c.code AS class_code, c.scheme,
           s.code AS street_code, m.code AS community_code
    FROM incident i
    JOIN incident_class c ON c.id = i.class_id
    LEFT JOIN area s ON s.id = i.street_id
    LEFT JOIN area m ON m.id = i.community_id
    WHERE i.id = :id FOR UPDATE OF i
""")
_SINCE = text("""
    SELECT id, at, actor, action, state, version, detail FROM incident_log
    WHERE incident_id = :id AND version > :version ORDER BY id
""")
_LOG = """
    INSERT INTO incident_log (incident_id, at, actor, action, state, version, detail)
    VALUES (:id, :at, :actor, :action, :state, :version, CAST(:detail AS jsonb))
"""
_JSON_COLUMNS = ("due_basis", "candidates")


def locked(session: Session, incident_id: int, version: int | None = None) -> dict[str, Any]:
    """The row of an incident, locked until the transaction ends.

    Raises NotFound; Conflict where ``version`` is not the row's, with the log rows that whoever
    read that version has not seen.
    """
    row = session.execute(_LOCK, {"id": incident_id}).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no incident {incident_id}", f"没有案件 {incident_id}")
    if version is not None and version != row["version"]:
        changes = [
            dict(change)
            for change in session.execute(
                _SINCE, {"id": incident_id, "version": version}
            ).mappings()
        ]
        words = "; ".join(f"{change['actor']}: {change['action']}" for change in changes)
        raise Conflict(
            f"the incident has changed since you read it ({words or 'another version'}); "
            "look at it again",
            f"案件在您读取之后已有变动（{words or '版本不同'}），请刷新后再操作",
            where="version",
            changes=changes,
        )
    return dict(row)


def write(
    session: Session,
    row: dict[str, Any],
    *,
    action: str,
    actor: str,
    at: datetime,
    columns: dict[str, Any] | None = None,
    detail: dict[str, Any] | None = None,
) -> int:
    """Set ``columns`` of the locked ``row``, log ``action`` and publish; returns the new version.

    ``geom`` is given as a pair ``(lon, lat)`` in WGS84. The caller commits.
    """
    columns = dict(columns or {})
    version = row["version"] + 1
    values: dict[str, Any] = {"id": row["id"], "version": version, "at": at}
    sets = ["version = :version", "updated_at = :at"]
    for name, value in columns.items():
        if name == "geom":
            sets.append("geom = ST_SetSRID(ST_MakePoint(:x, :y), 4326)")
            values["x"], values["y"] = value
        elif name in _JSON_COLUMNS:
            sets.append(f"{name} = CAST(:{name} AS jsonb)")
            values[name] = (
                value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
            )
        else:
            sets.append(f"{name} = :{name}")
            values[name] = value
    session.execute(text(f"UPDATE incident SET {', '.join(sets)} WHERE id = :id"), values)
    state = columns.get("state", row["state"])
    log(session, row["id"], action=action, actor=actor, at=at, state=state, version=version,
        detail=detail)  # fmt: skip
    publish(session, "incidents", ids=[row["id"]])
    row["version"] = version
    row["state"] = state
    return version


def log(
    session: Session,
    incident_id: int,
    *,
    action: str,
    actor: str,
    at: datetime,
    state: str,
    version: int,
    detail: dict[str, Any] | None = None,
) -> None:
    """One row of the append-only log."""
    run(
        session, _LOG,
        {
            "id": incident_id, "at": at, "actor": actor, "action": action, "state": state,
            "version": version, "detail": orjson.dumps(detail).decode() if detail else None,
        },
    )  # fmt: skip
