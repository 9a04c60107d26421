"""How many incidents each grid gets, and the hot spots planted among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis_service.demo.noise import Floats, Ints

CLUSTERS = {"full": 12, "small": 3}
# grids of a hot spot are neither among the smallest nor among the largest of the district
USUAL = (0.12, 0.85)
# density of a hot spot in units of the mean density of all other grids
HOT = (9.0, 11.5)
THEMES = ("vendors", "food", "parking", "bins", "waste", "stickers", "build")


@dataclass(frozen=True)
class Intensity:
    """``share`` (n,) of all incidents by grid; ``theme`` (n,) number in ``THEMES`` of the hot
    spot that a grid belongs to, -1 for ordinary grids."""

    share: Floats
    theme: Ints


def plan_intensity(rng: np.random.Generator, shapes: np.ndarray, scale: str) -> Intensity:
    """Draws hot spots of three neighbouring grids each, far apart, and the ordinary rest.

    ``shapes`` are the grids in metres. Density falls with the size of a grid, as outer grids are
    large; chance moves it by less than a factor of two, hot spots stand out by about ten.
    """
    area = shapely.area(shapes)
    swing = np.clip(rng.normal(0, 0.28, len(area)), -0.6, 0.55)
    density = np.clip(area / np.median(area), 0.4, 20) ** -0.35 * np.exp(swing)
    theme = np.full(len(area), -1)
    for number, cluster in enumerate(_clusters(rng, shapes, area, scale)):
        theme[list(cluster)] = number % len(THEMES)
    ordinary = theme < 0
    mean = float(density[ordinary].mean())
    density[~ordinary] = mean * rng.uniform(*HOT, int((~ordinary).sum()))
    share = density * area
    return Intensity(share / share.sum(), theme)


def _clusters(
    rng: np.random.Generator, shapes: np.ndarray, area: Floats, scale: str
) -> list[tuple[int, ...]]:
    """Three grids that all border one another, of usual size and with few other neighbours (a
    local statistic averages over neighbours); clusters lie as far apart as can be had."""
    a, b = shapely.STRtree(shapes).query(shapes, predicate="touches")
    neighbours = np.bincount(a, minlength=len(shapes))
    border = shapely.length(shapely.intersection(shapes[a], shapes[b]))
    low, high = np.quantile(area, USUAL)
    usual = (area >= low) & (area <= high)
    joined = (border > 25) & usual[a] & usual[b]
    near: list[set[int]] = [set() for _ in shapes]
    for one, two in zip(a[joined].tolist(), b[joined].tolist(), strict=True):
        near[one].add(two)
    threes = [
        (one, two, three)
        for one in range(len(shapes))
        for two in sorted(near[one])
        if two > one
        for three in sorted(near[one] & near[two])
        if three > two
    ]
    most = np.array([neighbours[list(three)].max() for three in threes])
    order = np.lexsort((rng.random(len(threes)), np.maximum(most, 6)))
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    middle = np.array([centre[list(three)].mean(axis=0) for three in threes])
    apart = 0.9 * float(np.sqrt(area.sum() / CLUSTERS[scale]))
    found: list[int] = []
    while len(found) < CLUSTERS[scale]:
        for n in order.tolist():
            if all(np.hypot(*(middle[n] - middle[m])) > apart for m in found):
                found.append(n)
                break
        else:
            apart *= 0.85
    return [threes[n] for n in found]
