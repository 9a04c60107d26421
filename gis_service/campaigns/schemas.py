"""What the endpoints of campaigns take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]
State = Literal["planned", "running", "ended", "cancelled"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AreaCode(Strict):
    level: Literal["street", "community", "grid"]
    code: Code


class CampaignFields(Strict):
    """What a campaign is: at least one class, and an area or a drawn polygon at least."""

    name: Line
    goal: Note = ""
    classes: list[Code] = Field(min_length=1, max_length=200, description="codes, or groups: E-04")
    areas: list[AreaCode] = Field([], max_length=5_000)
    polygon: dict[str, Any] | None = Field(None, description="GeoJSON Polygon or MultiPolygon")
    crs: Code = Field("wgs84", description="of the polygon: wgs84, cgcs2000, gcj02, bd09, EPSG:n")
    starts_on: date
    ends_on: date = Field(description="the last day")
    lead: Code = Field(description="code of the unit")
    units: list[Code] = Field([], max_length=50, description="codes of units that assist")


class NewCampaign(CampaignFields):
    """A campaign."""

    code: Code


class CampaignChange(CampaignFields):
    """A campaign as it shall be; ``version`` is the one it was made from."""

    version: int = Field(ge=1)


class TaskFields(Strict):
    title: Line
    unit: Code | None = Field(None, description="code")
    due_on: date
    done_on: date | None = None
    note: Note = ""


class TaskRow(BaseModel):
    id: int
    title: str
    unit: str | None
    unit_name: str | None
    unit_name_en: str | None
    due_on: date
    done_on: date | None
    note: str
    late: bool


class PhotoRow(BaseModel):
    id: int
    moment: str = Field(description="before, during or after")
    note: str
    width: int
    height: int
    created_at: datetime


class CampaignRow(BaseModel):
    """A campaign. ``verdict`` (fewer, more, unclear, unknown), ``effect, estimate, low, high`` are
    what was measured at ``measured_at``; ``/effect`` measures anew."""

    code: str
    name: str
    goal: str
    state: State
    classes: list[str]
    areas: list[dict[str, Any]]
    drawn: bool
    grids: int = Field(description="grids in force that it covers")
    starts_on: date
    ends_on: date
    lead: dict[str, Any]
    units: list[dict[str, Any]]
    tasks: int
    tasks_done: int
    tasks_late: int
    verdict: str | None
    effect: bool | None
    estimate: float | None
    low: float | None
    high: float | None
    measured_at: datetime | None
    version: int
    created_by: str
    updated_at: datetime


class CampaignDetail(CampaignRow):
    """A campaign with its tasks, photos and shape (WGS84), and what its classes are called."""

    class_names: list[dict[str, Any]]
    polygon: dict[str, Any] | None
    bbox: list[float] | None = Field(description="west, south, east, north, WGS84")
    task_list: list[TaskRow]
    photos: list[PhotoRow]


class CampaignPage(BaseModel):
    items: list[CampaignRow]
    next: str | None


class Told(BaseModel):
    code: str
    text: str


class EffectAnswer(BaseModel):
    """``effect``: the data support that the campaign worked. ``estimate``, with its 95 % interval
    ``low`` to ``high``, is the relative change against comparable areas: -0.4 is 40 % fewer; null
    where nothing can be measured, which ``warnings`` explain. ``weeks`` tell cases a week and what
    the comparison lets expect; times are half-open days in the district's zone."""

    code: str
    effect: bool
    estimate: float | None
    low: float | None
    high: float | None
    verdict: Literal["fewer", "more", "unclear", "unknown"]
    summary: str
    warnings: list[Told]
    notes: list[Told]
    method: str
    data: dict[str, date] | None
    ready_on: date | None
    windows: dict[str, Any] | None
    treated: dict[str, Any]
    comparison: dict[str, Any]
    nearby: dict[str, Any] | None
    p: float | None
    detectable: float | None
    placebo: dict[str, Any] | None
    sources: list[dict[str, Any]]
    visits: dict[str, Any] | None
    unplaced: int
    weeks: list[dict[str, Any]]


class WeakSpot(BaseModel):
    """A group of classes in a community that is worth a campaign, with its numbers."""

    community: dict[str, str]
    group: dict[str, str]
    count: int
    hot_grids: list[str] = Field(description="grids hot at 95 % (Gi*) for the group")
    hot_count: int = Field(description="cases in them")
    overdue: dict[str, Any] = Field(description="n of those with a deadline, and the share")
    rework: dict[str, Any] = Field(description="n of those resolved at least once, and the share")
    score: float


class WeakSpotPage(BaseModel):
    items: list[WeakSpot]
    next: str | None
    since: date = Field(alias="from")
    until: date = Field(alias="to")
    district: dict[str, Any]
