"""What share of the streets and buildings walks came near enough to see.

The swath is all that lies within ``width`` metres of a walked line. Streets and outlines are
sampled every :data:`STREET_STEP_M`; the distance of every sample of a street, and of every
building, to the nearest walk is found once, up to a reach, and answers every width below it:
another width is one pass over the samples. Between samples the distance is taken as straight, which
is good to centimetres: it can neither fall nor rise faster than one metre a metre.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.engines import PROCESSORS
from gis_service.errors import InvalidInput
from gis_service.patrols import swath_kernels as kernels

FloatArray = npt.NDArray[np.float64]
LongArray = npt.NDArray[np.int64]
IndexArray = npt.NDArray[np.int32]

STREET_STEP_M = 0.5  # at 1 m a walk that only grazes a street is missed by up to 1.3 m
OUTLINE_STEP_M = 2.0
LEAST_M = 5.0  # the narrowest swath, as good as a phone knows its place: nearer asks no more
REACH_M = 50.0  # wider than the widest swath
_CELL_M = 8.0  # of samples
_PLACE_M = 24.0  # of steps


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
    """Steps of walks between fixes ``x, y`` metres: from ``begin`` to ``end`` (their numbers), a
    lone fix is a step to itself. Those of a square follow each other, from ``starts`` on; ``boxes``
    has (x_min, x_max, y_min, y_max) of each square's."""

    x: FloatArray
    y: FloatArray
    begin: IndexArray
    end: IndexArray
    starts: LongArray
    boxes: FloatArray

    @classmethod
    def of_runs(cls, x: npt.ArrayLike, y: npt.ArrayLike, run: npt.ArrayLike) -> Steps:
        """Steps between fixes that follow each other in one run (as cleaning numbers them; -1:
        not kept); ``x, y`` metres. Those to and from a fix without a position are left out."""
        x, y = np.ascontiguousarray(x, np.float64), np.ascontiguousarray(y, np.float64)
        runs = np.ascontiguousarray(run, np.int64)
        return cls(x, y, *kernels.steps_by_place(x, y, runs, _PLACE_M))


@dataclass(frozen=True)
class Seen:
    """Distances of samples to the nearest walk, ``reach_m`` (or more) where none is near; what is
    nearer than :data:`LEAST_M` need not be exact."""

    samples: Samples
    distance_m: FloatArray
    reach_m: float

    def covered_m(self, width_m: float) -> FloatArray:
        """Metres of each line within ``width_m`` of a walk. Raises InvalidInput for one narrower
        than :data:`LEAST_M` or beyond the reach."""
        _check(width_m, self.reach_m)
        s = self.samples
        return kernels.covered_lengths(self.distance_m, s.step, s.line, s.lines, float(width_m))


@dataclass(frozen=True)
class Near:
    """Distances of lines (outlines of buildings) to the nearest walk, like those of :class:`Seen`;
    inf for lines without a sample."""

    distance_m: FloatArray
    reach_m: float

    def within(self, width_m: float) -> npt.NDArray[np.bool_]:
        """Which lines come within ``width_m`` of a walk. Raises InvalidInput as
        :meth:`Seen.covered_m` does."""
        _check(width_m, self.reach_m)
        return self.distance_m <= width_m


def _check(width_m: float, reach_m: float) -> None:
    if not LEAST_M <= width_m < reach_m:
        raise InvalidInput(
            f"a swath is {LEAST_M:g} m wide or more and narrower than {reach_m:g} m, not {width_m}",
            f"可视宽度须不小于 {LEAST_M:g} 米且小于 {reach_m:g} 米，不能是 {width_m}",
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
    every = np.arange(len(samples.x))
    return Seen(samples, _distances(samples, every, len(every), steps, reach_m), reach_m)


def near_to(samples: Samples, steps: Steps, reach_m: float = REACH_M) -> Near:
    """The distance of every line to the nearest step, up to ``reach_m``: less work than that of
    each of its samples."""
    distance = _distances(samples, samples.line, samples.lines, steps, reach_m)
    distance[np.bincount(samples.line, minlength=samples.lines) == 0] = np.inf
    return Near(distance, reach_m)


def _distances(
    samples: Samples, slot: LongArray, slots: int, steps: Steps, reach_m: float
) -> FloatArray:
    """The least distance of the samples of each slot."""
    if not len(samples.x):
        return np.full(slots, reach_m)
    west, south = float(samples.x.min()), float(samples.y.min())
    columns = int((samples.x.max() - west) / _CELL_M) + 1
    rows = int((samples.y.max() - south) / _CELL_M) + 1
    order, starts = kernels.into_cells(samples.x, samples.y, west, south, _CELL_M, columns, rows)
    sorted_ = samples.x[order], samples.y[order], slot[order]
    # each thread takes the rows that hold its share of the samples
    shares = np.linspace(0, len(order), PROCESSORS + 1)[1:-1]
    bounds = [0, *np.searchsorted(starts[::columns], shares).tolist(), rows]

    def nearest(first: int, behind: int) -> FloatArray:
        return kernels.nearest_walk(
            *sorted_, slots, starts, west, south, _CELL_M, columns, first, behind, steps.x,
            steps.y, steps.begin, steps.end, steps.starts, steps.boxes, LEAST_M, float(reach_m),
        )  # fmt: skip

    with ThreadPoolExecutor(PROCESSORS) as pool:
        found = list(pool.map(nearest, bounds[:-1], bounds[1:]))
    return np.sqrt(np.minimum.reduce(found))
