"""Incident classes."""

from __future__ import annotations

from sqlalchemy import Identity, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class IncidentClass(Base):
    """A class of one scheme, such as ``E-01-12 道路不洁``. Two national code orders are in use for
    the same names, so a code means something only together with its scheme."""

    __tablename__ = "incident_class"
    __table_args__ = (UniqueConstraint("scheme", "code"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    scheme: Mapped[str] = mapped_column(Text)
    scheme_version: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)  # component, event or other
    major: Mapped[str] = mapped_column(Text)
    major_name: Mapped[str] = mapped_column(Text)
    major_name_en: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    duty: Mapped[str] = mapped_column(Text, server_default="")
