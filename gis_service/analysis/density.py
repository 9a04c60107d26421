"""Class breaks for choropleths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def class_breaks(values: npt.NDArray[np.float64], classes: int = 5) -> list[float]:
    """Upper bounds of at most ``classes`` classes with about equally many areas each, rising,
    rounded to two figures; fewer where values repeat, none without values (NaN is left out)."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return []
    bounds = np.quantile(finite, np.arange(1, classes + 1) / classes)
    scale = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(bounds), 1e-12))) - 1)
    rounded = np.ceil(bounds / scale) * scale
    return sorted({float(f"{bound:.6g}") for bound in rounded})
