"""What the endpoints of posts, stations, party members and meetings take."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
Code = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^/\s]+$")
]
Id = Annotated[int, Field(ge=1, lt=2**31)]
BigId = Annotated[int, Field(ge=1, lt=2**63)]
Degrees = Annotated[float, Field(allow_inf_nan=False, ge=-1e8, le=1e8)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Weekday = Annotated[int, Field(ge=1, le=7)]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, populate_by_name=True)


class Opening(Strict):
    """Hours on some days of the week; past midnight is two entries."""

    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] = Field(
        description="Monday is 1"
    )
    from_: time = Field(alias="from")
    to: time

    @model_validator(mode="after")
    def _ordered(self) -> Opening:
        if self.from_ >= self.to:
            raise ValueError("opening hours end after they begin")
        return self


class Position(Strict):
    """Where something is; a position names its system."""

    lon: Degrees | None = None
    lat: Degrees | None = None
    crs: Code | None = Field(None, description="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")


class PostFields(Position):
    """A service post; without a ``contact`` it is vacant. What stands here is published."""

    contact: Line | None = Field(None, description="name, published on the notice")
    title: Line = ""
    phone: Line | None = Field(None, description="published on the notice")
    photo_id: BigId | None = Field(None, description="of /api/attachments")
    duties: Annotated[list[Code], Field(max_length=40)] = []
    opening: Annotated[list[Opening], Field(max_length=14)] = []
    window: Line = Field("", description="where in the house")
    address: Line = ""
    established_on: Day | None = None
    since: Day | None = Field(None, description="of this contact, or of the vacancy; today")
    note: Words = Field("", description="not published")


class NewPost(PostFields):
    """A post for a community that has none."""

    community: Code


class PostChange(PostFields):
    """A post as it is to be; ``version`` is the one that was read."""

    version: Id | None = None


class StationFields(Position):
    """A station."""

    name: Annotated[Line, Field(min_length=1)]
    community: Code | None = Field(None, description="code; by its position where absent")
    address: Line = ""
    phone: Line | None = None
    services: Annotated[list[Code], Field(max_length=40)] = []
    opening: Annotated[list[Opening], Field(max_length=14)] = []
    opened_on: Day | None = None
    closed_on: Day | None = Field(None, description="the first day it is no longer open")
    note: Words = ""


class NewStation(StationFields):
    """A station."""

    code: Code


class StationChange(StationFields):
    """A station as it is to be; ``version`` is the one that was read."""

    version: Id | None = None


class ShiftFields(Strict):
    """Somebody on duty at a station."""

    starts_at: datetime
    ends_at: datetime
    person: Annotated[Line, Field(min_length=1)]
    unit: Code | None = None
    note: Line = ""


class MediationFields(Strict):
    """A mediation; ``parties`` are personal data and kept apart, encrypted."""

    held_at: datetime
    subject: Annotated[Line, Field(min_length=1)]
    outcome: Code
    mediator: Line = ""
    summary: Words = ""
    parties: Words = Field("", description="names and phones; kept encrypted")
    incident: Code | None = Field(None, description="id or code of the incident it is about")


class BranchFields(Strict):
    """A party branch; ``community`` once it has registered."""

    name: Annotated[Line, Field(min_length=1)]
    unit: Code | None = None
    community: Code | None = None
    registered_on: Day | None = None
    active: bool = True


class MemberFields(Strict):
    """A serving party member; ``name`` is kept encrypted, and stays as it is where absent."""

    branch: Code
    name: Line | None = None
    community: Code | None = None
    registered_on: Day | None = None
    active: bool = True


class NewBranch(BranchFields):
    """A branch of a sheet."""

    code: Code


class NewMember(MemberFields):
    """A member of a sheet."""

    code: Code


class MeetingFields(Strict):
    """A meeting of a community's 党建工作协调委员会."""

    held_on: Day
    title: Annotated[Line, Field(min_length=1)]
    minutes: Words = ""


class ItemFields(Strict):
    """What a meeting decided about an order, and who follows it."""

    decision: Words | None = None
    unit: Code | None = None
    follower: Line = ""
    due_on: Day | None = None
    done_on: Day | None = None


class Page(BaseModel):
    """A list."""

    items: list[dict[str, Any]]
    next: str | None
