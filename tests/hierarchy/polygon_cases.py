"""Random polygons and points that share borders, overlap and touch: what breaks lookups."""

import numpy as np
import shapely
from hypothesis import strategies as st

SCALE = 1 / 64  # lattice units to degrees, exact in binary
ORIGIN = (118.5, 24.75)


def lattice_geometry(coordinates):
    return shapely.polygons(np.asarray(coordinates, float) * SCALE + ORIGIN)


@st.composite
def boxes(draw):
    x, y = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    width, height = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    box = lattice_geometry([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    if width > 2 and height > 2 and draw(st.booleans()):
        x2, y2 = x + draw(st.integers(1, width - 1)), y + draw(st.integers(1, height - 1))
        hole = lattice_geometry([(x + 1, y + 1), (x2, y + 1), (x2, y2), (x + 1, y2)])
        box = shapely.difference(box, hole) if x2 > x + 1 and y2 > y + 1 else box
    return box


@st.composite
def triangles(draw):
    corner = st.tuples(st.integers(0, 20), st.integers(0, 20))
    a, b, c = draw(st.lists(corner, min_size=3, max_size=3, unique=True))
    if (b[0] - a[0]) * (c[1] - a[1]) == (b[1] - a[1]) * (c[0] - a[0]):
        c = (c[0] + 1, c[1]) if b[1] != a[1] else (c[0], c[1] + 1)
    return lattice_geometry([a, b, c])


@st.composite
def fans(draw):
    """Triangles that meet in one vertex with inexact coordinates, sharing their sides."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    count = draw(st.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    rim = np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(3, 9, (count, 1)) + 10
    centre = rng.uniform(8, 12, 2)
    parts = [lattice_geometry([centre, rim[i - 1], rim[i]]) for i in range(count)]
    return [part for part in parts if part.is_valid and part.area > 0]


def as_multi(shape):
    return shape if isinstance(shape, shapely.MultiPolygon) else shapely.multipolygons([shape])


@st.composite
def polygon_arrays(draw, min_size=1):
    """Valid polygons and multipolygons in an object array; some are pieces of each other."""
    shapes = draw(st.lists(st.one_of(boxes(), triangles()), min_size=min_size, max_size=8))
    if draw(st.booleans()):
        shapes += draw(fans())
    if len(shapes) > 1 and draw(st.booleans()):
        merged = shapely.make_valid(shapely.union(shapes[0], shapes[-1]))
        if merged.geom_type in {"Polygon", "MultiPolygon"}:
            shapes.append(merged)
        rest = shapely.difference(shapes[0], shapes[-2])
        if rest.geom_type in {"Polygon", "MultiPolygon"} and not rest.is_empty and rest.is_valid:
            shapes.append(as_multi(rest))
    return np.array(shapes, dtype=object)


def telling_points(shapes, rng):
    """Vertices, points on edges, their float neighbours, and random points around ``shapes``."""
    vertices = np.unique(shapely.get_coordinates(shapes), axis=0)
    rings = shapely.get_rings(shapely.get_parts(shapes))
    middles = np.concatenate([(c[1:] + c[:-1]) / 2 for c in map(shapely.get_coordinates, rings)])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    span = high - low
    points = np.concatenate(
        [
            vertices,
            middles,
            np.nextafter(vertices, np.inf),
            np.nextafter(vertices, -np.inf),
            np.nextafter(middles, middles[::-1]),
            rng.uniform(low - 0.1 * span, high + 0.1 * span, (60, 2)),
            low + span * rng.integers(0, 17, (40, 2)) / 16,
        ]
    )
    return points[:, 0].copy(), points[:, 1].copy()
