"""What is counted in the database by community: posts, stations, surveys, activities, campaigns.

An async session runs these by ``run_sync``.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# community (area id) → numerator, denominator
Counts = dict[int, tuple[float, float]]

# where nobody keeps such records at all nothing is known; where somebody does, none is none
_QUERIES = {
    "post_staffed": """
        SELECT c.area_id, count(p.contact) AS numerator, 1 AS denominator
        FROM community c LEFT JOIN service_post p ON p.community_id = c.area_id
        WHERE c.valid_to IS NULL AND EXISTS (SELECT 1 FROM service_post) GROUP BY c.area_id
    """,
    "stations": """
        SELECT c.area_id, count(s.id) AS numerator, 1 AS denominator
        FROM community c LEFT JOIN station s ON s.community_id = c.area_id
            AND (s.opened_on IS NULL OR s.opened_on < CAST(:until AS date))
            AND (s.closed_on IS NULL OR s.closed_on >= CAST(:until AS date))
        WHERE c.valid_to IS NULL AND EXISTS (SELECT 1 FROM station) GROUP BY c.area_id
    """,
    "frontages": """
        SELECT c.area_id, count(f.id) AS numerator, 1 AS denominator
        FROM community c LEFT JOIN frontage_contract f ON f.community_id = c.area_id
            AND f.valid_from < CAST(:until AS date) AND f.valid_to >= CAST(:until AS date) - 1
            AND (f.ended_on IS NULL OR f.ended_on >= CAST(:until AS date))
        WHERE c.valid_to IS NULL AND EXISTS (SELECT 1 FROM frontage_contract) GROUP BY c.area_id
    """,
    "satisfied": """
        SELECT a.community_id, count(*) FILTER (WHERE a.satisfied) AS numerator,
               count(*) AS denominator
        FROM satisfaction_answer a
        WHERE a.answered_at >= :since AND a.answered_at < :until GROUP BY a.community_id
    """,
    "activities": """
        SELECT c.area_id, count(a.id) AS numerator, 1 AS denominator
        FROM community c LEFT JOIN activity a ON a.community_id = c.area_id AND a.state = 'done'
            AND a.starts_at >= :since AND a.starts_at < :until
        WHERE c.valid_to IS NULL AND EXISTS (
            SELECT 1 FROM activity WHERE starts_at >= :since AND starts_at < :until)
        GROUP BY c.area_id
    """,
    "opinions_answered": """
        SELECT o.community_id, count(o.answered_at) AS numerator, count(*) AS denominator
        FROM opinion o WHERE o.said_at >= :since AND o.said_at < :until GROUP BY o.community_id
    """,
    "campaigns": """
        SELECT c.area_id, count(DISTINCT k.id) AS numerator, 1 AS denominator
        FROM community c
        LEFT JOIN grid g ON g.parent_id = c.area_id AND g.valid_to IS NULL
        LEFT JOIN campaign_grid a ON a.area_id = g.area_id
        LEFT JOIN campaign k ON k.id = a.campaign_id AND k.cancelled_at IS NULL
            AND k.starts_on < CAST(:until AS date) AND k.ends_on >= CAST(:since AS date)
        WHERE c.valid_to IS NULL AND EXISTS (SELECT 1 FROM campaign) GROUP BY c.area_id
    """,
}
_ASKED = {name: text(query) for name, query in _QUERIES.items()}


def read_facts(session: Session, since: datetime, until: datetime) -> dict[str, Counts]:
    """Every count by indicator and community; communities that are not there have no record."""
    span = {"since": since, "until": until}
    return {
        name: {
            row[0]: (float(row.numerator), float(row.denominator))
            for row in session.execute(query, span)
        }
        for name, query in _ASKED.items()
    }
