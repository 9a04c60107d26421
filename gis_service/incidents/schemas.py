"""What the incident endpoints answer, for the OpenAPI description."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from gis_service.hierarchy.schemas import Candidate, LevelAnswer, Named


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
    closed_at: datetime | None
    address: str | None
    description: str | None


class IncidentPage(BaseModel):
    items: list[Incident]
    next: str | None


class Count(BaseModel):
    count: int = Field(description="all that pass the filter")
    unplaced: int = Field(description="of these, in no area")
    open: int = Field(description="of these, not ended")
    data_version: int


class LogRow(BaseModel):
    id: int
    at: datetime
    actor: str
    action: str
    state: str
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
