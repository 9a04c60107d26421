"""What is wrong with areas before they are applied: errors refuse the load, warnings are listed
with their measure. Pure functions on frames; nothing here reads or writes a database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis_service.errors import ConfigurationError
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.hierarchy.models import LEVELS

NOISE_M2 = 1.0  # overlaps and gaps smaller than this are rounding, not boundaries
NOISE_SHARE = 1e-4  # likewise for the share of a child outside its parent
DISPLACED_M = 50.0  # a whole file shifted by more than this names a coordinate system mistaken

# kind of problem -> (severity, English, Chinese); {…} are filled from the problem
KINDS: dict[str, tuple[str, str, str]] = {
    "no_geometry": ("error", "has no geometry", "没有几何"),
    "not_polygon": ("error", "is no polygon but {detail}", "不是面，而是 {detail}"),
    "unrepairable": (
        "error", "is invalid ({detail}) and repairing it would lose {measure:.1%} of its area",
        "几何无效（{detail}），修复会损失 {measure:.1%} 的面积",
    ),
    "no_code": ("error", "has no code", "没有编码"),
    "malformed_code": (
        "error", "code does not follow the rule {detail}", "编码不符合规则 {detail}",
    ),
    "duplicate_code": ("error", "code occurs {measure:.0f} times", "编码重复 {measure:.0f} 次"),
    "missing_parent": ("error", "names the parent {detail}, which does not exist",
                       "所指上级 {detail} 不存在"),
    "no_parent": ("error", "lies in no area of the level above", "不在任何上级区域内"),
    "outside_parent": ("error", "lies wholly outside its parent {detail}",
                       "完全位于上级 {detail} 之外"),
    "orphaned": ("error", "would lose its parent {detail}, which the file leaves out",
                 "其上级 {detail} 未包含在文件中，将失去上级"),
    "elsewhere": (
        "error", "lies {measure:,.0f} m from the hierarchy in force: wrong coordinate system, or "
        "longitude and latitude swapped?", "距现有区划 {measure:,.0f} 米：坐标系有误或经纬度颠倒？",
    ),
    "displaced": (
        "error", "whole file is shifted by {measure:,.0f} m against the areas in force ({detail})",
        "整个文件相对现有区划偏移 {measure:,.0f} 米（{detail}）",
    ),
    "outside_within": ("error", "is not inside {detail}", "不在 {detail} 之内"),
    "repaired": ("warning", "geometry repaired ({detail}); area changed by {measure:.4%}",
                 "几何已修复（{detail}）；面积变化 {measure:.4%}"),
    "partly_outside": ("warning", "{measure:.2%} of it lies outside its parent {detail}",
                       "{measure:.2%} 位于上级 {detail} 之外"),
    "overlap": ("warning", "overlaps {detail} by {measure:,.1f} m²",
                "与 {detail} 重叠 {measure:,.1f} 平方米"),
    "gap": ("warning", "{measure:,.1f} m² of it are covered by no {detail}",
            "有 {measure:,.1f} 平方米未被 {detail} 覆盖"),
    "households": ("warning", "has {measure:.0f} households (usual: 150 to 600)",
                   "共 {measure:.0f} 户（通常 150–600 户）"),
    "moved": ("warning", "boundary changed; {measure:.1%} of the area differs",
              "边界变化，{measure:.1%} 的面积不同"),
    "renamed": ("warning", "is now {detail}", "现为 {detail}"),
    "vanished": ("warning", "is no longer in the file", "文件中已不存在"),
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One finding about one area; ``geometry`` (EPSG:4326) shows where."""

    kind: str
    level: str
    code: str
    row: int | None = None
    measure: float = 0.0
    detail: str = ""
    geometry: Any = None

    @property
    def severity(self) -> str:
        return KINDS[self.kind][0]

    def text(self, locale: str = "zh") -> str:
        words = KINDS[self.kind][2 if locale == "zh" else 1]
        return words.format(measure=self.measure, detail=self.detail)


