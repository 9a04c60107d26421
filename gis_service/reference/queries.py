"""Reference data from the database. An async session runs these by ``run_sync``."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.reference.models import CalendarDay, WorkingHours
from gis_service.reference.working_time import Day, WorkingCalendar
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
