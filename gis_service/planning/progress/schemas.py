"""What the endpoints of progress take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]
State = Literal["done", "missing", "soon", "open"]
RectificationState = Literal["open", "late", "closed"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecordFields(Strict):
    """That a task was done; ``community`` unset: by the bureau."""

    task: Code
    community: Code | None = None
    done_on: date
    note: Note = ""


class RectificationFields(Strict):
    """A shortfall, who puts it right and until when."""

    task: Code
    community: Code | None = None
    problem: Line
    unit: Code
    deadline: date


class RectificationChange(Strict):
    """What is to be different about an open one; what is absent stays. ``version``: the one that
    was read, so that nobody's change is overwritten unseen."""

    problem: Line | None = None
    unit: Code | None = None
    deadline: date | None = None
    version: int | None = Field(None, ge=1)


class RectificationClosing(Strict):
    closed_on: date
    result: Line


class Item(BaseModel):
    """A task at a place that owes it. ``state``: done; missing (the due day has passed); soon (due
    within 14 days); open (not yet owed). ``events``: how many the records show of what counts."""

    task: str
    name: str
    name_en: str
    part: str
    part_en: str
    stage: str
    scope: str
    due_on: date
    units: list[str]
    measure: str | None
    target: int
    community: str | None
    community_name: str | None
    state: State
    done_on: date | None
    late: bool
    record_id: int | None
    note: str | None
    recorded_by: str | None
    events: int
    rectify_by: date | None


class ItemPage(BaseModel):
    items: list[Item]
    next: str | None


class Progress(BaseModel):
    """``total``, and by task, unit and community: ``done, missing, soon, open`` and ``of``. An
    item counts for each unit that answers for it: units add up to more than the total."""

    as_of: date
    stages: list[dict[str, Any]]
    total: dict[str, int]
    tasks: list[dict[str, Any]]
    units: list[dict[str, Any]]
    communities: list[dict[str, Any]]


class RectificationRow(BaseModel):
    id: int
    task: str
    task_name: str
    task_name_en: str
    community: str | None
    community_name: str | None
    problem: str
    unit: str
    unit_name: str
    unit_name_en: str
    deadline: date
    opened_by: str
    opened_at: datetime
    closed_on: date | None
    result: str
    late: bool
    version: int


class RectificationPage(BaseModel):
    items: list[RectificationRow]
    next: str | None