@dataclass
class Report:
    """What was found. ``frames`` are the areas ready to apply: valid MultiPolygons with parents."""

    problems: list[Problem] = field(default_factory=list)
    frames: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.problems if p.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [p for p in self.problems if p.severity == "warning"]

    def frame(self, locale: str = "zh") -> gpd.GeoDataFrame:
        """The problems as a frame (EPSG:4326), to open in QGIS."""
        return gpd.GeoDataFrame(
            {
                "severity": [p.severity for p in self.problems],
                "kind": [p.kind for p in self.problems],
                "level": [p.level for p in self.problems],
                "code": [p.code for p in self.problems],
                "row": pd.array([p.row for p in self.problems], dtype="Int64"),
                "measure": [p.measure for p in self.problems],
                "message": [p.text(locale) for p in self.problems],
            },
            geometry=[p.geometry for p in self.problems],
            crs="EPSG:4326",
        )


def code_pattern(rule: str, level: str) -> re.Pattern[str]:
    """The pattern of ``level``'s codes under a rule: ``free``, ``gb`` or a regular expression.

    ``gb``: 9 digits for a street, 12 for a community, 14 or 15 for a grid, free for buildings
    (statistical division codes and the two unit-grid forms).
    """
    if rule == "free":
        return re.compile(r"\S(.*\S)?")
    if rule == "gb":
        return re.compile(
            {"street": r"\d{9}", "community": r"\d{12}", "grid": r"\d{14,15}"}.get(level, r"\S+")
        )
    try:
        return re.compile(rule)
    except re.error as problem:
        raise ConfigurationError(
            f"GIS_CODE_RULE is neither 'free' nor 'gb' nor a regular expression: {problem}",
            f"GIS_CODE_RULE 既不是 free、gb，也不是正则表达式：{problem}",
        ) from None


def check_hierarchy(
    incoming: Mapping[str, gpd.GeoDataFrame],
    current: Mapping[str, gpd.GeoDataFrame],
    *,
    has_parent: Mapping[str, bool],
    metric_crs: str,
    code_rule: str = "free",
    repair_limit: float = 0.05,
    default_kind: str = "community",
) -> Report:
    """Check ``incoming`` levels against each other and against the areas in force.

    Frames as :func:`gis_service.hierarchy.reading.read_hierarchy` makes them, EPSG:4326;
    ``current`` holds the same columns. ``metric_crs`` is the projected CRS for metres.
    """
    report = Report()
    for level in LEVELS:
        if level not in incoming:
            continue
        frame = _repair(incoming[level], level, metric_crs, repair_limit, report)
        frame = _check_codes(frame, level, code_rule, report)
        if level == "grid":
            frame["kind"] = frame["kind"].fillna(default_kind)
        above = parent_level(level, {**current, **report.frames})
        if above is None:
            frame["parent_code"] = None
        else:
            parents = report.frames.get(above, current.get(above))
            frame = _check_parents(
                frame, level, parents, above, metric_crs, report, named=has_parent[level]
            )
        report.frames[level] = frame
        _check_siblings(frame, level, metric_crs, report)
        _check_households(frame, level, report)
        if above is not None and level != "building":
            _check_gaps(frame, level, report.frames.get(above, current.get(above)), above,
                        metric_crs, report)  # fmt: skip
        if level in current:
            _compare(frame, current[level], level, metric_crs, report)
    _check_elsewhere(report, current, metric_crs)
    return report


def parent_level(level: str, present: Mapping[str, Any]) -> str | None:
    """The next coarser level that exists."""
    coarser = [name for name in LEVELS[: LEVELS.index(level)] if name in present]
    return coarser[-1] if coarser else None


def to_metric(geometries: Any, metric_crs: str) -> Any:
    """Shapely array from EPSG:4326 into a projected CRS, metres."""
    return shapely.transform(
        geometries,
        lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], metric_crs)),
    )


