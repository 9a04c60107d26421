"""Positions that came in: converted, and held against the community they are said to lie in."""

from __future__ import annotations

import math
from typing import Any

from geoalchemy2 import WKTElement
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84

FARTHEST_M = 3_000.0  # from its community: farther off, the coordinates are somebody else's

SAME_DEGREES = 1e-10  # a hundredth of a millimetre

_AWAY = text("""
    SELECT ST_Distance(CAST(geom AS geography),
                       CAST(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) AS geography))
    FROM community WHERE area_id = :community AND valid_to IS NULL
""")
_AT = text("""
    SELECT area_id FROM community WHERE valid_to IS NULL
      AND ST_Intersects(geom, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)) ORDER BY code LIMIT 1
""")


def position_of(lon: float | None, lat: float | None, crs: str | None) -> WKTElement | None:
    """A point in WGS84; None where there is none. Raises InvalidInput for half a position and one
    whose system is not named or does not reach so far."""
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        missing = "lon" if lon is None else "lat"
        raise InvalidInput("both lon and lat, or neither", "经纬度须同时提供", where=missing)
    if not crs:
        raise InvalidInput(
            "name the position's system: wgs84, cgcs2000, gcj02, bd09 or EPSG:n",
            "请说明坐标系：wgs84、cgcs2000、gcj02、bd09 或 EPSG:n",
            where="crs",
        )
    x, y = (float(value) for value in to_wgs84(lon, lat, parse_crs(crs)))
    if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= 180 and abs(y) <= 90):
        raise InvalidInput(
            f"{lon}, {lat} is no position in {crs}",
            f"{lon}, {lat} 不是 {crs} 中的位置",
            where="lon",
        )
    return WKTElement(f"POINT({x!r} {y!r})", srid=4326)


def check_near(session: Session, point: WKTElement | None, community_id: int) -> None:
    """Raise InvalidInput for a point far from its community: swapped or in another system."""
    if point is None:
        return
    away = session.execute(_AWAY, {**_xy(point), "community": community_id}).scalar()
    if away is not None and away > FARTHEST_M:
        km = away / 1000
        raise InvalidInput(
            f"it lies {km:.1f} km from its community; are lon, lat and crs right?",
            f"距所属社区 {km:.1f} 公里，请检查经纬度和坐标系",
            where="lon",
        )


def community_at(session: Session, point: WKTElement) -> int | None:
    """The community (area id) that a point lies in; None outside all."""
    found: int | None = session.execute(_AT, _xy(point)).scalar()
    return found


def unmoved(
    lon: float | None, lat: float | None, crs: str | None, before: tuple[Any, Any]
) -> tuple[float | None, float | None]:
    """The position that a sheet says, or the one ``before`` (WGS84) where it is that one: a
    workbook holds sixteen digits of a number, which may have seventeen."""
    if None in (lon, lat, *before) or crs != "wgs84":
        return lon, lat
    near = all(abs(a - b) < SAME_DEGREES for a, b in zip((lon, lat), before, strict=True))
    return before if near else (lon, lat)


def _xy(point: WKTElement) -> dict[str, Any]:
    lon, lat = str(point.data).removeprefix("POINT(").removesuffix(")").split()
    return {"lon": float(lon), "lat": float(lat)}
