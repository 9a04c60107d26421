"""The metrics as plain SQL: what the arrays are held to, and what the bench compares with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.incidents.filters import IncidentFilter, to_sql

_VOID = "('merged', 'not_accepted', 'cancelled')"
_HANDLED = "('resolved', 'checked', 'closed', 'transferred')"
_WAITING = "('filed', 'dispatched', 'accepted', 'in_progress', 'returned', 'deferred')"
_OPEN = (
    "('reported', 'verified', 'filed', 'dispatched', 'accepted', 'in_progress', 'resolved', "
    "'checked', 'returned')"
)
STAGES = ("verified", "dispatched", "accepted", "resolved", "closed")
FIGURES = f"""
    count(*) AS count,
    count(*) FILTER (WHERE NOT void) AS effective,
    count(*) FILTER (WHERE NOT void AND from_patrol) AS from_patrol,
    count(*) FILTER (WHERE state IN {_HANDLED}) AS handled,
    count(*) FILTER (WHERE state IN {_HANDLED} OR state IN {_WAITING}) AS to_handle,
    count(*) FILTER (WHERE NOT void AND (state IN {_HANDLED} OR rework_count > 0)) AS worked,
    count(*) FILTER (WHERE NOT void AND rework_count > 0) AS again,
    count(*) FILTER (WHERE state = 'closed' AND due_at IS NOT NULL) AS closed,
    count(*) FILTER (WHERE due_at IS NOT NULL AND
        (state = 'closed' OR state IN {_OPEN} AND due_at < :now)) AS to_close,
    count(*) FILTER (WHERE state = 'closed' AND closed_at <= due_at) AS in_time,
""" + ",\n".join(
    f"count({stage}_s) AS {stage}_n, "
    f"percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY {stage}_s) AS {stage}"
    for stage in STAGES
)
_SECONDS = ", ".join(
    f"CASE WHEN i.{stage}_at >= i.reported_at AND "
    + ("i.state = 'closed'" if stage == "closed" else f"i.state NOT IN {_VOID}")
    + f" THEN floor(extract(epoch FROM i.{stage}_at - i.reported_at)) END AS {stage}_s"
    for stage in STAGES
)


def by_sql(
    session: Session, wanted: IncidentFilter, by: tuple[str, ...], zone: str, now: Any,
    *, moment: str = "reported", filed: bool = False,
) -> dict[tuple[Any, ...], dict[str, Any]]:  # fmt: skip
    """Group (ids, -1 none; first day of a period) -> figures."""
    condition, values = to_sql(wanted)
    if moment == "due":
        condition = condition.replace("i.reported_at", "i.due_at") + " AND i.due_at IS NOT NULL"
    expressions = []
    for name in by:
        if name in ("day", "week", "month"):
            expressions.append(
                f"CAST(date_trunc('{name}', i.{moment}_at AT TIME ZONE '{zone}') AS date)"
            )
        elif filed and name in ("street", "community", "grid", "building"):
            expressions.append(
                f"coalesce((SELECT a.id FROM area a WHERE a.level = '{name}' "
                f"AND a.code = i.filed_path->>'{name}'), -1)"
            )
        else:
            expressions.append(f"coalesce(i.{name}_id, -1)")
    keys = ", ".join(f"{expression} AS k{n}" for n, expression in enumerate(expressions))
    names = ", ".join(f"k{n}" for n in range(len(by)))
    rows = session.execute(
        text(
            f"""
            SELECT {names + "," if by else ""} {FIGURES} FROM (
                SELECT {keys + "," if by else ""} i.state, i.due_at, i.closed_at, i.rework_count,
                    i.state IN {_VOID} AS void, {_SECONDS},
                    i.source = 'patrol' AND NOT EXISTS (SELECT 1 FROM report r
                        WHERE r.incident_id = i.id AND r.source <> 'patrol'
                        AND r.reported_at < i.reported_at) AS from_patrol
                FROM incident i WHERE {condition}) i
            {"GROUP BY " + names if by else "HAVING count(*) > 0"}
            """
        ),
        {**values, "now": now},
    ).mappings()
    return {tuple(row[f"k{n}"] for n in range(len(by))): dict(row) for row in rows}
