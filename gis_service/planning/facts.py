"""What is recorded in the database by community: posts, stations, surveys, activities, campaigns.

Each fact is one query of its rows, and what is counted is counted from that query, so that a figure
and the list behind it cannot part. An async session runs these by ``run_sync``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

# community (area id) → numerator, denominator
Counts = dict[int, tuple[float, float]]

# rows of (community_id, code, name, at, hit); ``hit``: counted in the numerator. An answer to a
# survey has a number and the round's day only: when and as which response would tell who
_ROWS = {
    "post_staffed": """
        SELECT p.community_id, a.code, concat_ws(' ', n.name, nullif(p.title, '')) AS name,
               p.since AS at, p.contact IS NOT NULL AS hit
        FROM service_post p JOIN area a ON a.id = p.community_id
        LEFT JOIN area_name n ON n.area_id = a.id
    """,
    "stations": """
        SELECT s.community_id, s.code, s.name, s.opened_on AS at, true AS hit FROM station s
        WHERE (s.opened_on IS NULL OR s.opened_on <= :last)
          AND (s.closed_on IS NULL OR s.closed_on > :last)
    """,
    "frontages": """
        SELECT f.community_id, f.code, f.shop AS name, f.valid_from AS at, true AS hit
        FROM frontage_contract f
        WHERE f.valid_from <= :last AND f.valid_to >= :last
          AND (f.ended_on IS NULL OR f.ended_on > :last)
    """,
    "satisfied": """
        SELECT a.community_id, r.name, r.opens_on AS at, a.satisfied AS hit,
               r.code || '/' || row_number() OVER (
                   PARTITION BY a.round_id, a.community_id ORDER BY a.satisfied, a.response_id
               ) AS code
        FROM satisfaction_answer a JOIN survey_round r ON r.id = a.round_id
        WHERE a.answered_at >= :since AND a.answered_at < :until
    """,
    "activities": """
        SELECT a.community_id, a.code, a.title AS name, a.starts_at AS at, true AS hit
        FROM activity a
        WHERE a.state = 'done' AND a.starts_at >= :since AND a.starts_at < :until
    """,
    "opinions_answered": """
        SELECT o.community_id, o.id::text AS code, o.words AS name, o.said_at AS at,
               o.answered_at IS NOT NULL AS hit
        FROM opinion o WHERE o.said_at >= :since AND o.said_at < :until
    """,
    "campaigns": """
        SELECT DISTINCT g.parent_id AS community_id, k.code, k.name, k.starts_on AS at, true AS hit
        FROM campaign k
        JOIN campaign_grid a ON a.campaign_id = k.id
        JOIN grid g ON g.area_id = a.area_id AND g.valid_to IS NULL
        WHERE k.cancelled_at IS NULL
          AND k.starts_on <= :last AND k.ends_on >= :first
    """,
}
# where nobody keeps such records at all nothing is known; where somebody does, none is none
_KEPT = {
    "post_staffed": "SELECT 1 FROM service_post",
    "stations": "SELECT 1 FROM station",
    "frontages": "SELECT 1 FROM frontage_contract",
    "activities": "SELECT 1 FROM activity WHERE starts_at >= :since AND starts_at < :until",
    "campaigns": "SELECT 1 FROM campaign",
}
_COUNTED = {
    name: text(
        f"""
            SELECT c.area_id, count(*) FILTER (WHERE f.hit) AS numerator,
                   count(f.community_id) AS denominator
            FROM community c LEFT JOIN ({rows}) f ON f.community_id = c.area_id
            WHERE c.valid_to IS NULL AND EXISTS ({_KEPT[name]}) GROUP BY c.area_id
        """
        if name in _KEPT
        else f"""
            SELECT f.community_id, count(*) FILTER (WHERE f.hit) AS numerator,
                   count(*) AS denominator
            FROM ({rows}) f GROUP BY f.community_id
        """
    )
    for name, rows in _ROWS.items()
}
_LISTED = {
    name: text(f"""
        SELECT f.code, f.name, f.at, f.hit FROM ({rows}) f WHERE f.community_id = :area
        ORDER BY f.at NULLS FIRST, f.code
    """)
    for name, rows in _ROWS.items()
}


@dataclass(frozen=True)
class FactRow:
    """One record: ``at`` a day or moment, None where none is known; ``hit``: in the numerator."""

    code: str
    name: str | None
    at: Any
    hit: bool


def _span(since: datetime, until: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The period as moments and as the district's days, the ``first`` and the ``last``."""
    last = (until - timedelta(microseconds=1)).astimezone(zone).date()
    first = since.astimezone(zone).date()
    return {"since": since, "until": until, "first": first, "last": last}


def read_facts(
    session: Session, since: datetime, until: datetime, zone: ZoneInfo
) -> dict[str, Counts]:
    """Every count by indicator and community; communities that are not there have no record."""
    span = _span(since, until, zone)
    return {
        name: {
            row[0]: (float(row.numerator), float(row.denominator))
            for row in session.execute(query, span)
        }
        for name, query in _COUNTED.items()
    }


def list_fact(
    session: Session, name: str, area_id: int, since: datetime, until: datetime, zone: ZoneInfo
) -> list[FactRow]:
    """The records that an indicator counts in a community, the oldest first."""
    rows = session.execute(_LISTED[name], {"area": area_id, **_span(since, until, zone)})
    return [FactRow(row.code, row.name, row.at, bool(row.hit)) for row in rows]
