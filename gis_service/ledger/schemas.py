"""What the endpoints of the ledger take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000)]


class EntryFields(BaseModel):
    """An entry; ``people`` null: not counted."""

    model_config = ConfigDict(extra="forbid")

    day: date
    kind: Code = Field(description="code of the ledger's list of kinds")
    title: Line
    content: Words = ""
    result: Words = ""
    people: int | None = Field(None, ge=0, le=1_000_000)
    note: Words = ""
    community: Code | None = None
    unit: Code | None = None
    campaign: Code | None = None


class EntryChange(EntryFields):
    """An entry as it shall be; ``version`` is the one it was made from."""

    version: int = Field(ge=1)


class EntryRow(BaseModel):
    code: str
    day: date
    kind: str
    title: str
    content: str
    result: str
    people: int | None
    note: str
    community: str | None
    community_name: str | None
    unit: str | None
    unit_name: str | None
    unit_name_en: str | None
    campaign: str | None
    source: str | None = Field(description="the record it was taken from; null: written by people")
    version: int
    changed_by: str
    changed_at: datetime


class EntryPage(BaseModel):
    items: list[EntryRow]
    next: str | None


class LogPage(BaseModel):
    items: list[dict[str, Any]]
    next: str | None
