"""Fills every block with buildings that suit its use, clear of streets, water and each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
import shapely
from shapely import LineString, Polygon

from gis_service.demo import footprints, uses
from gis_service.demo.blocks import Blocks
from gis_service.demo.field import CrossField
from gis_service.demo.noise import stream
from gis_service.demo.outline import Land
from gis_service.demo.streets import OUTLINE, PRIMARY, RESIDENTIAL, SECONDARY, TERTIARY
from gis_service.demo.zones import OLD

# metres from the centre line: (half the street, setback behind it)
STREET_M = {PRIMARY: (17.0, 6.0), SECONDARY: (11.0, 4.5), TERTIARY: (7.5, 3.5)}
STREET_M |= {RESIDENTIAL: (4.0, 2.5), OUTLINE: (2.0, 3.0)}
OLD_STREET_M = {PRIMARY: (14.0, 3.0), SECONDARY: (9.0, 2.0), TERTIARY: (5.5, 1.2)}
OLD_STREET_M |= {RESIDENTIAL: (2.8, 0.7), OUTLINE: (2.0, 2.0)}
HOME_M2 = 80.0
# per block, before chance: a block is never larger than a grid may be
MOST_HOUSEHOLDS = 430


def buildable_ground(land: Land, blocks: Blocks) -> np.ndarray:
    """Each block without streets, setbacks, river banks and brook (geometry, may be empty)."""
    edges = blocks.edges
    side = pd.concat(
        [
            pd.DataFrame({"block": edges.left, "edge": np.arange(len(edges))}),
            pd.DataFrame({"block": edges.right, "edge": np.arange(len(edges))}),
        ]
    )
    side = side[side.block >= 0].sort_values(["block", "edge"])
    rank = edges["rank"].to_numpy()[side.edge]
    old = blocks.zone[side.block] == OLD
    width = np.zeros(len(side))
    for wanted, table in ((False, STREET_M), (True, OLD_STREET_M)):
        for key, (half, setback) in table.items():
            width[(rank == key) & (old == wanted)] = half + setback
    strips = shapely.buffer(edges.geometry.to_numpy()[side.edge], width, quad_segs=2)
    starts = np.searchsorted(side.block, np.arange(len(blocks) + 1))
    streets = np.array(
        [shapely.union_all(strips[a:b]) for a, b in pairwise(starts.tolist())],
        dtype=object,
    )
    ground = shapely.difference(blocks.shape, streets)
    wet = shapely.union_all([land.river.buffer(9), land.brook_axis.buffer(16)])
    near = shapely.intersects(ground, wet)
    ground[near] = shapely.difference(ground[near], wet)
    return ground


@dataclass
class _Heap:
    """Candidate footprints in order of precedence."""

    shape: list[np.ndarray] = field(default_factory=list)
    block: list[np.ndarray] = field(default_factory=list)
    kind: list[np.ndarray] = field(default_factory=list)
    floors: list[np.ndarray] = field(default_factory=list)

    def add(self, shapes: np.ndarray, block: int, kind: str, floors: np.ndarray | int) -> None:
        if shapes.ndim == 3:
            shapes = shapely.polygons(shapes)
        self.shape.append(shapes)
        n = len(shapes)
        self.block.append(np.full(n, block))
        self.kind.append(np.full(n, kind, dtype=object))
        self.floors.append(np.broadcast_to(np.asarray(floors), n))


def make_buildings(
    seed: int,
    blocks: Blocks,
    use: np.ndarray,
    ground: np.ndarray,
    cross: CrossField,
    households: int,
    report: Callable[[float], None],
) -> tuple[pd.DataFrame, list[LineString]]:
    """Buildings (geometry, block, kind, floors, households) and the lanes between old houses.

    ``ground`` is empty where nothing is built; homes are counted so that ``households`` come out
    about right for the whole district.
    """
    rng = stream(seed, "buildings")
    heap = _Heap()
    lanes: list[LineString] = []
    for n in range(len(blocks)):
        if n % 100 == 0:
            report(n / len(blocks))
        for part in shapely.get_parts(ground[n]):
            if isinstance(part, Polygon) and part.area > 250:
                _fill(heap, lanes, rng, n, int(use[n]), part, cross)
    frame = pd.DataFrame(
        {
            "geometry": np.concatenate(heap.shape),
            "block": np.concatenate(heap.block),
            "kind": np.concatenate(heap.kind),
            "floors": np.concatenate(heap.floors).astype(np.int64),
        }
    )
    frame = _only_fitting(frame, ground)
    frame["floors"], frame["households"] = _households(rng, frame, households)
    return frame, lanes


def _fill(
    heap: _Heap,
    lanes: list[LineString],
    rng: np.random.Generator,
    n: int,
    use: int,
    part: Polygon,
    cross: CrossField,
) -> None:
    middle = part.centroid
    angle = cross.angle(middle.x, middle.y)
    # homes look south as far as the streets allow
    south = 0.75 * angle
    if use == uses.COURTS:
        plots, ways = footprints.lots(part, rng, rng.uniform(230, 420), 4.2)
        lanes += ways
        shapes = footprints.houses_on(plots, rng)
        heap.add(shapes, n, "court", rng.choice([1, 2, 2, 3, 4, 6, 6], len(shapes)))
    elif use == uses.MIXED:
        shops = footprints.frontage(part, rng, (12, 16), (14, 34), 0.9)
        heap.add(shops, n, "shop", rng.integers(3, 8, len(shops)))
        for yard in _inside(part, 22):
            slabs = footprints.rows(yard, rng, south, 12.5, 15, (38, 58), 9, 0.95)
            heap.add(slabs, n, "home", int(rng.choice([6, 6, 7, 8])))
    elif use == uses.ESTATE:
        depth, floors = (12.5, 6) if rng.random() < 0.45 else (14.5, int(rng.choice([9, 11, 15])))
        gap = (17 if floors < 7 else 25) * rng.uniform(0.95, 1.2)
        slabs = footprints.rows(part, rng, south, depth, gap, (rng.uniform(34, 56), 72), 10, 0.95)
        heap.add(slabs, n, "home", floors)
    elif use == uses.TOWERS:
        if rng.random() < 0.5:
            shops = footprints.frontage(part, rng, (10, 14), (24, 50), 0.35)
            heap.add(shops, n, "shop", 2)
        for yard in _inside(part, 6):
            towers = footprints.rows(yard, rng, south, 17, 30, (26, 36), 20, 0.94)
            heap.add(towers, n, "home", rng.choice([18, 22, 26, 30], len(towers)))
    elif use == uses.VILLAGE:
        shops = footprints.frontage(part, rng, (9, 13), (9, 16), 0.28)
        heap.add(shops, n, "village", rng.integers(3, 6, len(shops)))
        reach = float(np.clip(0.36 * np.sqrt(part.area), 28, 62)) * rng.uniform(0.85, 1.1)
        houses = footprints.scattered(part, rng, angle, (10, 15), 17.5, reach)
        heap.add(houses, n, "village", rng.integers(3, 7, len(houses)))
    elif use == uses.PUBLIC:
        for yard in _inside(part, 4):
            halls = footprints.rows(yard, rng, angle, 44, 26, (52, 66), 22, 0.8)
            heap.add(footprints.winged(halls, rng), n, "public", rng.integers(3, 8, len(halls)))
    elif use == uses.MARKET:
        halls = footprints.rows(part, rng, angle, 48, 18, (64, 90), 16, 0.85)
        heap.add(footprints.winged(halls, rng), n, "market", rng.integers(3, 7, len(halls)))
        shops = footprints.frontage(part, rng, (14, 18), (24, 48), 0.6)
        heap.add(shops, n, "shop", rng.integers(4, 12, len(shops)))
    elif use == uses.WORKS:
        _fill_works(heap, rng, n, part)
    elif use == uses.FIELD:
        houses = footprints.scattered(part, rng, angle, (10, 15), 17.5, rng.uniform(18, 38))
        heap.add(houses, n, "village", rng.integers(2, 5, len(houses)))


def _fill_works(heap: _Heap, rng: np.random.Generator, n: int, part: Polygon) -> None:
    box = np.asarray(part.minimum_rotated_rectangle.exterior.coords)
    way = (
        box[1] - box[0]
        if np.hypot(*(box[1] - box[0])) > np.hypot(*(box[2] - box[1]))
        else (box[2] - box[1])
    )
    angle = float(np.arctan2(way[1], way[0]))
    offices = footprints.frontage(part, rng, (13, 16), (32, 52), 0.2)
    heap.add(offices, n, "dormitory", rng.integers(4, 8, len(offices)))
    for yard in _inside(part, 5):
        halls = footprints.rows(
            yard, rng, angle, rng.uniform(30, 52), 15, (rng.uniform(60, 105), 150), 14, 0.9
        )
        heap.add(halls, n, "works", rng.integers(1, 4, len(halls)))


def _inside(part: Polygon, depth: float) -> list[Polygon]:
    return [p for p in shapely.get_parts(part.buffer(-depth)) if p.area > 250]


def _only_fitting(frame: pd.DataFrame, ground: np.ndarray) -> pd.DataFrame:
    """Keeps whole, not too small footprints on their ground; of two that touch the earlier."""
    shape = frame["geometry"].to_numpy()
    shapely.prepare(ground)
    good = (
        (shapely.get_type_id(shape) == 3)
        & shapely.is_valid(shape)
        & (shapely.area(shape) > 45)
        & shapely.contains_properly(shapely.buffer(ground, 0.3)[frame.block], shape)
    )
    frame = frame[good].reset_index(drop=True)
    shape = frame["geometry"].to_numpy()
    a, b = shapely.STRtree(shape).query(shape, predicate="dwithin", distance=0.2)
    later = a < b
    a, b = a[later], b[later]
    order = np.lexsort((a, b))
    keep = np.ones(len(frame), dtype=bool)
    for one, two in zip(a[order].tolist(), b[order].tolist(), strict=True):
        if keep[one]:
            keep[two] = False
    return frame[keep].reset_index(drop=True)


def _households(
    rng: np.random.Generator, frame: pd.DataFrame, wished: int
) -> tuple[np.ndarray, np.ndarray]:
    """Floors and homes: by floor space, scaled (within reason) to the ``wished`` total; a block
    with more homes than a grid may hold gets lower buildings."""
    share = (
        frame["kind"]
        .map({"court": 0.72, "home": 0.82, "shop": 0.6, "village": 0.62, "dormitory": 0.55})
        .fillna(0.0)
    )
    floor = shapely.area(frame["geometry"].to_numpy())
    upper = np.where(frame["kind"] == "shop", frame["floors"] - 1, frame["floors"])
    homes = floor * upper * share.to_numpy() / HOME_M2
    block = frame["block"].to_numpy()
    for _ in range(4):
        held = np.minimum(np.bincount(block, homes), MOST_HOUSEHOLDS).sum()
        homes = homes * np.clip(wished / held, 0.8, 1.15)
    total = np.bincount(block, homes)[block]
    shrink = np.minimum(1, MOST_HOUSEHOLDS / np.maximum(total, 1))
    floors = np.where(homes > 0, np.maximum(1, np.round(frame["floors"] * shrink)), frame["floors"])
    counted = np.round(homes * shrink * rng.uniform(0.93, 1.07, len(frame)))
    return floors.astype(np.int64), counted.astype(np.int64)
