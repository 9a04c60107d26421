"""Named roads: noded pieces that run on into each other become one road with one name."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from shapely import LineString

from gis_service.demo import names
from gis_service.demo.areas import read_rows
from gis_service.demo.blocks import Blocks, is_street
from gis_service.demo.noise import Floats, Ints, stream
from gis_service.demo.outline import Land
from gis_service.demo.streets import (
    FOOTWAY,
    PRIMARY,
    RESIDENTIAL,
    ROAD_CLASSES,
    SECONDARY,
    TERTIARY,
)
from gis_service.demo.zones import OLD, Zones

STRAIGHT_RAD = math.radians(32)


@dataclass(frozen=True)
class Roads:
    """Roads in local metres.

    ``edges``: one row per piece between junctions (geometry, rank, road: number in ``line`` and
    ``name``). ``rows``: what is shown: name, road_class, geometry, lanes included. ``line`` runs
    from the end where door numbers begin (north or west).
    """

    edges: pd.DataFrame
    rows: pd.DataFrame
    line: list[LineString]
    name: list[str]
    rank: Ints


def name_roads(
    seed: int, land: Land, zones: Zones, blocks: Blocks, lanes: list[LineString]
) -> Roads:
    """Joins pieces into roads, names them and adds the lanes between old houses."""
    rng = stream(seed, "roads")
    edges = blocks.edges[is_street(blocks.edges["rank"].to_numpy())].reset_index(drop=True)
    geometry = edges.geometry.to_numpy()
    middle = shapely.line_interpolate_point(geometry, 0.5, normalized=True)
    zone = zones.at(shapely.get_x(middle), shapely.get_y(middle))
    road = _strokes(geometry, edges["rank"].to_numpy(), zone == OLD)
    edges = edges.assign(road=road)
    lines, ranks = _road_lines(edges)
    name = _names(rng, land, zones, lines, ranks)
    rows = []
    for _, group in edges.groupby(["road", "rank"]):
        pieces = shapely.line_merge(shapely.multilinestrings(group.geometry.to_numpy()))
        title, rank = name[group["road"].to_numpy()[0]], int(group["rank"].to_numpy()[0])
        rows += [(title, ROAD_CLASSES[rank], part) for part in shapely.get_parts(pieces)]
    rows += _lane_rows(lanes, edges, name)
    frame = pd.DataFrame(rows, columns=["name", "road_class", "geometry"])
    return Roads(edges, frame, lines, name, ranks)


def _strokes(geometry: np.ndarray, rank: Ints, old: np.ndarray) -> Ints:
    """Road number per piece. At a junction the two pieces that turn least belong together, if
    they turn less than ``STRAIGHT_RAD``; a road changes its name at the old town's edge."""
    xy, piece = shapely.get_coordinates(geometry, return_index=True)
    first = np.searchsorted(piece, np.arange(len(geometry)))
    last = np.append(first[1:], len(piece)) - 1
    arms: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
    for n in range(len(geometry)):
        for end, near in ((first[n], first[n] + 1), (last[n], last[n] - 1)):
            way = xy[near] - xy[end]
            key = (round(xy[end, 0] * 10), round(xy[end, 1] * 10))
            arms[key].append((n, math.atan2(way[1], way[0])))
    root = list(range(len(geometry)))

    def find(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    for held in arms.values():
        options = []
        for i, (a, one) in enumerate(held):
            for j, (b, two) in enumerate(held[:i]):
                turn = abs((one - two) % (2 * math.pi) - math.pi)
                if turn < STRAIGHT_RAD and old[a] == old[b]:
                    step = abs(int(rank[a]) - int(rank[b]))
                    if step <= 1 or len(held) == 2:
                        options.append((turn + 0.4 * step, i, j))
        used: set[int] = set()
        for _, i, j in sorted(options):
            if i not in used and j not in used:
                used |= {i, j}
                root[find(held[i][0])] = find(held[j][0])
    return np.unique([find(n) for n in range(len(geometry))], return_inverse=True)[1]


def _road_lines(edges: pd.DataFrame) -> tuple[list[LineString], Ints]:
    lines: list[LineString] = []
    ranks = []
    for _, group in edges.groupby("road"):
        merged = shapely.line_merge(shapely.multilinestrings(group.geometry.to_numpy()))
        line = max(shapely.get_parts(merged), key=lambda part: part.length)
        (ax, ay), (bx, by) = line.coords[0], line.coords[-1]
        along_ew = abs(bx - ax) > abs(by - ay)
        if (along_ew and ax > bx) or (not along_ew and ay < by):
            line = line.reverse()
        lines.append(line)
        length = np.bincount(group["rank"].to_numpy(), shapely.length(group.geometry.to_numpy()))
        ranks.append(int(np.argmax(length)))
    return lines, np.array(ranks)


def _runs_east_west(line: LineString) -> bool:
    (ax, ay), (bx, by) = line.coords[0], line.coords[-1]
    return bool(abs(bx - ax) > abs(by - ay))


def _names(
    rng: np.random.Generator, land: Land, zones: Zones, lines: list[LineString], ranks: Ints
) -> list[str]:
    given: dict[int, str] = {}
    shape = np.array(lines, dtype=object)
    length = shapely.length(shape)
    east_west = np.array([_runs_east_west(line) for line in lines])
    banks = shapely.distance(shape[:, None], np.array(land.banks, dtype=object)[None, :])
    middle = shapely.line_interpolate_point(shape, 0.5, normalized=True)
    for side, bank in enumerate(land.banks):
        on = (shapely.distance(middle, bank) < 1.0) & (length > 300) & (banks[:, side] < 0.5)
        on_core = side_of(zones, bank)
        for n in np.flatnonzero(on):
            given[int(n)] = "江滨北路" if on_core else "江滨南路"
    for row in read_rows("landmarks.csv"):
        if row["kind"] == "poi":
            continue
        place = shapely.Point(float(row["x"]) * land.radius, float(row["y"]) * land.radius)
        fits = (east_west == (row["kind"] == "ew")) & (length > 0.1 * land.radius)
        fits &= ranks <= (RESIDENTIAL if row["name"].endswith("巷") else TERTIARY)
        fits[list(given)] = False
        if fits.any():
            far = np.where(fits, shapely.distance(shape, place) - 0.05 * length, np.inf)
            given[int(np.argmin(far))] = row["name"]
    taken = {row["name"] for row in read_rows("landmarks.csv")}
    words = names.road_words(rng)
    old = zones.at(shapely.get_x(middle), shapely.get_y(middle)) == OLD
    for n in np.lexsort((-length, ranks)):
        if int(n) in given or ranks[n] > TERTIARY:
            continue
        suffix = "街" if east_west[n] else "路"
        if ranks[n] == PRIMARY and length[n] > 0.5 * land.radius and rng.random() < 0.5:
            suffix = "大道" if length[n] > 2500 else "路"
        if ranks[n] == SECONDARY and not old[n]:
            suffix = "路" if rng.random() < 0.7 else suffix
        name = next(words) + suffix
        given[int(n)] = name if name not in taken else next(words) + suffix
    _name_side_streets(rng, given, shape, ranks, length, old)
    return [given[n] for n in range(len(lines))]


def side_of(zones: Zones, line: LineString) -> bool:
    """Does this bank road run on the centre's side of the river?"""
    return bool(zones.core_bank.buffer(1).contains(line.interpolate(0.5, normalized=True)))


def _name_side_streets(
    rng: np.random.Generator,
    given: dict[int, str],
    shape: np.ndarray,
    ranks: Ints,
    length: Floats,
    old: np.ndarray,
) -> None:
    """Residential streets are numbered after the larger street that they leave."""
    major = np.array(sorted(given))
    tree = shapely.STRtree(shape[major])
    minor = np.array([n for n in range(len(shape)) if n not in given])
    if not len(minor):
        return
    # a point most of the way along: side streets touch several streets
    nearest = major[tree.nearest(shapely.line_interpolate_point(shape[minor], 2.0))]
    along = [
        shape[m].project(shapely.line_interpolate_point(shape[n], 2.0))
        for n, m in zip(minor, nearest, strict=True)
    ]
    count: dict[int, int] = defaultdict(int)
    for at in np.lexsort((along, nearest)):
        n, parent = int(minor[at]), int(nearest[at])
        count[parent] += 1
        stem = given[parent]
        number = names.chinese_number(count[parent]) if count[parent] < 100 else str(count[parent])
        given[n] = f"{stem}{number}{'巷' if old[n] or length[n] < 220 else '支路'}"


def _lane_rows(
    lanes: list[LineString], edges: pd.DataFrame, name: list[str]
) -> list[tuple[str, str, LineString]]:
    if not lanes:
        return []
    tree = shapely.STRtree(edges.geometry.to_numpy())
    lane = np.array(lanes, dtype=object)
    nearest = tree.nearest(lane)
    count: dict[str, int] = defaultdict(int)
    rows = []
    for line, road in zip(lanes, edges["road"].to_numpy()[nearest].tolist(), strict=True):
        stem = name[road]
        count[stem] += 1
        rows.append((f"{stem}{count[stem]}弄", ROAD_CLASSES[FOOTWAY], line))
    return rows
