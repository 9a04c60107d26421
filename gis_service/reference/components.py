"""The inventory of components (部件) with their owners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from geoalchemy2 import WKTElement
from sqlalchemy.orm import Session

from gis_service.hierarchy.coordinates import parse_crs, to_wgs84
from gis_service.reference.classes import DEFAULT_SCHEME, classes_of
from gis_service.reference.models import Component
from gis_service.reference.tables import Row, Table, counted, upsert
from gis_service.reference.units import unit_ids

COLUMNS = {
    "code": "标识码",
    "name": "名称",
    "scheme": "分类标准",
    "class": "类别代码",
    "owner": "权属单位",
    "lon": "经度",
    "lat": "纬度",
}
REQUIRED = ("code", "lon", "lat")


def load_components(
    session: Session, rows: Iterable[Mapping[Any, Any]], where: str, crs: str = "wgs84"
) -> dict[str, int]:
    """Add or update components by code; ``read, loaded, already, rejected``.

    ``lon, lat`` are in ``crs``; other columns are kept as attributes. Raises InvalidInput naming
    every faulty row (unknown class or owner, no position); nothing is applied then.
    """
    crs = parse_crs(crs)
    table = Table(rows, where, COLUMNS, REQUIRED)
    table.refuse_twice("code")
    classes = {
        scheme: {code: found.id for code, found in classes_of(session, scheme).items()}
        for scheme in {row.text("scheme", DEFAULT_SCHEME) for row in table.rows}
    }
    units = unit_ids(session)
    extra = table.others(COLUMNS)
    values = [_component(row, classes, units, crs, extra) for row in table.rows]
    table.refuse()
    loaded = upsert(
        session, Component, values, ["code"],
        update=["name", "class_id", "unit_id", "geom", "attributes"],
    )  # fmt: skip
    return counted(len(values), loaded)


def _component(
    row: Row,
    classes: Mapping[str, Mapping[str, int]],
    units: Mapping[str, int],
    crs: str,
    extra: list[str],
) -> dict[str, Any]:
    lon, lat = row.number_of("lon"), row.number_of("lat")
    place = None
    if lon is not None and lat is not None:
        x, y = (float(value) for value in to_wgs84(lon, lat, crs))
        if abs(x) <= 180 and abs(y) <= 90:
            place = WKTElement(f"POINT({x:.8f} {y:.8f})", srid=4326)
        else:
            row.fault(f"lon {lon:g}, lat {lat:g} are no position in {crs}",
                      f"经度 {lon:g}、纬度 {lat:g} 不是 {crs} 坐标")  # fmt: skip
    return {
        "code": row.text("code"),
        "name": row.text("name") or row.text("code"),
        "class_id": row.among(
            "class", classes[row.text("scheme", DEFAULT_SCHEME)], "class", "类别"
        ),
        "unit_id": row.among("owner", units, "owner", "权属单位"),
        "geom": place,
        "attributes": {name: row.text(name) for name in extra if row.text(name)},
    }
