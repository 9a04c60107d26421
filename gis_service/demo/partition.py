"""Divides the graph of blocks into connected, compact, balanced parts that end at large streets."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from gis_service.demo.noise import Floats, Ints
from gis_service.demo.streets import OUTLINE, PRIMARY, RESIDENTIAL, RIVER, SECONDARY, TERTIARY

# what a metre of border costs along each rank: large streets divide best, the river always
BORDER_PRICE = {
    OUTLINE: 1.0,
    RIVER: 0.0,
    PRIMARY: 0.3,
    SECONDARY: 0.5,
    TERTIARY: 0.85,
    RESIDENTIAL: 1.2,
}
# how much longer a walk seems when it crosses each rank
CROSSING = {
    OUTLINE: 1.0,
    RIVER: 2000.0,
    PRIMARY: 2.2,
    SECONDARY: 1.5,
    TERTIARY: 1.1,
    RESIDENTIAL: 1.0,
}


class BlockGraph:
    """Neighbours of every block with the price of a border and the cost of a walk between."""

    def __init__(self, x: Floats, y: Floats, pairs: pd.DataFrame) -> None:
        self.x, self.y = x.tolist(), y.tolist()
        self.price: list[dict[int, float]] = [{} for _ in self.x]
        self.walk: list[dict[int, float]] = [{} for _ in self.x]
        for a, b, length, rank in zip(
            pairs.a.tolist(),
            pairs.b.tolist(),
            pairs.length_m.tolist(),
            pairs["rank"].tolist(),
            strict=True,
        ):
            far = float(np.hypot(self.x[a] - self.x[b], self.y[a] - self.y[b]))
            self.price[a][b] = self.price[b][a] = length * BORDER_PRICE[rank]
            self.walk[a][b] = self.walk[b][a] = far * CROSSING[rank]

    def parts(self, nodes: Iterable[int]) -> list[set[int]]:
        """Connected components of a set of blocks, in a fixed order."""
        left = set(nodes)
        found = []
        for start in sorted(left):
            if start not in left:
                continue
            left.discard(start)
            part, stack = {start}, [start]
            while stack:
                for other in self.price[stack.pop()]:
                    if other in left:
                        left.discard(other)
                        part.add(other)
                        stack.append(other)
            found.append(part)
        return found


def grow(
    graph: BlockGraph, seeds: Sequence[tuple[float, float]], size: Floats, share: Floats
) -> Ints:
    """Part number of every block: nearest seed on foot, with head starts set so that the parts
    get about their ``share`` of the total ``size``. Every part is connected."""
    x, y = np.array(graph.x), np.array(graph.y)
    roots = [int(np.argmin(np.hypot(x - px, y - py))) for px, py in seeds]
    reach = float(np.ptp(x))
    wanted = share / share.sum() * size.sum()
    delay = np.zeros(len(roots))
    best, best_miss = np.zeros(len(x), dtype=np.int64), np.inf
    for turn in range(40):
        label = _nearest(graph, roots, delay)
        got = np.bincount(label, size, minlength=len(roots))
        miss = float(np.abs(got / wanted - 1).max())
        if miss < best_miss:
            best, best_miss = label, miss
        delay += np.clip(got / wanted - 1, -0.6, 0.6) * reach * 0.08 * 0.96**turn
        delay -= delay.min()
    return best


def _nearest(graph: BlockGraph, roots: list[int], delay: Floats) -> Ints:
    label = np.full(len(graph.x), -1)
    heap = [(float(delay[n]), n, root) for n, root in enumerate(roots)]
    heapq.heapify(heap)
    while heap:
        cost, part, node = heapq.heappop(heap)
        if label[node] >= 0:
            continue
        label[node] = part
        for other, far in graph.walk[node].items():
            if label[other] < 0:
                heapq.heappush(heap, (cost + far, part, other))
    return label


def divide(
    graph: BlockGraph, nodes: Iterable[int], count: int, load: Floats, slack: float
) -> list[set[int]]:
    """Splits connected ``nodes`` into ``count`` connected parts of about equal ``load``.

    ``slack`` is the share of a part's load by which a cut may miss to run along better streets.
    """
    pending = [(set(nodes), count)]
    done: list[set[int]] = []
    while pending:
        group, n = pending.pop()
        if n <= 1 or len(group) <= 1:
            done.append(group)
            continue
        first = n // 2
        one, two = _bisect(graph, group, first / n, load, slack / n)
        pending.append((two, n - first))
        pending.append((one, first))
    return done


def _bisect(
    graph: BlockGraph, group: set[int], share: float, load: Floats, slack: float
) -> tuple[set[int], set[int]]:
    nodes = sorted(group)
    total = float(load[nodes].sum()) or 1.0
    xs = np.array([graph.x[n] for n in nodes])
    ys = np.array([graph.y[n] for n in nodes])
    spread = float(np.hypot(np.ptp(xs), np.ptp(ys))) or 1.0
    trials = []
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        order = np.argsort(xs * np.cos(angle) + ys * np.sin(angle), kind="stable")
        inside: set[int] = set()
        held = cut = 0.0
        for step, at in enumerate(order[:-1]):
            node = nodes[at]
            for other, price in graph.price[node].items():
                if other in group:
                    cut += -price if other in inside else price
            inside.add(node)
            held += float(load[node])
            miss = abs(held / total - share)
            trials.append((cut / spread + (miss / slack) ** 2, float(angle), step))
    trials.sort()
    best: tuple[float, set[int], set[int]] | None = None
    for _, angle, step in trials[:6]:
        order = np.argsort(xs * np.cos(angle) + ys * np.sin(angle), kind="stable")
        one = {nodes[at] for at in order[: step + 1]}
        one, two = _connected(graph, one, group - one, load)
        if not one or not two:
            continue
        miss = abs(float(load[sorted(one)].sum()) / total - share)
        cut = sum(p for n in sorted(one) for o, p in graph.price[n].items() if o in two)
        score = cut / spread + (miss / slack) ** 2
        if best is None or score < best[0]:
            best = score, one, two
    if best is None:  # a star: any leaf against the rest
        leaf = min(nodes, key=lambda n: (len(graph.parts(group - {n})), -float(load[n])))
        return {leaf}, group - {leaf}
    return best[1], best[2]


def _connected(
    graph: BlockGraph, one: set[int], two: set[int], load: Floats
) -> tuple[set[int], set[int]]:
    """Hands stray components to the other side, so that both sides are connected."""
    for _ in range(2):
        parts = sorted(graph.parts(one), key=lambda p: (-len(p), min(p)))
        one, two = two | set().union(*parts[1:]), parts[0] if parts else set()
    return two, one


def smooth(
    graph: BlockGraph,
    parts: list[set[int]],
    load: Floats,
    low: np.ndarray,
    high: np.ndarray,
    weight: float,
) -> list[set[int]]:
    """Moves single blocks between neighbouring parts: towards loads within ``low``..``high`` (one
    value per part) and shorter, better borders. Parts stay connected and never become empty.

    ``weight`` is what a metre of border counts against a full miss of the range's middle.
    """
    parts = [set(part) for part in parts]
    owner = {node: n for n, part in enumerate(parts) for node in sorted(part)}
    held = [float(load[sorted(part)].sum()) for part in parts]
    span = list(zip(low.tolist(), high.tolist(), strict=True))

    def cost(part: int, change: float) -> float:
        value, (least, most) = held[part] + change, span[part]
        middle = (least + most) / 2
        miss = max(least - value, value - most, 0.0) / middle
        return 10 * miss * miss + miss + 0.1 * (value / middle - 1) ** 2

    for _ in range(12):
        moved = 0
        for node in list(owner):
            home = owner[node]
            border: dict[int, float] = defaultdict(float)
            for other, price in graph.price[node].items():
                if other in owner:
                    border[owner[other]] += price
            if len(parts[home]) == 1 or set(border) <= {home}:
                continue
            size = float(load[node])
            left = cost(home, 0.0) - cost(home, -size)
            gain, to = max(
                (
                    left
                    + cost(other, 0.0)
                    - cost(other, size)
                    + weight * (border[other] - border[home]),
                    other,
                )
                for other in sorted(border)
                if other != home
            )
            if gain <= 1e-9 or len(graph.parts(parts[home] - {node})) != 1:
                continue
            parts[home].discard(node)
            parts[to].add(node)
            held[home] -= size
            held[to] += size
            owner[node] = to
            moved += 1
        if not moved:
            break
    return parts
