"""Streets, communities and grids: which block belongs to which, and their codes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import shapely

from gis_service.demo.blocks import Blocks
from gis_service.demo.noise import Floats, Ints, stream
from gis_service.demo.outline import Land
from gis_service.demo.partition import BlockGraph, divide, grow, smooth
from gis_service.demo.zones import Zones

VIRTUAL_COMMUNITY = "350502400498"
VIRTUAL_STREET = VIRTUAL_COMMUNITY[:9]
# the small district: street → how many of its communities, and where it lies
SMALL = {
    "350502004": (5, "core", 0.2, 0.25, 1.0),
    "350502005": (4, "other", -0.5, -0.3, 0.78),
    "350502400": (1, "other", 0.45, -0.8, 0.22),
}
GRIDS = {"full": 1140, "small": 82}
HOUSEHOLDS = 380
LEAST, MOST = 305.0, 495.0


@dataclass(frozen=True)
class StreetPlan:
    """A street-level unit, its wished place (in radii from the centre) and share of its bank."""

    code: str
    name: str
    bank: str
    x: float
    y: float
    share: float
    communities: tuple[tuple[str, str], ...]


def read_rows(name: str) -> list[dict[str, str]]:
    """Rows of a CSV file of the package's data."""
    text = resources.files("gis_service.demo").joinpath("data", name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def street_plans(scale: str) -> tuple[StreetPlan, ...]:
    """The street-level units of a district of this scale with their communities."""
    communities = [(row["code"], row["name"]) for row in read_rows("communities.csv")]
    plans = []
    for row in read_rows("streets.csv"):
        own = tuple(c for c in communities if c[0].startswith(row["code"]))
        bank, x, y, share = row["bank"], float(row["x"]), float(row["y"]), float(row["share"])
        if scale == "small":
            if row["code"] not in SMALL:
                continue
            count, bank, x, y, share = SMALL[row["code"]]
            own = own[:count]
        plans.append(StreetPlan(row["code"], row["name"], bank, x, y, share, own))
    return tuple(plans)


def place_streets(seed: int, land: Land, zones: Zones, blocks: Blocks, graph: BlockGraph) -> Ints:
    """Number (in ``street_plans``) of the street of every block; the river parts them."""
    rng = stream(seed, "streets")
    plans = street_plans(land.scale)
    on_core = shapely.contains_xy(zones.core_bank, blocks.x, blocks.y)
    bank = {"core": blocks.area[on_core].sum(), "other": blocks.area[~on_core].sum()}
    total = {b: sum(p.share for p in plans if p.bank == b) for b in bank}
    share = np.array([bank[p.bank] * p.share / total[p.bank] for p in plans])
    share *= rng.uniform(0.9, 1.1, len(plans))
    seeds = []
    for plan in plans:
        own = np.flatnonzero(on_core == (plan.bank == "core"))
        wished = np.array([plan.x, plan.y]) + rng.normal(0, 0.05, 2)
        far = np.hypot(
            blocks.x[own] - wished[0] * land.radius, blocks.y[own] - wished[1] * land.radius
        )
        nearest = own[int(np.argmin(far))]
        seeds.append((float(blocks.x[nearest]), float(blocks.y[nearest])))
    label = grow(graph, seeds, blocks.area, share)
    parts = [set(np.flatnonzero(label == n).tolist()) for n in range(len(plans))]
    size = np.bincount(label, blocks.area, minlength=len(plans))
    parts = smooth(graph, parts, blocks.area, size * 0.93, size * 1.07, 3e-4)
    return _numbers(parts, len(blocks))


def place_communities(
    land: Land, blocks: Blocks, graph: BlockGraph, street: Ints, households: Floats
) -> tuple[Ints, list[tuple[str, str]]]:
    """Number of the community of every block, and (code, name) by number, in code order."""
    label = np.full(len(blocks), -1)
    held: list[tuple[str, str]] = []
    for n, plan in enumerate(street_plans(land.scale)):
        own = np.flatnonzero(street == n)
        own_codes = list(plan.communities)
        count = len(own_codes)
        load = 0.85 * households / max(households[own].sum(), 1.0)
        load = (load + 0.15 * blocks.area / blocks.area[own].sum()) * count
        parts = divide(graph, own.tolist(), count, load, 0.3)
        parts = smooth(graph, parts, load, np.full(count, 0.75), np.full(count, 1.3), 4e-4)
        for part in _read(blocks, parts, land.radius / 4):
            label[sorted(part)] = len(held)
            held.append(own_codes.pop(0))
    return label, held


def place_grids(
    blocks: Blocks,
    graph: BlockGraph,
    community: Ints,
    communities: list[tuple[str, str]],
    households: Floats,
    report: Callable[[float], None],
) -> tuple[Ints, list[str]]:
    """Number of the grid of every block (-1 in the virtual community), and grid codes by number:
    community code + 3 digits, read in rows from the north, each row west to east."""
    label = np.full(len(blocks), -1)
    codes: list[str] = []
    for n, (code, _) in enumerate(communities):
        report(n / len(communities))
        if code == VIRTUAL_COMMUNITY:
            continue
        own = np.flatnonzero(community == n).tolist()
        parts = _cut_grids(graph, own, households, blocks.area)
        row = float(np.sqrt(blocks.area[own].sum() / len(parts)))
        for number, part in enumerate(_read(blocks, parts, row), start=1):
            label[sorted(part)] = len(codes)
            codes.append(f"{code}{number:03d}")
    return label, codes


def _cut_grids(
    graph: BlockGraph, own: list[int], households: Floats, area: Floats
) -> list[set[int]]:
    """Tries a few numbers of grids and keeps the division with the fewest misfits."""
    total = float(households[own].sum())
    # empty ground has to go somewhere too: a little load keeps it from piling up in one grid
    load = households + area * 2e-4
    best: tuple[float, list[set[int]]] | None = None
    for wished in (400, 375, 425):
        count = max(1, round(total / wished))
        for slack in (0.1, 0.25):
            parts = divide(graph, own, count, load, slack)
            parts = smooth(
                graph,
                parts,
                households,
                np.full(len(parts), LEAST + 10),
                np.full(len(parts), MOST - 10),
                1.5e-4,
            )
            held = np.array([households[sorted(part)].sum() for part in parts])
            miss = np.maximum(np.maximum(LEAST - held, held - MOST), 0) / HOUSEHOLDS
            score = float(miss.sum() + 0.5 * (miss > 0).sum()) / len(parts)
            if best is None or score < best[0]:
                best = score, parts
        if best is not None and best[0] < 0.05:
            break
    return _mend(graph, best[1] if best else [set(own)], households)


def _mend(graph: BlockGraph, parts: list[set[int]], households: Floats) -> list[set[int]]:
    """Halves grids that are far too large and joins those far too small to a neighbour, where
    the result is nearer to the usual size."""

    def held(part: set[int]) -> float:
        return float(households[sorted(part)].sum())

    whole: list[set[int]] = []
    for part in parts:
        halves = divide(graph, part, 2, households, 0.2) if held(part) > 1.06 * MOST else []
        if len(halves) == 2 and min(map(held, halves)) > 0.8 * LEAST:
            whole += halves
        else:
            whole.append(part)
    for part in sorted(whole, key=held):
        if held(part) > 0.8 * LEAST:  # it may have grown since
            continue
        near = {other for node in part for other in graph.price[node]} - part
        options = [p for p in whole if p is not part and near & p and held(p) + held(part) < 560]
        if options:
            joined = min(options, key=lambda p: (held(p), min(p)))
            joined |= part
            whole = [p for p in whole if p is not part]
    return whole


def reading_order(x: Floats, y: Floats, row: float) -> Ints:
    """Order of places read like a page: rows of height ``row`` from the north, west to east."""
    if not len(x):
        return np.zeros(0, dtype=np.int64)
    return np.lexsort((x, np.floor((y.max() - y) / row)))


def _read(blocks: Blocks, parts: list[set[int]], row: float) -> list[set[int]]:
    """The parts in reading order of their centres of gravity."""
    label = _numbers(parts, len(blocks))
    own = label >= 0
    area = np.bincount(label[own], blocks.area[own])
    x = np.bincount(label[own], (blocks.area * blocks.x)[own]) / area
    y = np.bincount(label[own], (blocks.area * blocks.y)[own]) / area
    return [parts[n] for n in reading_order(x, y, row)]


def _numbers(parts: list[set[int]], count: int) -> Ints:
    label = np.full(count, -1)
    for n, part in enumerate(parts):
        label[sorted(part)] = n
    return label
