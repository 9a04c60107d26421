"""What each block is used for, and the green areas that follow from it."""

from __future__ import annotations

import numpy as np
import shapely

from gis_service.demo.blocks import Blocks
from gis_service.demo.noise import SmoothNoise, stream
from gis_service.demo.outline import Land
from gis_service.demo.zones import HILL, INDUSTRY, INNER, OLD, OUTER

USES = (
    "water",
    "hill",
    "park",
    "old",
    "estate",
    "towers",
    "mixed",
    "village",
    "public",
    "market",
    "works",
    "field",
)
WATER, HILLS, PARK, COURTS, ESTATE, TOWERS, MIXED, VILLAGE, PUBLIC, MARKET, WORKS, FIELD = range(12)

# share of each use by zone, in the order of thresholds of one smooth random number
MIX = {
    OLD: {COURTS: 0.68, MIXED: 0.17, ESTATE: 0.05, PUBLIC: 0.06, MARKET: 0.04},
    INNER: {MIXED: 0.22, ESTATE: 0.39, TOWERS: 0.22, PUBLIC: 0.07, MARKET: 0.05, VILLAGE: 0.05},
    OUTER: {VILLAGE: 0.29, ESTATE: 0.29, TOWERS: 0.13, WORKS: 0.09, PUBLIC: 0.05, FIELD: 0.15},
    INDUSTRY: {WORKS: 0.72, VILLAGE: 0.14, ESTATE: 0.08, MARKET: 0.03, FIELD: 0.03},
    HILL: {HILLS: 1.0},
}


def choose_uses(seed: int, land: Land, blocks: Blocks) -> np.ndarray:
    """The use of every block (n,): neighbours tend to share one, as they were built together."""
    rng = stream(seed, "uses")
    patch = SmoothNoise.make(rng, 0.17 * land.radius)
    raw = patch(blocks.x, blocks.y) + rng.normal(0, 0.55, len(blocks))
    use = np.full(len(blocks), FIELD)
    for zone, mix in MIX.items():
        here = np.flatnonzero(blocks.zone == zone)
        # equal shares by rank, so that every seed gets the whole mix
        share = (np.argsort(np.argsort(raw[here])) + 0.5) / max(len(here), 1)
        order = list(mix)
        if len(order) > 1:
            order = [order[i] for i in rng.permutation(len(order))]
        bounds = np.cumsum([mix[u] for u in order])
        use[here] = np.array(order)[np.minimum(np.searchsorted(bounds, share), len(order) - 1)]
    fits_park = (blocks.area > 15_000) & (blocks.zone != INDUSTRY) & (blocks.zone != HILL)
    parks = max(4, round(0.022 * len(blocks)))
    chosen = rng.permutation(np.flatnonzero(fits_park))[:parks]
    use[chosen] = PARK
    use[(use == COURTS) & (blocks.area > 60_000)] = MIXED
    use[blocks.wet > 0.35] = WATER
    return use


def draw_green(
    seed: int, land: Land, blocks: Blocks, use: np.ndarray, buildable: np.ndarray
) -> tuple[list[shapely.Polygon], list[str], list[shapely.Polygon]]:
    """Green polygons with their sort (park, hill, bank, field) and ponds, in local metres."""
    rng = stream(seed, "green")
    green: list[shapely.Polygon] = []
    sort: list[str] = []
    ponds: list[shapely.Polygon] = []
    for n in np.flatnonzero(np.isin(use, (PARK, HILLS, WATER))):
        name = {PARK: "park", HILLS: "hill", WATER: "bank"}[int(use[n])]
        rounding = 6.0 if name == "park" else 1.5
        for part in shapely.get_parts(_opened(buildable[n], rounding)):
            if part.area < 500:
                continue
            if name == "park" and part.area > 16_000 and rng.random() < 0.62:
                pond = _pond(rng, part)
                if pond is not None:
                    ponds.append(pond)
                    part = part.difference(pond)
            green.append(part)
            sort.append(name)
    return green, sort, ponds


def _opened(ground: shapely.Geometry, by: float) -> shapely.Geometry:
    """Without necks narrower than twice ``by`` metres and with rounded corners."""
    return shapely.buffer(shapely.buffer(ground, -by), 0.9 * by)


def _pond(rng: np.random.Generator, ground: shapely.Polygon) -> shapely.Polygon | None:
    middle = ground.centroid
    room = ground.exterior.distance(middle)
    if not ground.contains(middle) or room < 35:
        return None
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    r = np.full(40, room * rng.uniform(0.55, 0.75))
    for k in (2, 3, 5):
        r *= 1 + rng.uniform(0.04, 0.16) * np.cos(k * angle + rng.uniform(0, 6.3))
    box = np.asarray(ground.minimum_rotated_rectangle.exterior.coords)
    way = (
        box[1] - box[0]
        if np.hypot(*(box[1] - box[0])) > np.hypot(*(box[2] - box[1]))
        else (box[2] - box[1])
    )
    way = way / np.hypot(*way)
    u, v = 1.25 * r * np.cos(angle), r * np.sin(angle)
    xy = np.column_stack((u * way[0] - v * way[1], u * way[1] + v * way[0]))
    pond = shapely.Polygon(xy + np.array(middle.coords[0])).intersection(ground.buffer(-12))
    parts = [p for p in shapely.get_parts(pond) if p.area > 1500]
    return max(parts, key=lambda p: p.area) if parts else None
