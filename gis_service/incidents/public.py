"""What residents see: the progress of a report by its code, and what a community has in hand.

Nothing personal, nothing unverified about others, no words but those written for the public: the
reply and what the asker said themselves.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from gis_service.errors import Conflict, NotFound
from gis_service.incidents.changing import locked, write
from gis_service.incidents.models import ENDED_STATES

DAYS = 90  # what a community's figures look back over
LISTED = 20

_REPORT = text("""
    SELECT r.id, r.incident_id, r.incident_id <> r.first_incident_id AS merged,
           r.reported_at AS told_at, r.description, r.reply, r.rating, r.rating_text,
           i.code, i.state, i.class_name, c.code AS class_code, c.name_en AS class_name_en,
           i.verified_at, i.filed_at, i.dispatched_at, i.accepted_at, i.resolved_at, i.closed_at,
           i.rework_count, u.code AS unit_code, u.name AS unit_name, i.street_id, i.community_id
    FROM report r
    JOIN incident i ON i.id = r.incident_id
    JOIN incident_class c ON c.id = i.class_id
    LEFT JOIN unit u ON u.id = i.unit_id
    WHERE r.follow_code = :code
""")
_RESULTS = text("""
    SELECT a.id, a.width, a.height, a.sha256, a.created_at
    FROM incident_attachment p JOIN attachment a ON a.id = p.attachment_id
    WHERE p.incident_id = :id AND p.purpose = 'resolve' ORDER BY a.id
""")
_COMMUNITY = text("""
    SELECT m.area_id, m.code, m.name, s.code AS street_code, s.name AS street_name
    FROM community m
    LEFT JOIN street s ON s.area_id = m.parent_id AND s.valid_to IS NULL
    WHERE m.code = :code AND m.valid_to IS NULL
""")
# from the filing on: before it nobody has looked whether a report is true
UNFILED = ("reported", "verified", "not_accepted", "merged", "cancelled")
_FILED = "i.community_id = :area AND i.state <> ALL(:unfiled) AND i.reported_at >= :since"
_CASES = text(f"""
    SELECT count(*) AS filed,
           count(*) FILTER (WHERE i.state <> ALL(:ended)) AS open,
           count(*) FILTER (WHERE i.state = 'closed') AS closed,
           count(*) FILTER (WHERE i.state = 'closed' AND i.due_at IS NOT NULL) AS closed_with_due,
           count(*) FILTER (WHERE i.state = 'closed' AND i.closed_at <= i.due_at) AS on_time
    FROM incident i WHERE {_FILED}
""")
_BY_CLASS = text(f"""
    SELECT c.code, c.name, c.name_en, count(*) AS count FROM incident i
    JOIN incident_class c ON c.id = i.class_id WHERE {_FILED}
    GROUP BY c.id ORDER BY count(*) DESC, c.code LIMIT 8
""")
_RECENT = text(f"""
    SELECT c.code, c.name, c.name_en, i.state, i.reported_at, i.closed_at, g.code AS grid_code,
           g.name AS grid_name
    FROM incident i
    JOIN incident_class c ON c.id = i.class_id
    LEFT JOIN grid g ON g.area_id = i.grid_id AND g.valid_to IS NULL
    WHERE {_FILED} ORDER BY i.reported_at DESC, i.id DESC LIMIT {LISTED}
