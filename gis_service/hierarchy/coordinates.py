"""Coordinate systems: every inbound position names its own, storage is WGS84 longitude, latitude.

CGCS2000 equals WGS84 within centimetres and is passed through. GCJ-02 and BD-09 shift positions
by 300 to 1200 m inside mainland China; the published formula is reverse-engineered, so converted
positions are good for maps and placement, never for surveying.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import atan2, cos, hypot, isfinite, nan, pi, radians, sin, sqrt
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from gis_service.errors import InvalidInput
from gis_service.hierarchy.kernels import kernel

FloatArray = npt.NDArray[np.float64]

ACCEPTED = ("wgs84", "cgcs2000", "gcj02", "bd09", "EPSG:n")
_SAME_AS_WGS84 = {"wgs84", "cgcs2000", "EPSG:4326", "EPSG:4490"}

# The box outside which the shift is not applied, as in every published implementation.
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_SEMI_MAJOR_M = 6378245.0  # Krasovsky 1940, the ellipsoid of the GCJ-02 formula
_ECCENTRICITY2 = 0.00669342162296594323
_BD_LON, _BD_LAT = 0.0065, 0.0060
_SETTLED_DEG = 1e-13  # about 1e-8 m
_CGCS2000_FIRST_ZONE = 4534  # EPSG code of the 3-degree zone with central meridian 75°E
_CGCS2000_ZONES = 21


def parse_crs(text: str) -> str:
    """Normalised name of a coordinate system: one of ``wgs84``, ``cgcs2000``, ``gcj02``, ``bd09``
    or ``EPSG:n``.

    Case, spaces and punctuation do not count (``GCJ-02``, ``epsg:4549``). Raises InvalidInput for
    anything else and for EPSG codes that name no two-dimensional geographic or projected system.
    """
    plain = re.sub(r"[\W_]+", "", str(text)).lower()
    if plain in {"wgs84", "cgcs2000", "gcj02", "bd09"}:
        return plain
    if match := re.fullmatch(r"epsg([0-9]{1,9})", plain):
        code = int(match[1])
        _horizontal_crs(code)
        return f"EPSG:{code}"
    raise InvalidInput(
        f"unknown coordinate system {str(text)[:40]!r}; accepted: {', '.join(ACCEPTED)}",
        f"未知坐标系 {str(text)[:40]!r}；可用：{'、'.join(ACCEPTED)}",
        where="crs",
    )


def parse_metric_crs(text: str) -> str:
    """``EPSG:n`` of a projected system whose unit is the metre, or InvalidInput."""
    name = parse_crs(text)
    if name.startswith("EPSG:"):
        crs = _horizontal_crs(int(name.removeprefix("EPSG:")))
        if crs.is_projected and crs.axis_info[0].unit_conversion_factor == 1.0:
            return name
    raise InvalidInput(
        f"{name} does not measure in metres; give a projected system as EPSG:n",
        f"{name} 的单位不是米；请给出投影坐标系 EPSG:n",
        where="metric_crs",
    )


def to_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike, crs: str) -> tuple[Any, Any]:
    """WGS84 (longitude, latitude) in degrees of positions given in ``crs``.

    ``lon, lat`` are scalars or arrays of one shape; in a projected system they are easting and
    northing. The inverse of GCJ-02 and BD-09 is iterated to better than 1e-7 m. Positions that
    are NaN, infinite or outside the system's domain come back NaN. Scalars give floats.
    """
    return _convert(lon, lat, parse_crs(crs), inverse=True)


def from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike, crs: str) -> tuple[Any, Any]:
    """Positions in ``crs`` of WGS84 (longitude, latitude) in degrees; see :func:`to_wgs84`."""
    return _convert(lon, lat, parse_crs(crs), inverse=False)


def frame_to_wgs84(frame: gpd.GeoDataFrame, crs: str | None = None) -> gpd.GeoDataFrame:
    """A copy of ``frame`` in EPSG:4326.

    ``crs`` overrides what the file says of itself (GCJ-02 files call themselves EPSG:4326).
    Raises InvalidInput where neither names a system.
    """
    if crs is None:
        if frame.crs is None:
            raise InvalidInput(
                f"the file names no coordinate system; give one of {', '.join(ACCEPTED)}",
                f"文件未注明坐标系；请指定：{'、'.join(ACCEPTED)}",
                where="crs",
            )
        if frame.crs.to_epsg() == 4490:
            return frame.set_crs("EPSG:4326", allow_override=True)
        return frame.to_crs("EPSG:4326")
    name = parse_crs(crs)
    if name.startswith("EPSG:") and name not in _SAME_AS_WGS84:
        return frame.set_crs(name, allow_override=True).to_crs("EPSG:4326")
    out = frame.copy()
    if name not in _SAME_AS_WGS84:

        def unshift(points: FloatArray) -> FloatArray:
            return np.column_stack(to_wgs84(points[:, 0], points[:, 1], name))

        out = out.set_geometry(shapely.transform(out.geometry.to_numpy(), unshift))
    return out.set_crs("EPSG:4326", allow_override=True)


def guess_metric_crs(lon: npt.ArrayLike, lat: npt.ArrayLike) -> str:
    """``EPSG:n`` of a projected system in metres for a district around WGS84 ``lon, lat``.

    Inside China the CGCS2000 3-degree zone (EPSG:4534 to 4554) of the middle of the positions,
    elsewhere the UTM zone. Raises InvalidInput if no position is finite and on the globe.
    """
    x, y = np.ravel(np.asarray(lon, float)), np.ravel(np.asarray(lat, float))
    usable = (np.abs(x) <= 180) & (np.abs(y) <= 90)
    if not usable.any():
        raise InvalidInput("no usable position to choose a metric system from", "没有可用的坐标")
    mid_x = float((x[usable].min() + x[usable].max()) / 2)
    mid_y = float((y[usable].min() + y[usable].max()) / 2)
    zone = int(np.floor((mid_x - 73.5) / 3))
    if 0 <= zone < _CGCS2000_ZONES:
        crs = CRS.from_epsg(_CGCS2000_FIRST_ZONE + zone)
        west, south, east, north = crs.area_of_use.bounds if crs.area_of_use else (0, 0, 0, 0)
        if west <= mid_x <= east and south <= mid_y <= north:
            return f"EPSG:{_CGCS2000_FIRST_ZONE + zone}"
    utm = min(int(np.floor((mid_x + 180) / 6)) + 1, 60)
    return f"EPSG:{(32600 if mid_y >= 0 else 32700) + utm}"


@lru_cache(maxsize=64)
def _horizontal_crs(code: int) -> CRS:
    try:
        crs = CRS.from_epsg(code)
    except CRSError:
        crs = None
    if crs is None or not (crs.is_geographic or crs.is_projected) or len(crs.axis_info) != 2:
        raise InvalidInput(
            f"EPSG:{code} is no two-dimensional geographic or projected coordinate system",
            f"EPSG:{code} 不是二维地理或投影坐标系",
            where="crs",
        )
    return crs


@lru_cache(maxsize=64)
def _transformer(name: str, inverse: bool) -> Transformer:
    crs = _horizontal_crs(int(name.removeprefix("EPSG:")))
    ends = (crs, CRS.from_epsg(4326)) if inverse else (CRS.from_epsg(4326), crs)
    found = Transformer.from_crs(*ends, always_xy=True)
    # Every thread that projects makes its own: from two systems in a tenth of a second, from the
    # steps that were found here in a hundredth of that. Where several ways lead over, and the place
    # decides which, there are no steps to tell.
    steps = found.definition
    return Transformer.from_pipeline(steps) if steps.startswith("proj=") else found


def _convert(
    lon: npt.ArrayLike, lat: npt.ArrayLike, name: str, *, inverse: bool
) -> tuple[Any, Any]:
    x, y = np.array(lon, np.float64), np.array(lat, np.float64)
    if x.shape != y.shape:
        raise InvalidInput(
            f"longitude has shape {x.shape} but latitude {y.shape}",
            f"经度形状 {x.shape} 与纬度形状 {y.shape} 不一致",
        )
    if not x.ndim:
        return _convert_one(float(x), float(y), name, inverse)
    unusable = ~(np.isfinite(x) & np.isfinite(y))
    if name in {"gcj02", "bd09"}:
        _shift_all(x.reshape(-1), y.reshape(-1), name == "bd09", inverse)
    elif name not in _SAME_AS_WGS84:
        x, y = _transformer(name, inverse).transform(x, y)
        unusable |= ~(np.isfinite(x) & np.isfinite(y))
    x[unusable] = y[unusable] = np.nan
    return x, y


def _convert_one(x: float, y: float, name: str, inverse: bool) -> tuple[float, float]:
    if not (isfinite(x) and isfinite(y)):
        return nan, nan
    if name in _SAME_AS_WGS84:
        return x, y
    if name in {"gcj02", "bd09"}:
        return (_unshifted if inverse else _shifted)(x, y, name == "bd09")
    x, y = _transformer(name, inverse).transform(x, y)
    return (x, y) if isfinite(x) and isfinite(y) else (nan, nan)


@kernel
def _in_shifted_box(lon: float, lat: float, slack: float) -> bool:
    in_lon = _WEST - slack <= lon <= _EAST + slack
    return in_lon and _SOUTH - slack <= lat <= _NORTH + slack


@kernel
def _shifted(lon: float, lat: float, baidu: bool) -> tuple[float, float]:
    if not _in_shifted_box(lon, lat, 0.0):
        return lon, lat
    return _to_bd09(lon, lat) if baidu else _to_gcj02(lon, lat)


@kernel
def _unshifted(lon: float, lat: float, baidu: bool) -> tuple[float, float]:
    """Fixed-point iteration; the shift's slope is below 0.03, so each step gains 1.5 digits.

    Whether a position was shifted is judged by where it came from, so that the round trip holds
    up to the edge of the box; the slack is for rounding there.
    """
    if not _in_shifted_box(lon, lat, 1.0):
        return lon, lat
    x, y = lon, lat
    for _ in range(30):
        there_x, there_y = _to_bd09(x, y) if baidu else _to_gcj02(x, y)
        dx, dy = there_x - lon, there_y - lat
        x, y = x - dx, y - dy
        if max(abs(dx), abs(dy)) < _SETTLED_DEG:
            break
    return (x, y) if _in_shifted_box(x, y, 1e-9) else (lon, lat)


@kernel
def _shift_all(lon: FloatArray, lat: FloatArray, baidu: bool, inverse: bool) -> None:
    """Shifts positions in place."""
    for i in range(len(lon)):
        if inverse:
            lon[i], lat[i] = _unshifted(lon[i], lat[i], baidu)
        else:
            lon[i], lat[i] = _shifted(lon[i], lat[i], baidu)


@kernel
def _to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """The published GCJ-02 formula: a polynomial and sines in metres, turned into degrees."""
    x, y = lon - 105.0, lat - 35.0
    root = sqrt(abs(x))
    ripple = 20 * sin(6 * pi * x) + 20 * sin(2 * pi * x)
    north_m = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * root
    north_m += (2 / 3) * (ripple + 20 * sin(pi * y) + 40 * sin(pi / 3 * y))
    north_m += (2 / 3) * (160 * sin(pi / 12 * y) + 320 * sin(pi / 30 * y))
    east_m = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * root
    east_m += (2 / 3) * (ripple + 20 * sin(pi * x) + 40 * sin(pi / 3 * x))
    east_m += (2 / 3) * (150 * sin(pi / 12 * x) + 300 * sin(pi / 30 * x))
    phi = radians(lat)
    w2 = 1 - _ECCENTRICITY2 * sin(phi) ** 2
    metres_per_lat = radians(_SEMI_MAJOR_M * (1 - _ECCENTRICITY2) / w2**1.5)
    metres_per_lon = radians(_SEMI_MAJOR_M / sqrt(w2) * cos(phi))
    return lon + east_m / metres_per_lon, lat + north_m / metres_per_lat


@kernel
def _to_bd09(lon: float, lat: float) -> tuple[float, float]:
    """GCJ-02, then Baidu's own twist about the origin of the degree plane."""
    x, y = _to_gcj02(lon, lat)
    ripple = pi * 3000 / 180
    radius = hypot(x, y) + 2e-5 * sin(y * ripple)
    angle = atan2(y, x) + 3e-6 * cos(x * ripple)
    return radius * cos(angle) + _BD_LON, radius * sin(angle) + _BD_LAT
