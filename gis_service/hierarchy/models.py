"""Areas: an identity per (level, code), and its versions in one table per level."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from gis_service.db.engine import Base

Level = Literal["street", "community", "grid", "building"]
LEVELS: tuple[Level, ...] = ("street", "community", "grid", "building")


class BoundaryRevision(Base):
    """One applied import of areas."""

    __tablename__ = "boundary_revision"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    label: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    counts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)


class Area(Base):
    """The identity of an area, to which parents, contracts and placements refer."""

    __tablename__ = "area"
    __table_args__ = (UniqueConstraint("level", "code"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    level: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)


class AreaVersion:
    """What an area is during one span of time. A row never changes but for its end.

    ``geom`` is the truth in EPSG:4326; ``mercator`` and ``mercator_low`` (EPSG:3857, the second
    simplified by less than a pixel of low zooms) are what a tile is cut from; ``inner_point``
    carries the label.
    """

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    geom: Mapped[WKBElement] = mapped_column(
        Geometry("MULTIPOLYGON", srid=4326, spatial_index=False)
    )
    mercator: Mapped[WKBElement] = mapped_column(
        Geometry("MULTIPOLYGON", srid=3857, spatial_index=False)
    )
    mercator_low: Mapped[WKBElement] = mapped_column(
        Geometry("MULTIPOLYGON", srid=3857, spatial_index=False)
    )
    inner_point: Mapped[WKBElement] = mapped_column(
        Geometry("POINT", srid=4326, spatial_index=False)
    )
    area_m2: Mapped[float] = mapped_column(Float)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    valid_to: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @declared_attr
    def area_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey("area.id"))

    @declared_attr
    def parent_id(cls) -> Mapped[int | None]:
        return mapped_column(ForeignKey("area.id"))

    @declared_attr
    def revision_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey("boundary_revision.id"))

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:
        level = cls.__tablename__  # type: ignore[attr-defined]
        current = text("valid_to IS NULL")
        return (
            Index(f"{level}_one_valid", "code", unique=True, postgresql_where=current),
            Index(f"{level}_area", "area_id"),
            Index(f"{level}_parent", "parent_id", postgresql_where=current),
            Index(f"{level}_geom", "geom", postgresql_using="gist", postgresql_where=current),
            Index(
                f"{level}_mercator", "mercator", postgresql_using="gist", postgresql_where=current
            ),
        )


class Street(AreaVersion, Base):
    """街道, or the coarsest level a hierarchy has."""

    __tablename__ = "street"


class Community(AreaVersion, Base):
    """社区."""

    __tablename__ = "community"


class Grid(AreaVersion, Base):
    """网格 of some ``kind``: non-overlap holds per kind, one kind is the working one.

    ``working_id`` names, for a cell of another kind, the working grid that holds most of it.
    """

    __tablename__ = "grid"

    kind: Mapped[str] = mapped_column(Text)
    working_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))


class Building(AreaVersion, Base):
    """楼栋."""

    __tablename__ = "building"


TABLES: dict[str, type[Street | Community | Grid | Building]] = {
    "street": Street,
    "community": Community,
    "grid": Grid,
    "building": Building,
}


class GazetteerEntry(Base):
    """A named place: door plate, crossing, estate, POI, pole number, former name or learnt pin."""

    __tablename__ = "gazetteer"
    __table_args__ = (
        UniqueConstraint("name", "kind", "lon", "lat"),
        Index(
            "gazetteer_name_trgm", "search", postgresql_using="gin",
            postgresql_ops={"search": "gin_trgm_ops"},
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    search: Mapped[str] = mapped_column(Text)
    lon: Mapped[float] = mapped_column(Float)
    lat: Mapped[float] = mapped_column(Float)
    source: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
