"""Who answers, from the database. An async session runs these by ``run_sync``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import NotFound
from gis_service.hierarchy.coordinates import to_wgs84
from gis_service.hierarchy.models import Area
from gis_service.reference.models import ClassCondition, IncidentClass, Squad, Unit
from gis_service.responsibility.chain import (
    OfficerRow,
    Promise,
    Responsibilities,
    Shift,
    SquadRow,
    UnitRow,
)
from gis_service.responsibility.models import DutyShift, Officer

COMPONENT_REACH_M = 5.0

# the box of the index holds the circle: a degree of latitude is never below 110 574 m
_COMPONENT = text("""
    WITH here AS (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) AS point)
    SELECT c.id, c.code, c.name, c.unit_id,
           ST_Distance(c.geom::geography, here.point::geography) AS distance_m
    FROM component c, here
    WHERE c.class_id = :class_id
      AND c.geom && ST_Expand(here.point, :reach / (110574 * greatest(cosd(:lat), 0.01)),
                              :reach / 110574)
      AND ST_DWithin(c.geom::geography, here.point::geography, :reach)
    ORDER BY distance_m, c.code LIMIT 1
""")


def load_responsibilities(session: Session, zone: tzinfo = UTC) -> Responsibilities:
    """Everything the chain needs, as the session sees it; ``zone`` is the district's."""
    units = session.execute(select(Unit.id, Unit.code, Unit.name, Unit.name_en, Unit.active))
    squads = session.execute(
        select(Squad.id, Squad.code, Squad.name, Squad.name_en, Squad.unit_id, Squad.street_codes)
        .where(Squad.active)
    )  # fmt: skip
    class_units = session.execute(
        select(IncidentClass.id, IncidentClass.unit_id).where(IncidentClass.unit_id.is_not(None))
    )
    condition_units = session.execute(
        select(ClassCondition.id, ClassCondition.unit_id).where(ClassCondition.unit_id.is_not(None))
    )
    shifts = session.execute(
        select(
            DutyShift.id, DutyShift.starts_at, DutyShift.ends_at, DutyShift.street_code,
            DutyShift.unit_id, DutyShift.squad_id, DutyShift.person, DutyShift.phone,
        )
    )  # fmt: skip
    streets = session.execute(select(Area.id, Area.code).where(Area.level == "street"))
    return Responsibilities(
        units=[UnitRow(*row) for row in units],
        squads=[SquadRow(*row[:-1], street_codes=tuple(row.street_codes)) for row in squads],
        class_units={row.id: row.unit_id for row in class_units if row.unit_id is not None},
        condition_units={row.id: row.unit_id for row in condition_units if row.unit_id is not None},
        shifts=[Shift(*row) for row in shifts],
        streets={row.id: row.code for row in streets},
        promises=_promises(session),
        duties={row.id: row.duty for row in session.execute(_CLASS_DUTIES)},
        zone=zone,
    )


_CLASS_DUTIES = text("SELECT id, upper(left(kind, 1)) || '-' || major AS duty FROM incident_class")
_PROMISES = text("""
    SELECT c.id, c.code, c.officer_id, c.valid_from,
        least(c.valid_to + 1, c.closed_from) AS ends, c.weekdays, c.hours_from, c.hours_to,
        array(SELECT g.area_id FROM patrol_contract_grid g WHERE g.contract_id = c.id) AS grids,
        array(SELECT d.duty FROM patrol_contract_duty d WHERE d.contract_id = c.id) AS duties
    FROM patrol_contract c ORDER BY c.code, c.version
""")
_STAND_INS = text("""
    SELECT officer_id, from_day, to_day + 1 AS ends, stand_in_id FROM officer_absence
    WHERE stand_in_id IS NOT NULL ORDER BY id
""")
FIRST_DAY, BEYOND = date(1, 1, 1), date(9999, 12, 31)


def _promises(session: Session) -> dict[int, list[Promise]]:
    """The contracts by the grids (area ids) that they promise."""
    officers = {
        row.id: OfficerRow(*row)
        for row in session.execute(select(Officer.id, Officer.code, Officer.name, Officer.squad_id))
    }
    away: dict[int, list[tuple[date, date, OfficerRow]]] = {}
    for row in session.execute(_STAND_INS):
        away.setdefault(row.officer_id, []).append(
            (row.from_day, row.ends, officers[row.stand_in_id])
        )
    out: dict[int, list[Promise]] = {}
    for row in session.execute(_PROMISES):
        lead = officers[row.officer_id]
        promise = Promise(
            row.id, row.code, row.valid_from, row.ends, frozenset(row.duties),
            frozenset(row.weekdays), row.hours_from, row.hours_to,
            (*away.get(lead.id, ()), (FIRST_DAY, BEYOND, lead)),
        )  # fmt: skip
        for grid in row.grids:
            out.setdefault(grid, []).append(promise)
    return out


def component_at(
    session: Session, class_id: int, lon: float, lat: float, reach_m: float = COMPONENT_REACH_M
) -> dict[str, Any] | None:
    """The nearest component of a class within ``reach_m`` of a place (WGS84), or None.

    ``id, code, name, unit_id`` (its owner; may be None) and ``distance_m``.
    """
    row = (
        session.execute(
            _COMPONENT, {"class_id": class_id, "lon": lon, "lat": lat, "reach": reach_m}
        )
        .mappings()
        .first()
    )
    return dict(row) if row else None


