"""Footprints inside one buildable piece of ground: rows, frontages, lots, large halls.

Every function takes a polygon in metres and a random generator and returns rings (n, 4, 2) or
polygons; ``buildings.py`` throws out what does not fit.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from shapely import Polygon

from gis_service.demo.noise import Floats

NONE = np.empty((0, 4, 2))


def _turned(xy: Floats, angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return xy @ np.array([[c, s], [-s, c]])


def _spans(ring: Floats, y: float) -> list[tuple[float, float]]:
    """Where the horizontal line at ``y`` runs inside a closed ring."""
    a, b = ring[:-1], ring[1:]
    cut = (a[:, 1] <= y) != (b[:, 1] <= y)
    a, b = a[cut], b[cut]
    xs = np.sort(a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0]))
    return list(zip(xs[::2].tolist(), xs[1::2].tolist(), strict=False))


def _common(
    one: list[tuple[float, float]], two: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    return [(max(a, c), min(b, d)) for a, b in one for c, d in two if min(b, d) - max(a, c) > 0]


def rows(
    ground: Polygon,
    rng: np.random.Generator,
    angle: float,
    depth: float,
    row_gap: float,
    length: tuple[float, float],
    gap: float,
    fill: float = 1.0,
) -> Floats:
    """Parallel rows of rectangles that run in direction ``angle``; each row is divided evenly.

    ``length`` is (wished, longest); ``fill`` is the share of places that is used.
    """
    ring = _turned(np.asarray(ground.exterior.coords), -angle)
    low, high = ring[:, 1].min(), ring[:, 1].max()
    count = int((high - low + row_gap) // (depth + row_gap))
    if count < 1:
        return NONE
    pitch = depth + row_gap
    spare = high - low - (count * pitch - row_gap)
    stretch = min(spare / count, 0.35 * row_gap)
    y = low + (spare - stretch * (count - 1)) * rng.uniform(0.3, 0.7)
    made = []
    for _ in range(count):
        spans = _common(_spans(ring, y + 0.01), _spans(ring, y + depth - 0.01))
        for left, right in _common(spans, _spans(ring, y + depth / 2)):
            left, right = left + 0.5, right - 0.5
            room = right - left
            if room < 0.6 * length[0]:
                continue
            wished = length[0] * rng.uniform(0.85, 1.2)
            n = max(1, round((room + gap) / (wished + gap)))
            each = min((room - (n - 1) * gap) / n, length[1])
            slack = room - n * each - (n - 1) * gap
            spread = gap + (slack / n if n > 1 else 0)
            x = left + (slack - (spread - gap) * (n - 1)) * rng.uniform(0.2, 0.8)
            for _ in range(n):
                if rng.random() < fill:
                    made.append([(x, y), (x + each, y), (x + each, y + depth), (x, y + depth)])
                x += each + spread
        y += pitch + stretch
    if not made:
        return NONE
    return _turned(np.array(made).reshape(-1, 2), angle).reshape(-1, 4, 2)


def frontage(
    ground: Polygon,
    rng: np.random.Generator,
    depth: tuple[float, float],
    width: tuple[float, float],
    fill: float,
) -> Floats:
    """Rectangles side by side along the border of the ground, facing outwards."""
    ring = np.asarray(shapely.orient_polygons(ground.simplify(0.8)).exterior.coords)
    made = []
    for (ax, ay), (bx, by) in pairwise(ring.tolist()):
        run = float(np.hypot(bx - ax, by - ay))
        if run < 1.3 * width[0]:
            continue
        ux, uy = (bx - ax) / run, (by - ay) / run
        at = rng.uniform(0.2, 3.0)
        deep = rng.uniform(*depth)
        while True:
            wide = rng.uniform(*width)
            if at + wide > run:
                break
            if rng.random() < 0.3:
                deep = rng.uniform(*depth)
            if rng.random() < fill:
                p = np.array([(at, 0.7), (at + wide, 0.7), (at + wide, deep), (at, deep)])
                made.append(
                    np.column_stack(
                        (ax + p[:, 0] * ux - p[:, 1] * uy, ay + p[:, 0] * uy + p[:, 1] * ux)
                    )
                )
            at += wide + (rng.uniform(0.3, 1.2) if rng.random() < 0.7 else rng.uniform(3, 9))
    return np.array(made) if made else NONE


def scattered(
    ground: Polygon,
    rng: np.random.Generator,
    angle: float,
    size: tuple[float, float],
    pitch: float,
    reach: float,
) -> Floats:
    """Small houses thickly around one place of the ground, each turned a little: a village."""
    place = np.asarray(ground.centroid.coords[0])
    place = place + rng.normal(0, 0.12 * reach, 2)
    n = int(reach // pitch)
    i, j = np.meshgrid(np.arange(-n, n + 1), np.arange(-n, n + 1))
    at = np.column_stack((i.ravel() * pitch * 1.12, j.ravel() * pitch)).astype(float)
    at += rng.normal(0, 0.09 * pitch, at.shape)
    limit = reach * (0.75 + 0.25 * np.cos(3 * np.arctan2(at[:, 1], at[:, 0]) + rng.uniform(0, 6)))
    at = at[(np.hypot(*at.T) < limit) & (rng.random(len(at)) < 0.84)]
    half = rng.uniform(size[0], size[1], at.shape) / 2
    turn = rng.normal(0, 0.06, len(at))
    corner = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    local = corner[None] * half[:, None, :]
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    local = np.stack(
        (local[..., 0] * c - local[..., 1] * s, local[..., 0] * s + local[..., 1] * c), axis=-1
    )
    rings = at[:, None, :] + local
    return _turned(rings.reshape(-1, 2), angle).reshape(-1, 4, 2) + place


def lots(
    ground: Polygon, rng: np.random.Generator, goal: float, lane: float
) -> tuple[list[Polygon], list[shapely.LineString]]:
    """Cuts the ground across its longer side again and again down to lots of about ``goal`` m².

    The first cuts leave a lane of ``lane`` metres; their centre lines come second.
    """
    pending = [(ground, 0)]
    done: list[Polygon] = []
    lanes: list[shapely.LineString] = []
    while pending:
        shape, level = pending.pop()
        if shape.area < goal * rng.uniform(0.8, 1.9):
            done.append(shape)
            continue
        box = np.asarray(shape.minimum_rotated_rectangle.exterior.coords)
        one, two = box[1] - box[0], box[2] - box[1]
        if np.hypot(*one) < np.hypot(*two):
            one, two = two, one
        length = np.hypot(*one)
        way = one / length
        across = np.array([-way[1], way[0]])
        across = across + way * rng.normal(0, 0.05)
        share = rng.uniform(0.36, 0.64) if level else rng.uniform(0.42, 0.58)
        middle = box[:4].mean(axis=0) + way * length * (share - 0.5)
        far = np.hypot(*two) + 50
        wide = lane if level < 1 and shape.area > 9 * goal else 0.0
        if wide:
            line = shapely.LineString([middle - across * far, middle + across * far])
            lanes += [
                part
                for part in shapely.get_parts(line.intersection(ground.buffer(3)))
                if part.length > 25
            ]
        for sign in (1, -1):
            near = middle + sign * way * wide / 2
            side = Polygon(
                [
                    near - across * far,
                    near + across * far,
                    near + across * far + sign * way * length,
                    near - across * far + sign * way * length,
                ]
            )
            for part in shapely.get_parts(shape.intersection(side)):
                if isinstance(part, Polygon) and part.area > 30:
                    pending.append((part, level + 1))
    return done, lanes


def houses_on(plots: list[Polygon], rng: np.random.Generator) -> np.ndarray:
    """One house per lot: solid, around a courtyard, or open to one side."""
    shapes = np.array(plots, dtype=object)
    if not len(shapes):
        return shapes
    keep = rng.random(len(shapes)) < 0.93
    body = shapely.buffer(shapes[keep], -rng.uniform(0.5, 1.6, keep.sum()), join_style="mitre")
    body = shapely.simplify(body, 0.4)
    yard = shapely.buffer(body, -rng.uniform(5.0, 6.5, len(body)), join_style="mitre")
    open_plan = (shapely.area(yard) > 22) & (rng.random(len(body)) < 0.72)
    return np.where(open_plan, shapely.difference(body, yard), body)


def winged(rings: Floats, rng: np.random.Generator) -> np.ndarray:
    """Turns large rectangles (n, 4, 2) into L and U shapes, some left whole."""
    made = []
    for ring in rings:
        o, u, v = ring[0], ring[1] - ring[0], ring[3] - ring[0]
        wing = min(16.0 / max(np.hypot(*v), 1), 0.5)
        arm = min(16.0 / max(np.hypot(*u), 1), 0.45)
        kind = rng.random()
        if kind < 0.4:
            unit = [(0, 0), (1, 0), (1, wing), (arm, wing), (arm, 1), (0, 1)]
        elif kind < 0.75:
            unit = [(0, 0), (1, 0), (1, 1), (1 - arm, 1), (1 - arm, wing), (arm, wing)]
            unit += [(arm, 1), (0, 1)]
        else:
            unit = [(0, 0), (1, 0), (1, 1), (0, 1)]
        made.append(Polygon([o + a * u + b * v for a, b in unit]))
    return np.array(made, dtype=object)
