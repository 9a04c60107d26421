"""The cross field that streets follow.

At every place streets run in two directions at right angles. The field blends the old town's
axes, the river's course, a ring around the centre and several later plans; the fourfold symmetry
is kept by blending exp(4iθ). Roads are streamlines of it (the idea is that of Chen et al. 2008,
"Interactive procedural street modeling").
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import shapely

from gis_service.demo.noise import Floats, SmoothNoise, stream
from gis_service.demo.outline import Land

Point = tuple[float, float]


class CrossField:
    """Sampled on a raster of ``cell`` metres, read bilinearly."""

    def __init__(self, seed: int, land: Land) -> None:
        rng = stream(seed, "field")
        reach = 2.0 * land.radius
        self.cell = land.radius / 75
        self.low = -reach
        n = int(2 * reach / self.cell) + 2
        axis = self.low + np.arange(n) * self.cell
        x, y = np.meshgrid(axis, axis)
        self.last = n - 2
        values = self._blend(rng, land, x, y)
        # plain lists: the tracer reads single cells, where numpy scalars are slow
        self.re: list[list[float]] = values.real.tolist()
        self.im: list[list[float]] = values.imag.tolist()

    @staticmethod
    def _blend(rng: np.random.Generator, land: Land, x: Floats, y: Floats) -> np.ndarray:
        size = land.radius
        t = np.hypot(x, y) / size

        def cross(angle: Floats | float) -> np.ndarray:
            return np.asarray(np.exp(4j * np.asarray(angle)))

        total = 1.6 * np.exp(-((t / 0.42) ** 2)) * cross(rng.normal(0, 0.13))
        total = total + 0.55 * np.exp(-(((t - 0.72) / 0.24) ** 2)) * cross(np.arctan2(y, x))
        xy = np.asarray(land.river_axis.coords)
        tangent = np.gradient(xy, axis=0)
        places = shapely.points(x.ravel(), y.ravel())
        nearest = shapely.STRtree(shapely.points(xy)).nearest(places).reshape(x.shape)
        to_river = np.hypot(x - xy[nearest, 0], y - xy[nearest, 1])
        along = np.arctan2(tangent[nearest, 1], tangent[nearest, 0])
        total = total + 2.4 * np.exp(-((to_river / (0.17 * size)) ** 2)) * cross(along)
        for _ in range(9):
            angle, spin = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6)
            far = size * rng.uniform(0.45, 1.35)
            cx, cy = far * np.cos(angle), far * np.sin(angle)
            d = np.hypot(x - cx, y - cy) / (size * rng.uniform(0.3, 0.5))
            total = total + rng.uniform(0.7, 1.2) * np.exp(-(d**2)) * cross(spin)
        total = total + 0.12 * cross(rng.normal(0, 0.2))
        sway = SmoothNoise.make(rng, 0.22 * size)
        return np.asarray(total / np.abs(total) * cross(0.05 * sway(x, y)))

    def angle(self, x: float, y: float) -> float:
        """One of the four directions at a place, in radians within ±π/4."""
        fx = min(max((x - self.low) / self.cell, 0.0), float(self.last))
        fy = min(max((y - self.low) / self.cell, 0.0), float(self.last))
        i, j = int(fy), int(fx)
        u, v = fx - j, fy - i
        a, b, c, d = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
        re, im = self.re, self.im
        real = a * re[i][j] + b * re[i][j + 1] + c * re[i + 1][j] + d * re[i + 1][j + 1]
        imag = a * im[i][j] + b * im[i][j + 1] + c * im[i + 1][j] + d * im[i + 1][j + 1]
        return math.atan2(imag, real) / 4

    def trace(
        self,
        start: Point,
        heading: float,
        step: float,
        steps: int,
        stop: Callable[[float, float, float], bool],
        wobble: Callable[[float, float], float] | None = None,
    ) -> list[Point]:
        """Follows the field from ``start`` for at most ``steps``; ``stop(x, y, angle)`` ends it
        after the point that it answers for. ``wobble`` bends the course by so many radians."""
        x, y = start
        points = [start]
        for _ in range(steps):
            base = self.angle(x, y)
            if wobble is not None:
                base += wobble(x, y)
            heading = base + round((heading - base) / (math.pi / 2)) * (math.pi / 2)
            x += step * math.cos(heading)
            y += step * math.sin(heading)
            points.append((x, y))
            if stop(x, y, heading):
                break
        return points
