"""Frontage contracts (门前三包): what a shop promised for the ground before its door, looked at and
put right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import shapely
from geoalchemy2 import WKBElement, WKTElement
from geoalchemy2.shape import to_shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.analysis.frontage import facing, stretch
from gis_service.attachments.models import Attachment
from gis_service.communities.changes import changed, note, today_of
from gis_service.communities.frontage_models import FrontageContract, FrontageInspection
from gis_service.communities.frontage_queries import shapes_near
from gis_service.communities.frontage_schemas import (
    FrontageFields,
    InspectionFields,
    Rectified,
)
from gis_service.communities.people import keep_person, read_people
from gis_service.communities.places import community_at, position_of
from gis_service.communities.posts import told_word
from gis_service.communities.scope import named, scope_of
from gis_service.communities.words import known, words
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.hierarchy.coordinates import from_wgs84, to_wgs84
from gis_service.settings import Settings

PLAIN = ("shop", "address", "length_m", "items", "valid_from", "valid_to", "ended_on",
         "attachment_id", "note")  # fmt: skip
LINE_REACH_M = 600.0  # from the shop to the end of what stands before it


def present(row: dict[str, Any], settings: Settings, locale: str) -> dict[str, Any]:
    """A row of ``list_frontages`` as it is told; its signatory is asked for one by one."""
    out = dict(row)
    items = words(settings)["frontage_item"]
    out |= {
        "community": named(out, "community"), "street": named(out, "street"),
        "grid": named(out, "grid"), "geometry": orjson.loads(row["geometry"]),
        "items": [told_word(items.get(code), code) for code in row["items"]],
    }  # fmt: skip
    del out["id"], out["community_id"]
    return out


def measure(
    session: Session, settings: Settings, metric_crs: str, lon: float, lat: float, length_m: float
) -> tuple[shapely.Geometry, str]:
    """The frontage of a shop at a position (WGS84): a line of ``length_m`` along the building
    there, else along the street, else the point itself; and which (building, road, point)."""
    buildings, roads = shapes_near(session, lon, lat, settings.nearest_building_m)

    def metric(shape: bytes) -> shapely.Geometry:
        return _converted(shapely.from_wkb(bytes(shape)), metric_crs, back=False)

    here = shapely.Point(*from_wgs84(lon, lat, metric_crs))
    reach = settings.nearest_building_m
    streets = [part for shape in roads for part in shapely.get_parts(metric(shape)).tolist()]
    street = min(streets, key=here.distance, default=None)
    outlines = [part for shape in buildings for part in shapely.get_parts(metric(shape)).tolist()]
    outline = min(outlines, key=here.distance, default=None)
    if outline is not None and outline.distance(here) <= reach:
        line = stretch(outline, facing(outline, here, street), length_m)
        return _converted(line, metric_crs, back=True), "building"
    if street is not None and street.distance(here) <= reach:
        return _converted(stretch(street, here, length_m), metric_crs, back=True), "road"
    return shapely.Point(lon, lat), "point"


def preview(
    session: Session, settings: Settings, metric_crs: str, lon: float, lat: float, crs: str,
    length_m: float,
) -> dict[str, Any]:  # fmt: skip
    """:func:`measure` at a position in ``crs``, as GeoJSON (WGS84). Raises InvalidInput."""
    position = position_of(lon, lat, crs)
    assert position is not None  # noqa: S101 - both numbers are there
    line, measured = measure(session, settings, metric_crs, *_lonlat(position), length_m)
    return {"geometry": orjson.loads(shapely.to_geojson(line)), "measured": measured}


def drawn(
    metric_crs: str, line: list[list[float]], crs: str, at: tuple[float, float]
) -> shapely.LineString:
    """A line that somebody drew, in WGS84; ``at`` is the shop (WGS84). Raises InvalidInput for one
    without length, and one that lies elsewhere."""
    points = [_lonlat(point) for one in line if (point := position_of(one[0], one[1], crs))]
    lon, lat = np.array([*points, at]).T
    metric = np.column_stack(from_wgs84(lon, lat, metric_crs))
    if shapely.LineString(metric[:-1]).length < 0.5:
        raise InvalidInput("the line has no length", "门前线长度为零", where="line")
    away = float(np.hypot(*(metric[:-1] - metric[-1]).T).max())
    if not away <= LINE_REACH_M:
        raise InvalidInput(
            f"the line reaches {away:.0f} m from the shop", f"门前线距店铺 {away:.0f} 米，请检查",
            where="line",
        )  # fmt: skip
    return shapely.LineString(points)


def _converted(shape: shapely.Geometry, metric_crs: str, *, back: bool) -> shapely.Geometry:
    def move(points: np.ndarray) -> np.ndarray:
        convert = to_wgs84 if back else from_wgs84
        return np.column_stack(convert(points[:, 0], points[:, 1], metric_crs))

    return shapely.transform(shape, move)


def checked(
    session: Session, settings: Settings, identity: Identity, fields: FrontageFields
) -> dict[str, Any]:
    """The columns of a contract but for its line. Raises InvalidInput, Forbidden."""
    for item in fields.items:
        known(settings, "frontage_item", item, "items")
    position = position_of(fields.lon, fields.lat, fields.crs)
    assert position is not None  # noqa: S101 - the schema wants both numbers
    community = community_at(session, position)
    if community is None:
        raise InvalidInput(
            "it lies in no community; are lon, lat and crs right?",
            "位置不在任何社区内，请检查经纬度和坐标系",
            where="lon",
        )
    if not scope_of(session, identity).sees(community):
        raise Forbidden("not within your scope", "不在您的管辖范围内", where="lon")
    _check_photo(session, fields.attachment_id)
    plain = {name: getattr(fields, name) for name in PLAIN}
    return {**plain, "items": sorted(set(fields.items)), "position": position,
            "community_id": community}  # fmt: skip


def write_frontage(
    session: Session,
    settings: Settings,
    identity: Identity,
    metric_crs: str,
    code: str,
    fields: FrontageFields,
    *,
    new: bool,
    seen: int | None = None,
) -> None:
    """Make (``new``) or change a contract. The caller commits. Raises Conflict for a code that is
    there and for a version that is not the one ``seen``, NotFound, InvalidInput, Forbidden."""
    found = session.scalar(
        select(FrontageContract).where(FrontageContract.code == code).with_for_update()
    )
    if new and found:
        raise Conflict(f"contract {code!r} is there already", f"责任书 {code!r} 已存在",
                       where="code")  # fmt: skip
    if not new:
        found = _own(session, identity, code)
    if found and seen is not None and seen != found.version:
        raise Conflict(
            f"somebody changed the contract: it is at version {found.version}, you read {seen}",
            f"该责任书已被他人修改：当前第 {found.version} 版，您读取的是第 {seen} 版",
            where="version",
        )
    columns = checked(session, settings, identity, fields)
    put(session, settings, identity, metric_crs, code, columns, fields, found)


def put(
    session: Session, settings: Settings, identity: Identity, metric_crs: str, code: str,
    columns: dict[str, Any], fields: FrontageFields, found: FrontageContract | None,
) -> None:  # fmt: skip
    """Write checked columns: the line is measured, the signatory sealed, the change logged."""
    lon, lat = _lonlat(columns["position"])
    kept = found and found.measured == "drawn" and fields.line is None
    if found and kept and to_shape(found.position).coords[0] == (lon, lat):
        line, measured = to_shape(found.geom), "drawn"
    elif fields.line:
        line, measured = drawn(metric_crs, fields.line, fields.crs, (lon, lat)), "drawn"
    else:
        line, measured = measure(session, settings, metric_crs, lon, lat, fields.length_m)
    columns = {**columns, "geom": WKBElement(shapely.to_wkb(line), srid=4326), "measured": measured}
    before = {name: getattr(found, name) for name in PLAIN} if found else {}
    if found is None:
        found = FrontageContract(code=code, **columns)
        session.add(found)
    else:
        for name, value in columns.items():
            setattr(found, name, value)
        found.version += 1
        found.updated_at = datetime.now(UTC)
    if fields.signatory or fields.phone:
        found.person_id = keep_person(
            session, "signatory", name=fields.signatory, phone=fields.phone
        )
    session.flush()
    after = {name: columns[name] for name in PLAIN}
    told = {name: [str(a), str(b)] for name, (a, b) in changed(before, after).items()}
    note(session, identity.name, "frontage", code, "change" if before else "add",
         found.community_id, told if before else None)  # fmt: skip


def inspect(
    session: Session, settings: Settings, identity: Identity, code: str, fields: InspectionFields
) -> int:
    """Record a look at a frontage; its number. The caller commits."""
    contract = _own(session, identity, code)
    if fields.inspected_on > today_of(settings):
        raise InvalidInput("that day has not come", "检查日期尚未到来", where="inspected_on")
    for item in fields.failed:
        if item not in contract.items:
            raise InvalidInput(
                f"{item!r} is not among what was promised: {', '.join(contract.items)}",
                f"{item!r} 不在责任书的责任项中：{'、'.join(contract.items)}",
                where="failed",
            )
    _check_photo(session, fields.attachment_id)
    row = FrontageInspection(
        contract_id=contract.id, inspector=identity.display_name or identity.name,
        **fields.model_dump(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    note(session, identity.name, "frontage", code, "inspect", contract.community_id,
         {"failed": fields.failed})  # fmt: skip
    return row.id


def rectify(
    session: Session, settings: Settings, identity: Identity, code: str, inspection_id: int,
    fields: Rectified,
) -> None:  # fmt: skip
    """What failed was put right. The caller commits. Raises NotFound, Conflict, InvalidInput."""
    contract = _own(session, identity, code)
    row = session.get(FrontageInspection, inspection_id)
    if row is None or row.contract_id != contract.id:
        raise NotFound(f"no inspection {inspection_id}", f"没有检查记录 {inspection_id}")
    if not row.failed or row.rectified_on:
        raise Conflict("there is nothing to put right", "该次检查没有待整改事项")
    if not row.inspected_on <= fields.rectified_on <= today_of(settings):
        raise InvalidInput("a day from the inspection to today", "日期须在检查日至今日之间",
                           where="rectified_on")  # fmt: skip
    _check_photo(session, fields.attachment_id)
    row.rectified_on, row.rectified_attachment_id = fields.rectified_on, fields.attachment_id
    note(session, identity.name, "frontage", code, "rectify", contract.community_id)


def remove(session: Session, identity: Identity, code: str) -> None:
    """Take away a contract that was entered by mistake; one that was inspected is ended instead."""
    contract = _own(session, identity, code)
    inspected = select(FrontageInspection.id).where(FrontageInspection.contract_id == contract.id)
    if session.scalar(inspected.limit(1)):
        raise Conflict("it was inspected: set ended_on instead", "已有检查记录，请改填终止日期")
    session.delete(contract)
    note(session, identity.name, "frontage", code, "remove", contract.community_id)


def signatory(session: Session, identity: Identity, code: str, address: str) -> dict[str, Any]:
    """Who signed, with phone; writes the audit log. The caller commits."""
    contract = _own(session, identity, code)
    return read_people(session, identity, [contract.person_id], f"frontage {code}", address)[0]


def photo_of(session: Session, identity: Identity, code: str, photo_id: int) -> Attachment:
    """A photo of an inspection, or of what was put right after it. Raises NotFound."""
    contract = _own(session, identity, code)
    rows = session.execute(
        select(FrontageInspection.attachment_id, FrontageInspection.rectified_attachment_id)
        .where(FrontageInspection.contract_id == contract.id)
    )  # fmt: skip
    found = (
        session.get(Attachment, photo_id) if photo_id in {i for row in rows for i in row} else None
    )
    if found is None:
        raise NotFound(f"no photo {photo_id}", f"没有照片 {photo_id}")
    return found


def scan_of(session: Session, identity: Identity, code: str, address: str) -> Attachment:
    """The signed scan, which shows who signed: writes the audit log. The caller commits. Raises
    NotFound."""
    contract = _own(session, identity, code)
    found = session.get(Attachment, contract.attachment_id) if contract.attachment_id else None
    if found is None:
        raise NotFound(f"no scan of {code!r}", f"{code!r} 没有扫描件")
    read_people(session, identity, [contract.person_id], f"frontage {code} scan", address)
    return found


def _own(session: Session, identity: Identity, code: str) -> FrontageContract:
    found = session.scalar(select(FrontageContract).where(FrontageContract.code == code))
    if found is None or not scope_of(session, identity).sees(found.community_id):
        raise NotFound(f"no frontage contract {code!r}", f"没有门前三包责任书 {code!r}",
                       where="code")  # fmt: skip
    return found


def _check_photo(session: Session, attachment_id: int | None) -> None:
    if attachment_id is not None and session.get(Attachment, attachment_id) is None:
        raise InvalidInput("no such file", "没有该附件", where="attachment_id")


def _lonlat(position: WKTElement) -> tuple[float, float]:
    point = shapely.from_wkt(str(position.data))
    return float(point.x), float(point.y)
