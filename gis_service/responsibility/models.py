"""The duty roster, officers and their patrol contracts."""

from __future__ import annotations

from datetime import date, datetime, time

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
    Time,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
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


class Officer(Base):
    """队员. ``certified`` False: 协管, who patrol but do not enforce. ``transport`` (foot, ebike or
    car) sets what speed and stay mean."""

    __tablename__ = "officer"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    squad_id: Mapped[int | None] = mapped_column(ForeignKey("squad.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), unique=True)
    certified: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    transport: Mapped[str] = mapped_column(Text, server_default="foot")
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class OfficerAbsence(Base):
    """请假 of an officer, both days included; ``stand_in_id`` answers meanwhile."""

    __tablename__ = "officer_absence"
    __table_args__ = (
        CheckConstraint("from_day <= to_day", name="officer_absence_order"),
        CheckConstraint("stand_in_id <> officer_id", name="officer_absence_other"),
        Index("officer_absence_officer", "officer_id", "from_day"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"))
    from_day: Mapped[date] = mapped_column(Date)
    to_day: Mapped[date] = mapped_column(Date)
    stand_in_id: Mapped[int | None] = mapped_column(ForeignKey("officer.id"))
    kind: Mapped[str] = mapped_column(Text, server_default="leave")
    note: Mapped[str] = mapped_column(Text, server_default="")


class PatrolContract(Base):
    """片区包干责任: one version of an officer's promise. A row never changes but for its end.

    It holds from ``valid_from`` through ``valid_to`` (both days included), and no longer than until
    the day before ``closed_from``: from that day the version ``superseded_by`` holds, or, where
    there is none, the contract is withdrawn. The promise is a visit every ``promised_days`` days or
    on ``visits_per_week`` days in seven, on ``weekdays`` (ISO, Monday is 1) between ``hours_from``
    and ``hours_to`` (past midnight where the end is not later); a visit counts that stays
    ``min_stay_s`` and walks ``min_length_m``, where they are given.
    """

    __tablename__ = "patrol_contract"
    __table_args__ = (
        UniqueConstraint("code", "version"),
        Index("patrol_contract_officer", "officer_id"),
        CheckConstraint("valid_from <= valid_to", name="patrol_contract_order"),
        CheckConstraint(
            "num_nonnulls(promised_days, visits_per_week) = 1", name="patrol_contract_one_promise"
        ),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"))  # who leads
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date] = mapped_column(Date)
    closed_from: Mapped[date | None] = mapped_column(Date)
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("patrol_contract.id"))
    promised_days: Mapped[int | None] = mapped_column(Integer)
    visits_per_week: Mapped[int | None] = mapped_column(Integer)
    min_stay_s: Mapped[int | None] = mapped_column(Integer)
    min_length_m: Mapped[float | None] = mapped_column(Float)
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    hours_from: Mapped[time] = mapped_column(Time)
    hours_to: Mapped[time] = mapped_column(Time)
    note: Mapped[str] = mapped_column(Text, server_default="")
    attachment_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"))  # signed scan
    created_by: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class PatrolContractMember(Base):
    """Who patrols besides the one who leads."""

    __tablename__ = "patrol_contract_member"
    __table_args__ = (Index("patrol_contract_member_officer", "officer_id"),)

    contract_id: Mapped[int] = mapped_column(ForeignKey("patrol_contract.id"), primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)  # certified or assisting


class PatrolContractGrid(Base):
    """A grid (its identity) that a contract promises."""

    __tablename__ = "patrol_contract_grid"
    __table_args__ = (Index("patrol_contract_grid_area", "area_id"),)

    contract_id: Mapped[int] = mapped_column(ForeignKey("patrol_contract.id"), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)


class PatrolContractDuty(Base):
    """A group of classes that a contract is about, such as ``E-01``."""

    __tablename__ = "patrol_contract_duty"

    contract_id: Mapped[int] = mapped_column(ForeignKey("patrol_contract.id"), primary_key=True)
    duty: Mapped[str] = mapped_column(Text, primary_key=True)
