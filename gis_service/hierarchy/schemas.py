"""What the hierarchy's endpoints answer, for the OpenAPI description."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

MethodName = Literal["inside", "nearest", "code", "address", "manual", "none"]


class Named(BaseModel):
    code: str
    name: str


class LevelAnswer(BaseModel):
    method: MethodName
    distance_m: float | None = Field(description="metres; 0 inside, null without an answer")


class Candidate(Named):
    level: str
    distance_m: float


class Located(BaseModel):
    """Where a position lies. ``distance_m`` is that of the finest level answered."""

    street: Named | None
    community: Named | None
    grid: Named | None
    building: Named | None
    method: MethodName
    distance_m: float | None
    levels: dict[str, LevelAnswer]
    candidates: list[Candidate]
    revision: int | None
    lon: float = Field(description="WGS84")
    lat: float = Field(description="WGS84")
    crs: str = Field(description="the system the position was given in")


class Place(BaseModel):
    name: str
    kind: str = Field(description="area, door, crossing, estate, poi, pole, former or pin")
    level: str | None
    code: str | None
    lon: float
    lat: float
    bbox: list[float] | None = Field(description="of an area: west, south, east, north")
    score: float = Field(description="0 to 1")
    path: dict[str, Named | None]


class Places(BaseModel):
    items: list[Place]
    next: str | None


class AreaRow(Named):
    parent_code: str | None
    area_m2: float
    bbox: list[float] = Field(description="west, south, east, north (EPSG:4326)")
    centre: list[float] = Field(description="a point inside, lon and lat")
    attributes: dict[str, Any]
    valid_from: datetime
    revision: int


class AreaPage(BaseModel):
    items: list[AreaRow]
    next: str | None


class Children(BaseModel):
    level: str
    count: int


class Area(AreaRow):
    level: str
    path: dict[str, Named | None]
    children: Children | None
    buildings: int | None = Field(description="null where no buildings are loaded")
    geometry: dict[str, Any] | None = None


class Version(Named):
    parent_code: str | None
    area_m2: float
    valid_from: datetime
    valid_to: datetime | None
    revision_id: int
    revision_label: str


class Versions(BaseModel):
    items: list[Version]
    next: str | None
