"""The street network: arterials along the cross field, then blocks split until they are small.

A line is recorded once, as it was drawn; ``blocks.py`` nodes all lines together, so that both
sides of a street share its vertices exactly.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.ops import split

from gis_service.demo.field import CrossField, Point
from gis_service.demo.noise import SmoothNoise, stream
from gis_service.demo.outline import Land
from gis_service.demo.zones import OLD, Zones

# rank of a line: the lower, the more it divides
OUTLINE, RIVER, PRIMARY, SECONDARY, TERTIARY, RESIDENTIAL, FOOTWAY = range(7)
ROAD_CLASSES = {
    PRIMARY: "primary",
    SECONDARY: "secondary",
    TERTIARY: "tertiary",
    RESIDENTIAL: "residential",
    FOOTWAY: "footway",
}
ARTERIAL_SPACING_M = {"full": 1050.0, "small": 560.0}
OVERSHOOT_M = 1.5


@dataclass
class Lines:
    """Drawn lines with their ranks."""

    lines: list[LineString] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)

    def add(self, line: LineString, rank: int) -> None:
        self.lines.append(line)
        self.ranks.append(rank)


def draw_streets(
    seed: int, land: Land, zones: Zones, cross: CrossField, report: Callable[[float], None]
) -> Lines:
    """All lines that bound blocks: outline, river axis and streets of every class."""
    drawn = Lines()
    drawn.add(LineString(land.outline.exterior.coords), OUTLINE)
    drawn.add(land.river_axis, RIVER)
    for bank in land.banks:
        drawn.add(bank, SECONDARY)
    arterials = _arterials(seed, land, cross)
    noded = shapely.get_parts(shapely.unary_union(drawn.lines + arterials, grid_size=0.01))
    polygons, cuts, dangles, _ = (shapely.get_parts(p) for p in shapely.polygonize_full(noded))
    for line in _new_pieces(noded, np.concatenate((cuts, dangles)), drawn.lines):
        drawn.add(line, PRIMARY)
    faces = [face for face in polygons if land.outline.contains(face.representative_point())]
    _Splitter(seed, land, zones, cross, drawn).run(faces, report)
    return drawn


def _new_pieces(noded: np.ndarray, loose: np.ndarray, known: list[LineString]) -> np.ndarray:
    """The noded pieces that neither end nowhere nor lie on a line already drawn."""
    dropped = set(shapely.to_wkb(shapely.normalize(loose)).tolist())
    fresh = np.array([w not in dropped for w in shapely.to_wkb(shapely.normalize(noded)).tolist()])
    middle = shapely.line_interpolate_point(noded, 0.5, normalized=True)
    on_known = np.unique(
        shapely.STRtree(known).query(middle, predicate="dwithin", distance=0.05)[0]
    )
    fresh[on_known] = False
    return noded[fresh]


class _Samples:
    """Places along accepted lines with their direction, to keep parallels apart."""

    def __init__(self, cell: float) -> None:
        self.cell = cell
        self.held: dict[tuple[int, int], list[tuple[float, float, float]]] = defaultdict(list)

    def add(self, points: Iterable[tuple[float, float, float]]) -> None:
        for x, y, angle in points:
            self.held[int(x // self.cell), int(y // self.cell)].append((x, y, angle))

    def crowded(self, x: float, y: float, angle: float, reach: float) -> bool:
        """Is there a line within ``reach`` that runs the same way (within 30°)?"""
        i, j = int(x // self.cell), int(y // self.cell)
        n = int(reach // self.cell) + 1
        for a in range(i - n, i + n + 1):
            for b in range(j - n, j + n + 1):
                for px, py, other in self.held.get((a, b), ()):
                    if (px - x) ** 2 + (py - y) ** 2 < reach * reach:
                        turn = abs((angle - other + math.pi / 2) % math.pi - math.pi / 2)
                        if turn < 0.52:
                            return True
        return False


def _directed(points: list[Point]) -> list[tuple[float, float, float]]:
    return [(x0, y0, math.atan2(y1 - y0, x1 - x0)) for (x0, y0), (x1, y1) in pairwise(points)]


def _arterials(seed: int, land: Land, cross: CrossField) -> list[LineString]:
    """Streamlines about one spacing apart, seeded from one another outwards from the centre."""
    rng = stream(seed, "arterials")
    spacing = ARTERIAL_SPACING_M[land.scale]
    step = spacing / 40
    inside = land.outline.buffer(spacing * 0.1)
    shapely.prepare(inside)
    samples = _Samples(spacing / 2)
    for bank in land.banks:
        samples.add(_directed(list(bank.segmentize(step).coords)))
    base = cross.angle(0, 0)
    queue = [(0.0, 0.0, base, 0.0), (0.0, 0.0, base + math.pi / 2, 0.0)]
    found: list[LineString] = []

    def stop(x: float, y: float, angle: float) -> bool:
        return not shapely.intersects_xy(inside, x, y) or samples.crowded(
            x, y, angle, spacing * 0.42
        )

    while queue:
        x, y, angle, keep = queue.pop(0)
        if samples.crowded(x, y, angle, spacing * keep):
            continue
        ahead = cross.trace((x, y), angle, step, 900, stop)
        behind = cross.trace((x, y), angle + math.pi, step, 900, stop)
        points = behind[:0:-1] + ahead
        if len(points) * step < spacing * 1.3:
            continue
        samples.add(_directed(points))
        found.append(LineString(points).simplify(2.0))
        walked = rng.uniform(0.6, 0.9) * spacing
        for px, py, way in _directed(points):
            walked += step
            if walked > spacing * 0.5 and len(queue) < 4000:
                walked = rng.uniform(0, 0.25) * spacing
                queue.append((px, py, way + math.pi / 2, rng.uniform(0.72, 0.95)))
    return found


class _Splitter:
    """Halves the largest blocks by short streamlines until each has its zone's size."""

    def __init__(
        self, seed: int, land: Land, zones: Zones, cross: CrossField, drawn: Lines
    ) -> None:
        self.rng = stream(seed, "blocks")
        self.land, self.zones, self.cross, self.drawn = land, zones, cross, drawn
        self.lane = SmoothNoise.make(self.rng, 130.0)
        self.ends: dict[tuple[int, int], list[Point]] = defaultdict(list)
        self.large = {SECONDARY: 0.28, TERTIARY: 0.075}
        if land.scale == "small":
            self.large = {SECONDARY: 0.16, TERTIARY: 0.06}

    def run(self, faces: list[Polygon], report: Callable[[float], None]) -> None:
        heap = [(-face.area, n, face) for n, face in enumerate(faces)]
        heapq.heapify(heap)
        start = math.log(max(face.area for face in faces))
        count = len(faces)
        while heap:
            minus_area, _, face = heapq.heappop(heap)
            report((start - math.log(max(-minus_area, 1e4))) / (start - math.log(1e4)))
            pieces = self._halve(face)
            for piece in pieces:
                count += 1
                heapq.heappush(heap, (-piece.area, count, piece))

    def _halve(self, face: Polygon) -> list[Polygon]:
        """Two pieces, or none when the block is small enough (or all water)."""
        centre = face.centroid if face.contains(face.centroid) else face.representative_point()
        x, y = centre.x, centre.y
        goal = float(self.zones.block_area(x, y)) * self.rng.uniform(0.9, 1.7)
        if face.area < goal:
            return []
        if self.land.river.intersects(centre) or (
            face.intersection(self.land.river).area > 0.4 * face.area
        ):
            return []
        rank = RESIDENTIAL
        for candidate in (TERTIARY, SECONDARY):
            if face.area > self.large[candidate] * 1e6:
                rank = candidate
        for across in (False, True, False, True):
            line = self._draw(face, x, y, rank, across)
            if line is None:
                continue
            pieces = [part for part in split(face, line).geoms if isinstance(part, Polygon)]
            small = min(part.area for part in pieces)
            if len(pieces) == 2 and small > 0.12 * face.area and small > 0.2 * goal:
                self.drawn.add(line, rank)
                for end in (line.coords[0], line.coords[-1]):
                    self.ends[int(end[0] // 40), int(end[1] // 40)].append((end[0], end[1]))
                return pieces
        return []

    def _draw(
        self, face: Polygon, x: float, y: float, rank: int, across: bool
    ) -> LineString | None:
        """A streamline through the block near its middle, from side to side."""
        ring = np.asarray(face.exterior.coords)
        angle = self.cross.angle(x, y)
        u = (ring[:, 0] - x) * math.cos(angle) + (ring[:, 1] - y) * math.sin(angle)
        v = (ring[:, 1] - y) * math.cos(angle) - (ring[:, 0] - x) * math.sin(angle)
        long_u, long_v = float(np.ptp(u)), float(np.ptp(v))
        # cut across the longer side
        if (long_u > long_v) != across:
            extent, reach, heading = long_u, long_v, angle + math.pi / 2
            along = angle
        else:
            extent, reach, heading = long_v, long_u, angle
            along = angle + math.pi / 2
        shift = self.rng.normal(0, 0.07) * extent
        bx, by = x + shift * math.cos(along), y + shift * math.sin(along)
        if not shapely.intersects_xy(face, bx, by):
            bx, by = x, y
        step = float(np.clip(reach / 12, 6.0, 40.0))
        old = rank >= TERTIARY and int(self.zones.at(x, y)) == OLD
        bend = self.rng.uniform(0.1, 0.3) if old else 0.0
        left, low, right, top = face.bounds

        def outside(px: float, py: float, _: float) -> bool:
            return not (left <= px <= right and low <= py <= top)

        def wobble(px: float, py: float) -> float:
            return bend * float(self.lane(px, py))

        ways = [
            self.cross.trace((bx, by), heading + turn, step, 60, outside, wobble if old else None)
            for turn in (0.0, math.pi)
        ]
        traced = LineString(ways[1][:0:-1] + ways[0]).simplify(0.8)
        inner = shapely.get_parts(face.intersection(traced))
        base = shapely.Point(bx, by)
        inner = [part for part in inner if isinstance(part, LineString)]
        if not inner:
            return None
        line = min(inner, key=lambda part: part.distance(base))
        if line.length < 15:
            return None
        return self._fit_ends(face, line, min(32.0, 0.3 * extent))

    def _fit_ends(self, face: Polygon, line: LineString, reach: float) -> LineString:
        """Moves each end to a junction opposite if one is near, else lets it overshoot a little
        so that noding finds the crossing."""
        points = np.asarray(line.segmentize(max(line.length / 8, 10.0)).coords).copy()
        ring = face.exterior
        for side in (0, -1):
            end = points[side].copy()
            junction = self._junction(ring, end, reach)
            if junction is not None:
                share = (
                    np.linspace(1, -1, len(points))
                    if side == 0
                    else np.linspace(-1, 1, len(points))
                )
                pull = np.clip(share, 0, 1)[:, None] ** 1.5
                points = points + pull * (np.array(junction) - end)
                points[side] = junction
            else:
                before = points[1] if side == 0 else points[-2]
                way = end - before
                points[side] = end + way / max(float(np.hypot(*way)), 1e-9) * OVERSHOOT_M
        return LineString(points)

    def _junction(self, ring: shapely.LinearRing, end: np.ndarray, reach: float) -> Point | None:
        i, j = int(end[0] // 40), int(end[1] // 40)
        best, best_d = None, reach
        for a in (i - 1, i, i + 1):
            for b in (j - 1, j, j + 1):
                for px, py in self.ends.get((a, b), ()):
                    d = math.hypot(px - end[0], py - end[1])
                    # recorded ends may overshoot the street they meet
                    if d >= best_d or ring.distance(shapely.Point(px, py)) > OVERSHOOT_M + 0.1:
                        continue
                    at = ring.project(shapely.Point(px, py))
                    here = ring.interpolate(at)
                    if _straight(ring, at):
                        best, best_d = (here.x, here.y), d
        return best


def _straight(ring: shapely.LinearRing, at: float) -> bool:
    """No corner of the ring within a few metres of the place ``at`` along it."""
    reach = 6.0
    length = ring.length
    a, b, c = (ring.interpolate((at + d) % length) for d in (-reach, 0.0, reach))
    one = math.atan2(b.y - a.y, b.x - a.x)
    two = math.atan2(c.y - b.y, c.x - b.x)
    return abs((two - one + math.pi) % (2 * math.pi) - math.pi) < 0.5
