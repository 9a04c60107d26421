"""Selection rounds with what they were decided on, own indicators, experience notes, siting."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base
from gis_service.planning.progress import models as progress_models  # noqa: F401 - tables too

VERDICTS = ("suitable", "conditional", "unsuitable")


class OwnIndicator(Base):
    """An indicator that came as a column of a table; ``rising``: more is better; ``least``: how
    many cases a value wants; the days of its period are both included, NULL where not told."""

    __tablename__ = "planning_indicator"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text, server_default="")
    group_name: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text, server_default="")
    rising: Mapped[bool] = mapped_column(Boolean)
    least: Mapped[int] = mapped_column(Integer, server_default="1")
    first_day: Mapped[date | None] = mapped_column(Date)
    last_day: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str] = mapped_column(Text)
    loaded_by: Mapped[str] = mapped_column(Text)
    loaded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class OwnValue(Base):
    """The value of an own indicator in a community (its identity), and how many cases it rests on
    (NULL: not told)."""

    __tablename__ = "planning_value"

    indicator_id: Mapped[int] = mapped_column(
        ForeignKey("planning_indicator.id", ondelete="CASCADE"), primary_key=True
    )
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)
    value: Mapped[float] = mapped_column(Float)
    sample: Mapped[float | None] = mapped_column(Float)


class SelectionRound(Base):
    """遴选: one question, the figures it was answered from (``frozen``), the answer and, once it
    is decided, who was chosen and why. A decided round never changes."""

    __tablename__ = "selection_round"
    __table_args__ = (CheckConstraint("state IN ('open', 'decided')", name="round_state"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="open")
    question: Mapped[dict[str, Any]] = mapped_column(JSONB)
    frozen: Mapped[dict[str, Any]] = mapped_column(JSONB)
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(Text)  # SHA-256 of the answer, told on paper
    library: Mapped[str] = mapped_column(Text)  # the version that gave the same ranking
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    override_reason: Mapped[str | None] = mapped_column(Text)  # where others than ranked first
    approval: Mapped[str | None] = mapped_column(Text)  # number of the document that approves


class RoundChoice(Base):
    """A community chosen in a round, and why; ``rank`` it had, NULL where it was not ranked."""

    __tablename__ = "round_choice"

    round_id: Mapped[int] = mapped_column(ForeignKey("selection_round.id"), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)
    rank: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)


class RoundNomination(Base):
    """街道推荐: a street puts a community forward."""

    __tablename__ = "round_nomination"
    __table_args__ = (UniqueConstraint("round_id", "area_id"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("selection_round.id"))
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    reason: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class RoundVisit(Base):
    """实地核查: what was found on site."""

    __tablename__ = "round_visit"
    __table_args__ = (
        Index("round_visit_round", "round_id"),
        CheckConstraint(
            f"verdict IN ({', '.join(repr(one) for one in VERDICTS)})", name="round_visit_verdict"
        ),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("selection_round.id"))
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    visited_on: Mapped[date] = mapped_column(Date)
    visitors: Mapped[str] = mapped_column(Text)
    findings: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ExperienceNote(Base):
    """经验: what a community did that others can take over. ``proposed`` is what the review put
    into words, and for which days, where somebody began from that."""

    __tablename__ = "experience_note"
    __table_args__ = (Index("experience_note_area", "area_id"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    proposed: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    changed_by: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SitingRun(Base):
    """Where the next stations would reach most buildings: one question and its answer."""

    __tablename__ = "siting_run"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    question: Mapped[dict[str, Any]] = mapped_column(JSONB)
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class SitingSite(Base):
    """A place that a run proposes; ``covered``: buildings reached from it that nothing reaches."""

    __tablename__ = "siting_site"

    run_id: Mapped[int] = mapped_column(
        ForeignKey("siting_run.id", ondelete="CASCADE"), primary_key=True
    )
    place: Mapped[int] = mapped_column(Integer, primary_key=True)
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))  # the community
    covered: Mapped[int] = mapped_column(Integer)
    geom: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
