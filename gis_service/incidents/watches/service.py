"""Making watches: what may be followed, and where notices may be sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import numpy as np
import shapely
from shapely.errors import GEOSException
from shapely.geometry import MultiPolygon, shape
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.accounts.personal import seal
from gis_service.errors import Conflict, InvalidInput, NotFound
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84
from gis_service.settings import Settings

MOST_WATCHES = 50  # an account
MOST_CORNERS = 5000

_INSERT = text("""
    INSERT INTO watch (account_id, name, level, code, class_code, geom, on_new, on_change, language,
        webhook_kind, webhook_sealed)
    VALUES (:account, :name, :level, :code, :class,
        ST_GeomFromWKB(CAST(:polygon AS bytea), 4326), :on_new, :on_change, :language, :kind,
        :sealed)
    RETURNING id
""")


def add_watch(
    session: Session, settings: Settings, identity: Identity, asked: dict[str, Any]
) -> int:
    """Keep a watch (the fields of ``schemas.NewWatch``); its id. The caller commits.

    Raises InvalidInput naming the field, Conflict where an account has too many.
    """
    if bool(asked.get("level")) != bool(asked.get("code")):
        missing = "code" if asked.get("level") else "level"
        raise InvalidInput("an area is its level and its code", "区划须同时给出级别和编码",
                           where=missing)  # fmt: skip
    if not (asked.get("level") or asked.get("class") or asked.get("polygon")):
        raise InvalidInput(
            "say what to follow: an area, a class or a polygon",
            "请指明关注对象：区划、类别或范围",
            where="level",
        )
    if not (asked["on_new"] or asked["on_change"]):
        raise InvalidInput("new, changed, or both", "新案件、变动至少选一项", where="on_new")
    _known(session, "area WHERE level = :level AND code = :code", asked, "code")
    _known(session, "incident_class WHERE code = :class", asked, "class")
    polygon = polygon_of(asked["polygon"], asked["crs"]) if asked.get("polygon") else None
    webhook = asked.get("webhook")
    if webhook:
        check_address(webhook["url"], settings)
    # two additions at once take turns
    session.execute(
        text("SELECT 1 FROM account WHERE id = :id FOR UPDATE"), {"id": identity.account_id}
    )
    count = session.execute(
        text("SELECT count(*) FROM watch WHERE account_id = :id"), {"id": identity.account_id}
    ).scalar_one()
    if count >= MOST_WATCHES:
        raise Conflict(
            f"{MOST_WATCHES} watches are the most an account may have; remove one first",
            f"每个账号最多 {MOST_WATCHES} 个关注，请先删除",
        )
    made: int = session.execute(
        _INSERT,
        {
            "account": identity.account_id, "name": asked["name"], "level": asked.get("level"),
            "code": asked.get("code"), "class": asked.get("class"),
            "polygon": shapely.to_wkb(polygon) if polygon else None,
            "on_new": asked["on_new"], "on_change": asked["on_change"],
            "language": asked["language"], "kind": webhook["kind"] if webhook else None,
            "sealed": seal({"url": webhook["url"], "secret": webhook.get("secret")})
            if webhook else None,
        },
    ).scalar_one()  # fmt: skip
    return made


def remove_watch(session: Session, identity: Identity, watch_id: int) -> None:
    """Remove an own watch with its notices; raises NotFound. The caller commits."""
    found = session.execute(
        text("DELETE FROM watch WHERE id = :id AND account_id = :account RETURNING id"),
        {"id": watch_id, "account": identity.account_id},
    ).scalar()
    if found is None:
        raise NotFound(f"no watch {watch_id}", f"没有关注 {watch_id}")


def polygon_of(document: dict[str, Any], crs: str) -> MultiPolygon:
    """A GeoJSON polygon in WGS84. Raises InvalidInput."""

    def refuse(en: str, zh: str) -> InvalidInput:
        return InvalidInput(en, zh, where="polygon")

    if document.get("type") not in ("Polygon", "MultiPolygon"):
        raise refuse(
            "want a GeoJSON Polygon or MultiPolygon", "须为 GeoJSON Polygon 或 MultiPolygon"
        )
    system = parse_crs(crs)
    try:
        found = shapely.force_2d(shape(document))
        if shapely.get_num_coordinates(found) > MOST_CORNERS:
            raise refuse(f"more than {MOST_CORNERS} corners", f"顶点超过 {MOST_CORNERS} 个")
        corners = shapely.get_coordinates(found)
        if not len(corners) or not np.isfinite(corners).all():
            raise refuse("has no corners", "没有有效坐标")
        found = shapely.set_coordinates(
            found, np.column_stack(to_wgs84(corners[:, 0], corners[:, 1], system))
        )
        west, south, east, north = found.bounds
        inside = -180 <= west <= east <= 180 and -90 <= south <= north <= 90
        valid = inside and shapely.is_valid(found)
        empty = inside and found.area == 0
    except (GEOSException, ValueError, TypeError, KeyError, IndexError, AttributeError,
            OverflowError):  # fmt: skip
        raise refuse("the coordinates are no polygon", "坐标不构成多边形") from None
    if not inside:
        raise refuse("lies outside the world; which crs is it?", "超出经纬度范围，请检查坐标系")
    if empty or not valid:
        raise refuse(
            f"not a usable polygon: {shapely.is_valid_reason(found)}",
            f"多边形无效：{shapely.is_valid_reason(found)}",
        )
    return found if isinstance(found, MultiPolygon) else MultiPolygon([found])


def check_address(url: str, settings: Settings) -> None:
    """Raise InvalidInput unless the setting ``webhook_hosts`` allows the address: HTTPS to a host
    it names, or exactly the scheme, host and port it names."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    hosts = settings.webhook_hosts
    allowed = False
    if parts.hostname and not parts.username and not parts.password and url.isascii():
        host = parts.hostname + (f":{port}" if port else "")
        allowed = (parts.scheme == "https" and host in hosts) or (
            parts.scheme in ("http", "https") and f"{parts.scheme}://{host}" in hosts
        )
    if not allowed or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise InvalidInput(
            f"not an address that GIS_WEBHOOK_HOSTS allows: {', '.join(hosts) or 'none is'}",
            f"不在允许的推送地址之内（GIS_WEBHOOK_HOSTS）：{'、'.join(hosts) or '未设置'}",
            where="webhook.url",
        )


def _known(session: Session, where: str, asked: dict[str, Any], field: str) -> None:
    if asked.get(field) is None:
        return
    found = session.execute(
        text(f"SELECT EXISTS (SELECT 1 FROM {where})"),
        {name: asked.get(name) for name in ("level", "code", "class") if f":{name}" in where},
    ).scalar_one()
    if not found:
        raise InvalidInput(
            f"nothing has the code {asked[field]!r}", f"没有编码 {asked[field]!r}", where=field
        )
