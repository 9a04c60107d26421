"""A slider move at 82 × 20 and 2,000 × 20, and 10,000 weightings of 82 communities against
scikit-criteria one by one; siting against spopt.

.venv/bin/python -m bench.planning
"""

from __future__ import annotations

import time
import warnings
from dataclasses import replace

import numpy as np

from bench.clock import Contender, take_turns
from gis_service.analysis.ranking import METHODS, by_library, draw_weights, scores, top_members
from gis_service.analysis.siting import cover_most, straight_within
from gis_service.planning.figures import Community, Figures
from gis_service.planning.registry import built_in
from gis_service.planning.table import Table, make_column
from gis_service.planning.weighing import Question, answer

INDICATORS = 20
WEIGHTINGS = 10_000
SAMPLE = 40


def make(communities: int, seed: int = 3) -> Table:
    """A table of shares from a few to a thousand cases."""
    rng = np.random.default_rng(seed)
    columns = []
    for number in range(INDICATORS):
        n = rng.integers(5, 1_000, communities).astype(float)
        x = rng.binomial(n.astype(int), rng.beta(20, 10, communities)).astype(float)
        base = next(one for one in built_in() if one.kind == "share")
        one = replace(base, id=f"i{number}", weight=1.0)
        figures = Figures(x / n * 100, x, n, n, np.full(communities, np.nan))
        columns.append(make_column(one, figures))
    places = [Community(n, f"{n:012d}", f"c{n}", f"{n // 9:09d}", "", 1.0, 1)
              for n in range(communities)]  # fmt: skip
    return Table(places, columns, "2025-01-01", "2026-01-01")


def sliders() -> None:
    """How long a slider move takes to be answered, without HTTP."""
    print("### A slider move\n\n| communities × indicators | method | draws | ms | wanted |\n"
          "|---|---|---|---|---|")  # fmt: skip
    for communities, wanted in ((82, 100), (2_000, 1_000)):
        table = make(communities)
        for method in METHODS:
            took = []
            for weight in range(7):
                question = Question(method=method, weights={"i3": float(weight)})
                begun = time.perf_counter()
                found = answer(table, question)
                took.append(time.perf_counter() - begun)
            print(f"| {communities:,} × {INDICATORS} | {method} | {found['draws']} | "
                  f"{np.median(took) * 1000:.0f} | ≤ {wanted} |")  # fmt: skip


def weightings() -> None:
    """All weightings at once against the library, of which a sample is run and scaled up."""
    print(f"\n### {WEIGHTINGS:,} weightings of 82 communities × {INDICATORS}\n")
    print("| method | all at once, s | scikit-criteria, s (scaled) | × | wanted |\n"
          "|---|---|---|---|---|")  # fmt: skip
    values = make(82).careful(1.0)
    rising = np.ones(INDICATORS, bool)
    weights = draw_weights(np.ones(INDICATORS), WEIGHTINGS, 1)
    for method in METHODS:
        ways = [
            Contender("ours", lambda method=method: top_members(  # type: ignore[misc]
                scores(method, values, rising, weights), 3)),
            Contender("library", lambda method=method: [  # type: ignore[misc]
                by_library(method, values, rising, one) for one in weights[:SAMPLE]], rounds=2),
        ]  # fmt: skip
        take_turns(ways, 5)
        ours = scores(method, values, rising, weights[:SAMPLE])
        assert np.allclose(ours, np.array(ways[1].result), atol=1e-9)
        theirs = ways[1].median_s * WEIGHTINGS / SAMPLE
        print(f"| {method} | {ways[0].median_s:.2f} | {theirs:.0f} | "
              f"{theirs / ways[0].median_s:,.0f} | ≤ 2 s |")  # fmt: skip


def siting() -> None:
    """Maximal covering against spopt with CBC: the same weight reached."""
    from pulp import PULP_CBC_CMD
    from spopt.locate import MCLP

    rng = np.random.default_rng(2)
    doors, sites = rng.random((3_000, 2)) * 6_000, rng.random((150, 2)) * 6_000
    weights = np.ones(len(doors))
    cost = np.hypot(*(doors[:, None] - sites[None]).transpose(2, 0, 1))

    def theirs() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MCLP.from_cost_matrix(cost, weights, service_radius=500, p_facilities=3)
            return float(model.solve(PULP_CBC_CMD(msg=False)).problem.objective.value())

    reaches = straight_within(sites, doors, 500)
    ways = [
        Contender("ours", lambda: sum(cover_most(reaches, weights, 3).added)),
        Contender("spopt", theirs, rounds=1),
    ]
    take_turns(ways, 3)
    assert ways[0].result == ways[1].result
    print(f"\n### Siting: 3,000 buildings, 150 candidates\n\nours {ways[0].median_s:.2f} s, spopt "
          f"{ways[1].median_s:.2f} s ({ways[1].median_s / ways[0].median_s:.1f} ×); the same "
          "buildings reached.")  # fmt: skip


if __name__ == "__main__":
    sliders()
    weightings()
    siting()
