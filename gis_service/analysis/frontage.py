"""The stretch of an outline or a street in front of a place."""

from __future__ import annotations

import shapely
from shapely.ops import substring


def stretch(line: shapely.Geometry, at: shapely.Point, length: float) -> shapely.LineString:
    """``length`` metres of ``line`` centred on its point nearest to ``at``, all in one metric
    system: the outer ring of a polygon, where it is closed past its beginning, or a line, within
    its ends. The whole where it is not longer."""
    if isinstance(line, shapely.Polygon):
        line = line.exterior
    whole = shapely.LineString(line.coords)
    if length >= whole.length:
        return whole
    middle = whole.project(at)
    start = middle - length / 2
    if not whole.is_ring:
        start = min(max(start, 0.0), whole.length - length)
        return substring(whole, start, start + length)
    start %= whole.length
    end = start + length
    if end <= whole.length:
        return substring(whole, start, end)
    before, after = substring(whole, start, whole.length), substring(whole, 0, end - whole.length)
    return shapely.LineString([*before.coords, *after.coords[1:]])


def facing(outline: shapely.Polygon, at: shapely.Point, street: shapely.Geometry | None,
           *, on_outline_m: float = 3.0) -> shapely.Point:  # fmt: skip
    """The point of ``outline`` that a frontage is centred on: the nearest to ``at`` where that lies
    on the outline, else the nearest to the street (if one is known), where the doors are."""
    ring = outline.exterior
    if street is None or ring.distance(at) <= on_outline_m:
        return ring.interpolate(ring.project(at))
    near, _ = shapely.ops.nearest_points(ring, street)
    return near
