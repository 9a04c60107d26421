"""Visits: stays in one grid, derived from cleaned fixes.

A fix speaks until the next one of its run. So a visit is entered at the first fix in the grid and
left at the first fix of the run that is no longer in it (where the run ends in the grid: at its
last fix); its length is that of the steps which begin in the grid. The stays and lengths of all
grids, and of what lies outside them, add up to those of the run, and nothing is guessed between
two fixes. Where grids overlap, or on their border, each covering grid has its visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gis_service.hierarchy.lookup_raster import PolygonIndex
from gis_service.patrols import track_kernels as kernels
from gis_service.patrols.cleaning import Cleaned, transport_of

IntArray = npt.NDArray[np.int32]
LongArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Visits:
    """m visits. ``device``, ``grid`` (number of the polygon in its index) and ``fixes`` int32;
    ``entered, left`` int64 microseconds since 1970 UTC; ``length_m`` metres. ``passages``: stays
    too short to be visits, which are counted and left out."""

    device: IntArray
    grid: IntArray
    entered: LongArray
    left: LongArray
    length_m: npt.NDArray[np.float64]
    fixes: IntArray
    passages: int = 0

    def __len__(self) -> int:
        return len(self.device)

    @property
    def stay_s(self) -> npt.NDArray[np.float64]:
        """Seconds from entering to leaving."""
        return np.asarray((self.left - self.entered) * 1e-6, np.float64)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_], passages: int) -> Visits:
        """The visits ``rows``."""
        return Visits(
            self.device[rows], self.grid[rows], self.entered[rows], self.left[rows],
            self.length_m[rows], self.fixes[rows], passages,
        )  # fmt: skip


def visits_of(cleaned: Cleaned, grids: PolygonIndex, transports: Sequence[str]) -> Visits:
    """The visits of every device, sorted by device, entering and grid.

    ``transports[d]`` is how device d moves: stays shorter than its shortest are passages.
    """
    fixes = cleaned.fixes
    found = Visits(
        *kernels.find_visits(
            fixes.device, fixes.at, fixes.lon, fixes.lat, cleaned.run, *grids.arrays
        )
    )
    shortest = np.array([transport_of(name).shortest_stay_s for name in transports])
    long_enough = np.flatnonzero(found.stay_s >= shortest[found.device])
    kept = found.take(long_enough, len(found) - len(long_enough))
    order = np.lexsort((kept.grid, kept.entered, kept.device))
    return kept.take(order, kept.passages)


def joined(visits: Visits, officer: Sequence[int]) -> tuple[Visits, IntArray]:
    """(visits, their officers) where ``officer[d]`` carries device d: overlapping visits of one
    officer in one grid, of two devices, are one.

    It lasts from the first entering to the last leaving and has the length and the device of the
    longer of them: the officer walked once. Sorted by officer, grid and entering.
    """
    who = np.asarray(officer, np.int32)[visits.device] if len(visits) else np.empty(0, np.int32)
    order = np.lexsort((visits.left, visits.entered, visits.grid, who))
    rows, who = visits.take(order, visits.passages), who[order]
    if not len(rows):
        return rows, who
    starts = [0]
    until = int(rows.left[0])
    for i in range(1, len(rows)):
        same = who[i] == who[i - 1] and rows.grid[i] == rows.grid[i - 1]
        if same and int(rows.entered[i]) < until:
            until = max(until, int(rows.left[i]))
        else:
            starts.append(i)
            until = int(rows.left[i])
    first = np.array(starts)
    longest = np.array(
        [
            start + int(np.argmax(rows.length_m[start:stop]))
            for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True)
        ]
    )
    merged = Visits(
        rows.device[longest], rows.grid[first], rows.entered[first],
        np.maximum.reduceat(rows.left, first), rows.length_m[longest],
        np.add.reduceat(rows.fixes, first).astype(np.int32), rows.passages,
    )  # fmt: skip
    return merged, who[first]
