"""What is where: old town, inner city, outskirts, industry, hills; and how fine blocks are."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.ops import split

from gis_service.demo.noise import Floats, SmoothNoise, stream
from gis_service.demo.outline import Land

OLD, INNER, OUTER, INDUSTRY, HILL = 0, 1, 2, 3, 4


class Zones:
    """Answers for arrays of places in local metres."""

    def __init__(self, seed: int, land: Land) -> None:
        rng = stream(seed, "zones")
        self.land = land
        size = land.radius
        halves = split(land.outline, land.river_axis).geoms
        centre = shapely.Point(0, 0)
        self.core_bank = min(halves, key=lambda part: part.distance(centre))
        shapely.prepare(self.core_bank)
        self._edge = SmoothNoise.make(rng, 0.3 * size)
        self._hills = SmoothNoise.make(rng, 0.75 * size)
        sites = [(-0.35, -1.02), (-1.05, -0.35), (-0.95, 0.75), (0.35, -1.1)]
        self._industry = [
            (
                (px + rng.normal(0, 0.08)) * size,
                (py + rng.normal(0, 0.08)) * size,
                rng.uniform(0.2, 0.33) * size,
            )
            for px, py in sites
        ]

    def at(self, x: Floats | float, y: Floats | float) -> np.ndarray:
        """Zone number of each place."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        t = self.land.nearness(x, y)
        edge = self._edge(x, y)
        zone = np.where(t < 0.72 + 0.09 * edge, INNER, OUTER)
        for cx, cy, reach in self._industry:
            zone[np.hypot(x - cx, y - cy) < reach * (1 + 0.15 * edge)] = INDUSTRY
        zone[(self._hills(x, y) + 1.1 * (t - 1) > 1.35) & (t > 0.78)] = HILL
        old = (t < 0.33 * (1 + 0.1 * edge)) & shapely.contains_xy(self.core_bank, x, y)
        zone[old] = OLD
        return np.asarray(zone)

    def block_area(self, x: Floats | float, y: Floats | float) -> Floats:
        """Typical size of a street block around each place, m²."""
        zone = self.at(x, y)
        t = np.clip((self.land.nearness(x, y) - 0.3) / 0.85, 0, 1)
        size = 13_500 + 28_000 * t**1.2
        size = np.where(zone == OLD, 9_500, size)
        size = np.where(zone == INDUSTRY, 42_000, size)
        return np.asarray(np.where(zone == HILL, 320_000, size))
