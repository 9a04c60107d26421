"""Load a hierarchy: read, check, compare, apply. The caller holds the transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.hierarchy.checking import Problem, Report, check_hierarchy, parent_level
from gis_service.hierarchy.coordinates import guess_metric_crs
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.queries import current_hierarchy, descendants
from gis_service.hierarchy.reading import (
    USUAL_COLUMNS,
    Columns,
    Reading,
    read_hierarchy,
)
from gis_service.hierarchy.revisions import (
    Applied,
    Follower,
    LevelChange,
    apply_changes,
    check_closing,
    plan_changes,
)
from gis_service.settings import Settings

Progress = Callable[[float, str], None]


@dataclass
class Import:
    """A checked file and what applying it would change."""

    reading: Reading
    report: Report
    changes: dict[str, LevelChange]


def prepare(
    session: Session,
    path: Path,
    settings: Settings,
    *,
    layers: Mapping[str, str] | None = None,
    columns: Columns = USUAL_COLUMNS,
    crs: str | None = None,
    within: str | None = None,
    progress: Progress = lambda share, words: None,
) -> Import:
    """Read and check ``path`` against the areas in force; nothing is written."""
    progress(0.0, "reading")
    reading = read_hierarchy(
        path, layers=layers, columns=columns, crs=crs, max_bytes=settings.upload_bytes
    )
    progress(0.3, "checking")
    return check_reading(session, reading, settings, within=within)


def check_reading(
    session: Session, reading: Reading, settings: Settings, *, within: str | None = None
) -> Import:
    """Check what was read (or generated) against the areas in force; nothing is written."""
    current = current_hierarchy(session)
    report = check_hierarchy(
        reading.levels,
        current,
        has_parent=reading.has_parent,
        metric_crs=settings.metric_crs or metric_crs_of(reading.levels or current),
        code_rule=settings.code_rule,
        repair_limit=settings.repair_limit,
        default_kind=settings.grid_kind,
    )
    if within is not None:
        _check_within(session, report, current, within)
    changes = {} if report.errors else plan_changes(session, report.frames, within)
    _check_orphans(report, changes, current)
    for level, change in changes.items():
        before = current.get(level)
        if before is None:
            continue
        gone = before[before["area_id"].isin(change.close)]
        gone = gone[~gone["code"].isin(report.frames[level]["code"])]
        report.problems.extend(
            Problem("vanished", level, area.code, geometry=area.geometry)
            for area in gone.itertuples()
        )
    return Import(reading, report, changes)


def apply(
    session: Session,
    prepared: Import,
    settings: Settings,
    *,
    label: str | None = None,
    confirmed: bool = False,
    followers: tuple[Follower, ...] = (),
) -> Applied | None:
    """Apply a prepared import in the session's transaction; None where nothing differs.

    Raises InvalidInput when the report holds errors, Conflict when too much would close.
    """
    errors = prepared.report.errors
    if errors:
        raise InvalidInput(
            f"{len(errors)} errors; nothing was changed. First: {errors[0].level} "
            f"{errors[0].code}: {errors[0].text('en')}",
            f"{len(errors)} 处错误，未作任何更改。第一处：{errors[0].level} "
            f"{errors[0].code}：{errors[0].text('zh')}",
            where=prepared.reading.source,
        )
    check_closing(session, prepared.changes, settings.confirm_share, confirmed)
    return apply_changes(
        session,
        prepared.changes,
        label=label or prepared.reading.source,
        source=prepared.reading.source,
        followers=followers,
    )


def write_report(report: Report, path: Path, locale: str = "zh") -> None:
    """The problems as a GeoPackage: polygons where they are, and a table of those without."""
    frame = report.frame(locale)
    placed = frame[frame.geometry.notna()]
    placed = placed.set_geometry(
        gpd.GeoSeries(
            [shapely.multipolygons(_polygons(g)) for g in placed.geometry], index=placed.index,
            crs="EPSG:4326",
        )
    )  # fmt: skip
    path.unlink(missing_ok=True)
    pyogrio.write_dataframe(placed, path, layer="problems", driver="GPKG",
                            geometry_type="MultiPolygon")  # fmt: skip
    rest = pd.DataFrame(frame[frame.geometry.isna()].drop(columns="geometry"))
    if len(rest):
        pyogrio.write_dataframe(rest, path, layer="problems_without_place", driver="GPKG",
                                append=True)  # fmt: skip


def metric_crs_of(levels: Mapping[str, gpd.GeoDataFrame]) -> str:
    """The projected CRS guessed from where the areas lie."""
    west, south, east, north = next(iter(levels.values())).total_bounds
    return guess_metric_crs([west, east], [south, north])


def _polygons(geometry: object) -> list[object]:
    parts = shapely.get_parts(geometry)
    return [
        polygon
        for part in parts
        for polygon in shapely.get_parts(part)
        if polygon.geom_type == "Polygon"
    ]


def _check_within(
    session: Session, report: Report, current: Mapping[str, gpd.GeoDataFrame], within: str
) -> None:
    scope = descendants(session, within)
    if not scope:
        raise InvalidInput(
            f"--within {within}: no area in force has this code",
            f"--within {within}：没有使用此编码的现行区域",
        )
    top = next(level for level in LEVELS if level in scope)
    container = current[top].set_index("code").geometry[within]
    for level, frame in report.frames.items():
        inside = shapely.intersects(container, frame.geometry.to_numpy())
        for row, area in frame[~inside].iterrows():
            report.problems.append(
                Problem("outside_within", level, area["code"], int(str(row)), detail=within,
                        geometry=area["geometry"])
            )  # fmt: skip


def _check_orphans(
    report: Report, changes: Mapping[str, LevelChange], current: Mapping[str, gpd.GeoDataFrame]
) -> None:
    """Areas that stay in force although the parent they name closes."""
    for level, change in changes.items():
        before = current.get(level)
        if before is None:
            continue
        gone = before[before["area_id"].isin(change.close)]
        gone_codes = set(gone["code"]) - set(report.frames[level]["code"])
        for below in LEVELS[LEVELS.index(level) + 1 :]:
            children = current.get(below)
            if children is None or parent_level(below, current) != level:
                continue
            staying = children[children["parent_code"].isin(gone_codes)]
            if below in changes:
                closing = set(changes[below].close)
                staying = staying[~staying["area_id"].isin(closing)]
            report.problems.extend(
                Problem("orphaned", below, area.code, detail=area.parent_code,
                        geometry=area.geometry)
                for area in staying.itertuples()
            )  # fmt: skip
