"""Street blocks: the faces of the noded street network and who borders whom along what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from gis_service.demo.noise import Floats, Ints
from gis_service.demo.outline import Land
from gis_service.demo.streets import OUTLINE, RESIDENTIAL, RIVER, Lines
from gis_service.demo.zones import Zones

GRID_M = 0.05
LONGEST_EDGE_M = 90.0
SLIVER_M2 = 1800.0


@dataclass(frozen=True)
class Blocks:
    """Faces and the pieces of line between them, in local metres.

    ``shape`` (n,) polygons without gaps or overlaps; ``zone`` (n,) numbers of ``zones``;
    ``wet`` (n,) share under the river. ``edges`` has one row per noded piece of line: geometry,
    rank, left, right (block numbers, -1 outside the district). ``pairs`` has one row per pair of
    neighbours: a, b, length_m, rank (the strongest line between them).
    """

    shape: np.ndarray
    x: Floats
    y: Floats
    area: Floats
    zone: Ints
    wet: Floats
    edges: pd.DataFrame
    pairs: pd.DataFrame

    def __len__(self) -> int:
        return len(self.shape)


def make_blocks(land: Land, zones: Zones, drawn: Lines) -> Blocks:
    """Nodes the lines on a 5 cm grid, builds faces, drops slivers and dead ends."""
    lines = np.array(drawn.lines, dtype=object)
    noded = shapely.get_parts(
        shapely.unary_union(shapely.segmentize(lines, LONGEST_EDGE_M), grid_size=GRID_M)
    )
    noded = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(noded)))
    faces = shapely.get_parts(shapely.polygonize(noded))
    shapely.prepare(land.outline)
    faces = faces[shapely.contains(land.outline, shapely.point_on_surface(faces))]
    faces = faces[np.lexsort((shapely.get_x(shapely.centroid(faces)), shapely.area(faces)))]
    rank = _ranks(noded, lines, np.array(drawn.ranks))
    left, right = _sides(noded, faces)
    bounding = left != right
    edges = pd.DataFrame({"geometry": noded, "rank": rank, "left": left, "right": right})[
        bounding
    ].reset_index(drop=True)
    merged = _absorb_slivers(faces, edges)
    faces = np.array(
        [shapely.coverage_union_all(faces[members]) for members in _members(merged)],
        dtype=object,
    )
    outside = np.append(merged, -1)
    edges["left"], edges["right"] = outside[edges.left], outside[edges.right]
    edges = edges[edges.left != edges.right].reset_index(drop=True)
    centre = shapely.centroid(faces)
    x, y, area = shapely.get_x(centre), shapely.get_y(centre), shapely.area(faces)
    wet = shapely.area(shapely.intersection(faces, land.river)) / area
    return Blocks(
        shape=faces,
        x=x,
        y=y,
        area=area,
        zone=zones.at(x, y),
        wet=wet,
        edges=edges,
        pairs=_pairs(edges),
    )


def _ranks(noded: np.ndarray, lines: np.ndarray, ranks: Ints) -> Ints:
    """The strongest drawn line that each noded piece lies on."""
    middle = shapely.line_interpolate_point(noded, 0.5, normalized=True)
    tree = shapely.STRtree(lines)
    piece, line = tree.query(middle, predicate="dwithin", distance=4 * GRID_M)
    best = np.full(len(noded), RESIDENTIAL)
    first = np.full(len(noded), 99)
    np.minimum.at(first, piece, ranks[line])
    return np.where(first < 99, first, best)


def _sides(noded: np.ndarray, faces: np.ndarray) -> tuple[Ints, Ints]:
    """Block numbers left and right of each piece, -1 where there is none.

    Exact: rings turned counter-clockwise have their face on the left of every segment, and
    faces share their vertices with the pieces they were built from.
    """
    rings, ring_face = shapely.get_rings(shapely.orient_polygons(faces), return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    face = ring_face[ring]
    first, piece = shapely.get_coordinates(noded, return_index=True)
    start = np.searchsorted(piece, np.arange(len(noded)))
    points = np.vstack((xy, first[start], first[start + 1]))
    node = np.unique(np.round(points / GRID_M).astype(np.int64), axis=0, return_inverse=True)[1]
    node = node.ravel()
    of_face, head, tail = np.split(node, (len(xy), len(xy) + len(noded)))
    span = int(node.max()) + 1
    within = ring[:-1] == ring[1:]
    key, face = (of_face[:-1] * span + of_face[1:])[within], face[:-1][within]
    order = np.argsort(key)
    sides = []
    for wanted in (head * span + tail, tail * span + head):
        at = np.minimum(np.searchsorted(key[order], wanted), len(order) - 1)
        hit = order[at]
        sides.append(np.where(key[hit] == wanted, face[hit], -1))
    return sides[0], sides[1]


def _absorb_slivers(faces: np.ndarray, edges: pd.DataFrame) -> Ints:
    """New block number per face: tiny or very thin faces join a neighbour, if possible across
    their longest common street, else across whatever divides them."""
    label = np.arange(len(faces))
    inner = edges[(edges.left >= 0) & (edges.right >= 0)]
    worth = shapely.length(inner.geometry.to_numpy()) * np.where(inner["rank"] > RIVER, 1, 1e-3)
    for _ in range(3):
        area = np.bincount(label, shapely.area(faces))
        edge = np.bincount(label, shapely.length(faces))
        thin = (area < SLIVER_M2) | ((12.6 * area / edge**2 < 0.16) & (area < 6 * SLIVER_M2))
        pairs = pd.DataFrame({"a": label[inner.left], "b": label[inner.right], "worth": worth})
        both = pd.concat([pairs, pairs.rename(columns={"a": "b", "b": "a"})])
        both = (
            both[both.a != both.b].groupby(["a", "b"], as_index=False).agg(worth=("worth", "sum"))
        )
        both = both[thin[both.a]].sort_values(["a", "worth"]).drop_duplicates("a", keep="last")
        if both.empty:
            break
        root = np.arange(len(area))
        for a, b in zip(both.a.to_numpy(), both.b.to_numpy(), strict=True):
            root[root == root[a]] = root[b]
        label = np.unique(root[label], return_inverse=True)[1]
    return label


def _members(label: Ints) -> list[Ints]:
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _pairs(edges: pd.DataFrame) -> pd.DataFrame:
    inner = edges[(edges.left >= 0) & (edges.right >= 0)]
    frame = pd.DataFrame(
        {
            "a": np.minimum(inner.left, inner.right),
            "b": np.maximum(inner.left, inner.right),
            "length_m": shapely.length(inner.geometry.to_numpy()),
            "rank": inner["rank"],
        }
    )
    return frame.groupby(["a", "b"], as_index=False).agg(
        length_m=("length_m", "sum"), rank=("rank", "min")
    )


def union_of(blocks: Blocks, label: Ints, groups: int) -> np.ndarray:
    """One polygon per group number; vertices stay as they are, so levels fit exactly."""
    out = np.empty(groups, dtype=object)
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(groups + 1))
    for n in range(groups):
        out[n] = shapely.coverage_union_all(blocks.shape[order[starts[n] : starts[n + 1]]])
    return out


def is_street(rank: Ints) -> np.ndarray:
    """Which ranks are roads (the outline and the river's axis are not)."""
    return np.asarray((rank != OUTLINE) & (rank != RIVER))
