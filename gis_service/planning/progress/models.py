"""The plan: stages and tasks as loaded, what people recorded as done, and what is put right."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base

SCOPES = ("bureau", "demonstration", "all")


class PlanStage(Base):
    """实施步骤: a stage of the plan, both days included."""

    __tablename__ = "plan_stage"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    begins_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)


class PlanTask(Base):
    """Something the plan wants. Owed by the bureau once, or by each demonstration community, or by
    every community (``scope``), on ``due_on`` at the latest. ``measure`` names rows of the view
    ``plan_evidence``, ``target`` of which fulfil it; NULL: people record it."""

    __tablename__ = "plan_task"
    __table_args__ = (
        CheckConstraint("scope IN ('bureau', 'demonstration', 'all')", name="plan_task_scope"),
        CheckConstraint("target > 0", name="plan_task_target"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("plan_stage.id"))
    part: Mapped[str] = mapped_column(Text)  # of the plan, as its file names it
    part_en: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    phrase: Mapped[str] = mapped_column(Text, server_default="")  # the plan's own words
    scope: Mapped[str] = mapped_column(Text)
    due_on: Mapped[date] = mapped_column(Date)
    units: Mapped[list[str]] = mapped_column(ARRAY(Text))  # codes, the first answers for it
    measure: Mapped[str | None] = mapped_column(Text)
    target: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    position: Mapped[int] = mapped_column(Integer)


class PlanRecord(Base):
    """That a task was done, as somebody recorded it; ``area_id`` NULL: by the bureau."""

    __tablename__ = "plan_record"
    __table_args__ = (
        Index("plan_record_once", "task_id", text("coalesce(area_id, 0)"), unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("plan_task.id", ondelete="CASCADE"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    done_on: Mapped[date] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text, server_default="")
    recorded_by: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class Rectification(Base):
    """整改: a shortfall with who puts it right until when."""

    __tablename__ = "rectification"
    __table_args__ = (Index("rectification_task", "task_id"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("plan_task.id", ondelete="CASCADE"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    problem: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    deadline: Mapped[date] = mapped_column(Date)
    opened_by: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    closed_on: Mapped[date | None] = mapped_column(Date)
    result: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