def _repair(
    frame: gpd.GeoDataFrame, level: str, metric_crs: str, limit: float, report: Report
) -> gpd.GeoDataFrame:
    frame = frame.copy()
    geometry = frame.geometry.to_numpy().copy()
    codes = frame["code"].fillna("").to_numpy()
    keep = np.ones(len(frame), dtype=bool)

    def refuse(i: Any, kind: str, **more: Any) -> None:
        report.problems.append(
            Problem(kind, level, codes[i], int(frame.index[i]), geometry=geometry[i], **more)
        )
        keep[i] = False

    empty = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    for i in np.flatnonzero(empty):
        refuse(i, "no_geometry")
    polygonal = np.isin(shapely.get_type_id(geometry), (3, 6))
    for i in np.flatnonzero(~empty & ~polygonal):
        refuse(i, "not_polygon", detail=geometry[i].geom_type)
    for i in np.flatnonzero(~empty & polygonal & ~shapely.is_valid(geometry)):
        reason = str(shapely.is_valid_reason(geometry[i]))
        mended = _polygons_of(shapely.make_valid(geometry[i]))
        # the area that a reader of the file would see: what both fill rules agree on at most
        before = _enclosed_area(to_metric(geometry[i], metric_crs))
        after = 0.0 if mended is None else float(shapely.area(to_metric(mended, metric_crs)))
        change = abs(before - after) / before if before > 0 else 1.0
        if mended is None or change > limit:
            refuse(i, "unrepairable", measure=change, detail=reason)
            continue
        report.problems.append(
            Problem("repaired", level, codes[i], int(frame.index[i]), change, reason, mended)
        )
        geometry[i] = mended
    frame = frame.set_geometry(gpd.array.from_shapely(geometry, crs="EPSG:4326"))
    return frame[keep]


def _enclosed_area(geometry: Any) -> float:
    """Area of everything the rings go around, whatever their direction or self-crossings."""
    lines = shapely.node(shapely.boundary(geometry))
    faces = shapely.polygonize([lines])
    holes = [
        shapely.polygonize([shapely.node(shapely.linearrings(ring.coords))])
        for part in shapely.get_parts(geometry)
        for ring in part.interiors
    ]
    total = float(shapely.area(shapely.union_all(faces)))
    return total - sum(float(shapely.area(hole)) for hole in holes)


def _polygons_of(geometry: Any) -> Any:
    """The polygonal part of a repaired geometry; None where there is none."""
    parts = [p for p in shapely.get_parts(geometry) if p.geom_type in ("Polygon", "MultiPolygon")]
    flat = [q for p in parts for q in shapely.get_parts(p) if q.area > 0]
    return shapely.MultiPolygon(flat) if flat else None


def _check_codes(
    frame: gpd.GeoDataFrame, level: str, rule: str, report: Report
) -> gpd.GeoDataFrame:
    pattern = code_pattern(rule, level)
    missing = frame["code"].isna()
    for row in frame.index[missing]:
        report.problems.append(
            Problem("no_code", level, "", int(row), geometry=frame.geometry[row])
        )
    frame = frame[~missing]
    for row, code in frame["code"].items():
        if not pattern.fullmatch(code):
            report.problems.append(
                Problem("malformed_code", level, code, int(row), detail=rule,
                        geometry=frame.geometry[row])
            )  # fmt: skip
    counts = frame["code"].value_counts()
    for code, count in counts[counts > 1].items():
        rows = frame.index[frame["code"] == code]
        report.problems.append(
            Problem("duplicate_code", level, str(code), int(rows[1]), float(count),
                    geometry=frame.geometry[rows[1]])
        )  # fmt: skip
    return frame.drop_duplicates("code").sort_values("code", kind="stable")


