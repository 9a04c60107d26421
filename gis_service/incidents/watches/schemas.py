"""What the endpoints of watches take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gis_service.hierarchy.models import Level
from gis_service.hierarchy.schemas import Named
from gis_service.incidents.schemas import Code

Kind = Literal["plain", "wecom", "dingtalk"]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class NewWebhook(BaseModel):
    """Where notices go besides: an address of ``GIS_WEBHOOK_HOSTS``."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = Field(description="plain JSON, or a robot of 企业微信 (wecom) or 钉钉 (dingtalk)")
    url: Annotated[str, Field(max_length=1000)]
    secret: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="signs each delivery; for a 钉钉 robot the one it shows (SEC…)"
    )


class NewWatch(BaseModel):
    """At least one of area, class and polygon; what is given all has to hold."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Title
    level: Level | None = Field(None, description="of the area, with its code")
    code: Code | None = None
    class_: Code | None = Field(None, alias="class", description="code of the class")
    polygon: dict[str, Any] | None = Field(None, description="GeoJSON Polygon or MultiPolygon")
    crs: Code = Field("wgs84", description="of the polygon: wgs84, cgcs2000, gcj02, bd09, EPSG:n")
    on_new: bool = True
    on_change: bool = True
    language: Literal["zh", "en"] = "zh"
    webhook: NewWebhook | None = None


class WebhookState(BaseModel):
    kind: Kind
    host: str = Field(description="the rest of the address is a secret")
    signed: bool
    delivered_at: datetime | None
    problem: str | None = Field(description="why the last delivery failed; null when it did not")


class WatchRow(BaseModel):
    id: int
    name: str
    level: str | None
    code: str | None
    class_: str | None = Field(alias="class")
    polygon: dict[str, Any] | None
    on_new: bool
    on_change: bool
    language: str
    created_at: datetime
    webhook: WebhookState | None
    unread: int


class WatchPage(BaseModel):
    items: list[WatchRow]
    next: str | None


class NoticeRow(BaseModel):
    id: int
    watch: dict[str, Any]
    kind: Literal["new", "changed"]
    action: str
    state: str
    at: datetime
    read_at: datetime | None
    incident: dict[str, Any]
    class_: Named = Field(alias="class")
    community: Named | None


class NoticePage(BaseModel):
    items: list[NoticeRow]
    next: str | None
    unread: int


class Read(BaseModel):
    """Which notices were read: up to an id, or some."""

    model_config = ConfigDict(extra="forbid")

    upto: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    ids: Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(max_length=1000)] = []
