"""Who answers, from the database. An async session runs these by ``run_sync``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.hierarchy.models import Area
from gis_service.reference.models import ClassCondition, IncidentClass, Squad, Unit
from gis_service.responsibility.chain import Responsibilities, Shift, SquadRow, UnitRow
from gis_service.responsibility.models import DutyShift

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


def load_responsibilities(session: Session) -> Responsibilities:
    """Everything the chain needs, as the session sees it."""
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
    )


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
