"""Dividing grids among people: contiguous areas of about equal load.

Spanning trees are drawn at random and cut where the two sides come nearest to their shares, first
to divide the whole, then to divide two neighbouring areas anew as long as that helps: the
recombination of DeFord, Duchin and Solomon (2021, Harvard Data Science Review 3.1), kept only where
it improves. Regionalisations that look for likeness (SKATER, regional k-means) keep areas together
and do not balance them, and max-p balances without letting the number of areas be said: on an 8 × 8
lattice in 8 areas the coefficient of variation is 0.01 here, 0.10 by max-p, 0.39 by regional
k-means and 0.52 by SKATER, all of spopt, which the tests hold this against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TREES = 12  # drawn for each division
NEAR_M, BORDER_M = 1.0, 5.0  # borders drawn that near are one; shorter ones are corners
PATIENCE = 8  # vain tries for each area before it is left as it is
COMPACT = 0.02  # how much one more border between areas counts against balance


@dataclass(frozen=True)
class Balance:
    """How evenly a load is shared: ``largest``/``smallest`` of the areas' sums as ``ratio`` (None
    where an area has no load), their coefficient of variation ``cv``, and how many of the areas
    hang together."""

    largest: float
    smallest: float
    ratio: float | None
    cv: float | None
    contiguous: int
    areas: int


def balance_of(load: Floats, members: list[Ints], pairs: Ints) -> Balance:
    """The balance of areas given as places of their cells in ``load`` (n,); cells may be in several
    areas or in none. ``pairs`` (m, 2): cells that share a border."""
    sums = np.array([load[cells].sum() for cells in members], dtype=float)
    if not len(sums):
        return Balance(0.0, 0.0, None, None, 0, 0)
    mean = float(sums.mean())
    return Balance(
        float(sums.max()), float(sums.min()),
        float(sums.max() / sums.min()) if sums.min() > 0 else None,
        float(sums.std() / mean) if mean > 0 else None,
        sum(bool(len(cells)) and len(_components(cells, pairs)) == 1 for cells in members),
        len(sums),
    )  # fmt: skip


def border_pairs(shapes: npt.NDArray[np.object_]) -> Ints:
    """Places (m, 2) of the polygons (metres) that share a border, not only a corner."""
    tree = shapely.STRtree(shapes)
    one, other = tree.query(shapes, predicate="dwithin", distance=NEAR_M)
    once = one < other
    one, other = one[once], other[once]
    edges = shapely.boundary(shapes)
    near = shapely.buffer(edges, NEAR_M, cap_style="flat")
    shared = shapely.length(shapely.intersection(near[one], edges[other]))
    return np.column_stack([one, other])[shared > BORDER_M].astype(np.int64)


def joined_pairs(xy: Floats, pairs: Ints) -> tuple[Ints, int]:
    """``pairs`` and how many were added so that all cells hang together: the shortest ways (between
    points ``xy`` (n, 2) of the cells) from one part to the others."""
    extra: list[tuple[int, int]] = []
    while True:
        parts = _components(np.arange(len(xy)), np.concatenate([pairs, _as_pairs(extra)]))
        if len(parts) <= 1:
            return np.concatenate([pairs, _as_pairs(extra)]), len(extra)
        inside = parts[0]
        outside = np.concatenate(parts[1:])
        gaps = np.hypot(*(xy[inside][:, None] - xy[outside][None]).transpose(2, 0, 1))
        one, other = np.unravel_index(int(gaps.argmin()), gaps.shape)
        extra.append((int(inside[one]), int(outside[other])))


def balanced_areas(load: Floats, pairs: Ints, areas: int, seed: int, rounds: int = 20) -> Ints:
    """The area (0 … ``areas`` - 1) of each cell: every area hangs together and has about the same
    sum of ``load`` (n,), which is not negative.

    ``pairs`` (m, 2) are the cells that share a border and must connect them all (see
    :func:`joined_pairs`); the same ``seed`` gives the same areas. ``rounds``: how often two
    neighbouring areas are divided anew at most, for each area. Raises ValueError for more areas
    than cells or cells that do not hang together.
    """
    load = np.asarray(load, dtype=float)
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    if not 1 <= areas <= len(load):
        raise ValueError(f"{len(load)} cells cannot be {areas} areas")
    if len(_components(np.arange(len(load)), pairs)) > 1:
        raise ValueError("the cells do not hang together")
    if load.sum() <= 0:
        load = np.ones(len(load))
    # every cell weighs something, or those without load would be shared out at random
    weight = load / load.sum() * areas + 1e-6
    rng = np.random.default_rng(seed)
    labels = np.zeros(len(load), dtype=np.int64)
    _divide(weight, pairs, np.arange(len(load)), areas, labels, 0, rng)
    best = _cost(weight, pairs, labels, areas)
    idle = 0
    for _ in range(rounds * areas if areas > 1 else 0):
        if idle > PATIENCE * areas:
            break
        idle += 1
        sums = np.bincount(labels, weight, areas)
        across = labels[pairs]
        across = across[across[:, 0] != across[:, 1]]
        # the more uneven two neighbours are, the sooner they are divided anew
        uneven = np.abs(sums[across[:, 0]] - sums[across[:, 1]]) + 0.05
        one, other = across[rng.choice(len(across), p=uneven / uneven.sum())]
        cells = np.flatnonzero((labels == one) | (labels == other))
        tried = labels.copy()
        half = _halved(weight, pairs, cells, 0.5, 1, 1, rng, trees=2)
        tried[cells] = np.where(half, one, other)
        cost = _cost(weight, pairs, tried, areas)
        if cost < best:
            labels, best, idle = tried, cost, 0
    return labels


def matched_areas(labels: Ints, today: list[Ints], load: Floats, areas: int) -> Ints:
    """Which of the new areas each of today's holders gets, so that most load stays where it is:
    places (len(today),), a permutation. ``today``: cells of each holder, as many as ``areas``."""
    from scipy.optimize import linear_sum_assignment

    stays = np.array([np.bincount(labels[cells], load[cells] + 1e-9, areas) for cells in today])
    return np.asarray(linear_sum_assignment(-stays)[1], dtype=np.int64)


def _cost(weight: Floats, pairs: Ints, labels: Ints, areas: int) -> float:
    sums = np.bincount(labels, weight, areas)
    borders = np.count_nonzero(labels[pairs[:, 0]] != labels[pairs[:, 1]])
    return float(((sums - 1) ** 2).mean() + COMPACT * borders / len(pairs))


def _divide(
    weight: Floats, pairs: Ints, cells: Ints, areas: int, labels: Ints, first: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Write ``areas`` labels from ``first`` on to ``cells``."""
    if areas == 1:
        labels[cells] = first
        return
    left = areas // 2
    half = _halved(weight, pairs, cells, left / areas, left, areas - left, rng, trees=TREES)
    _divide(weight, pairs, cells[half], left, labels, first, rng)
    _divide(weight, pairs, cells[~half], areas - left, labels, first + left, rng)


