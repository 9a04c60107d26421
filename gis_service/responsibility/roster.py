"""The duty roster: loading it, and which shifts an account may see and change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.events.feed import publish
from gis_service.hierarchy.models import Area
from gis_service.reference.models import Squad, Unit
from gis_service.reference.tables import Row, Table, counted
from gis_service.reference.units import unit_ids
from gis_service.reference.working_time import FIRST_DAY, LAST_DAY
from gis_service.responsibility.models import DutyShift

COLUMNS = {
    "starts_at": "开始时间",
    "ends_at": "结束时间",
    "street": "街道代码",
    "unit": "责任单位",
    "squad": "中队代码",
    "person": "值班人",
    "phone": "电话",
}
REQUIRED = ("starts_at", "ends_at", "person")
LONGEST_SHIFT = timedelta(days=31)
_TEXT = {"person": 100, "phone": 100}


def load_roster(
    session: Session, rows: Iterable[Mapping[Any, Any]], where: str, zone: ZoneInfo
) -> dict[str, int]:
    """Add shifts; ``read, loaded, already, rejected``. A shift that is there as a whole is
    ``already``.

    Times are ISO 8601, without a zone in ``zone``; no ``street`` means the whole district. Raises
    InvalidInput naming every faulty row; nothing is applied then.
    """
    table = Table(rows, where, COLUMNS, REQUIRED)
    units = unit_ids(session)
    squads = {row.code: row.id for row in session.execute(select(Squad.id, Squad.code))}
    streets = set(session.scalars(select(Area.code).where(Area.level == "street")))
    values = [_shift(row, units, squads, streets, zone) for row in table.rows]
    table.refuse()
    held = {
        tuple(row)
        for row in session.execute(
            select(*(getattr(DutyShift, name) for name in values[0]))
            .where(DutyShift.starts_at >= min(one["starts_at"] for one in values))
            .where(DutyShift.starts_at <= max(one["starts_at"] for one in values))
        )
    }
    new = [one for one in values if tuple(one.values()) not in held]
    new = [dict(pairs) for pairs in dict.fromkeys(tuple(one.items()) for one in new)]
    if new:
        session.add_all(DutyShift(**one) for one in new)
        session.flush()
        publish(session, "roster")
    return counted(len(values), len(new))


def check_span(starts_at: datetime, ends_at: datetime) -> None:
    """Raise InvalidInput unless a shift ends after it begins, within :data:`LONGEST_SHIFT`, in
    the years that the calendar spans."""
    for moment, where in ((starts_at, "starts_at"), (ends_at, "ends_at")):
        if not FIRST_DAY.year < moment.year <= LAST_DAY.year:
            raise InvalidInput(
                f"the year {moment.year} is no year of a roster",
                f"{moment.year} 年超出值班表范围",
                where=where,
            )
    if not starts_at < ends_at:
        raise InvalidInput("a shift ends after it begins", "班次结束须晚于开始", where="ends_at")
    if ends_at - starts_at > LONGEST_SHIFT:
        raise InvalidInput(
            f"a shift is no longer than {LONGEST_SHIFT.days} days",
            f"一个班次不超过 {LONGEST_SHIFT.days} 天",
            where="ends_at",
        )


def checked(
    session: Session,
    *,
    starts_at: datetime,
    ends_at: datetime,
    street: str | None,
    unit: str | None,
    squad: str | None,
    person: str,
    phone: str,
) -> dict[str, Any]:
    """A shift as a row, from codes. Raises InvalidInput naming the field that is wrong."""
    check_span(starts_at, ends_at)
    if (
        street
        and not session.execute(
            select(Area.id).where(Area.level == "street", Area.code == street)
        ).first()
    ):
        raise InvalidInput(f"no street {street!r}", f"没有街道 {street!r}", where="street")
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "street_code": street or None,
        "unit_id": _id_of(session, Unit, unit, "unit", "单位"),
        "squad_id": _id_of(session, Squad, squad, "squad", "中队"),
        "person": person,
        "phone": phone,
    }


def write_shift(session: Session, values: dict[str, Any], shift_id: int | None) -> int:
    """Add a shift, or replace the one of that id; its id."""
    if shift_id is None:
        shift = DutyShift(**values)
        session.add(shift)
    else:
        shift = session.get_one(DutyShift, shift_id)
        for name, value in values.items():
            setattr(shift, name, value)
    session.flush()
    publish(session, "roster")
    return shift.id


def delete_shift(session: Session, shift_id: int) -> None:
    """Take a shift away."""
    session.execute(delete(DutyShift).where(DutyShift.id == shift_id))
    publish(session, "roster")


def _id_of(
    session: Session, model: type[Unit] | type[Squad], code: str | None, en: str, zh: str
) -> int | None:
    if not code:
        return None
    found: int | None = session.scalar(select(model.id).where(model.code == code, model.active))
    if found is None:
        raise InvalidInput(f"no {en} {code!r}", f"没有{zh} {code!r}", where=en)
    return found


def _shift(
    row: Row,
    units: Mapping[str, int],
    squads: Mapping[str, int],
    streets: set[str],
    zone: ZoneInfo,
) -> dict[str, Any]:
    starts_at, ends_at = _moment(row, "starts_at", zone), _moment(row, "ends_at", zone)
    if starts_at and ends_at:
        try:
            check_span(starts_at, ends_at)
        except InvalidInput as problem:
            row.fault(problem.message, problem.message_zh)
    street = row.text("street") or None
    if street and streets and street not in streets:
        row.fault(f"unknown street {street!r}", f"未知街道 {street!r}")
    for name, limit in _TEXT.items():
        if len(row.text(name)) > limit:
            row.fault(f"{name} is longer than {limit}", f"{COLUMNS[name]}超过 {limit} 字")
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "street_code": street,
        "unit_id": row.among("unit", units, "unit", "单位"),
        "squad_id": row.among("squad", squads, "squad", "中队"),
        "person": row.text("person"),
        "phone": row.text("phone"),
    }


def _moment(row: Row, name: str, zone: ZoneInfo) -> datetime | None:
    words = row.text(name).replace("/", "-")
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        if words:
            row.fault(f"{name} {words!r} is no time such as 2026-10-01 18:00",
                      f"{COLUMNS[name]} {words!r} 不是时间（如 2026-10-01 18:00）")  # fmt: skip
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
