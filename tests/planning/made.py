"""Tables of indicators made up for a test: no database, every number known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gis_service.planning.figures import Community, Figures
from gis_service.planning.registry import Indicator, built_in
from gis_service.planning.table import Table, make_column

BY_ID = {one.id: one for one in built_in()}


def share(hits: Sequence[float], of: Sequence[float]) -> Figures:
    """A share in per cent."""
    x, n = np.asarray(hits, float), np.asarray(of, float)
    return Figures(100 * x / n, x, n, n, np.full(len(x), np.nan))


def known(values: Sequence[float]) -> Figures:
    """Counted fully; NaN is missing."""
    value = np.asarray(values, float)
    nothing = np.full(len(value), np.nan)
    return Figures(value, value, nothing, np.isfinite(value).astype(float), nothing)


def made(
    columns: Mapping[str, Figures], since: str = "2026-01-01T00:00:00+08:00",
    until: str = "2026-04-01T00:00:00+08:00", own: Sequence[Indicator] = (), streets: int = 4,
) -> Table:  # fmt: skip
    """A table of built-in indicators (and ``own`` ones) by id."""
    known_ones = BY_ID | {one.id: one for one in own}
    size = len(next(iter(columns.values())).value)
    communities = [
        Community(n + 1, f"C{n:02d}", f"社区{n}", f"S{n % streets}", f"街道{n % streets}", 1e6, 100)
        for n in range(size)
    ]
    made = [make_column(known_ones[name], figures) for name, figures in columns.items()]
    return Table(communities, made, since, until)
