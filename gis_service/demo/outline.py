"""The lie of the land: outline, river and brook, in metres around the old town's centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.interpolate import CubicSpline
from shapely import LineString, Polygon

from gis_service.demo.noise import Floats, stream
from gis_service.hierarchy.coordinates import from_wgs84, to_wgs84

CENTRE = (118.587, 24.907)
METRIC_CRS = "EPSG:4549"
AREA_M2 = {"full": 51.2e6, "small": 4.7e6}
RIVER_WIDTH_M = {"full": 225.0, "small": 95.0}
BROOK_WIDTH_M = 16.0
# degrees are kept to about a millimetre, so that frames are compact and equal everywhere
DECIMALS = 8


@dataclass(frozen=True)
class Land:
    """Everything nature gave; coordinates are metres east and north of ``CENTRE``."""

    scale: str
    radius: float
    outline: Polygon
    river_axis: LineString
    river: Polygon
    banks: tuple[LineString, LineString]
    brook_axis: LineString
    brook: Polygon

    def nearness(self, x: Floats | float, y: Floats | float) -> Floats:
        """Distance from the centre in units of the district's radius, same shape as ``x``."""
        return np.asarray(np.hypot(x, y) / self.radius)


def make_land(seed: int, scale: str) -> Land:
    """Draws outline, river and brook. The outline is invented: only its place and size are real."""
    rng = stream(seed, "land")
    radius = float(np.sqrt(AREA_M2[scale] / np.pi))
    outline = _outline(rng, radius, AREA_M2[scale])
    axis = _river_axis(rng, radius)
    width = RIVER_WIDTH_M[scale]
    river, banks = _river(rng, axis, width)
    brook_axis = _brook_axis(rng, radius, axis)
    return Land(
        scale=scale,
        radius=radius,
        outline=outline,
        river_axis=axis,
        river=river,
        banks=banks,
        brook_axis=brook_axis,
        brook=brook_axis.buffer(BROOK_WIDTH_M / 2),
    )


def _outline(rng: np.random.Generator, radius: float, area: float) -> Polygon:
    theta = np.linspace(0, 2 * np.pi, 520, endpoint=False)
    r = np.ones_like(theta)
    for k, size in (
        (2, 0.08),
        (3, 0.09),
        (4, 0.06),
        (5, 0.055),
        (7, 0.04),
        (9, 0.034),
        (13, 0.022),
        (19, 0.012),
    ):
        r += size * rng.uniform(0.6, 1.2) * np.cos(k * theta + rng.uniform(0, 2 * np.pi))
    # small steps where the border follows walls, ditches and field edges
    for k in rng.integers(25, 75, 16):
        r += 0.0035 * rng.normal() * np.cos(k * theta + rng.uniform(0, 2 * np.pi))
    x, y = 1.16 * r * np.cos(theta), 0.9 * r * np.sin(theta)
    tilt = np.radians(rng.uniform(-28, -8))
    ring = np.column_stack(
        (x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt))
    )
    shape = Polygon(ring).buffer(0)
    shape = max(shapely.get_parts(shape), key=lambda part: part.area)
    shape = shapely.transform(
        shape,
        lambda xy: xy * np.sqrt(area / shape.area) + np.array([-0.22, -0.13]) * radius,
    )
    return Polygon(shape.exterior).simplify(radius * 0.005)


def _river_axis(rng: np.random.Generator, radius: float) -> LineString:
    knots = np.array(
        [
            (-2.3, 1.05),
            (-1.5, 0.62),
            (-0.88, 0.42),
            (-0.42, 0.05),
            (-0.16, -0.36),
            (0.28, -0.62),
            (0.78, -0.72),
            (1.5, -1.1),
            (2.3, -1.6),
        ]
    )
    knots[1:-1] += rng.normal(0, 0.045, (len(knots) - 2, 2))
    return _curve(knots * radius, radius / 55)


def _brook_axis(rng: np.random.Generator, radius: float, river: LineString) -> LineString:
    mouth = np.array(river.interpolate(river.project(shapely.Point(-0.5 * radius, 0.0))).coords[0])
    source = np.array([rng.uniform(-1.5, -1.2), rng.uniform(-1.15, -0.7)]) * radius
    share = np.linspace(0, 1, 6)[:, None]
    knots = mouth + share * (source - mouth)
    knots[1:-1] += rng.normal(0, 0.055 * radius, (4, 2))
    return _curve(knots, radius / 70)


def _curve(knots: Floats, step: float) -> LineString:
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(knots, axis=0).T))]
    at = np.linspace(0, length[-1], max(int(length[-1] / step), 8))
    return LineString(CubicSpline(length, knots)(at))


def _river(
    rng: np.random.Generator, axis: LineString, width: float
) -> tuple[Polygon, tuple[LineString, LineString]]:
    """Water of varying width and the two roads along its banks (as lines)."""
    xy = np.asarray(axis.coords)
    tangent = np.gradient(xy, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None]
    normal = np.column_stack((-tangent[:, 1], tangent[:, 0]))
    s = np.linspace(0, 1, len(xy))
    sides, banks = [], []
    for sign in (1, -1):
        half = np.full(len(xy), width / 2)
        for k in (2, 5, 9):
            half *= 1 + 0.09 * rng.normal() * np.sin(k * 2 * np.pi * s + rng.uniform(0, 6.3))
        sides.append(xy + sign * normal * half[:, None])
        promenade = half + width * 0.16 + 8
        banks.append(LineString(xy + sign * normal * promenade[:, None]))
    water = Polygon(np.vstack((sides[0], sides[1][::-1]))).buffer(0)
    return water, (banks[0], banks[1])


def to_degrees(xy: Floats) -> Floats:
    """Local metres (n, 2) → longitude, latitude (n, 2), rounded to ``DECIMALS``.

    Equal input gives equal output, so vertices shared between polygons stay shared.
    """
    east, north = from_wgs84(*CENTRE, METRIC_CRS)
    lon, lat = to_wgs84(xy[:, 0] + east, xy[:, 1] + north, METRIC_CRS)
    return np.round(np.column_stack((lon, lat)), DECIMALS)


def to_local(lonlat: Floats) -> Floats:
    """Longitude, latitude (n, 2) → local metres (n, 2)."""
    east, north = from_wgs84(*CENTRE, METRIC_CRS)
    x, y = from_wgs84(lonlat[:, 0], lonlat[:, 1], METRIC_CRS)
    return np.column_stack((x - east, y - north))
