"""Where new places would serve most of those that none serves: maximal covering location.

The model is that of Church and ReVelle (1974, Papers of the Regional Science Association 32),
solved by HiGHS; the tests hold it against spopt's MCLP, which takes minutes to build a district's
model that is solved here in seconds (docs/adr/0007). Walks along streets are shortest paths on the
noded network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
STEP_M = 30.0  # streets are cut into pieces no longer, so that every door has a node near
SOLVE_SECONDS = 60


@dataclass(frozen=True)
class Cover:
    """``sites``: numbers of the chosen candidates, the one that adds most first; ``added``: what
    each adds to those before it; ``proven``: whether no better choice exists."""

    sites: tuple[int, ...]
    added: tuple[float, ...]
    proven: bool


class StreetNetwork:
    """Streets (LineStrings in metres) as a graph on which one walks."""

    def __init__(self, streets: npt.NDArray[np.object_]) -> None:
        from scipy.sparse import coo_matrix
        from scipy.spatial import cKDTree

        noded = shapely.node(shapely.multilinestrings(shapely.get_parts(streets)))
        pieces = shapely.segmentize(shapely.get_parts(noded), STEP_M)
        xy, piece = shapely.get_coordinates(pieces, return_index=True)
        keys = np.round(xy, 2)
        self.nodes, node = np.unique(keys, axis=0, return_inverse=True)
        node = node.ravel()
        follows = piece[1:] == piece[:-1]
        a, b = node[:-1][follows], node[1:][follows]
        length = np.hypot(*(self.nodes[a] - self.nodes[b]).T)
        # a pair that stands twice counts as the shorter, not as the sum
        order = np.lexsort((length, np.maximum(a, b), np.minimum(a, b)))
        low, high = np.minimum(a, b)[order], np.maximum(a, b)[order]
        first = np.ones(len(low), bool)
        first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
        first &= low != high
        size = len(self.nodes)
        self.graph = coo_matrix(
            (np.maximum(length[order][first], 1e-6), (low[first], high[first])), (size, size)
        ).tocsr()
        self.tree = cKDTree(self.nodes)

    def within(self, origins: Floats, targets: Floats, reach_m: float) -> Bools:
        """(n, m): whether the walk from each of ``origins`` (n, 2) along streets to each of
        ``targets`` (m, 2), the straight ways to and from the nearest street included, is no longer
        than ``reach_m``."""
        from scipy.sparse.csgraph import dijkstra

        if not len(origins) or not len(targets):
            return np.zeros((len(origins), len(targets)), bool)
        off_a, node_a = self.tree.query(origins)
        off_b, node_b = self.tree.query(targets)
        out = np.zeros((len(origins), len(targets)), bool)
        starts, number = np.unique(node_a, return_inverse=True)
        block = max(1, 40_000_000 // max(len(self.nodes), 1))
        for low in range(0, len(starts), block):
            far = dijkstra(
                self.graph, directed=False, indices=starts[low : low + block], limit=reach_m
            )
            for row in np.flatnonzero((number >= low) & (number < low + block)):
                out[row] = far[number[row] - low, node_b] + off_a[row] + off_b <= reach_m
        return out


def straight_within(origins: Floats, targets: Floats, reach_m: float) -> Bools:
    """The same in straight lines."""
    from scipy.spatial import cKDTree

    out = np.zeros((len(origins), len(targets)), bool)
    if len(origins) and len(targets):
        found = cKDTree(targets).query_ball_point(origins, reach_m)
        for row, places in enumerate(found):
            out[row, places] = True
    return out


def cover_most(reaches: Bools, weights: Floats, count: int) -> Cover:
    """The ``count`` candidates that together reach most weight.

    ``reaches`` (c, d): which of the c candidates reaches which of the d places; ``weights`` (d,).
    Places that the same candidates reach are one to the solver, which changes nothing.
    """
    reached = reaches.any(axis=0) & (weights > 0)
    useful = np.flatnonzero(reaches[:, reached].any(axis=1))
    if not len(useful) or count < 1:
        return Cover((), (), True)
    patterns, place = np.unique(
        np.packbits(reaches[np.ix_(useful, np.flatnonzero(reached))], axis=0),
        axis=1, return_inverse=True,
    )  # fmt: skip
    total = np.bincount(place.ravel(), weights[reached]).astype(float)
    covered = np.unpackbits(patterns, axis=0, count=len(useful)).astype(bool)
    if count >= len(useful):
        return _in_order(reaches, weights, useful.tolist(), True)
    open_, proven = _solve(covered, total, count)
    return _in_order(reaches, weights, useful[open_].tolist(), proven)


def _solve(covered: Bools, total: Floats, count: int) -> tuple[npt.NDArray[np.int64], bool]:
    """Which ``count`` of the candidates (f) cover most of ``total`` (d): a place counts only where
    a candidate that covers it is open."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix, hstack, identity

    sites, places = covered.shape
    served = hstack([csr_matrix(covered.T.astype(float)), -identity(places)])
    number = csr_matrix(np.r_[np.ones(sites), np.zeros(places)][None])
    found = milp(
        np.r_[np.zeros(sites), -total],
        constraints=[LinearConstraint(served, 0, np.inf), LinearConstraint(number, count, count)],
        # with whole candidates, whether a place is served is whole by itself
        integrality=np.r_[np.ones(sites), np.zeros(places)], bounds=Bounds(0, 1),
        options={"time_limit": SOLVE_SECONDS},
    )  # fmt: skip
    if found.x is None:
        raise ValueError(f"no answer within {SOLVE_SECONDS} s")
    return np.flatnonzero(found.x[:sites] > 0.5), found.status == 0


def _in_order(reaches: Bools, weights: Floats, chosen: Sequence[int], proven: bool) -> Cover:
    left, rest = weights.astype(float).copy(), list(chosen)
    sites: list[int] = []
    added: list[float] = []
    while rest:
        gains = [float(left[reaches[n]].sum()) for n in rest]
        best = int(np.argmax(gains))
        site = rest.pop(best)
        sites.append(site)
        added.append(gains[best])
        left[reaches[site]] = 0.0
    return Cover(tuple(sites), tuple(added), proven)
