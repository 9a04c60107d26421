"""Read areas from whatever GDAL reads, into one frame per level in EPSG:4326."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from gis_service.errors import InvalidInput, TooLarge
from gis_service.hierarchy.coordinates import frame_to_wgs84, parse_crs
from gis_service.hierarchy.models import LEVELS

# column names tried where none was named, in this order
ALIASES: dict[str, tuple[str, ...]] = {
    "code": ("code", "编码", "代码", "区划代码"),
    "name": ("name", "名称", "names", "mc"),
    "parent_code": ("parent_code", "parent", "上级编码", "父级编码"),
    "kind": ("kind", "网格类型"),
}


@dataclass(frozen=True)
class Columns:
    """Which columns of the file hold code, name and parent (None: by their usual names)."""

    code: str | None = None
    name: str | None = None
    parent_code: str | None = None


USUAL_COLUMNS = Columns()


@dataclass
class Reading:
    """What a file holds: per level a frame ``code, name, parent_code, kind, attributes, geometry``
    (EPSG:4326, index = row in the file from 1), and how it was read."""

    source: str
    crs: str
    levels: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)
    has_parent: dict[str, bool] = field(default_factory=dict)


def read_hierarchy(
    path: Path,
    *,
    layers: Mapping[str, str] | None = None,
    columns: Columns = USUAL_COLUMNS,
    crs: str | None = None,
    max_bytes: int | None = None,
) -> Reading:
    """Read the levels of ``path``.

    ``layers`` maps a level to a layer's name; without it layers named like the levels are taken.
    ``crs`` overrides what the file declares (``gcj02`` and ``bd09`` can only be said this way).
    Raises InvalidInput naming file, layer, column or row, and TooLarge past ``max_bytes``.
    """
    _check_size(path, max_bytes)
    found = list_layers(path)
    chosen = _choose_layers(path, found, layers or {})
    reading = Reading(path.name, "")
    for level in LEVELS:
        if level not in chosen:
            continue
        where = f"{path.name}:{chosen[level]}"
        raw = _read_layer(path, chosen[level])
        if raw.empty:
            raise InvalidInput("the layer has no rows", "该图层没有任何记录", where=where)
        system = _declared_crs(raw, crs, where)
        reading.crs = system
        frame, has_parent = _tidy(raw, columns, where)
        _check_numbers(frame, system, where)
        reading.levels[level] = frame_to_wgs84(frame, crs)
        reading.has_parent[level] = has_parent
    return reading


def list_layers(path: Path) -> list[str]:
    """Names of the vector layers in ``path``; InvalidInput where it is no vector data."""
    try:
        listed = pyogrio.list_layers(_gdal_path(path))
    except (DataSourceError, ValueError) as problem:
        raise InvalidInput(
            f"not a vector file that GDAL can read ({problem})",
            f"不是 GDAL 能读取的矢量文件（{problem}）",
            where=path.name,
        ) from None
    names = [str(name) for name, geometry in listed if geometry is not None]
    if not names:
        raise InvalidInput("no layer with geometry", "没有带几何的图层", where=path.name)
    return names


def _check_size(path: Path, max_bytes: int | None) -> None:
    if not path.exists():
        raise InvalidInput("no such file", "文件不存在", where=str(path))
    size = path.stat().st_size
    if path.is_file() and size == 0:
        raise InvalidInput("the file is empty", "文件为空", where=path.name)
    if max_bytes and size > max_bytes:
        raise TooLarge(
            f"{size / 2**20:,.0f} MiB is more than the {max_bytes / 2**20:,.0f} MiB allowed "
            "(GIS_UPLOAD_BYTES)",
            f"文件 {size / 2**20:,.0f} MiB，超过上限 {max_bytes / 2**20:,.0f} MiB"
            "（设置 GIS_UPLOAD_BYTES）",
            where=path.name,
        )


def _gdal_path(path: Path) -> str:
    # a zipped GeoPackage is a driver's own format, any other zip is a folder
    if path.suffix == ".zip" and not path.name.lower().endswith((".gpkg.zip", ".shp.zip")):
        return f"/vsizip/{path}"
    if path.name.lower().endswith(".gpkg.zip"):
        return f"/vsizip/{path}"
    return str(path)


def _choose_layers(path: Path, found: list[str], asked: Mapping[str, str]) -> dict[str, str]:
    unknown = set(asked) - set(LEVELS)
    if unknown:
        raise InvalidInput(
            f"unknown level {sorted(unknown)}; the levels are {', '.join(LEVELS)}",
            f"未知层级 {sorted(unknown)}；可用层级：{'、'.join(LEVELS)}",
        )
    for level, layer in asked.items():
        if layer not in found:
            raise InvalidInput(
                f"no layer '{layer}' for level {level}; the file has: {', '.join(found)}",
                f"没有图层“{layer}”（层级 {level}）；文件中有：{'、'.join(found)}",
                where=path.name,
            )
    if asked:
        return dict(asked)
    chosen = {layer.lower(): layer for layer in found if layer.lower() in LEVELS}
    if not chosen:
        raise InvalidInput(
            f"no layer is named like a level ({', '.join(LEVELS)}); the file has: "
            f"{', '.join(found)}. Say which is which, e.g. --level community={found[0]}",
            f"没有以层级命名的图层（{'、'.join(LEVELS)}）；文件中有：{'、'.join(found)}。"
            f"请指明，例如 --level community={found[0]}",
            where=path.name,
        )
    return chosen


def _read_layer(path: Path, layer: str) -> gpd.GeoDataFrame:
    options: dict[str, str] = {}
    driver = str(pyogrio.read_info(_gdal_path(path), layer=layer).get("driver", ""))
    if driver == "ESRI Shapefile" and not _declares_encoding(path):
        options["encoding"] = "UTF-8"
    try:
        return gpd.GeoDataFrame(pyogrio.read_dataframe(_gdal_path(path), layer=layer, **options))
    except UnicodeDecodeError:
        # attribute tables of Chinese offices are GBK unless a .cpg says otherwise
        return gpd.GeoDataFrame(
            pyogrio.read_dataframe(_gdal_path(path), layer=layer, encoding="GB18030")
        )
    except (DataLayerError, DataSourceError) as problem:
        raise InvalidInput(
            f"the layer cannot be read ({problem})",
            f"图层无法读取（{problem}）",
            where=f"{path.name}:{layer}",
        ) from None


def _declares_encoding(path: Path) -> bool:
    return path.suffix.lower() == ".shp" and path.with_suffix(".cpg").exists()


def _declared_crs(frame: gpd.GeoDataFrame, crs: str | None, where: str) -> str:
    """Name of the system in force, for people."""
    if crs:
        return parse_crs(crs)
    if frame.crs is None:
        raise InvalidInput(
            "the file does not say its coordinate system; say it with --crs "
            "(wgs84, cgcs2000, gcj02, bd09 or EPSG:n)",
            "文件未声明坐标系；请用 --crs 指明（wgs84、cgcs2000、gcj02、bd09 或 EPSG:n）",
            where=where,
        )
    epsg = frame.crs.to_epsg(min_confidence=20)
    return f"EPSG:{epsg}" if epsg else str(frame.crs.name)


def _tidy(raw: gpd.GeoDataFrame, columns: Columns, where: str) -> tuple[gpd.GeoDataFrame, bool]:
    code = _column(raw, "code", columns.code, where, required=True)
    name = _column(raw, "name", columns.name, where)
    parent = _column(raw, "parent_code", columns.parent_code, where)
    kind = _column(raw, "kind", None, where)
    used = {code, name, parent, kind, raw.geometry.name}
    rest = raw[[c for c in raw.columns if c not in used]]
    rows = np.arange(1, len(raw) + 1)
    frame = gpd.GeoDataFrame(
        {
            "code": _text(raw[code]),
            "name": _text(raw[name]) if name else _text(raw[code]),
            "parent_code": _text(raw[parent]) if parent else None,
            "kind": _text(raw[kind]) if kind else None,
            "attributes": _records(rest),
        },
        geometry=shapely.force_2d(raw.geometry.to_numpy()),
        crs=raw.crs,
    ).set_axis(rows, axis=0)
    frame["name"] = frame["name"].where(frame["name"].notna(), frame["code"])
    return frame, parent is not None


def _column(
    frame: pd.DataFrame, role: str, asked: str | None, where: str, *, required: bool = False
) -> str | None:
    by_lower = {str(c).lower(): str(c) for c in frame.columns}
    if asked:
        if asked.lower() not in by_lower:
            raise InvalidInput(
                f"no column '{asked}'; the columns are: {', '.join(by_lower.values())}",
                f"没有列“{asked}”；现有列：{'、'.join(by_lower.values())}",
                where=where,
            )
        return by_lower[asked.lower()]
    for alias in ALIASES[role]:
        if alias in by_lower:
            return by_lower[alias]
    if required:
        raise InvalidInput(
            f"no column named {role}; name it with --{role}. The columns are: "
            f"{', '.join(by_lower.values())}",
            f"没有名为 {role} 的列；请用 --{role} 指明。现有列：{'、'.join(by_lower.values())}",
            where=where,
        )
    return None


def _text(values: pd.Series) -> pd.Series:
    """Codes as text: a column that became float through a missing value loses its '.0'."""
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    text = values.astype("string").str.strip()
    return text.where(text != "", None).astype(object).where(text.notna(), None)


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    if frame.columns.empty:
        return [{} for _ in range(len(frame))]
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {
            str(key): value if isinstance(value, str | int | float | bool) else str(value)
            for key, value in row.items()
            if value is not None
        }
        for row in plain.to_dict("records")
    ]


def _check_numbers(frame: gpd.GeoDataFrame, system: str, where: str) -> None:
    """Coordinates that cannot be of the named system: NaN, or degrees outside the globe."""
    geometry = frame.geometry.to_numpy()
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    broken = np.zeros(len(frame), dtype=bool)
    broken[owner[~np.isfinite(coordinates).all(axis=1)]] = True
    if broken.any():
        row = frame.index[broken][0]
        raise InvalidInput(
            f"row {row} has a coordinate that is no number (NaN or infinity)",
            f"第 {row} 行含非数值坐标（NaN 或无穷大）",
            where=where,
        )
    degrees = system in {"wgs84", "cgcs2000", "gcj02", "bd09", "EPSG:4326", "EPSG:4490"}
    if not degrees or not len(coordinates):
        return
    (west, south), (east, north) = coordinates.min(axis=0), coordinates.max(axis=0)
    if south < -90 or north > 90 or west < -180 or east > 180:
        swapped = -90 <= west <= east <= 90 and -180 <= south <= north <= 180
        raise InvalidInput(
            f"coordinates {west:.4g}…{east:.4g}, {south:.4g}…{north:.4g} are no degrees of "
            f"{system}: "
            + (
                "longitude and latitude look swapped"
                if swapped
                else "is it a projected system? say which with --crs EPSG:n"
            ),
            f"坐标 {west:.4g}…{east:.4g}，{south:.4g}…{north:.4g} 不是 {system} 的经纬度："
            + ("经度与纬度似乎颠倒了" if swapped else "是否为投影坐标？请用 --crs EPSG:n 指明"),
            where=where,
        )
