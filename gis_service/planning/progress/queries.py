"""The plan's items and rectifications as rows. An async session runs these by ``run_sync``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

SOON_DAYS = 14

# nothing is red that is not yet owed: the due day itself still counts
_ITEMS = """
    SELECT t.code AS task, t.name, t.name_en, t.part, t.part_en, t.phrase, t.scope, t.due_on,
           t.units, t.measure, t.target, t.position, s.code AS stage,
           c.code AS community, c.name AS community_name, i.done_on, i.record_id, i.note,
           i.recorded_by, i.events,
           CASE WHEN i.done_on <= :day THEN 'done'
                WHEN t.due_on < :day THEN 'missing'
                WHEN t.due_on < :day + CAST(:soon AS int) THEN 'soon' ELSE 'open' END AS state,
           coalesce(i.done_on > t.due_on, false) AS late,
           (SELECT min(r.deadline) FROM rectification r
            WHERE r.task_id = t.id AND coalesce(r.area_id, 0) = coalesce(i.area_id, 0)
              AND r.closed_on IS NULL) AS rectify_by
    FROM plan_item(:zone) i
    JOIN plan_task t ON t.id = i.task_id
    JOIN plan_stage s ON s.id = t.stage_id
    LEFT JOIN community c ON c.area_id = i.area_id AND c.valid_to IS NULL
"""


def list_items(
    session: Session, zone: str, day: date, *, task: str | None = None,
    community: str | None = None, unit: str | None = None, part: str | None = None,
    stage: str | None = None, state: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Every task at every place that owes it, as of ``day``: in the plan's order, by community.
    What records show was done on its day in the time ``zone``."""
    rows = session.execute(
        text(f"""
            SELECT * FROM ({_ITEMS}) found
            WHERE (CAST(:task AS text) IS NULL OR task = :task)
              AND (CAST(:community AS text) IS NULL OR community = :community)
              AND (CAST(:unit AS text) IS NULL OR :unit = ANY(units))
              AND (CAST(:part AS text) IS NULL OR part = :part)
              AND (CAST(:stage AS text) IS NULL OR stage = :stage)
              AND (CAST(:state AS text) IS NULL OR state = :state)
            ORDER BY position, community NULLS FIRST
        """),
        {
            "zone": zone, "day": day, "soon": SOON_DAYS, "task": task, "community": community,
            "unit": unit, "part": part, "stage": stage, "state": state,
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def list_stages(session: Session, day: date) -> list[dict[str, Any]]:
    """The stages by time, with ``now``: which of them ``day`` lies in."""
    rows = session.execute(
        text("""
            SELECT code, name, name_en, begins_on, ends_on,
                   :day BETWEEN begins_on AND ends_on AS now
            FROM plan_stage ORDER BY begins_on
        """),
        {"day": day},
    )
    return [dict(row) for row in rows.mappings()]


def list_rectifications(
    session: Session, day: date, *, behind: datetime | None = None, state: str | None = None,
    number: int | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rectification list by deadline as of ``day``, with ``late``: open past it. ``behind``,
    the day's end, leaves out what was opened later. ``state``: open, late (open, too) or closed."""
    rows = session.execute(
        text("""
            SELECT * FROM (
            SELECT r.id, t.code AS task, t.name AS task_name, t.name_en AS task_name_en,
                   c.code AS community, c.name AS community_name, r.problem, u.code AS unit,
                   u.name AS unit_name, u.name_en AS unit_name_en, r.deadline, r.opened_by,
                   r.version, r.opened_at,
                   CASE WHEN r.closed_on <= :day THEN r.closed_on END AS closed_on,
                   CASE WHEN r.closed_on <= :day THEN r.result ELSE '' END AS result,
                   (r.closed_on IS NULL OR r.closed_on > :day) AND r.deadline < :day AS late
            FROM rectification r JOIN plan_task t ON t.id = r.task_id
            JOIN unit u ON u.id = r.unit_id
            LEFT JOIN community c ON c.area_id = r.area_id AND c.valid_to IS NULL
            WHERE (CAST(:behind AS timestamptz) IS NULL OR r.opened_at < :behind)
              AND (CAST(:number AS int) IS NULL OR r.id = :number)
            ) found
            WHERE CASE CAST(:state AS text) WHEN 'open' THEN closed_on IS NULL WHEN 'late' THEN late
                  WHEN 'closed' THEN closed_on IS NOT NULL ELSE true END
            ORDER BY closed_on IS NOT NULL, deadline, id
        """),
        {"day": day, "behind": behind, "state": state, "number": number},
    )
    return [dict(row) for row in rows.mappings()]
