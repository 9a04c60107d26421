"""Areas: session and arguments to rows and frames."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import NotFound
from gis_service.hierarchy.coordinates import guess_metric_crs
from gis_service.hierarchy.models import LEVELS

_CURRENT = """
    SELECT a.area_id, a.code, a.name, parent.code AS parent_code, a.parent_id,
           {kind} AS kind, a.attributes, a.area_m2, ST_AsBinary(a.geom) AS wkb
    FROM {level} a LEFT JOIN area parent ON parent.id = a.parent_id
    WHERE a.valid_to IS NULL ORDER BY a.code
"""


def current_areas(session: Session, level: str) -> gpd.GeoDataFrame:
    """The areas of a level in force: ``area_id, code, name, parent_code, parent_id, kind,
    attributes, area_m2, geometry`` (EPSG:4326), ordered by code."""
    kind = "a.kind" if level == "grid" else "NULL"
    rows = session.execute(text(_CURRENT.format(level=level, kind=kind))).mappings().all()
    columns = (
        "area_id", "code", "name", "parent_code", "parent_id", "kind", "attributes", "area_m2",
    )  # fmt: skip
    return gpd.GeoDataFrame(
        {name: [row[name] for row in rows] for name in columns},
        geometry=shapely.from_wkb([bytes(row["wkb"]) for row in rows]),
        crs="EPSG:4326",
    )


def current_hierarchy(session: Session) -> dict[str, gpd.GeoDataFrame]:
    """Every level that has areas in force, as :func:`current_areas` gives them."""
    frames = {level: current_areas(session, level) for level in LEVELS}
    return {level: frame for level, frame in frames.items() if not frame.empty}


def last_revision(session: Session) -> dict[str, Any] | None:
    """The newest boundary revision: id, label, source, applied_at, counts."""
    row = (
        session.execute(
            text(
                "SELECT id, label, source, applied_at, counts FROM boundary_revision "
                "ORDER BY id DESC LIMIT 1"
            )
        )
        .mappings()
        .one_or_none()
    )
    return dict(row) if row else None


def descendants(session: Session, code: str) -> dict[str, set[int]]:
    """Identities of the areas in force below the area ``code`` (any level), itself included;
    empty where no such area is in force. Where a code names areas of several levels, the
    coarsest is meant."""
    result: dict[str, set[int]] = {}
    ids: set[int] = set()
    for level in LEVELS:
        if not ids:
            found = session.execute(
                text(f"SELECT area_id FROM {level} WHERE valid_to IS NULL AND code = :code"),
                {"code": code},
            ).scalars()
        else:
            found = session.execute(
                text(
                    f"SELECT area_id FROM {level} WHERE valid_to IS NULL AND parent_id = ANY(:ids)"
                ),
                {"ids": list(ids)},
            ).scalars()
        here = set(found)
        if here:
            result[level] = here
        ids |= here
    return result


def communities_and_buildings(
    session: Session, codes: list[str], metric_crs: str | None
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, str]:
    """The communities of ``codes``, the buildings in force with their ``households`` (empty where
    none are loaded), and a CRS for metres. Raises NotFound naming the codes that do not exist."""
    communities = current_areas(session, "community")
    missing = sorted(set(codes) - set(communities["code"]))
    if missing:
        raise NotFound(f"no community {', '.join(missing)}", f"没有社区 {'、'.join(missing)}")
    chosen = communities[communities["code"].isin(codes)]
    buildings = current_areas(session, "building")
    buildings["households"] = [a.get("households") for a in buildings["attributes"]]
    west, south, east, north = chosen.total_bounds
    return (
        chosen,
        buildings[buildings["households"].notna()],
        metric_crs or guess_metric_crs([west, east], [south, north]),
    )
