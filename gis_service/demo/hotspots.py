"""How many incidents each grid gets, and the hot spots planted among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.demo.noise import Floats, Ints

CLUSTERS = {"full": 12, "small": 3}
# grids of a hot spot are neither among the smallest nor among the largest of the district
USUAL = (0.12, 0.85)
# neighbours that a grid of a hot spot may have before emptier ones are preferred
FEW_NEIGHBOURS = {"full": 8, "small": 5}
# density of a hot spot in units of the mean density of all other grids
HOT = (9.0, 11.5)
CLEAR = 2.9
DRAWS = 300
THEMES = ("vendors", "food", "parking", "bins", "waste", "stickers", "build")


@dataclass(frozen=True)
class Intensity:
    """``share`` (n,) of all incidents by grid; ``theme`` (n,) number in ``THEMES`` of the hot
    spot that a grid belongs to, -1 for ordinary grids."""

    share: Floats
    theme: Ints


def plan_intensity(
    rng: np.random.Generator, shapes: np.ndarray, scale: str, quiet: npt.NDArray[np.bool_]
) -> Intensity:
    """Draws hot spots of three neighbouring grids each, and the ordinary rest.

    ``shapes`` are the grids in metres; the ``quiet`` ones (n,) have no incidents, and no hot spot
    is or borders on one. Density falls with the size of a grid, as outer grids are
    large; chance moves it by less than a factor of two, hot spots stand out by about ten. A
    local statistic sees a hot grid together with its neighbours: of several draws the first is
    taken whose weakest hot grid has a Gi* of ``CLEAR``, or else the clearest.
    """
    area = shapely.area(shapes)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="touches")
    border = shapely.length(shapely.intersection(shapes[a], shapes[b]))
    swing = np.clip(rng.normal(0, 0.28, len(area)), -0.6, 0.55)
    usual = np.clip(area / np.median(area), 0.4, 20) ** -0.35 * np.exp(swing)
    usual[quiet] = 0.0
    near_quiet = quiet.copy()
    near_quiet[a[quiet[b]]] = True
    threes = _threes(area, a[border > 25], b[border > 25])
    threes = threes[~near_quiet[threes].any(axis=1)]
    neighbours = np.bincount(a, minlength=len(shapes))
    most = np.maximum(neighbours[threes].max(axis=1), FEW_NEIGHBOURS[scale])
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    middle = centre[threes].mean(axis=1)
    apart = 0.6 * float(np.sqrt(area.sum() / CLUSTERS[scale]))
    best: tuple[float, Floats, Ints] | None = None
    for _ in range(DRAWS):
        order = np.lexsort((rng.random(len(threes)), most))
        chosen = threes[_scattered(middle, order, apart, CLUSTERS[scale])]
        theme = np.full(len(area), -1)
        theme[chosen] = np.arange(len(chosen))[:, None] % len(THEMES)
        hot = theme >= 0
        density = usual.copy()
        density[hot] = usual[~hot & ~quiet].mean() * rng.uniform(*HOT, int(hot.sum()))
        weakest = float(_gi_star(density, a, b)[hot].min())
        if best is None or weakest > best[0]:
            best = weakest, density, theme
        if weakest >= CLEAR:
            break
    if best is None:
        raise ValueError("no draw was made")
    share = best[1] * area
    return Intensity(share / share.sum(), best[2])


def _threes(area: Floats, a: Ints, b: Ints) -> Ints:
    """All groups (n, 3) of grids of usual size that border one another."""
    low, high = np.quantile(area, USUAL)
    usual = (area >= low) & (area <= high)
    near: list[set[int]] = [set() for _ in area]
    for one, two in zip(a.tolist(), b.tolist(), strict=True):
        if usual[one] and usual[two]:
            near[one].add(two)
    found = [
        (one, two, three)
        for one in range(len(area))
        for two in sorted(near[one])
        if two > one
        for three in sorted(near[one] & near[two])
        if three > two
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _scattered(middle: Floats, order: Ints, apart: float, count: int) -> list[int]:
    """The first ``count`` places in ``order`` that lie ``apart`` metres from one another; the
    distance shrinks where there is no room."""
    found: list[int] = []
    while len(found) < count:
        for n in order.tolist():
            if all(np.hypot(*(middle[n] - middle[m])) > apart for m in found):
                found.append(n)
                break
        else:
            apart *= 0.85
    return found


def _gi_star(values: Floats, a: Ints, b: Ints) -> Floats:
    """Standard score of each area and its neighbours together (Ord and Getis 1995)."""
    n = len(values)
    size = np.bincount(a, minlength=n) + 1.0
    total = np.bincount(a, values[b], minlength=n) + values
    spread = values.std() * np.sqrt((n * size - size**2) / (n - 1))
    return np.asarray((total - values.mean() * size) / spread)
