"""Read roads, water, green and buildings from an OpenStreetMap extract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from sqlalchemy.orm import Session

from gis_service.basemap.features import ROAD_RANKS, replace_features
from gis_service.errors import InvalidInput

WATERWAYS = ("river", "canal", "stream")
GREEN = {
    "leisure": ("park", "garden", "nature_reserve", "pitch"),
    "landuse": ("forest", "grass", "meadow", "cemetery", "village_green"),
    "natural": ("wood", "scrub"),
}
WATER = {"natural": ("water",), "landuse": ("reservoir", "basin")}
LARGE_M2 = 50_000.0  # areas beyond this are drawn from far


def load_extract(
    session: Session, path: Path, progress: Callable[[float, str], None] = lambda share, words: None
) -> dict[str, int]:
    """Replace the basemap by what an ``.osm.pbf`` holds; features per theme. The caller commits.

    Raises InvalidInput for a file that is no extract or holds nothing to draw.
    """
    progress(0.0, "roads and rivers")
    lines = _read(path, "lines")
    progress(0.4, "areas")
    areas = _read(path, "multipolygons")
    progress(0.8, "storing")
    frame = pd.concat(
        [_roads(lines), _rivers(lines), _areas(areas, "water", WATER),
         _areas(areas, "green", GREEN), _buildings(areas)]
    )  # fmt: skip
    if frame.empty:
        raise InvalidInput(
            "no road, water, green or building in the extract",
            "没有可绘制的道路、水系、绿地或建筑",
            where=path.name,
        )
    replace_features(session, "osm", gpd.GeoDataFrame(frame, geometry="geometry", crs="EPSG:4326"))
    counts = frame["theme"].value_counts()
    return {str(theme): int(count) for theme, count in counts.items()}


def _read(path: Path, layer: str) -> gpd.GeoDataFrame:
    try:
        frame = gpd.GeoDataFrame(pyogrio.read_dataframe(str(path), layer=layer))
    except (DataSourceError, DataLayerError, ValueError) as problem:
        raise InvalidInput(
            f"not an OpenStreetMap extract (.osm.pbf): {problem}",
            f"不是 OpenStreetMap 数据（.osm.pbf）：{problem}",
            where=path.name,
        ) from None
    return frame[frame.geometry.notna()]


def _roads(lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    kind = lines["highway"].str.removesuffix("_link")
    known = kind.isin(list(ROAD_RANKS))
    kind = kind.where(known | lines["highway"].isna(), "footway")
    kind = kind.where(~_tag(lines, "railway").eq("rail"), "railway")
    return _features(lines[kind.notna()], "road", kind[kind.notna()], kind.map(ROAD_RANKS))


def _rivers(lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    kind = lines["waterway"]
    chosen = kind.isin(WATERWAYS)
    ranks = kind.map({"river": 0, "canal": 1, "stream": 2})
    return _features(lines[chosen], "water", kind[chosen], ranks)


def _areas(
    areas: gpd.GeoDataFrame, theme: str, tags: dict[str, tuple[str, ...]]
) -> gpd.GeoDataFrame:
    kind = pd.Series(None, index=areas.index, dtype=object)
    for column, values in tags.items():
        found = areas[column]
        kind = kind.where(kind.notna() | ~found.isin(values), found)
    chosen = areas[kind.notna()]
    large = shapely.area(chosen.geometry.to_crs("EPSG:3857").to_numpy()) > LARGE_M2
    ranks = pd.Series(large, index=chosen.index).map({True: 0, False: 2})
    return _features(chosen, theme, kind[kind.notna()], ranks)


def _buildings(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    chosen = areas[areas["building"].notna()]
    kind = pd.Series("building", index=chosen.index)
    return _features(chosen, "building", kind, pd.Series(3, index=chosen.index))


def _features(
    frame: gpd.GeoDataFrame, theme: str, kind: pd.Series, rank: pd.Series
) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "theme": theme,
            "kind": kind,
            "name": frame["name"],
            "rank": rank.reindex(frame.index).fillna(3).astype(int),
        },
        geometry=frame.geometry,
    )


def _tag(frame: gpd.GeoDataFrame, key: str) -> pd.Series:
    """A tag that GDAL keeps among the others of a feature."""
    if key in frame:
        return frame[key]
    return frame["other_tags"].str.extract(rf'"{key}"=>"([^"]*)"', expand=False)
