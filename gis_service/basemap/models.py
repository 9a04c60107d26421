"""Lines and polygons of an OSM extract, as a quiet ground under the layers."""

from __future__ import annotations

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import BigInteger, Identity, Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class BasemapFeature(Base):
    """One road, water, green or building shape; ``rank`` 0 (drawn first) to 3 (close up only)."""

    __tablename__ = "basemap_feature"
    __table_args__ = (
        Index("basemap_feature_mercator", "mercator", postgresql_using="gist"),
        Index("basemap_feature_theme", "theme"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    theme: Mapped[str] = mapped_column(Text)  # road, water, green or building
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    rank: Mapped[int] = mapped_column(SmallInteger)
    source: Mapped[str] = mapped_column(Text)
    mercator: Mapped[WKBElement] = mapped_column(
        Geometry("GEOMETRY", srid=3857, spatial_index=False)
    )