def component_near(
    session: Session, class_id: int, x: float, y: float, crs: str
) -> dict[str, Any] | None:
    """:func:`component_at` for a position in ``crs``; None where it is none."""
    lon, lat = to_wgs84(x, y, crs)
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        return None
    return component_at(session, class_id, float(lon), float(lat))


_SHIFTS = """
    SELECT d.id, d.starts_at, d.ends_at, d.street_code AS street, u.code AS unit, q.code AS squad,
           d.person, d.phone, d.unit_id, d.squad_id
    FROM duty_shift d LEFT JOIN unit u ON u.id = d.unit_id LEFT JOIN squad q ON q.id = d.squad_id
"""


@dataclass(frozen=True)
class RosterScope:
    """The part of the roster that is an account's: codes of streets, ids of units and squads."""

    streets: frozenset[str]
    units: frozenset[int]
    squads: frozenset[int]

    def covers(self, street: str | None, unit_id: int | None, squad_id: int | None) -> bool:
        """Whether a shift lies in it as a whole: only then the account may change it."""
        return (
            street in self.streets
            and (unit_id is None or unit_id in self.units)
            and (squad_id is None or squad_id in self.squads)
        )


def roster_scope(session: Session, identity: Identity) -> RosterScope | None:
    """The scope of an account on the roster; None: the whole district.

    A squad's or unit's scope holds the streets of its squads, a street's its squads, a community's
    those of its street.
    """
    if not identity.scopes:
        return None
    communities = text(
        "SELECT s.code FROM community c JOIN area s ON s.id = c.parent_id "
        "WHERE c.valid_to IS NULL AND c.code = ANY(:codes)"
    )
    given = [
        *identity.codes("street"),
        *session.scalars(communities, {"codes": list(identity.codes("community"))}),
    ]
    squads = select(Squad.id, Squad.unit_id, Squad.street_codes).join(
        Unit, Unit.id == Squad.unit_id
    )
    own = session.execute(
        squads.where(
            Squad.code.in_(identity.codes("squad")) | Unit.code.in_(identity.codes("unit"))
        )
    ).all()
    # of a street's squad only what it does in that street
    there = session.execute(squads.where(Squad.street_codes.overlap(given))).all()
    units = session.scalars(select(Unit.id).where(Unit.code.in_(identity.codes("unit"))))
    return RosterScope(
        frozenset([*given, *(code for row in own for code in row.street_codes)]),
        frozenset([*units, *(row.unit_id for row in [*own, *there])]),
        frozenset(row.id for row in [*own, *there]),
    )


def list_shifts(
    session: Session,
    scope: RosterScope | None,
    *,
    since: datetime | None,
    until: datetime | None,
    street: str | None,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Shifts that touch ``[since, until)``, by start, of a street and of the whole district, up to
    ``limit``; those of the scope, and the district's, which everybody may know."""
    wheres = ["true"]
    if since:
        wheres.append("d.ends_at > :since")
    if until:
        wheres.append("d.starts_at < :until")
    if street:
        wheres.append("(d.street_code = :street OR d.street_code IS NULL)")
    if after:
        wheres.append("(d.starts_at, d.id) > (:after_at, :after_id)")
    if scope:
        wheres.append(
            "(d.street_code IS NULL OR d.street_code = ANY(:streets) OR d.unit_id = ANY(:units) "
            "OR d.squad_id = ANY(:squads))"
        )
    rows = session.execute(
        text(
            f"{_SHIFTS} WHERE {' AND '.join(wheres)} ORDER BY d.starts_at, d.id LIMIT :limit"
        ),
        {
            "since": since, "until": until, "street": street, "limit": limit,
            "after_at": after[0] if after else None, "after_id": after[1] if after else None,
            "streets": list(scope.streets) if scope else None,
            "units": list(scope.units) if scope else None,
            "squads": list(scope.squads) if scope else None,
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def get_shift(session: Session, shift_id: int) -> dict[str, Any]:
    """One shift, locked until the transaction ends. Raises NotFound."""
    row = (
        session.execute(text(f"{_SHIFTS} WHERE d.id = :id FOR UPDATE OF d"), {"id": shift_id})
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound(f"no shift {shift_id}", f"没有班次 {shift_id}")
    return dict(row)


def gaps(session: Session) -> dict[str, list[dict[str, Any]]]:
    """``classes`` in force without an active unit, ``streets`` without a squad, and
    ``shared_streets`` with several (``squads``: their codes)."""
    classes = session.execute(
        text("""
            SELECT c.scheme, c.code, c.name, c.name_en FROM incident_class c
            LEFT JOIN unit u ON u.id = c.unit_id AND u.active
            WHERE u.id IS NULL AND (c.valid_to IS NULL OR c.valid_to > current_date)
            ORDER BY c.scheme, c.code
        """)
    ).mappings()
    streets = session.execute(
        text("""
            SELECT s.code, s.name,
                   array_remove(array_agg(q.code ORDER BY q.code), NULL) AS squads
            FROM street s LEFT JOIN squad q ON q.active AND s.code = ANY(q.street_codes)
            WHERE s.valid_to IS NULL GROUP BY s.code, s.name ORDER BY s.code
        """)
    ).all()
    return {
        "classes": [dict(row) for row in classes],
        "streets": [{"code": r.code, "name": r.name} for r in streets if not r.squads],
        "shared_streets": [
            {"code": r.code, "name": r.name, "squads": r.squads}
            for r in streets
            if len(r.squads) > 1
        ],
    }
