"""A person says where an incident lies: the pin places it and teaches the gazetteer its address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import to_wgs84
from gis_service.hierarchy.gazetteer import learn_pin
from gis_service.hierarchy.locating import Locator
from gis_service.incidents.changing import locked, write
from gis_service.incidents.rows import placement_of


def placing_columns(
    session: Session, locator: Locator, row: dict[str, Any], lon: float, lat: float, crs: str
) -> dict[str, Any]:
    """The columns of ``incident`` after a pin at a position in ``crs``, ``geom`` in WGS84.

    The gazetteer learns the row's address. Raises InvalidInput for a position outside every area.
    """
    x, y = to_wgs84(lon, lat, crs)
    columns = placement_of(locator.place_one(float(x), float(y)), "manual", locator)
    if columns["placement_method"] == "none":
        raise InvalidInput(
            f"lon {lon:g}, lat {lat:g} ({crs}) lies in no area; is the coordinate system right?",
            f"lon {lon:g}、lat {lat:g}（{crs}）不在任何区域内；坐标系是否正确？",
            where="lon",
        )
    columns["geom"] = (float(x), float(y))
    if row["address"]:
        learn_pin(session, row["address"], float(x), float(y))
    return columns


def pin_incident(
    session: Session,
    locator: Locator,
    incident_id: int,
    lon: float,
    lat: float,
    *,
    crs: str,
    actor: str,
) -> dict[str, Any]:
    """Place an incident at a position in ``crs``; the caller commits. Returns the new columns.

    The position as reported and the path as filed stay; the log keeps who moved it and from where.
    Raises NotFound, and InvalidInput for a position outside every area.
    """
    row = locked(session, incident_id)
    columns = placing_columns(session, locator, row, lon, lat, crs)
    write(
        session, row, action="place", actor=actor, at=datetime.now(UTC), columns=columns,
        detail={"from": [row["x"], row["y"], row["placement_method"]],
                "to": list(columns["geom"])},
    )  # fmt: skip
    return columns