def _check_parents(
    frame: gpd.GeoDataFrame,
    level: str,
    parents: gpd.GeoDataFrame,
    above: str,
    metric_crs: str,
    report: Report,
    *,
    named: bool,
) -> gpd.GeoDataFrame:
    frame = frame.copy()
    if not named:
        frame["parent_code"] = parents_by_place(frame, parents)
    for row in frame.index[frame["parent_code"].isna()]:
        report.problems.append(
            Problem("no_parent", level, frame.at[row, "code"], int(row),
                    geometry=frame.geometry[row])
        )  # fmt: skip
    by_code = pd.Series(parents.geometry.to_numpy(), index=parents["code"].to_numpy())
    known = frame["parent_code"].isin(by_code.index)
    for row in frame.index[frame["parent_code"].notna() & ~known]:
        report.problems.append(
            Problem("missing_parent", level, frame.at[row, "code"], int(row),
                    detail=frame.at[row, "parent_code"], geometry=frame.geometry[row])
        )  # fmt: skip
    held = frame[known]
    if held.empty:
        return frame
    containers = by_code.loc[held["parent_code"]].to_numpy()
    geometry = held.geometry.to_numpy()
    unclear = ~shapely.covers(containers, geometry)
    if not unclear.any():
        return frame
    inner = to_metric(geometry[unclear], metric_crs)
    outer = to_metric(containers[unclear], metric_crs)
    share = shapely.area(shapely.difference(inner, outer)) / shapely.area(inner)
    for (row, area), part in zip(held[unclear].iterrows(), share, strict=True):
        if part >= 1 - 1e-9:
            kind = "outside_parent"
        elif part > NOISE_SHARE:
            kind = "partly_outside"
        else:
            continue
        report.problems.append(
            Problem(kind, level, area["code"], int(str(row)), float(part), area["parent_code"],
                    area["geometry"])
        )  # fmt: skip
    return frame


def parents_by_place(frame: gpd.GeoDataFrame, parents: gpd.GeoDataFrame) -> np.ndarray:
    """For each area the code of the parent that holds most of it (lowest code on a tie)."""
    result = np.full(len(frame), None, dtype=object)
    parents = parents.sort_values("code")
    geometry = parents.geometry.to_numpy()
    child, parent = shapely.STRtree(geometry).query(frame.geometry.to_numpy(), "intersects")
    if not len(child):
        return result
    shared = shapely.area(shapely.intersection(frame.geometry.to_numpy()[child], geometry[parent]))
    pairs = pd.DataFrame({"child": child, "parent": parent, "shared": shared})
    pairs = pairs[pairs["shared"] > 0].sort_values(
        ["child", "shared", "parent"], ascending=[True, False, True]
    )
    best = pairs.drop_duplicates("child")
    result[best["child"].to_numpy()] = parents["code"].to_numpy()[best["parent"].to_numpy()]
    return result


def overlapping_pairs(geometry: Any, metric_crs: str) -> pd.DataFrame:
    """Pairs ``left < right`` of an array (EPSG:4326) that share more than noise, with ``m2``."""
    left, right = shapely.STRtree(geometry).query(geometry, "intersects")
    ordered = left < right
    left, right = left[ordered], right[ordered]
    # neighbours only touch: asking for the shared area alone of those whose interiors meet
    meet = shapely.relate_pattern(geometry[left], geometry[right], "T********")
    left, right = left[meet], right[meet]
    shared = shapely.intersection(geometry[left], geometry[right])
    m2 = shapely.area(to_metric(shared, metric_crs))
    pairs = pd.DataFrame({"left": left, "right": right, "m2": m2})
    pairs["geometry"] = shared
    return pairs[pairs["m2"] > NOISE_M2]


def _check_siblings(frame: gpd.GeoDataFrame, level: str, metric_crs: str, report: Report) -> None:
    groups = frame.groupby("kind") if level == "grid" else [("", frame)]
    for _, group in groups:
        codes = group["code"].to_numpy()
        pairs = overlapping_pairs(group.geometry.to_numpy(), metric_crs)
        report.problems.extend(
            Problem("overlap", level, codes[left], int(group.index[left]), m2, codes[right], shape)
            for left, right, m2, shape in zip(
                pairs["left"], pairs["right"], pairs["m2"].tolist(), pairs["geometry"], strict=True
            )
        )


