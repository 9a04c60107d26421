"""Apply checked areas as a new boundary revision, in one transaction; old areas stay, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import orjson
import pyarrow as pa
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.copy import copy_table
from gis_service.db.engine import driver_connection
from gis_service.errors import Conflict
from gis_service.events.feed import publish
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.hierarchy.models import LEVELS, BoundaryRevision
from gis_service.hierarchy.queries import current_areas, descendants

REVISION_LOCK = 4_711_003
# half a pixel of a 512-pixel tile at zoom 13, below which the simplified outline is drawn
LOW_ZOOM_TOLERANCE_M = 5.0


@dataclass
class LevelChange:
    """What a revision does to one level: rows to insert and area ids to close."""

    insert: gpd.GeoDataFrame
    close: list[int]
    added: int = 0
    changed: int = 0
    vanished: int = 0
    unchanged: int = 0


@dataclass
class Applied:
    """An applied revision; ``dirty`` are the WKB-ready geometries of everything that changed."""

    revision_id: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


# called in the revision's transaction, after the areas are in place: (session, revision id, since)
Follower = Callable[[Session, int, datetime], None]


def plan_changes(
    session: Session, frames: Mapping[str, gpd.GeoDataFrame], within: str | None = None
) -> dict[str, LevelChange]:
    """Compare checked frames with the areas in force. Nothing is written."""
    scope = descendants(session, within) if within else None
    changes: dict[str, LevelChange] = {}
    for level in LEVELS:
        if level not in frames:
            continue
        frame = frames[level].copy()
        frame["wkb"] = _canonical(frame)
        current = current_areas(session, level)
        current["wkb"] = _canonical(current)
        if level == "grid":
            # grids of another kind are another subdivision: this file does not speak of them
            current = current[current["kind"].isin(frame["kind"].unique())]
        if scope is not None:
            current = current[current["area_id"].isin(scope.get(level, set()))]
        before = {
            row.code: (row.name, row.parent_code, row.kind, row.attributes, row.wkb)
            for row in current.itertuples(index=False)
        }
        after = [
            (row.name, row.parent_code, row.kind if level == "grid" else None, row.attributes,
             row.wkb)
            for row in frame.itertuples(index=False)
        ]  # fmt: skip
        codes = frame["code"].tolist()
        new = np.array([code not in before for code in codes], dtype=bool)
        same = np.array(
            [before.get(code) == row for code, row in zip(codes, after, strict=True)], dtype=bool
        )
        gone = current[~current["code"].isin(codes)]
        touched = set(frame["code"][~same & ~new])
        ids = current.loc[current["code"].isin(touched), "area_id"].tolist()
        changes[level] = LevelChange(
            insert=frame[~same],
            close=[*ids, *gone["area_id"].tolist()],
            added=int(new.sum()),
            changed=len(touched),
            vanished=len(gone),
            unchanged=int(same.sum()),
        )
    return changes


def check_closing(
    session: Session, changes: Mapping[str, LevelChange], share: float, confirmed: bool
) -> None:
    """Refuse to close more than ``share`` of a level unless somebody confirmed it."""
    for level, change in changes.items():
        total = session.execute(
            text(f"SELECT count(*) FROM {level} WHERE valid_to IS NULL")
        ).scalar_one()
        if not confirmed and total and change.vanished > share * total:
            raise Conflict(
                f"{change.vanished} of {total} areas of level {level} would close because the file "
                "does not contain them; repeat with --confirm, or with --within CODE if the file "
                "is only a part",
                f"层级 {level} 的 {total} 个区域中有 {change.vanished} 个将因文件缺失而关闭；"
                "确认请加 --confirm；若文件只是一部分，请加 --within 编码",
            )


def apply_changes(
    session: Session,
    changes: Mapping[str, LevelChange],
    *,
    label: str,
    source: str,
    followers: tuple[Follower, ...] = (),
) -> Applied | None:
    """Write a revision; None where nothing differs. The caller commits.

    Revisions take turns. ``followers`` run in the same transaction, so that a revision and what
    hangs on it (incidents placed again) become visible together.
    """
    if not any(len(change.insert) or change.close for change in changes.values()):
        return None
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": REVISION_LOCK})
    now = datetime.now(UTC)
    revision = BoundaryRevision(label=label, source=source, applied_at=now, counts={})
    session.add(revision)
    session.flush()
    for level, change in changes.items():
        session.execute(
            text(
                f"UPDATE {level} SET valid_to = :now WHERE valid_to IS NULL AND area_id = ANY(:ids)"
            ),
            {"now": now, "ids": change.close},
        )
        if len(change.insert):
            _insert(session, level, change.insert, revision.id, now)
    applied = Applied(
        revision.id,
        {
            level: {
                "added": c.added, "changed": c.changed, "vanished": c.vanished,
                "unchanged": c.unchanged,
            }
            for level, c in changes.items()
        },
    )  # fmt: skip
    revision.counts = applied.counts
    if "grid" in changes:
        _map_cells_to_working_grids(session)
    for level in changes:
        session.execute(text(f"ANALYZE {level}"))
    session.execute(text("REFRESH MATERIALIZED VIEW area_name"))
    for follow in followers:
        follow(session, revision.id, now)
    publish(session, "hierarchy", revision=revision.id)
    return applied


def _canonical(frame: gpd.GeoDataFrame) -> list[bytes]:
    """WKB of each geometry as a normalised MultiPolygon, so that equal areas compare equal."""
    geometry = frame.geometry.to_numpy()
    single = shapely.get_type_id(geometry) == 3
    geometry = geometry.copy()
    geometry[single] = [shapely.MultiPolygon([polygon]) for polygon in geometry[single]]
    return list(shapely.to_wkb(shapely.normalize(geometry)))


def _mercator_low(frame: gpd.GeoDataFrame, level: str) -> list[bytes]:
    """Outlines simplified for low zooms; shared borders stay shared on the levels that tile."""
    mercator = shapely.transform(
        frame.geometry.to_numpy(),
        lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], "EPSG:3857")),
    )
    if level == "building":
        low = shapely.simplify(mercator, LOW_ZOOM_TOLERANCE_M / 2, preserve_topology=True)
    else:
        # the tolerance of a coverage is the square root of the area a corner may lose
        low = shapely.coverage_simplify(mercator, LOW_ZOOM_TOLERANCE_M)
    broken = ~shapely.is_valid(low) | shapely.is_empty(low)
    low[broken] = mercator[broken]
    return list(shapely.to_wkb(low))


def _insert(
    session: Session, level: str, frame: gpd.GeoDataFrame, revision_id: int, now: datetime
) -> None:
    session.execute(
        text(
            "CREATE TEMP TABLE IF NOT EXISTS incoming_area (code text, name text, "
            "parent_code text, kind text, attributes jsonb, wkb bytea, low bytea) "
            "ON COMMIT DELETE ROWS; TRUNCATE incoming_area"
        )
    )
    rows = pa.table(
        {
            "code": pa.array(frame["code"], pa.string()),
            "name": pa.array(frame["name"], pa.string()),
            "parent_code": pa.array(frame["parent_code"].where(frame["parent_code"].notna(), None),
                                    pa.string()),
            "kind": pa.array(frame["kind"].where(frame["kind"].notna(), None), pa.string()),
            "attributes": pa.array([orjson.dumps(a).decode() for a in frame["attributes"]],
                                   pa.string()),
            "wkb": pa.array(frame["wkb"], pa.binary()),
            "low": pa.array(_mercator_low(frame, level), pa.binary()),
        }
    )  # fmt: skip
    copy_table(driver_connection(session), "incoming_area", rows, jsonb=["attributes"])
    session.execute(
        text(
            "INSERT INTO area (level, code) SELECT :level, code FROM incoming_area "
            "ON CONFLICT DO NOTHING"
        ),
        {"level": level},
    )
    kind_column, kind_value = (", kind", ", i.kind") if level == "grid" else ("", "")
    session.execute(
        text(
            f"""
            INSERT INTO {level} (area_id, parent_id, revision_id, code, name, geom, mercator,
                                 mercator_low, inner_point, area_m2, attributes,
                                 valid_from {kind_column})
            SELECT own.id, parent.id, :revision, i.code, i.name, g.geom,
                   ST_Transform(g.geom, 3857), ST_Multi(ST_GeomFromWKB(i.low, 3857)),
                   ST_PointOnSurface(g.geom), ST_Area(g.geom::geography), i.attributes,
                   :now {kind_value}
            FROM incoming_area i
            CROSS JOIN LATERAL (SELECT ST_GeomFromWKB(i.wkb, 4326) AS geom OFFSET 0) g
            JOIN area own ON own.level = :level AND own.code = i.code
            LEFT JOIN area parent ON parent.code = i.parent_code AND parent.level = :above
            """
        ),
        {
            "level": level,
            "above": _level_above(session, level),
            "revision": revision_id,
            "now": now,
        },
    )


def _level_above(session: Session, level: str) -> str | None:
    for candidate in reversed(LEVELS[: LEVELS.index(level)]):
        exists = session.execute(
            text(f"SELECT EXISTS (SELECT 1 FROM {candidate} WHERE valid_to IS NULL)")
        ).scalar_one()
        if exists:
            return candidate
    return None


def _map_cells_to_working_grids(session: Session) -> None:
    """Cells of other kinds point at the working grid that holds most of them."""
    from gis_service.settings import get_settings

    session.execute(
        text(
            """
            UPDATE grid cell SET working_id = (
                SELECT g.area_id FROM grid g
                WHERE g.valid_to IS NULL AND g.kind = :kind AND ST_Intersects(g.geom, cell.geom)
                ORDER BY ST_Area(ST_Intersection(g.geom, cell.geom)) DESC, g.code LIMIT 1)
            WHERE cell.valid_to IS NULL AND cell.kind <> :kind
            """
        ),
        {"kind": get_settings().grid_kind},
    )
