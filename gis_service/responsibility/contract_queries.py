"""Contracts, officers and absences as lists. An async session runs these by ``run_sync``."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import NotFound
from gis_service.responsibility.queries import RosterScope

EXPIRING_DAYS = 30
CONTRACT_STATES = ("in_force", "expiring", "expired", "future", "closed")

# the state of a version on :day; 'expiring' is in force, and ends soon
_VERSIONS = """
    SELECT c.id, c.code, c.version, o.code AS officer, o.name AS officer_name, q.code AS squad,
        c.valid_from, c.valid_to, c.closed_from, n.version AS superseded_by, c.promised_days,
        c.visits_per_week, c.min_stay_s, c.min_length_m, c.weekdays,
        to_char(c.hours_from, 'HH24:MI') AS hours_from, to_char(c.hours_to, 'HH24:MI') AS hours_to,
        c.note, c.attachment_id, c.created_by, c.created_at,
        CASE WHEN c.closed_from <= :day THEN 'closed'
             WHEN c.valid_from > :day THEN 'future'
             WHEN c.valid_to < :day THEN 'expired'
             WHEN c.valid_to < :day + :expiring THEN 'expiring'
             ELSE 'in_force' END AS state,
        coalesce((SELECT jsonb_agg(jsonb_build_object('officer', mo.code, 'name', mo.name,
                                                      'kind', m.kind) ORDER BY mo.code)
                  FROM patrol_contract_member m JOIN officer mo ON mo.id = m.officer_id
                  WHERE m.contract_id = c.id), '[]') AS members,
        array(SELECT a.code FROM patrol_contract_grid g JOIN area a ON a.id = g.area_id
              WHERE g.contract_id = c.id ORDER BY a.code) AS grids,
        array(SELECT a.code FROM patrol_contract_grid g JOIN area a ON a.id = g.area_id
              WHERE g.contract_id = c.id AND NOT EXISTS (
                  SELECT 1 FROM grid v WHERE v.area_id = a.id AND v.valid_to IS NULL)
              ORDER BY a.code) AS removed_grids,
        array(SELECT d.duty FROM patrol_contract_duty d
              WHERE d.contract_id = c.id ORDER BY d.duty) AS duties
    FROM patrol_contract c
    JOIN officer o ON o.id = c.officer_id
    LEFT JOIN squad q ON q.id = o.squad_id
    LEFT JOIN patrol_contract n ON n.id = c.superseded_by
"""
_LAST = (
    "NOT EXISTS (SELECT 1 FROM patrol_contract l WHERE l.code = c.code AND l.version > c.version)"
)
_IN_SCOPE = """(o.squad_id = ANY(:squads) OR EXISTS (
    SELECT 1 FROM patrol_contract_grid g JOIN grid v ON v.area_id = g.area_id
    JOIN community k ON k.area_id = v.parent_id JOIN area s ON s.id = k.parent_id
    WHERE g.contract_id = c.id AND s.code = ANY(:streets)))"""


def list_contracts(
    session: Session,
    scope: RosterScope | None,
    day: date,
    *,
    squad: str | None = None,
    officer: str | None = None,
    grid: str | None = None,
    state: str | None = None,
    code: str | None = None,
    after: tuple[str, int] | None = None,
    limit: int = 1_000,
) -> list[dict[str, Any]]:
    """Contracts by code: the last version of each, or, with ``code``, every version of that one,
    the latest first. ``state`` is as of ``day``."""
    wheres = [_LAST] if code is None else ["c.code = :code"]
    if scope:
        wheres.append(_IN_SCOPE)
    if squad:
        wheres.append("q.code = :squad")
    if officer:
        wheres.append(
            "(o.code = :officer OR EXISTS (SELECT 1 FROM patrol_contract_member m "
            "JOIN officer mo ON mo.id = m.officer_id "
            "WHERE m.contract_id = c.id AND mo.code = :officer))"
        )
    if grid:
        wheres.append(
            "EXISTS (SELECT 1 FROM patrol_contract_grid g JOIN area a ON a.id = g.area_id "
            "WHERE g.contract_id = c.id AND a.code = :grid)"
        )
    if after:
        wheres.append("(c.code, c.version) > (:after_code, :after_version)")
    query = f"SELECT * FROM ({_VERSIONS} WHERE {' AND '.join(wheres)}) found"
    if state:
        # what expires soon is in force meanwhile
        query += " WHERE state = :state OR (:state = 'in_force' AND state = 'expiring')"
    query += f" ORDER BY code, version {'DESC' if code else ''} LIMIT :limit"
    rows = session.execute(
        text(query),
        {
            "day": day, "expiring": EXPIRING_DAYS, "code": code, "squad": squad,
            "officer": officer, "grid": grid, "state": state, "limit": limit,
            "after_code": after[0] if after else None, "after_version": after[1] if after else 0,
            "squads": list(scope.squads) if scope else [],
            "streets": list(scope.streets) if scope else [],
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def versions_of(
    session: Session, scope: RosterScope | None, code: str, day: date
) -> list[dict[str, Any]]:
    """Every version of a contract, the latest first. Raises NotFound."""
    found = list_contracts(session, scope, day, code=code)
    if not found:
        raise NotFound(f"no contract {code!r}", f"没有责任书 {code!r}", where="code")
    return found


def list_officers(
    session: Session, scope: RosterScope | None, squad: str | None
) -> list[dict[str, Any]]:
    """Officers by code, of the scope's squads."""
    wheres = ["true"]
    if scope:
        wheres.append("o.squad_id = ANY(:squads)")
    if squad:
        wheres.append("q.code = :squad")
    rows = session.execute(
        text(f"""
            SELECT o.code, o.name, q.code AS squad, o.certified, o.transport, o.active,
                   a.name AS account
            FROM officer o LEFT JOIN squad q ON q.id = o.squad_id
            LEFT JOIN account a ON a.id = o.account_id
            WHERE {" AND ".join(wheres)} ORDER BY o.code
        """),
        {"squads": list(scope.squads) if scope else [], "squad": squad},
    )
    return [dict(row) for row in rows.mappings()]


def list_absences(
    session: Session, scope: RosterScope | None, since: date | None
) -> list[dict[str, Any]]:
    """Absences that end on ``since`` or later, by their first day."""
    wheres = ["true"]
    if scope:
        wheres.append("o.squad_id = ANY(:squads)")
    if since:
        wheres.append("b.to_day >= :since")
    rows = session.execute(
        text(f"""
            SELECT b.id, o.code AS officer, b.from_day, b.to_day, s.code AS stand_in, b.kind,
                   b.note
            FROM officer_absence b
            JOIN officer o ON o.id = b.officer_id LEFT JOIN officer s ON s.id = b.stand_in_id
            WHERE {" AND ".join(wheres)} ORDER BY b.from_day, b.id
        """),
        {"squads": list(scope.squads) if scope else [], "since": since},
    )
    return [dict(row) for row in rows.mappings()]
