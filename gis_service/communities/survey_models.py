"""Surveys, their rounds and answers, and what people said."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base

SURVEY_STATES = ("draft", "released", "withdrawn")


class Survey(Base):
    """问卷: one version of a questionnaire. Once released, its questions never change; a change is
    another version.

    ``questions`` is a list of ``{"key", "type", "text", "text_en", "required", "options": [{"key",
    "text", "text_en"}], "low", "high", "right", "measure"}``, see ``questions.py``.
    """

    __tablename__ = "survey"
    __table_args__ = (UniqueConstraint("code", "version"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)  # code of the word list: satisfaction, ...
    title: Mapped[str] = mapped_column(Text)
    title_en: Mapped[str] = mapped_column(Text, server_default="")
    intro: Mapped[str] = mapped_column(Text, server_default="")
    intro_en: Mapped[str] = mapped_column(Text, server_default="")
    state: Mapped[str] = mapped_column(Text)  # of SURVEY_STATES
    named: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))  # 实名
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_by: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class SurveyRound(Base):
    """One asking of a survey's version, ``opens_on`` through ``closes_on`` (both days included).
    ``public``: residents answer by QR code, staff enter besides."""

    __tablename__ = "survey_round"
    __table_args__ = (
        Index("survey_round_survey", "survey_id"),
        CheckConstraint("opens_on <= closes_on", name="survey_round_order"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text, server_default="")
    opens_on: Mapped[date] = mapped_column(Date)
    closes_on: Mapped[date] = mapped_column(Date)
    public: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class SurveyResponse(Base):
    """One filled-in questionnaire: ``answers`` by the questions' keys. Who answered stands apart.
    ``key`` is what the sender repeats when it did not hear an answer."""

    __tablename__ = "survey_response"
    __table_args__ = (
        Index("survey_response_round", "round_id", "community_id"),
        Index("survey_response_community", "community_id", "answered_at"),
        Index("survey_response_person", "person_id"),
        Index("survey_response_key", "round_id", "key", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("survey_round.id"))
    community_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    answered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    channel: Mapped[str] = mapped_column(Text)  # staff or qr
    entered_by: Mapped[str | None] = mapped_column(Text)
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    key: Mapped[str | None] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("community_person.id", ondelete="SET NULL")
    )


class Opinion(Base):
    """意见: what somebody said at an activity, in a survey or at the post, what was answered, and
    whether it was adopted (NULL: not decided). ``incident_id`` is the incident it became,
    ``follow_up`` what is done about it otherwise, by whom and until when."""

    __tablename__ = "opinion"
    __table_args__ = (
        Index("opinion_community", "community_id", "said_at"),
        Index("opinion_activity", "activity_id"),
        Index("opinion_response", "response_id"),
        Index("opinion_person", "person_id"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    activity_id: Mapped[int | None] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))
    response_id: Mapped[int | None] = mapped_column(
        ForeignKey("survey_response.id", ondelete="CASCADE")
    )
    said_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    words: Mapped[str] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    answered_by: Mapped[str | None] = mapped_column(Text)
    adopted: Mapped[bool | None] = mapped_column(Boolean)
    incident_id: Mapped[int | None] = mapped_column(BigInteger)
    follow_up: Mapped[str | None] = mapped_column(Text)
    follow_up_by: Mapped[str | None] = mapped_column(Text)
    follow_up_due: Mapped[date | None] = mapped_column(Date)
    followed_up_on: Mapped[date | None] = mapped_column(Date)
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("community_person.id", ondelete="SET NULL")
    )
