"""The working calendar as a table: seeded from the published one, loaded, edited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.events.feed import publish
from gis_service.reference.holidays import SOURCE, published_days, published_years
from gis_service.reference.models import CalendarDay, WorkingHours
from gis_service.reference.tables import Row, Table, counted, upsert
from gis_service.reference.working_time import (
    FIRST_DAY,
    LAST_DAY,
    OFF,
    WORKING,
    parse_periods,
)

COLUMNS = {"date": "日期", "kind": "类型", "note": "说明", "periods": "工作时段"}
REQUIRED = ("date", "kind")
HOURS = "hours"
KINDS = {
    "working": WORKING, "上班": WORKING, "off": OFF, "休息": OFF, "放假": OFF,
    "hours": HOURS, "工作时段": HOURS,
}  # fmt: skip
_RANGE = re.compile(r"\s*[-–—~至]\s*")
_BETWEEN = re.compile(r"[;,，、；]\s*")


def seed_calendar(session: Session, years: Iterable[int] | None = None) -> dict[str, int]:
    """Write the published days of ``years`` (all that the installed calendar knows when None).

    Days that a person or a file has set stay. Raises InvalidInput for a year that is not published.
    """
    chosen = sorted(set(published_years() if years is None else years))
    rows = [
        {"day": day, "kind": told.kind, "note": told.note, "source": SOURCE}
        for year in chosen
        for day, told in published_days(year).items()
    ]
    if not rows:
        raise InvalidInput("no year is named", "未指定年份", where="year")
    gone = session.scalars(
        delete(CalendarDay)
        .where(CalendarDay.source == SOURCE)
        .where(func.extract("year", CalendarDay.day).in_(chosen))
        .where(CalendarDay.day.not_in([row["day"] for row in rows]))
        .returning(CalendarDay.day)
    ).all()
    statement = insert(CalendarDay).values(rows)
    excluded = statement.excluded
    changed = session.execute(
        statement.on_conflict_do_update(
            index_elements=["day"],
            set_={"kind": excluded.kind, "note": excluded.note},
            where=(CalendarDay.source == SOURCE)
            & func.row(CalendarDay.kind, CalendarDay.note).is_distinct_from(
                func.row(excluded.kind, excluded.note)
            ),
        ).returning(CalendarDay.day)
    ).all()
    if changed or gone:
        publish(session, "calendar")
    return counted(len(rows), len(changed))


def ensure_default_calendar(session: Session) -> None:
    """Seed the calendar where none was ever set."""
    if session.execute(select(CalendarDay.day).limit(1)).first() is None:
        seed_calendar(session)


def load_days(session: Session, rows: Iterable[Mapping[Any, Any]], where: str) -> dict[str, int]:
    """Set days (``kind`` working or off) and hours (``kind`` hours: ``periods`` such as
    ``08:00-12:00, 14:30-18:00`` hold from ``date`` on); ``read, loaded, already, rejected``.

    Raises InvalidInput naming every faulty row; nothing is applied then.
    """
    table = Table(rows, where, COLUMNS, REQUIRED)
    days: list[dict[str, Any]] = []
    hours: list[dict[str, Any]] = []
    for row in table.rows:
        day = _day(row)
        kind = row.choice("kind", KINDS)
        if kind == HOURS:
            hours.append({"valid_from": day, "periods": _periods(row), "note": row.text("note")})
        elif kind:
            days.append({"day": day, "kind": kind, "note": row.text("note"), "source": where})
    table.refuse_twice("date", "kind")
    for one, several in (("day", days), ("valid_from", hours)):
        found = [values[one] for values in several]
        for twice in sorted({day for day in found if day and found.count(day) > 1}):
            table.faults.append((f"{twice} stands twice", f"{twice} 重复"))
    table.refuse()
    # a published day that a file repeats stays one, and is corrected with what is published next
    held = {
        row.day: (row.kind, row.note)
        for row in session.execute(select(CalendarDay.day, CalendarDay.kind, CalendarDay.note))
    }
    days = [one for one in days if held.get(one["day"]) != (one["kind"], one["note"])]
    return counted(len(table.rows), set_calendar(session, days, hours))


def set_calendar(session: Session, days: list[dict[str, Any]], hours: list[dict[str, Any]]) -> int:
    """Set days (``day, kind, note, source``; kind None takes the row away) and hours (``valid_from,
    periods, note``; periods None takes it away); the number of rows changed."""
    changed = 0
    kept = [row for row in days if row["kind"] is not None]
    changed += upsert(session, CalendarDay, kept, ["day"], update=["kind", "note", "source"])
    kept = [row for row in hours if row["periods"] is not None]
    changed += upsert(session, WorkingHours, kept, ["valid_from"], update=["periods", "note"])
    gone = [row["day"] for row in days if row["kind"] is None]
    days_gone = delete(CalendarDay).where(CalendarDay.day.in_(gone)).returning(CalendarDay.day)
    changed += len(session.scalars(days_gone).all())
    gone = [row["valid_from"] for row in hours if row["periods"] is None]
    begin = WorkingHours.valid_from
    hours_gone = delete(WorkingHours).where(begin.in_(gone)).returning(begin)
    changed += len(session.scalars(hours_gone).all())
    if changed:
        publish(session, "calendar")
    return changed


def _day(row: Row) -> date | None:
    day = row.day("date")
    if day and not FIRST_DAY <= day <= LAST_DAY:
        row.fault(f"{day} lies outside {FIRST_DAY} to {LAST_DAY}",
                  f"{day} 超出 {FIRST_DAY} 至 {LAST_DAY}")  # fmt: skip
    return day


def _periods(row: Row) -> list[list[str]]:
    periods = [_RANGE.split(part) for part in _BETWEEN.split(row.text("periods")) if part]
    try:
        parse_periods(periods)
    except InvalidInput as problem:
        row.fault(problem.message, problem.message_zh)
    return periods
