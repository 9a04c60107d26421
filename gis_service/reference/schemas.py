"""What the reference endpoints take and answer."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Unit(BaseModel):
    """A unit that answers for classes."""

    code: str
    name: str
    name_en: str
    outside: bool = Field(description="a body outside the bureau")


class UnitPage(BaseModel):
    """All units that are active."""

    items: list[Unit]
    next: None


class Squad(BaseModel):
    """A squad and its streets."""

    code: str
    name: str
    name_en: str
    unit: str = Field(description="code of its unit")
    streets: list[str] = Field(description="codes")


class SquadPage(BaseModel):
    """All squads that are active."""

    items: list[Squad]
    next: None


class Limit(BaseModel):
    """How long handling may take."""

    amount: float
    unit: str = Field(description="urgent_hour, urgent_day, natural_day, working_hour, working_day")


class Condition(BaseModel):
    """立案条件; a visitor is told the number and the names only."""

    number: int
    name: str
    name_en: str
    limit: Limit | None = None
    closing: str | None = None
    closing_en: str | None = None
    unit: str | None = Field(None, description="code of the unit, where it has one of its own")


class ConditionPage(BaseModel):
    """The conditions of a class."""

    items: list[Condition]
    next: None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DayFields(_Strict):
    """What a day is; ``kind`` null: the weekday decides again."""

    day: date
    kind: Literal["working", "off"] | None
    note: str = Field("", max_length=200)


class HoursFields(_Strict):
    """Working periods from a day on; ``periods`` null takes the row away."""

    valid_from: date
    periods: list[tuple[str, str]] | None = Field(max_length=10)
    note: str = Field("", max_length=200)


class CalendarFields(_Strict):
    """Days and hours to set; others stay."""

    days: list[DayFields] = Field(default_factory=list, max_length=1000)
    hours: list[HoursFields] = Field(default_factory=list, max_length=100)


class DayRow(BaseModel):
    """A day of the calendar and who set it."""

    day: date
    kind: str
    note: str
    source: str


class HoursRow(BaseModel):
    """Working periods in force from a day on."""

    valid_from: date | None = Field(description="null: before any row")
    periods: list[list[str]]
    note: str


class YearOfDays(BaseModel):
    """The calendar of a year. ``known`` false: deadlines that reach it are provisional."""

    year: int
    known: bool
    known_years: list[int]
    days: list[DayRow]
    hours: list[HoursRow]
