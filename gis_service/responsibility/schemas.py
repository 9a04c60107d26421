"""What the roster and responsibility endpoints take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class ShiftFields(BaseModel):
    """A duty shift as it is entered; no ``street``: for the whole district."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    starts_at: AwareDatetime
    ends_at: AwareDatetime
    street: str | None = Field(None, max_length=50, description="code")
    unit: str | None = Field(None, max_length=50, description="code")
    squad: str | None = Field(None, max_length=50, description="code")
    person: str = Field(min_length=1, max_length=100)
    phone: str = Field("", max_length=100)


class ShiftRow(BaseModel):
    """A duty shift."""

    id: int
    starts_at: datetime
    ends_at: datetime
    street: str | None
    unit: str | None
    squad: str | None
    person: str
    phone: str


class ShiftPage(BaseModel):
    """Shifts by their start."""

    items: list[ShiftRow]
    next: str | None


class Responsible(BaseModel):
    """Who answers, and how it came about."""

    street: dict[str, str] | None
    at: datetime
    working: bool = Field(description="whether the time lies in a working period")
    unit: dict[str, str] | None
    squad: dict[str, str] | None
    officer: dict[str, str] | None = Field(description="who has promised the grid by contract")
    duty: dict[str, Any] | None
    component: dict[str, Any] | None = Field(description="the component whose owner decides")
    steps: list[dict[str, str]]
    ambiguous: list[dict[str, str]]
    gap: bool


class Gaps(BaseModel):
    """What nobody answers for, and streets that several squads share."""

    classes: list[dict[str, str]] = Field(description="without an active unit")
    streets: list[dict[str, str]] = Field(description="without an active squad")
    shared_streets: list[dict[str, Any]] = Field(description="with several squads")
