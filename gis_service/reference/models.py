"""Classes and their limits, units and squads, components, the working calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    Boolean,
    Date,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class Unit(Base):
    """责任单位: a section or centre of the bureau, or a body outside it."""

    __tablename__ = "unit"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    outside: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    duties: Mapped[str] = mapped_column(Text, server_default="")
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class Squad(Base):
    """中队: of a unit, answering for streets (``street_codes``; a code may be another squad's too,
    which is shown as an ambiguity)."""

    __tablename__ = "squad"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    street_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class IncidentClass(Base):
    """A class of one scheme, such as ``E-01-12 道路不洁``. Two national code orders are in use for
    the same names, so a code means something only together with its scheme.

    ``unit_id`` NULL: nobody answers for the class, visibly. ``duplicate_m`` and
    ``duplicate_hours`` NULL: the settings' values.
    """

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
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    duplicate_m: Mapped[float | None] = mapped_column(Float)
    duplicate_hours: Mapped[float | None] = mapped_column(Float)


class ClassCrosswalk(Base):
    """What a class of one scheme is called in another."""

    __tablename__ = "class_crosswalk"

    scheme: Mapped[str] = mapped_column(Text, primary_key=True)
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    other_scheme: Mapped[str] = mapped_column(Text, primary_key=True)
    other_code: Mapped[str] = mapped_column(Text, primary_key=True)


class ClassCondition(Base):
    """立案条件: one circumstance of a class with its limit; a class may have several.

    ``limit_unit``: urgent_hour, urgent_day, natural_day (wall clock), working_hour, working_day.
    ``unit_id`` overrides the class's.
    """

    __tablename__ = "class_condition"
    __table_args__ = (UniqueConstraint("class_id", "number"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    class_id: Mapped[int] = mapped_column(ForeignKey("incident_class.id"))
    number: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    limit_amount: Mapped[float] = mapped_column(Float)
    limit_unit: Mapped[str] = mapped_column(Text)
    closing: Mapped[str] = mapped_column(Text, server_default="")  # 结案条件
    closing_en: Mapped[str] = mapped_column(Text, server_default="")
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class Component(Base):
    """部件: a manhole, lamp or bin with an owner, who then answers for it."""

    __tablename__ = "component"
    __table_args__ = (Index("component_geom", "geom", postgresql_using="gist"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    class_id: Mapped[int | None] = mapped_column(ForeignKey("incident_class.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    geom: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CalendarDay(Base):
    """What one day is. A year none of whose days stand here has no calendar: deadlines that reach
    it are provisional. ``kind``: working or off."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")  # such as 国庆节 or 调休上班
    source: Mapped[str] = mapped_column(Text)


class WorkingHours(Base):
    """The working periods from a day on, until a later row begins: ``[["08:00","12:00"], …]``."""

    __tablename__ = "working_hours"

    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    periods: Mapped[list[list[str]]] = mapped_column(JSONB)
    note: Mapped[str] = mapped_column(Text, server_default="")
