"""What the endpoints of surveys take."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from gis_service.communities.questions import Question
from gis_service.communities.schemas import Code, Day, Id, Line, Strict, Words


class SurveyFields(Strict):
    """A questionnaire; ``released`` it never changes again, a change is another version."""

    kind: Code = Field(description="of /api/community-words")
    title: Annotated[Line, Field(min_length=1)]
    title_en: Line = ""
    intro: Words = ""
    intro_en: Words = ""
    state: Literal["draft", "released", "withdrawn"] = "draft"
    named: bool = Field(False, description="asks for the name (实名)")
    questions: list[Question] = Field(min_length=1, max_length=40)


class NewSurvey(SurveyFields):
    """A survey."""

    code: Code


class SurveyChange(SurveyFields):
    """A survey as it is to be; ``version`` is the one that was read."""

    version: Id


class RoundFields(Strict):
    """One asking, both days included."""

    name: Annotated[Line, Field(min_length=1)]
    name_en: Line = ""
    opens_on: Day
    closes_on: Day
    public: bool = Field(True, description="residents answer by QR code")


class NewRound(RoundFields):
    """A round of the last released version."""

    code: Code


class Answers(Strict):
    """A filled-in questionnaire."""

    community: Code
    answers: Annotated[dict[str, Any], Field(max_length=60)]
    name: Line = ""
    phone: Line = ""
    key: Annotated[str, Field(min_length=8, max_length=64)] | None = Field(
        None, description="the same submission again is taken once"
    )


class StaffAnswers(Answers):
    """A questionnaire that somebody of the staff enters."""

    answered_at: datetime | None = Field(None, description="now")
