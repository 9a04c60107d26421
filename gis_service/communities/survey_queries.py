"""Surveys, rounds and answers. An async session runs these by ``run_sync``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.communities.queries import Rows

_SURVEYS = """
    SELECT s.id, s.code, s.version, s.kind, s.title, s.title_en, s.intro, s.intro_en, s.state,
           s.named, s.questions, s.created_by, s.created_at,
           (SELECT count(*) FROM survey_response e JOIN survey_round r ON r.id = e.round_id
            WHERE r.survey_id = s.id) AS responses
    FROM survey s
    WHERE (CAST(:code AS text) IS NULL OR s.code = :code)
      AND (CAST(:kind AS text) IS NULL OR s.kind = :kind)
      AND (:all OR NOT EXISTS (
           SELECT 1 FROM survey n WHERE n.code = s.code AND n.version > s.version))
    ORDER BY s.code, s.version DESC
"""


def list_surveys(
    session: Session, *, code: str | None = None, kind: str | None = None, all_: bool = False
) -> Rows:
    """The last version of each survey, or with ``all_`` every version, the latest first."""
    rows = session.execute(text(_SURVEYS), {"code": code, "kind": kind, "all": all_})
    return [dict(row) for row in rows.mappings()]


_ROUNDS = """
    SELECT r.id, r.code, r.name, r.name_en, r.opens_on, r.closes_on, r.public,
           s.code AS survey, s.version, s.kind, s.title, s.title_en, s.intro, s.intro_en, s.named,
           s.questions, r.survey_id,
           (SELECT count(*) FROM survey_response e WHERE e.round_id = r.id) AS responses,
           (SELECT count(DISTINCT e.community_id) FROM survey_response e WHERE e.round_id = r.id)
           AS communities
    FROM survey_round r JOIN survey s ON s.id = r.survey_id
    WHERE (CAST(:code AS text) IS NULL OR r.code = :code)
      AND (CAST(:survey AS text) IS NULL OR s.code = :survey)
      AND (CAST(:open AS date) IS NULL OR :open BETWEEN r.opens_on AND r.closes_on)
    ORDER BY r.opens_on DESC, r.id DESC
"""


def list_rounds(
    session: Session, *, code: str | None = None, survey: str | None = None, open_: Any = None
) -> Rows:
    """Rounds, the latest first; ``open_`` is a day on which they are open."""
    rows = session.execute(text(_ROUNDS), {"code": code, "survey": survey, "open": open_})
    return [dict(row) for row in rows.mappings()]


_ANSWERS = """
    SELECT ka.code AS community_code, k.name AS community_name, e.channel, e.answers
    FROM survey_response e
    JOIN area ka ON ka.id = e.community_id
    LEFT JOIN community k ON k.area_id = ka.id AND k.valid_to IS NULL
    LEFT JOIN street s ON s.area_id = k.parent_id AND s.valid_to IS NULL
    WHERE e.round_id = :round
      AND (CAST(:scope AS int[]) IS NULL OR e.community_id = ANY(CAST(:scope AS int[])))
      AND (CAST(:street AS text) IS NULL OR s.code = :street)
      AND (CAST(:community AS text) IS NULL OR ka.code = :community)
    ORDER BY ka.code, e.id
"""


def answers_of(
    session: Session,
    round_id: int,
    scope: list[int] | None = None,
    street: str | None = None,
    community: str | None = None,
) -> Rows:
    """Every answer of a round with its community; nothing of who answered."""
    rows = session.execute(
        text(_ANSWERS),
        {"round": round_id, "scope": scope, "street": street, "community": community},
    )
    return [dict(row) for row in rows.mappings()]


_SATISFACTION = """
    SELECT ka.code AS community, a.community_id, count(*) AS answers,
           count(*) FILTER (WHERE a.satisfied) AS satisfied
    FROM satisfaction_answer a JOIN area ka ON ka.id = a.community_id
    WHERE (CAST(:since AS timestamptz) IS NULL OR a.answered_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR a.answered_at < :until)
      AND (CAST(:community AS text) IS NULL OR ka.code = :community)
      AND (CAST(:since AS timestamptz) IS NOT NULL OR a.round_id = (
           SELECT b.round_id FROM satisfaction_answer b
           WHERE CAST(:until AS timestamptz) IS NULL OR b.answered_at < :until
           ORDER BY b.opens_on DESC, b.round_id DESC LIMIT 1))
    GROUP BY ka.code, a.community_id ORDER BY ka.code
"""


def satisfaction(
    session: Session,
    since: datetime | None = None,
    until: datetime | None = None,
    community: str | None = None,
) -> Rows:
    """Per community how many said how satisfied they are, and how many are (the upper quarter of
    the scale, or yes): within ``[since, until)``, or without ``since`` in the last round that
    asked."""
    rows = session.execute(
        text(_SATISFACTION), {"since": since, "until": until, "community": community}
    )
    return [dict(row) for row in rows.mappings()]
