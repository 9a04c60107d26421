"""What every change of a community leaves behind: a row of the log, and word to the listeners."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.events.feed import publish
from gis_service.settings import Settings

TOPIC = "communities"
_ADD = text("""
    INSERT INTO community_log (actor, subject, code, community_id, action, detail)
    VALUES (:actor, :subject, :code, :community, :action, CAST(:detail AS jsonb))
""")
_READ = text("""
    SELECT at, actor, action, detail FROM community_log
    WHERE subject = :subject AND code = :code
      AND (CAST(:scope AS int[]) IS NULL OR community_id = ANY(:scope))
    ORDER BY id DESC LIMIT 200
""")


def note(
    session: Session,
    actor: str,
    subject: str,
    code: str,
    action: str,
    community_id: int | None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Log a change and tell of it. ``detail`` holds nothing personal."""
    session.execute(
        _ADD,
        {
            "actor": actor, "subject": subject, "code": code, "community": community_id,
            "action": action, "detail": orjson.dumps(detail).decode() if detail else None,
        },
    )  # fmt: skip
    publish(session, TOPIC, subject=subject)


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The fields that differ, each with what it was and what it is."""
    return {
        name: [before.get(name), value]
        for name, value in after.items()
        if before.get(name) != value
    }


def log_of(
    session: Session, subject: str, code: str, scope: list[int] | None = None
) -> list[dict[str, Any]]:
    """What happened to a post, station, activity, survey or frontage, the latest first; within the
    communities of ``scope`` (area ids, None for all)."""
    asked = {"subject": subject, "code": code, "scope": scope}
    return [dict(row) for row in session.execute(_READ, asked).mappings()]


def today_of(settings: Settings) -> date:
    """Today in the district."""
    return datetime.now(ZoneInfo(settings.timezone)).date()


def moment_of(value: datetime, settings: Settings, where: str | None = None) -> datetime:
    """A time that came in; without an offset it is the district's."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(settings.timezone))
    if not 2000 <= value.year <= 2100:
        raise InvalidInput(f"{value} is no time we know", f"{value} 超出范围", where=where)
    return value.astimezone(UTC)
