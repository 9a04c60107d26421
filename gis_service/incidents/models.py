"""Incidents and their append-only log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    REAL,
    BigInteger,
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
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base

STATES = (
    "reported", "verified", "filed", "dispatched", "accepted", "in_progress", "resolved",
    "checked", "closed", "not_accepted", "returned", "deferred", "merged", "transferred",
    "cancelled",
)  # fmt: skip
ENDED_STATES = frozenset({"closed", "not_accepted", "merged", "transferred", "cancelled"})


class Incident(Base):
    """案件. Its place as reported (``lon, lat`` in ``crs``) is kept beside the converted ``geom``.

    ``*_id`` are the identities of the areas it lies in on current boundaries, ``filed_path`` the
    codes as filed, which no boundary revision changes. ``geom`` NULL: the unplaced queue.
    """

    __tablename__ = "incident"
    __table_args__ = (
        Index("incident_external", "origin", "external_id", unique=True),
        Index("incident_reported", "reported_at", "id"),
        Index("incident_geom", "geom", postgresql_using="gist"),
        Index("incident_community", "community_id", "reported_at", "id"),
        Index("incident_grid", "grid_id", "reported_at", "id"),
        Index(
            "incident_unplaced", "reported_at", "id",
            postgresql_where=text("placement_method = 'none'"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    class_id: Mapped[int] = mapped_column(ForeignKey("incident_class.id"))
    class_name: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)  # patrol, resident, hotline, ...
    origin: Mapped[str] = mapped_column(Text)  # whose numbers external_id are
    external_id: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    address: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)

    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    crs: Mapped[str] = mapped_column(Text)
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    geom: Mapped[WKBElement | None] = mapped_column(
        Geometry("POINT", srid=4326, spatial_index=False)
    )
    street_id: Mapped[int | None] = mapped_column(Integer)
    community_id: Mapped[int | None] = mapped_column(Integer)
    grid_id: Mapped[int | None] = mapped_column(Integer)
    building_id: Mapped[int | None] = mapped_column(Integer)
    placement_method: Mapped[str] = mapped_column(Text)
    placement_distance_m: Mapped[float | None] = mapped_column(REAL)
    candidates: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    revision_id: Mapped[int | None] = mapped_column(Integer)
    filed_path: Mapped[dict[str, Any]] = mapped_column(JSONB)


class IncidentLog(Base):
    """One row per change of an incident: what, when, by whom, why."""

    __tablename__ = "incident_log"
    __table_args__ = (Index("incident_log_incident", "incident_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
