"""What the incident endpoints answer, for the OpenAPI description."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gis_service.hierarchy.schemas import Candidate, LevelAnswer, Named
from gis_service.incidents.models import Source

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Degrees = Annotated[float, Field(allow_inf_nan=False, ge=-1e8, le=1e8)]
LimitUnit = Literal["urgent_hour", "urgent_day", "natural_day", "working_hour", "working_day"]
Photos = Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(max_length=20)]


class Person(BaseModel):
    """Who reported; kept encrypted."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = None
    phone: Line | None = None
    email: Line | None = None


class QuickFix(BaseModel):
    """What an officer did at once."""

    model_config = ConfigDict(extra="forbid")

    note: Words | None = None
    at: datetime | None = Field(None, description="when it was fixed; now where absent")
    photos: Photos = []


class NewIncident(BaseModel):
    """A report; times without an offset are the district's."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    class_: Code = Field(alias="class", description="code of the class")
    lon: Degrees | None = None
    lat: Degrees | None = None
    crs: Code | None = Field(None, description="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")
    accuracy_m: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] | None = None
    address: Line | None = None
    description: Words | None = None
    source: Source | None = None
    external_id: Line | None = Field(None, description="its number where it came from")
    their_due_at: datetime | None = Field(None, description="the deadline the source set")
    reported_at: datetime | None = None
    reporter: Person | None = None
    is_order: bool = Field(False, description="a resident asks for something to be done (点单)")
    urgent: bool = False
    photos: Photos = []
    quick: QuickFix | None = Field(None, description="fixed at once by who reports it (快处)")


class ActionFields(BaseModel):
    """What actions take; each takes some of them."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    version: int | None = Field(None, description="the version that was read; refused if stale")
    reason: Words | None = None
    note: Words | None = None
    photos: Photos | None = None
    class_: Code | None = Field(None, alias="class")
    condition: int | None = Field(None, ge=0, lt=2**31, description="number of the condition")
    unit: Code | None = None
    squad: Code | None = None
    units: Annotated[list[Code], Field(max_length=30)] | None = None
    lead: Code | None = None
    into: Code | None = Field(None, description="id or code of the incident that goes on")
    case_number: Line | None = None
    amount: Annotated[float, Field(gt=0, le=366, allow_inf_nan=False)] | None = None
    limit_unit: LimitUnit | None = None
    lon: Degrees | None = None
    lat: Degrees | None = None
    crs: Code | None = None


class ReportAnswer(BaseModel):
    """What was sent back to who reported, or heard from them."""

    model_config = ConfigDict(extra="forbid")

    reply: Words | None = None
    returned: bool = Field(False, description="sent back to its source (退单)")
    called_back: bool = Field(False, description="called back (回访)")
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    rating_text: Line | None = None


class Placement(BaseModel):
    method: str = Field(description="inside, nearest, code, address, manual or none")
    distance_m: float | None
    levels: dict[str, LevelAnswer]
    candidates: list[Candidate]
    revision: int | None


class Reported(BaseModel):
    lon: float | None
    lat: float | None
    crs: str
    accuracy_m: float | None


class Condition(BaseModel):
    number: int
    name: str


class Incident(BaseModel):
    id: int
    code: str
    state: str
    class_: Named = Field(alias="class")
    source: str
    external_id: str
    street: Named | None
    community: Named | None
    grid: Named | None
    building: Named | None
    lon: float | None = Field(description="WGS84; null in the unplaced queue")
    lat: float | None
    reported: Reported = Field(description="the position as it came in")
    placement: Placement
    filed_path: dict[str, str] = Field(description="codes as filed; kept for ever")
    reported_at: datetime
    due_at: datetime | None
    due_explained: str | None
    due_provisional: bool = Field(description="reaches a year without a working calendar")
    their_due_at: datetime | None
    closed_at: datetime | None
    verified_at: datetime | None
    filed_at: datetime | None
    dispatched_at: datetime | None
    accepted_at: datetime | None
    resolved_at: datetime | None
    updated_at: datetime
    version: int
    unit: Named | None
    squad: Named | None
    condition: Condition | None
    is_order: bool
    urgent: bool
    supervised: bool
    quick: bool
    report_count: int
    rework_count: int
    merged_into: int | None
    case_number: str | None
    address: str | None
    description: str | None


class IncidentDetail(Incident):
    responsible: dict[str, Any] = Field(description="who answers now, and why")
    components: list[dict[str, Any]] = Field(
        description="those of the class at the place, nearest first, with their owners"
    )
    whistles: list[dict[str, Any]]
    photos: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    conditions: list[dict[str, Any]] = Field(description="those of the class to choose from")
    actions: list[str] = Field(description="what the asker's role can do in this state")


class IncidentPage(BaseModel):
    items: list[Incident]
    next: str | None


class Count(BaseModel):
    count: int = Field(description="all that pass the filter")
    unplaced: int = Field(description="of these, in no area")
    open: int = Field(description="of these, not ended")
    total: int = Field(description="incidents of the district, whatever the filter")
    data_version: int


class LogRow(BaseModel):
    id: int
    at: datetime
    actor: str
    action: str
    state: str
    version: int
    detail: dict[str, Any] | None


class LogPage(BaseModel):
    items: list[LogRow]
    next: str | None


class ClassRow(Named):
    name_en: str
    major: str
    major_name: str
    major_name_en: str
    kind: str
    scheme: str
    count: int


class ClassPage(BaseModel):
    items: list[ClassRow]
    next: str | None
