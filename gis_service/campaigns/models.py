"""Campaigns: what is done where, by whom, until when, and what was measured of it."""

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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class Campaign(Base):
    """专项整治: classes × areas × period. Both days are included. Its areas are those of
    ``campaign_area`` (identities) and, where something was drawn, the grids that ``geom`` covers
    by more than half; the view ``campaign_grid`` lists them."""

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint("starts_on <= ends_on", name="campaign_order"),
        Index("campaign_geom", "geom", postgresql_using="gist"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    goal: Mapped[str] = mapped_column(Text, server_default="")
    classes: Mapped[list[str]] = mapped_column(ARRAY(Text))  # codes, or groups such as E-04
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    lead_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    geom: Mapped[WKBElement | None] = mapped_column(
        Geometry("MULTIPOLYGON", srid=4326, spatial_index=False)
    )
    cancelled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # rises with every change; who changes an older one is told
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CampaignArea(Base):
    """A street, community or grid (its identity) of a campaign."""

    __tablename__ = "campaign_area"
    __table_args__ = (Index("campaign_area_area", "area_id"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)


class CampaignUnit(Base):
    """A unit that assists."""

    __tablename__ = "campaign_unit"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)


class CampaignTask(Base):
    """Something to do, by a unit and a day."""

    __tablename__ = "campaign_task"
    __table_args__ = (Index("campaign_task_campaign", "campaign_id"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    title: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    due_on: Mapped[date] = mapped_column(Date)
    done_on: Mapped[date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text, server_default="")
    changed_by: Mapped[str] = mapped_column(Text)


class CampaignPhoto(Base):
    """A photo and whether it shows the place ``before``, ``during`` or ``after``."""

    __tablename__ = "campaign_photo"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachment.id"), primary_key=True)
    moment: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")


class CampaignEffect(Base):
    """What was measured last, for the map and the ledger; the answer to a question is always
    measured anew."""

    __tablename__ = "campaign_effect"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    verdict: Mapped[str] = mapped_column(Text)
    effect: Mapped[bool] = mapped_column(Boolean)
    estimate: Mapped[float | None] = mapped_column(Float)
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)
    warnings: Mapped[list[Any]] = mapped_column(JSONB)


class CampaignEffectArea(Base):
    """A grid's part in what was measured (``treated``, ``compared`` or ``near``) and its cases."""

    __tablename__ = "campaign_effect_area"
    __table_args__ = (Index("campaign_effect_area_area", "area_id"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)
    part: Mapped[str] = mapped_column(Text)
    before: Mapped[int] = mapped_column(Integer)
    after: Mapped[int] = mapped_column(Integer)