def _check_households(frame: gpd.GeoDataFrame, level: str, report: Report) -> None:
    if level != "grid":
        return
    for row, attributes in frame["attributes"].items():
        households = attributes.get("households")
        if isinstance(households, int | float) and not 150 <= households <= 600:
            report.problems.append(
                Problem("households", level, frame.at[row, "code"], int(str(row)),
                        float(households), geometry=frame.geometry[row])
            )  # fmt: skip


def _check_gaps(
    frame: gpd.GeoDataFrame,
    level: str,
    parents: gpd.GeoDataFrame,
    above: str,
    metric_crs: str,
    report: Report,
) -> None:
    if level == "grid":
        kinds = frame["kind"].unique()
    else:
        kinds = [None]
    shapes = pd.Series(parents.geometry.to_numpy(), index=parents["code"].to_numpy())
    for kind in kinds:
        members = frame if kind is None else frame[frame["kind"] == kind]
        for parent, children in members.groupby("parent_code"):
            if parent not in shapes.index:
                continue
            rest = shapely.difference(
                shapes[parent], shapely.union_all(children.geometry.to_numpy())
            )
            m2 = float(shapely.area(to_metric(rest, metric_crs)))
            if m2 > NOISE_M2:
                report.problems.append(
                    Problem("gap", above, str(parent), measure=m2, detail=level, geometry=rest)
                )


def _compare(
    frame: gpd.GeoDataFrame,
    current: gpd.GeoDataFrame,
    level: str,
    metric_crs: str,
    report: Report,
) -> None:
    """Areas that moved or changed name against the revision in force, and a shift of them all."""
    both = frame.merge(current[["code", "name", "geometry"]], on="code", suffixes=("", "_before"))
    if both.empty:
        return
    now = to_metric(both["geometry"].to_numpy(), metric_crs)
    before = to_metric(both["geometry_before"].to_numpy(), metric_crs)
    shift = shapely.get_coordinates(shapely.centroid(now)) - shapely.get_coordinates(
        shapely.centroid(before)
    )
    middle = np.median(shift, axis=0)
    length = float(np.hypot(*middle))
    spread = float(np.median(np.hypot(*(shift - middle).T)))
    if length > DISPLACED_M and spread < length / 5:
        report.problems.append(
            Problem("displaced", level, "*", measure=length,
                    detail=f"{middle[0]:+,.0f} m E, {middle[1]:+,.0f} m N: --crs?")
        )  # fmt: skip
        return
    changed = shapely.area(shapely.symmetric_difference(now, before)) / shapely.area(before)
    for area, part in zip(both.itertuples(), changed, strict=True):
        if part > NOISE_SHARE:
            report.problems.append(
                Problem("moved", level, area.code, measure=float(part), geometry=area.geometry)
            )
        if area.name != area.name_before:
            report.problems.append(
                Problem("renamed", level, area.code, detail=area.name, geometry=area.geometry)
            )


def _check_elsewhere(
    report: Report, current: Mapping[str, gpd.GeoDataFrame], metric_crs: str
) -> None:
    """A file that does not even touch the district in force."""
    if not current or not report.frames:
        return
    coarsest = next(level for level in LEVELS if level in current)
    district = shapely.box(*current[coarsest].total_bounds)
    for level, frame in report.frames.items():
        if frame.empty:
            continue
        file_box = shapely.box(*frame.total_bounds)
        if not shapely.intersects(district, file_box):
            metric = to_metric(np.array([district, file_box]), metric_crs)
            report.problems.append(
                Problem("elsewhere", level, "*", measure=float(shapely.distance(*metric)))
            )
