"""What the metrics endpoints answer, for the OpenAPI description."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from gis_service.hierarchy.schemas import Named


class Rate(BaseModel):
    n: int
    of: int = Field(description="the denominator")
    share: float | None = Field(description="0 to 1; null where 'of' is 0")


class Duration(BaseModel):
    n: int = Field(description="how many the figures rest on")
    median_s: float | None = Field(description="seconds; null where n is 0")
    p90_s: float | None = Field(description="seconds; null where n is 0")


class ReportIn(Duration):
    called: int = Field(description="units called by whistles; n of them came")
    in_time: Rate


class Figures(BaseModel):
    count: int = Field(description="incidents that pass the filter")
    effective: int = Field(description="of these, not merged, refused or cancelled")
    patrol_first: Rate = Field(description="found by patrol before any complaint, of effective")
    handled: Rate = Field(description="处置率: handled, of handled and filed ones still to handle")
    closed: Rate = Field(description="结案率: closed, of those with a deadline closed or overdue")
    on_time: Rate = Field(description="按期结案率: closed by the deadline, of the same")
    rework: Rate = Field(description="sent back at least once, of those handled at least once")
    verify: Duration = Field(description="from the report to the verification")
    dispatch: Duration
    accept: Duration
    resolve: Duration
    close: Duration = Field(description="of closed incidents")
    report_in: ReportIn = Field(description="from the whistle to the unit's reporting in")


class Group(Figures):
    street: Named | None = None
    community: Named | None = None
    grid: Named | None = None
    building: Named | None = None
    class_: Named | None = Field(None, alias="class")
    unit: Named | None = None
    squad: Named | None = None
    day: str | None = None
    week: str | None = Field(None, description="its Monday")
    month: str | None = Field(None, description="its first day")


class MetricsPage(BaseModel):
    items: list[Group] = Field(description="one per group that has incidents")
    next: str | None
    groups: int = Field(description="of all pages")
    total: Figures = Field(description="of all incidents that pass, not of the page's")
    by: list[str]
    boundaries: str
    time: str
    now: datetime = Field(description="what fell due before it and is open counts as late")
    data_version: int
