"""What the endpoints of activities, opinions and sign-ups take."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gis_service.communities.schemas import (
    BigId,
    Code,
    Count,
    Day,
    Id,
    Line,
    Position,
    Strict,
    Words,
)

# what sheets part such things by stands in none of them
SEPARATE = r"^[^;；|\n]*$"


class Material(Strict):
    """What was handed out or put up; without a ``count`` nobody counted it."""

    item: Annotated[Line, Field(min_length=1, pattern=SEPARATE)]
    count: Count | None = None


class Media(Strict):
    """A report in the media."""

    outlet: Annotated[Line, Field(min_length=1, pattern=SEPARATE)]
    title: Annotated[Line, Field(pattern=SEPARATE)] = ""
    url: Annotated[str, Field(max_length=500, pattern=r"^(https?://[^\s;；|]+)?$")] = ""
    on: Day | None = None


class ActivityFields(Position):
    """An activity; what nobody counted is null, not zero. Times without an offset are the
    district's."""

    kind: Code = Field(description="of /api/community-words")
    title: Annotated[Line, Field(min_length=1)]
    community: Code
    state: Literal["planned", "done", "cancelled"] = "planned"
    unit: Code | None = Field(None, description="who holds it")
    units: Annotated[list[Code], Field(max_length=30)] = Field([], description="who takes part")
    members: Annotated[list[Code], Field(max_length=500)] = Field(
        [], description="numbers of party members who took part"
    )
    starts_at: datetime
    ends_at: datetime | None = None
    place: Line = ""
    description: Words = Field("", description="shown to everybody")
    staff: Count | None = None
    volunteers: Count | None = None
    residents: Count | None = None
    households: Count | None = Field(None, description="visited (入户)")
    pledges: Count | None = Field(None, description="signed")
    quizzed: Count | None = Field(None, description="took a quiz there")
    passed: Count | None = Field(None, description="of those quizzed")
    round: Code | None = Field(None, description="survey round that was asked there")
    materials: list[Material] = Field([], max_length=30)
    media: list[Media] = Field([], max_length=30)
    results: Words = ""
    photos: Annotated[list[BigId], Field(max_length=30)] = Field(
        [], description="of /api/attachments"
    )
    public: bool = True
    signup_limit: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="how many may sign up; nobody where absent"
    )


class Repeat(Strict):
    """How an activity recurs: every n-th day or week, or in every n-th month on the same day of the
    month or the same weekday of it (such as the second Saturday)."""

    every: Literal["day", "week", "month", "month_weekday"]
    interval: Annotated[int, Field(ge=1, le=12)] = 1
    until: Day | None = Field(None, description="the last day")
    times: Annotated[int, Field(ge=2, le=100)] | None = Field(
        None, description="the first included"
    )


class NewActivity(ActivityFields):
    """An activity, or with ``repeat`` a series of them."""

    repeat: Repeat | None = None


class ActivityChange(ActivityFields):
    """An activity as it is to be; ``version`` is the one that was read."""

    version: Id | None = None


class OpinionFields(Strict):
    """What somebody said; who it was is kept encrypted."""

    words: Annotated[Words, Field(min_length=1)]
    name: Line = ""
    phone: Line = ""


class NewOpinion(OpinionFields):
    """What somebody said in a community, at an activity where one is named, and what was answered
    on the spot."""

    community: Code | None = None
    activity: Code | None = None
    answer: Words = ""
    adopted: bool | None = None


class OpinionAnswer(Strict):
    """What was answered, whether it was adopted, and what follows from it; what is absent stays."""

    answer: Words | None = None
    adopted: bool | None = None
    follow_up: Words | None = None
    follow_up_by: Line | None = None
    follow_up_due: Day | None = None
    followed_up_on: Day | None = None


class SignUp(Strict):
    """Somebody who wants to help."""

    name: Annotated[Line, Field(min_length=1)]
    phone: Annotated[Line, Field(min_length=5)]
    people: Annotated[int, Field(ge=1, le=20)] = 1


class Attendance(Strict):
    """Whether who signed up came."""

    attended: bool | None
