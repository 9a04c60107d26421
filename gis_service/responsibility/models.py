"""The duty roster (patrol and frontage contracts follow)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, Identity, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class DutyShift(Base):
    """值班表: who answers outside contract hours. ``street_code`` NULL: for the whole district."""

    __tablename__ = "duty_shift"
    __table_args__ = (Index("duty_shift_times", "starts_at", "ends_at"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    street_code: Mapped[str | None] = mapped_column(Text)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    squad_id: Mapped[int | None] = mapped_column(ForeignKey("squad.id"))
    person: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text, server_default="")