def _halved(
    weight: Floats, pairs: Ints, cells: Ints, share: float, least: int, rest: int,
    rng: np.random.Generator, trees: int,
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Which of ``cells`` make the side that comes nearest to ``share`` of their weight: both sides
    hang together and have ``least`` and ``rest`` cells at least."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    count = len(cells)
    place = np.full(len(weight), -1)
    place[cells] = np.arange(count)
    inside = place[pairs]
    inside = inside[(inside >= 0).all(axis=1)]
    own = weight[cells]
    wanted = share * own.sum()
    best, found = np.inf, None
    for _ in range(trees):
        drawn = coo_matrix((1 + rng.random(len(inside)), inside.T), (count, count))
        tree = minimum_spanning_tree(drawn.tocsr())
        order, before = breadth_first_order(tree, int(rng.integers(count)), directed=False)
        sums, sizes = own.copy(), np.ones(count, dtype=np.int64)
        for cell in order[:0:-1].tolist():
            sums[before[cell]] += sums[cell]
            sizes[before[cell]] += sizes[cell]
        # a branch may be the side, or what is left without it
        for side, size in ((sums, sizes), (own.sum() - sums, count - sizes)):
            off = np.abs(side - wanted)
            off[(size < least) | (count - size < rest)] = np.inf
            off[order[0]] = np.inf
            cut = int(off.argmin())
            if off[cut] < best:
                best = float(off[cut])
                branch = _branch(order, before, cut)
                found = branch if side is sums else ~branch
    if found is None:
        raise ValueError("no division leaves every area a cell")
    return found


def _branch(order: Ints, before: Ints, top: int) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(before), dtype=bool)
    inside[top] = True
    for cell in order.tolist():
        if before[cell] >= 0 and inside[before[cell]]:
            inside[cell] = True
    return inside


def _components(cells: Ints, pairs: Ints) -> list[Ints]:
    """The parts of ``cells`` that hang together, the one of the first cell first."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size = int(max(cells.max(initial=-1), pairs.max(initial=-1))) + 1
    place = np.full(size, -1)
    place[cells] = np.arange(len(cells))
    inside = place[pairs]
    inside = inside[(inside >= 0).all(axis=1)]
    graph = coo_matrix((np.ones(len(inside)), inside.T), (len(cells), len(cells)))
    count, part = connected_components(graph, directed=False)
    return [cells[part == one] for one in range(count)]


def _as_pairs(pairs: list[tuple[int, int]]) -> Ints:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
