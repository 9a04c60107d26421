"""What share of the streets and buildings walks came near enough to see.

The swath is all that lies within ``width`` metres of a walked line. Streets and outlines are
sampled every :data:`STREET_STEP_M`; the distance of every sample to the nearest walk is found once,
up to a reach, and answers every width below it: another width is one pass over the samples. Between
samples the distance is taken as straight, which is good to centimetres: it can neither fall nor
rise faster than one metre a metre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.errors import InvalidInput
from gis_service.patrols import swath_kernels as kernels

FloatArray = npt.NDArray[np.float64]
LongArray = npt.NDArray[np.int64]

STREET_STEP_M = 0.5  # at 1 m a walk that only grazes a street is missed by up to 1.3 m
OUTLINE_STEP_M = 2.0
REACH_M = 50.0  # the widest swath that can be asked for
_CELL_M = 12.0


@dataclass(frozen=True)
class Samples:
    """Points along lines, in their order: ``x, y`` metres, ``line`` the number of the line,
    ``step`` metres to the next sample of the same part (0 at its end)."""

    x: FloatArray
    y: FloatArray
    line: LongArray
    step: FloatArray
    lines: int

    @property
    def lengths_m(self) -> FloatArray:
        """Metres of each line."""
        return np.asarray(np.bincount(self.line, self.step, self.lines), np.float64)


@dataclass(frozen=True)
class Steps:
    """Steps of walks, from (ax, ay) to (bx, by) in metres; a lone fix is a step to itself."""

    ax: FloatArray
    ay: FloatArray
    bx: FloatArray
    by: FloatArray

    @classmethod
    def of_runs(cls, x: npt.ArrayLike, y: npt.ArrayLike, run: npt.ArrayLike) -> Steps:
        """Steps between fixes that follow each other in one run (as cleaning numbers them; -1:
        not kept); ``x, y`` metres."""
        runs = np.asarray(run)
        kept = np.flatnonzero(runs >= 0)
        columns = [np.asarray(v, np.float64)[kept] for v in (x, y)]
        runs = runs[kept]
        joined = np.flatnonzero(runs[1:] == runs[:-1])
        alone = np.flatnonzero(
            (np.append(True, runs[1:] != runs[:-1])) & (np.append(runs[1:] != runs[:-1], True))
        ) if len(runs) else np.empty(0, np.int64)  # fmt: skip
        ends = [np.concatenate([v[joined], v[alone]]) for v in columns]
        others = [np.concatenate([v[joined + 1], v[alone]]) for v in columns]
        return cls(*ends, *others)


@dataclass(frozen=True)
class Seen:
    """Distances of samples to the nearest walk, ``reach_m`` (or more) where none is near."""

    samples: Samples
    distance_m: FloatArray
    reach_m: float

    def covered_m(self, width_m: float) -> FloatArray:
        """Metres of each line within ``width_m`` of a walk. Raises InvalidInput beyond the
        reach."""
        self._check(width_m)
        s = self.samples
        return kernels.covered_lengths(self.distance_m, s.step, s.line, s.lines, float(width_m))

    def within(self, width_m: float) -> npt.NDArray[np.bool_]:
        """Which lines (outlines of buildings) come within ``width_m`` of a walk."""
        self._check(width_m)
        s = self.samples
        return kernels.nearest_of(self.distance_m, s.line, s.lines) <= width_m

    def _check(self, width_m: float) -> None:
        if not 0 < width_m < self.reach_m:
            raise InvalidInput(
                f"a swath is wider than 0 and narrower than {self.reach_m:g} m, not {width_m}",
                f"可视宽度须大于 0 且小于 {self.reach_m:g} 米，不能是 {width_m}",
                where="swath_m",
            )


def sample_lines(geometries: npt.ArrayLike, step_m: float = STREET_STEP_M) -> Samples:
    """Samples of shapely (Multi)LineStrings in metres, at most ``step_m`` apart, vertices
    included. Polygons are sampled along all their rings; empty ones have no samples."""
    shapes = np.atleast_1d(np.asarray(geometries, dtype=object))
    areas = np.isin(shapely.get_type_id(shapes), (3, 6))
    shapes = np.where(areas, shapely.boundary(shapes), shapes)
    parts, owner = shapely.get_parts(shapes, return_index=True)
    coords, part = shapely.get_coordinates(shapely.segmentize(parts, step_m), return_index=True)
    x, y = np.ascontiguousarray(coords[:, 0]), np.ascontiguousarray(coords[:, 1])
    step = np.zeros(len(x))
    if len(x):
        same = part[1:] == part[:-1]
        step[:-1] = np.hypot(np.diff(x), np.diff(y)) * same
    line = owner[part].astype(np.int64) if len(part) else np.empty(0, np.int64)
    return Samples(x, y, line, step, len(shapes))


def seen_from(samples: Samples, steps: Steps, reach_m: float = REACH_M) -> Seen:
    """The distance of every sample to the nearest step, up to ``reach_m``."""
    if not len(samples.x):
        return Seen(samples, np.empty(0), reach_m)
    west, south = float(samples.x.min()), float(samples.y.min())
    columns = int((samples.x.max() - west) / _CELL_M) + 1
    rows = int((samples.y.max() - south) / _CELL_M) + 1
    order, starts = kernels.into_cells(samples.x, samples.y, west, south, _CELL_M, columns, rows)
    finite = np.isfinite(steps.ax + steps.ay + steps.bx + steps.by)
    squares = kernels.nearest_walk(
        samples.x[order], samples.y[order], starts, west, south, _CELL_M, columns, rows,
        steps.ax[finite], steps.ay[finite], steps.bx[finite], steps.by[finite], float(reach_m),
    )  # fmt: skip
    distance = np.empty(len(order))
    distance[order] = np.sqrt(squares)
    return Seen(samples, distance, reach_m)
