"""Frontage contracts (门前三包责任书) and their inspections."""

from __future__ import annotations

from datetime import date, datetime

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
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
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class FrontageContract(Base):
    """A shop's promise for what lies before its door. ``geom`` is a line where the outline of a
    building or a street gives one (``measured``: building, road) or somebody drew one (drawn), and
    else the point that came in; ``length_m`` is as signed. It holds from ``valid_from`` through
    ``valid_to``, or until the day before ``ended_on``. ``items`` are codes of the word list."""

    __tablename__ = "frontage_contract"
    __table_args__ = (
        Index("frontage_contract_community", "community_id"),
        Index("frontage_contract_geom", "geom", postgresql_using="gist"),
        CheckConstraint("valid_from <= valid_to", name="frontage_contract_order"),
        CheckConstraint("length_m > 0", name="frontage_contract_length"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    shop: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text, server_default="")
    community_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    position: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    geom: Mapped[WKBElement] = mapped_column(Geometry("GEOMETRY", srid=4326, spatial_index=False))
    measured: Mapped[str] = mapped_column(Text)
    length_m: Mapped[float] = mapped_column(Float)
    items: Mapped[list[str]] = mapped_column(ARRAY(Text))
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date] = mapped_column(Date)
    ended_on: Mapped[date | None] = mapped_column(Date)
    attachment_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"))  # signed scan
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("community_person.id", ondelete="SET NULL")
    )
    note: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class FrontageInspection(Base):
    """One look at a frontage: what was not kept, and until when it is put right (限期整改)."""

    __tablename__ = "frontage_inspection"
    __table_args__ = (
        Index("frontage_inspection_contract", "contract_id", "inspected_on"),
        CheckConstraint(
            "(failed = '{}') = (rectify_by IS NULL)", name="frontage_inspection_deadline"
        ),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    contract_id: Mapped[int] = mapped_column(ForeignKey("frontage_contract.id", ondelete="CASCADE"))
    inspected_on: Mapped[date] = mapped_column(Date)
    inspector: Mapped[str] = mapped_column(Text)
    failed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    rectify_by: Mapped[date | None] = mapped_column(Date)
    rectified_on: Mapped[date | None] = mapped_column(Date)
    attachment_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"))
    rectified_attachment_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"))
    note: Mapped[str] = mapped_column(Text, server_default="")
