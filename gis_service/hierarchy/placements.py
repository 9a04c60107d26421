"""What goes into and comes out of placing points: area tables and placements, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gis_service.errors import InvalidInput

IntArray = npt.NDArray[np.int32]

NO_AREA = -1


class Method(IntEnum):
    """How a level was answered."""

    NONE = 0
    INSIDE = 1
    NEAREST = 2

    @property
    def label(self) -> str:
        """The word used in JSON and tables."""
        return self.name.lower()


@dataclass(frozen=True)
class AreaTable:
    """The valid areas of one level: identities (int32), codes, names and EPSG:4326 polygons.

    ``geometry`` holds shapely geometries or WKB. Raises InvalidInput if the lengths differ.
    """

    ids: npt.ArrayLike
    codes: Sequence[str]
    names: Sequence[str]
    geometry: npt.ArrayLike

    def __post_init__(self) -> None:
        lengths = {
            len(np.atleast_1d(self.ids)),
            len(self.codes),
            len(self.names),
            len(np.atleast_1d(np.asarray(self.geometry, dtype=object))),
        }
        if len(lengths) != 1:
            raise InvalidInput(f"ids, codes, names and geometry differ in length: {lengths}")


@dataclass(frozen=True)
class LevelPlacement:
    """One level's answer for n points; the columns one does not read are never made.

    ``row`` (n) numbers the level's areas in order of code, -1 where there is none; ``ids`` are
    the areas' identities. Points ``nearest`` were answered by an area ``nearest_m`` away, all
    others from inside.
    """

    ids: IntArray
    row: IntArray
    nearest: IntArray
    nearest_m: npt.NDArray[np.float32]

    @cached_property
    def area_id(self) -> IntArray:
        """int32 (n): identities, NO_AREA where there is no answer."""
        return np.append(self.ids, np.int32(NO_AREA))[self.row]

    @cached_property
    def method(self) -> npt.NDArray[np.uint8]:
        """uint8 (n): values of :class:`Method`."""
        out = (self.row >= 0).view(np.uint8)  # False and True are NONE and INSIDE
        out[self.nearest] = Method.NEAREST
        return out

    @cached_property
    def distance_m(self) -> npt.NDArray[np.float32]:
        """float32 (n): metres; 0 inside, NaN where there is no answer."""
        out = np.where(self.row >= 0, np.float32(0), np.float32(np.nan))
        out[self.nearest] = self.nearest_m
        return out


@dataclass(frozen=True)
class Candidates:
    """Candidates of ``count`` points, sorted by point, level, distance, code.

    ``point`` numbers the points, ``level`` is a position in ``LEVELS``.
    """

    count: int
    point: IntArray
    level: npt.NDArray[np.uint8]
    row: IntArray
    area_id: IntArray
    distance_m: npt.NDArray[np.float32]

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """int64 (count + 1): the candidates of point i are ``[offsets[i]:offsets[i + 1]]``."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.point, minlength=self.count))])


@dataclass(frozen=True)
class Placements:
    """The placement of n points: an answer per level, the candidates and the revision."""

    levels: dict[str, LevelPlacement]
    candidates: Candidates
    revision: int

    def __len__(self) -> int:
        return self.candidates.count

    @cached_property
    def finest(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """(method, distance_m) of the finest level that answered; NONE and NaN if none did."""
        method = np.zeros(len(self), np.uint8)
        distance = np.full(len(self), np.nan, np.float32)
        for answer in self.levels.values():  # coarsest first: finer ones overwrite
            answered = answer.method != Method.NONE
            method[answered] = answer.method[answered]
            distance[answered] = answer.distance_m[answered]
        return method, distance
