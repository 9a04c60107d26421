"""Hot and cold spots by Getis-Ord Gi* (Ord and Getis 1995), with esda."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt

LEVELS = ((0.01, "99"), (0.05, "95"), (0.10, "90"))


@dataclass(frozen=True)
class Hotspots:
    """Per area: standard score ``z``, two-sided ``p`` and what they mean at the chosen levels."""

    z: npt.NDArray[np.float64]
    p: npt.NDArray[np.float64]
    significance: npt.NDArray[np.str_]


def contiguity(frame: gpd.GeoDataFrame) -> Any:
    """Neighbours that share an edge or a corner, the area itself included (for Gi*).

    ``frame`` holds polygons of any CRS; the result is a libpysal ``Graph`` in the frame's order.
    It depends on the geometry only and may be kept.
    """
    from libpysal.graph import Graph

    graph = Graph.build_fuzzy_contiguity(frame.reset_index(drop=True).geometry)
    return graph.assign_self_weight()


def getis_ord(values: npt.NDArray[np.float64], weights: Any) -> Hotspots:
    """Gi* of ``values`` (n,), with the analytical standard score and two-sided p.

    ``weights`` come from :func:`contiguity`. Where all values are equal, or there are fewer than
    three areas, nothing stands out: z is 0, p is 1. Source: J. K. Ord and A. Getis, Local spatial
    autocorrelation statistics, Geographical Analysis 27 (1995), as esda computes it.
    """
    count = len(values)
    if count < 3 or weights is None or np.ptp(values) == 0:
        return Hotspots(np.zeros(count), np.ones(count), np.full(count, "none"))
    from esda.getisord import G_Local
    from scipy.special import ndtr

    local = G_Local(
        values.astype(float), weights, transform="B", permutations=0, star=None, n_jobs=1,
    )  # fmt: skip
    z = np.where(np.isfinite(local.Zs), local.Zs, 0.0)
    p = 2 * ndtr(-np.abs(z))
    significance = np.full(count, "none", dtype="<U6")
    for limit, name in reversed(LEVELS):
        significance[(p <= limit) & (z > 0)] = f"hot{name}"
        significance[(p <= limit) & (z < 0)] = f"cold{name}"
    return Hotspots(z, p, significance)
