"""A person says where an incident lies: the pin places it and teaches the gazetteer its address."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.hierarchy.coordinates import to_wgs84
from gis_service.hierarchy.gazetteer import learn_pin
from gis_service.hierarchy.locating import Locator
from gis_service.incidents.loading import LEVEL_COLUMNS, placement_columns


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
    x, y = to_wgs84(lon, lat, crs)
    placements = locator.place(np.array([x]), np.array([y]))
    columns = {
        name: column[0].as_py()
        for name, column in placement_columns(
            placements, np.array(["manual"], dtype=object), locator, 1
        ).items()
    }
    if columns["placement_method"] == "none":
        raise InvalidInput(
            f"lon {lon:g}, lat {lat:g} ({crs}) lies in no area; is the coordinate system right?",
            f"lon {lon:g}、lat {lat:g}（{crs}）不在任何区域内；坐标系是否正确？",
            where="lon",
        )
    before = (
        session.execute(
            text(
                "SELECT address, state, ST_X(geom) AS lon, ST_Y(geom) AS lat, placement_method "
                "FROM incident WHERE id = :id FOR UPDATE"
            ),
            {"id": incident_id},
        )
        .mappings()
        .one_or_none()
    )
    if before is None:
        raise NotFound(f"no incident {incident_id}", f"没有案件 {incident_id}")
    columns["placement_method"] = "manual"
    levels = ", ".join(f"{level}_id = :{level}_id" for level in LEVEL_COLUMNS)
    session.execute(
        text(
            f"UPDATE incident SET geom = ST_SetSRID(ST_MakePoint(:x, :y), 4326), {levels}, "
            "placement_method = :placement_method, placement_distance_m = :placement_distance_m, "
            "candidates = CAST(:candidates AS jsonb), revision_id = :revision_id WHERE id = :id"
        ),
        {**columns, "x": float(x), "y": float(y), "id": incident_id},
    )
    session.execute(
        text(
            "INSERT INTO incident_log (incident_id, actor, action, state, detail) "
            "VALUES (:id, :actor, 'place', :state, CAST(:detail AS jsonb))"
        ),
        {
            "id": incident_id, "actor": actor, "state": before["state"],
            "detail": orjson.dumps(
                {"from": [before["lon"], before["lat"], before["placement_method"]],
                 "to": [float(x), float(y)]}
            ).decode(),
        },
    )  # fmt: skip
    if before["address"]:
        learn_pin(session, before["address"], float(x), float(y))
    publish(session, "incidents", ids=[incident_id])
    return columns
