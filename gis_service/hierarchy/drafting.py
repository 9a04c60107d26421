"""Draft grids for communities that have none: cut along streets, joined to a target size.

A draft is a file for people to look at and correct in QGIS, then to load like any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataSourceError

from gis_service.errors import InvalidInput
from gis_service.hierarchy.checking import to_metric
from gis_service.hierarchy.coordinates import frame_to_wgs84

ROW_SHARE = 0.5  # grids whose centres differ by less of their height than this are one row


def draft_grids(
    communities: gpd.GeoDataFrame,
    streets: gpd.GeoDataFrame,
    *,
    metric_crs: str,
    target_m2: float = 60_000.0,
    buildings: gpd.GeoDataFrame | None = None,
    target_households: float | None = None,
) -> gpd.GeoDataFrame:
    """Grids of the communities: ``code, name, parent_code, area_m2, households`` and polygons.

    ``communities``: code, name and polygons; ``streets``: lines; both EPSG:4326. The size aimed
    at is ``target_m2``, or ``target_households`` of ``buildings`` (points or polygons with
    ``households``). Blocks between streets are joined along their longest shared border until
    each is nearer to the target than it would be joined once more; a block larger than the
    target stays whole, since no street cuts it. Borders are shared exactly: no gaps, no overlaps.
    Raises InvalidInput where there is nothing to cut or no households to count.
    """
    if communities.empty:
        raise InvalidInput("no community to draft grids for", "没有需要划分网格的社区")
    if target_households is not None and (buildings is None or buildings.empty):
        raise InvalidInput(
            "households are counted from buildings, and none with households are loaded",
            "户数按楼栋统计，但尚未载入带户数的楼栋", where="--households",
        )  # fmt: skip
    lines = shapely.union_all(streets.geometry.to_numpy())
    parts = []
    for community in communities.itertuples():
        blocks = _blocks(community.geometry, lines)
        area = shapely.area(to_metric(blocks, metric_crs))
        homes = _households(blocks, buildings)
        size, target = (area, target_m2)
        if target_households is not None:
            size, target = homes, target_households
        group = _join(blocks, size, target)
        parts.append(_numbered(community, blocks, group, area, homes))
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs="EPSG:4326")


def read_streets(path: Path, crs: str | None = None) -> gpd.GeoDataFrame:
    """Lines of a vector file in EPSG:4326; of an OSM extract those tagged ``highway``.

    Raises InvalidInput for a file without lines.
    """
    try:
        osm = path.name.endswith(".osm.pbf")
        frame = gpd.GeoDataFrame(
            pyogrio.read_dataframe(str(path), **({"layer": "lines"} if osm else {}))
        )
    except (DataSourceError, ValueError) as problem:
        raise InvalidInput(
            f"not a vector file: {problem}", f"不是矢量文件：{problem}", where=path.name
        ) from None
    if osm:
        frame = frame[frame["highway"].notna()]
    frame = frame[np.isin(shapely.get_type_id(frame.geometry.to_numpy()), (1, 5))]
    if frame.empty:
        raise InvalidInput("no lines in the file", "文件中没有线", where=path.name)
    return frame_to_wgs84(frame, crs)


def _blocks(community: Any, lines: Any) -> np.ndarray:
    """What the streets cut a community into; the pieces cover it exactly."""
    inside = shapely.intersection(lines, community)
    network = shapely.node(shapely.union(shapely.boundary(community), inside))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(network)))
    return faces[shapely.covers(community, shapely.point_on_surface(faces))]


def _households(blocks: np.ndarray, buildings: gpd.GeoDataFrame | None) -> np.ndarray:
    if buildings is None or buildings.empty:
        return np.full(len(blocks), np.nan)
    points = shapely.point_on_surface(buildings.geometry.to_numpy())
    point, block = shapely.STRtree(blocks).query(points, "covered_by")
    first = ~pd.Series(point).duplicated().to_numpy()
    return np.bincount(
        block[first],
        weights=buildings["households"].fillna(0).to_numpy()[point[first]],
        minlength=len(blocks),
    )


def _join(blocks: np.ndarray, size: np.ndarray, target: float) -> np.ndarray:
    """Group number of each block."""
    left, right = shapely.STRtree(blocks).query(blocks, "touches")
    ordered = left < right
    left, right = left[ordered], right[ordered]
    border = shapely.length(shapely.intersection(blocks[left], blocks[right]))
    neighbours: dict[int, dict[int, float]] = {i: {} for i in range(len(blocks))}
    for a, b, length in zip(left.tolist(), right.tolist(), border.tolist(), strict=True):
        if length > 0:
            neighbours[a][b] = neighbours[b][a] = length
    group = np.arange(len(blocks))
    sizes = dict(enumerate(size.tolist()))
    settled: set[int] = set()
    while len(settled) < len(sizes):
        smallest = min((g for g in sizes if g not in settled), key=lambda g: (sizes[g], g))
        fitting = {
            other: length
            for other, length in neighbours[smallest].items()
            if _better(sizes[smallest], sizes[other], target)
        }
        if not fitting:
            settled.add(smallest)
            continue
        into = max(fitting, key=lambda other: (fitting[other], -other))
        group[group == smallest] = into
        sizes[into] += sizes.pop(smallest)
        settled.discard(into)
        for other, length in neighbours.pop(smallest).items():
            neighbours[other].pop(smallest)
            if other != into:
                joined = neighbours[into].get(other, 0.0) + length
                neighbours[into][other] = neighbours[other][into] = joined
                settled.discard(other)
    return group


def _better(a: float, b: float, target: float) -> bool:
    """Whether one group of both is nearer to the target than the two apart (in ratio)."""
    if min(a, b) == 0:
        return True

    def off(size: float) -> float:
        return abs(float(np.log(size / target)))

    return off(a + b) < max(off(a), off(b))


def _numbered(
    community: Any, blocks: np.ndarray, group: np.ndarray, area: np.ndarray, homes: np.ndarray
) -> gpd.GeoDataFrame:
    """Joined blocks numbered in rows from north to south, each from west to east."""
    members = [np.flatnonzero(group == g) for g in np.unique(group)]
    shapes = np.array([shapely.coverage_union_all(blocks[m]) for m in members])
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    bounds = shapely.bounds(shapes)
    height = float(np.median(bounds[:, 3] - bounds[:, 1])) * ROW_SHARE
    row = np.floor((bounds[:, 3].max() - centre[:, 1]) / max(height, 1e-12))
    order = np.lexsort((centre[:, 0], row))
    return gpd.GeoDataFrame(
        {
            "code": [f"{community.code}{n:03d}" for n in range(1, len(order) + 1)],
            "name": [f"{community.name}第{n}网格" for n in range(1, len(order) + 1)],
            "parent_code": community.code,
            "area_m2": [round(float(area[members[i]].sum()), 1) for i in order],
            "households": [
                None if np.isnan(homes).all() else int(homes[members[i]].sum()) for i in order
            ],
        },
        geometry=shapes[order],
        crs="EPSG:4326",
    )
