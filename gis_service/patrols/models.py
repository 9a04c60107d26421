"""What phones sent and what follows from it: fixes, tracks, visits, coverage."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class Device(Base):
    """A phone (or a source of files) of an officer; its token is known by its hash only.
    ``kind``: owntracks, osmand or upload. ``keep_off_duty``: the officer wants fixes outside duty
    hours stored too."""

    __tablename__ = "device"
    __table_args__ = (
        Index("device_officer", "officer_id"),
        Index("device_token", "token_hash", unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"))
    label: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    keep_off_duty: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Fix(Base):
    """One position (WGS84) as received, never changed. Partitioned by month; partitions are made
    on demand and dropped by retention, hence nothing refers to a fix, nor a fix to anything."""

    __tablename__ = "fix"
    __table_args__ = ({"postgresql_partition_by": "RANGE (at)"},)

    device_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    lon: Mapped[float] = mapped_column(Float)
    lat: Mapped[float] = mapped_column(Float)
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class Track(Base):
    """A walk: what one device recorded in one go. ``report`` counts what cleaning left out.

    ``mercator`` (EPSG:3857) is its cleaned line; measures are seconds since 1970.
    """

    __tablename__ = "track"
    __table_args__ = (
        Index("track_officer", "officer_id", "started_at"),
        Index("track_mercator", "mercator", postgresql_using="gist"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    source: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    fixes: Mapped[int] = mapped_column(Integer)
    length_m: Mapped[float] = mapped_column(Float)
    report: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    mercator: Mapped[WKBElement | None] = mapped_column(
        Geometry("LINESTRINGM", srid=3857, dimension=3, spatial_index=False)
    )


class Visit(Base):
    """到访: a stay in one grid (its identity), derived from fixes and rebuilt at will.

    Whoever writes visits or received days publishes ``visits`` in the same transaction, with
    ``officers`` (their ids) or without for everybody.
    """

    __tablename__ = "visit"
    __table_args__ = (
        UniqueConstraint("officer_id", "area_id", "entered_at"),
        Index("visit_officer", "officer_id", "entered_at"),
        Index("visit_area", "area_id", "entered_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    track_id: Mapped[int | None] = mapped_column(ForeignKey("track.id"))
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    grid_code: Mapped[str] = mapped_column(Text)
    entered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    left_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    stay_s: Mapped[int] = mapped_column(Integer)
    length_m: Mapped[float] = mapped_column(Float)


class ReceivedDay(Base):
    """A day (in the district's zone) on which an officer's track was received: it tells "no track
    received" from "no visit". ``dropped_off_duty`` fixes were acknowledged and not stored, some of
    them because the officer was ``on_leave``. ``pending``: visits do not know all its fixes yet."""

    __tablename__ = "received_day"
    __table_args__ = (
        Index("received_day_pending", "officer_id", "day", postgresql_where=text("pending")),
    )

    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    fixes: Mapped[int] = mapped_column(Integer)
    dropped_off_duty: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    on_leave: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    pending: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


class DroppedMoment(Base):
    """When a device sent a fix that was dropped off duty or on leave, never where: what is sent
    again is not counted again in :class:`ReceivedDay`. Kept as long as fixes are."""

    __tablename__ = "dropped_moment"

    device_id: Mapped[int] = mapped_column(
        ForeignKey("device.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)


class GridCoverage(Base):
    """The state of a grid and contract as of the last computation: what the layer draws.
    ``contract_id`` NULL: nobody promised the grid."""

    __tablename__ = "grid_coverage"
    __table_args__ = (Index("grid_coverage_area", "area_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("patrol_contract.id"))
    state: Mapped[str] = mapped_column(Text)
    overlapping: Mapped[bool] = mapped_column(Boolean)
    out_of_hours: Mapped[bool] = mapped_column(Boolean)
    outside_area: Mapped[bool] = mapped_column(Boolean)
    last_visit_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    overdue_days: Mapped[int | None] = mapped_column(Integer)
    as_of: Mapped[datetime] = mapped_column(DateTime(timezone=True))
