"""How far it is to the nearest of some places, in straight lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree


def nearest_m(
    points: npt.NDArray[np.float64], places: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Metres from each of ``points`` (n × 2) to the nearest of ``places`` (m × 2), all in one
    metric system; infinite where there are no places."""
    if not len(places):
        return np.full(len(points), np.inf)
    away, _ = cKDTree(places).query(points)
    return np.asarray(away, dtype=np.float64)