""")


async def progress(session: AsyncSession, code: str) -> dict[str, Any]:
    """The row of the report with this follow code and of the incident it belongs to now.

    Raises NotFound.
    """
    found = (await session.execute(_REPORT, {"code": code.strip().upper()})).mappings()
    row = found.one_or_none()
    if row is None:
        raise NotFound(
            "no report has this code; look at it letter by letter",
            "没有这个查询码，请逐字核对",
            where="code",
        )
    return dict(row)


async def result_photos(session: AsyncSession, incident_id: int) -> list[dict[str, Any]]:
    """Photos of what was done, oldest first; those of reporters are theirs."""
    return [dict(row) for row in (await session.execute(_RESULTS, {"id": incident_id})).mappings()]


def told(
    row: dict[str, Any], photos: list[dict[str, Any]], areas: dict[int, Any]
) -> dict[str, Any]:
    """A report as whoever has its code may see it; ``areas`` are names by area id."""
    steps = [("reported", row["told_at"])]
    steps += [
        (stage.removesuffix("_at"), row[stage])
        for stage in ("verified_at", "filed_at", "dispatched_at", "accepted_at", "resolved_at",
                      "closed_at")
        if row[stage] is not None
    ]  # fmt: skip
    return {
        "code": row["code"],
        "state": row["state"],
        "ended": row["state"] in ENDED_STATES,
        "class": {"code": row["class_code"], "name": row["class_name"],
                  "name_en": row["class_name_en"]},
        "street": areas.get(row["street_id"]),
        "community": areas.get(row["community_id"]),
        "unit": {"code": row["unit_code"], "name": row["unit_name"]} if row["unit_code"] else None,
        "steps": [{"step": step, "at": at} for step, at in steps],
        "merged": row["merged"],
        "description": row["description"],
        "reply": row["reply"],
        "photos": [{key: photo[key] for key in ("id", "width", "height")} for photo in photos],
        "may_rate": row["state"] == "closed" and row["rating"] is None,
        "rating": row["rating"],
        "rating_text": row["rating_text"],
    }  # fmt: skip


def rate(
    session: Session, row: dict[str, Any], rating: int, words: str | None, at: datetime
) -> None:
    """Keep what the reporter thinks of the result (``rating`` 1 to 5). The caller commits.

    Raises Conflict for a report that is not closed, or rated already.
    """
    incident = locked(session, row["incident_id"])
    if incident["state"] != "closed":
        raise Conflict("it is rated once it is closed", "结案后方可评价", where="state")
    done = session.execute(
        text(
            "UPDATE report SET rating = :rating, rating_text = :words "
            "WHERE id = :id AND rating IS NULL RETURNING id"
        ),
        {"rating": rating, "words": words, "id": row["id"]},
    ).scalar()
    if done is None:
        raise Conflict("it has been rated", "已经评价过", where="rating")
    write(session, incident, action="rate", actor="public", at=at,
          detail={"rating": rating, "words": words, "report": row["id"]})  # fmt: skip


async def community_cases(session: AsyncSession, code: str, now: datetime) -> dict[str, Any]:
    """Filed cases of a community over the last ``DAYS`` days: counts with their denominators,
    the most frequent classes and the latest cases. Raises NotFound."""
    row = (await session.execute(_COMMUNITY, {"code": code})).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no community {code}", f"没有社区 {code}", where="code")
    since = now - timedelta(days=DAYS)
    values = {"area": row["area_id"], "since": since, "unfiled": list(UNFILED)}
    cases = (
        (await session.execute(_CASES, {**values, "ended": list(ENDED_STATES)})).mappings().one()
    )
    classes = (await session.execute(_BY_CLASS, values)).mappings().all()
    recent = (await session.execute(_RECENT, values)).mappings().all()
    return {
        "community": {"code": row["code"], "name": row["name"]},
        "street": (
            {"code": row["street_code"], "name": row["street_name"]} if row["street_code"] else None
        ),
        "since": since,
        **{name: cases[name] for name in ("filed", "open", "closed")},
        "on_time": {"count": cases["on_time"], "of": cases["closed_with_due"]},
        "by_class": [dict(one) for one in classes],
        "recent": [
            {
                "class": {"code": one["code"], "name": one["name"], "name_en": one["name_en"]},
                "state": one["state"], "reported_at": one["reported_at"],
                "closed_at": one["closed_at"],
                "grid": (
                    {"code": one["grid_code"], "name": one["grid_name"]}
                    if one["grid_code"] else None
                ),
            }
            for one in recent
        ],
    }  # fmt: skip
