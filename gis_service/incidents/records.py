"""What stands beside an incident: conditions, reports, reporters, photos, whistles."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput, NotFound


def find(session: Session, number_or_code: str) -> int:
    """The id of an incident by its id or its code. Raises NotFound."""
    found = session.execute(
        text(
            "SELECT id FROM incident WHERE code = :code OR id = :id ORDER BY code <> :code LIMIT 1"
        ),
        {
            "code": number_or_code,
            "id": int(number_or_code) if number_or_code.isdecimal() and len(number_or_code) < 19
            else None,
        },
    ).scalar()  # fmt: skip
    if found is None:
        raise NotFound(f"no incident {number_or_code}", f"没有案件 {number_or_code}", where="into")
    return int(found)


# -- photos ---------------------------------------------------------------------------------


def attach(session: Session, incident_id: int, photos: list[int], purpose: str) -> None:
    """Let photos show an incident. Raises InvalidInput for one that is not there."""
    known = set(
        session.execute(
            text("SELECT id FROM attachment WHERE id = ANY(:ids)"), {"ids": photos}
        ).scalars()
    )
    missing = [photo for photo in photos if photo not in known]
    if missing:
        raise InvalidInput(
            f"no photo {missing[0]}; upload it to /api/attachments first",
            f"没有照片 {missing[0]}，请先上传到 /api/attachments",
            where="photos",
        )
    session.execute(
        text(
            "INSERT INTO incident_attachment (incident_id, attachment_id, purpose) "
            "SELECT :id, unnest(CAST(:photos AS bigint[])), :purpose ON CONFLICT DO NOTHING"
        ),
        {"id": incident_id, "photos": photos, "purpose": purpose},
    )


# -- whistles -------------------------------------------------------------------------------


def whistle(
    session: Session,
    incident_id: int,
    *,
    at: datetime,
    by: str,
    reason: str,
    until: datetime,
    units: dict[int, bool],
) -> None:
    """Call ``units`` (id -> whether it leads) to an incident."""
    number = session.execute(
        text(
            "INSERT INTO whistle (incident_id, called_at, called_by, reason, report_in_by) "
            "VALUES (:incident, :at, :by, :reason, :until) RETURNING id"
        ),
        {"incident": incident_id, "at": at, "by": by, "reason": reason, "until": until},
    ).scalar_one()
    session.execute(
        text(
            "INSERT INTO whistle_unit (whistle_id, unit_id, lead) VALUES (:whistle, :unit, :lead)"
        ),
        [{"whistle": number, "unit": unit, "lead": lead} for unit, lead in units.items()],
    )


def report_in(
    session: Session, incident_id: int, units: list[int], at: datetime, by: str
) -> dict[str, float]:
    """Note that ``units`` arrived; returns the delay since the call in seconds by unit code."""
    rows = session.execute(
        text(
            "UPDATE whistle_unit w "
            "SET reported_in_at = CAST(:at AS timestamptz), reported_in_by = :by "
            "FROM whistle c, unit u WHERE c.id = w.whistle_id AND u.id = w.unit_id "
            "AND c.incident_id = :incident AND w.unit_id = ANY(:units) "
            "AND w.reported_in_at IS NULL RETURNING u.code, "
            "extract(epoch FROM CAST(:at AS timestamptz) - c.called_at)::float8 AS delay"
        ),
        {"incident": incident_id, "units": units, "at": at, "by": by},
    )
    return {row.code: row.delay for row in rows}
