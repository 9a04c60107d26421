"""Reference data from the database. An async session runs these by ``run_sync``."""

from __future__ import annotations

from datetime import date
from math import cos, radians
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput, NotFound
from gis_service.reference.classes import DEFAULT_SCHEME
from gis_service.reference.models import (
    CalendarDay,
    ClassCondition,
    IncidentClass,
    Squad,
    Unit,
    WorkingHours,
)
from gis_service.reference.working_time import DEFAULT_HOURS, Day, WorkingCalendar
from gis_service.settings import Settings


def load_calendar(session: Session, settings: Settings) -> WorkingCalendar:
    """The working calendar in the district's zone."""
    days = session.execute(select(CalendarDay.day, CalendarDay.kind, CalendarDay.note))
    hours = session.execute(select(WorkingHours.valid_from, WorkingHours.periods))
    return WorkingCalendar(
        {row.day: Day(row.kind, row.note) for row in days},
        [(row.valid_from, row.periods) for row in hours],
        ZoneInfo(settings.timezone),
    )


def units(session: Session) -> list[dict[str, Any]]:
    """Active units by code: ``code, name, name_en, outside``."""
    return _rows(
        session,
        select(Unit.code, Unit.name, Unit.name_en, Unit.outside)
        .where(Unit.active).order_by(Unit.code),
    )  # fmt: skip


def squads(session: Session) -> list[dict[str, Any]]:
    """Active squads by code: ``code, name, name_en, unit, streets`` (codes)."""
    return _rows(
        session,
        select(Squad.code, Squad.name, Squad.name_en, Unit.code.label("unit"),
               Squad.street_codes.label("streets"))
        .join(Unit, Unit.id == Squad.unit_id).where(Squad.active).order_by(Squad.code),
    )  # fmt: skip


def conditions(session: Session, code: str, scheme: str | None) -> list[dict[str, Any]]:
    """Active conditions of a class: ``number, name, name_en, limit, closing, closing_en, unit``.

    Without ``scheme`` the default one's class, else the only one. Raises NotFound, InvalidInput
    where several schemes use the code.
    """
    found = session.execute(
        select(IncidentClass.id, IncidentClass.scheme)
        .where(IncidentClass.code == code)
        .where(IncidentClass.scheme == scheme if scheme else IncidentClass.id > 0)
    ).all()
    of_default = [row for row in found if row.scheme == DEFAULT_SCHEME]
    found = of_default or found
    if not found:
        raise NotFound(f"no class {code!r}", f"没有类别 {code!r}", where="code")
    if len(found) > 1:
        schemes = ", ".join(row.scheme for row in found)
        raise InvalidInput(
            f"{code!r} stands in several schemes: {schemes}",
            f"{code!r} 在多个标准中存在：{schemes}",
            where="scheme",
        )
    rows = session.execute(
        select(ClassCondition, Unit.code)
        .outerjoin(Unit, Unit.id == ClassCondition.unit_id)
        .where(ClassCondition.class_id == found[0].id, ClassCondition.active)
        .order_by(ClassCondition.number)
    )
    return [
        {
            "number": row.number, "name": row.name, "name_en": row.name_en,
            "limit": {"amount": row.limit_amount, "unit": row.limit_unit},
            "closing": row.closing, "closing_en": row.closing_en, "unit": unit,
        }
        for row, unit in rows
    ]  # fmt: skip


def calendar_year(session: Session, year: int) -> dict[str, Any]:
    """``year, known, known_years, days`` and all ``hours``."""
    of_year = func.extract("year", CalendarDay.day)
    known = sorted(int(one) for one in session.scalars(select(of_year).distinct()))
    days = _rows(
        session,
        select(CalendarDay.day, CalendarDay.kind, CalendarDay.note, CalendarDay.source)
        .where(CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31)))
        .order_by(CalendarDay.day),
    )  # fmt: skip
    hours = _rows(
        session,
        select(WorkingHours.valid_from, WorkingHours.periods, WorkingHours.note)
        .order_by(WorkingHours.valid_from),
    )  # fmt: skip
    default = {"valid_from": None, "periods": [list(pair) for pair in DEFAULT_HOURS], "note": ""}
    return {
        "year": year, "known": year in known, "known_years": known, "days": days,
        "hours": [default, *hours],
    }  # fmt: skip


def _rows(session: Session, statement: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(statement).mappings()]


def components_near(
    session: Session, class_id: int, lon: float, lat: float, reach_m: float
) -> list[dict[str, Any]]:
    """Components of a class within ``reach_m`` of a WGS84 position, nearest first: code, name,
    unit_id (the owner's, or None) and away_m."""
    rows = session.execute(
        text(
            "SELECT c.code, c.name, c.unit_id, ST_Distance(c.geom::geography, here.g) AS away_m "
            "FROM component c, "
            "(SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography AS g) here "
            "WHERE c.class_id = :class_id AND c.geom && ST_Expand(here.g::geometry, :degrees) "
            "AND ST_DWithin(c.geom::geography, here.g, :m) ORDER BY away_m, c.code LIMIT 10"
        ),
        {
            "class_id": class_id, "lon": lon, "lat": lat, "m": reach_m,
            # a box that holds the circle; a degree of longitude shrinks with the latitude
            "degrees": reach_m / (111_320 * max(0.1, cos(radians(lat)))),
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]
