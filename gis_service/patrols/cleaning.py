"""From fixes as phones send them to fixes that can be believed, every one accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gis_service.errors import InvalidInput
from gis_service.patrols import track_kernels as kernels

IntArray = npt.NDArray[np.int32]

KEPT = kernels.KEPT
REASONS = ("kept", "nowhere", "future", "inaccurate", "duplicate", "too_fast")
MICROS = 1_000_000


@dataclass(frozen=True)
class Transport:
    """How an officer gets about: what is too fast, and what is too short to be a visit.

    Who drives through a grid sees it in less time than who walks through, but sees less of it:
    the shortest stay is what it takes to cover some 40 m on foot, 100 m by e-bike or by car.
    """

    name: str
    zh: str
    max_speed_mps: float
    shortest_stay_s: float


TRANSPORTS = {
    transport.name: transport
    for transport in (
        Transport("foot", "步行", 4.0, 30.0),  # a run; GPS noise has its own allowance
        Transport("ebike", "电动自行车", 14.0, 20.0),
        Transport("car", "汽车", 36.0, 10.0),
    )
}


@dataclass(frozen=True)
class CleaningRules:
    """``worst_accuracy_m``: fixes less exact are not used. ``break_s``: a longer silence ends a
    run. ``unknown_accuracy_m``: allowance for a fix that does not say how exact it is."""

    worst_accuracy_m: float = 100.0
    break_s: float = 300.0
    unknown_accuracy_m: float = 20.0


@dataclass(frozen=True)
class Fixes:
    """Fixes of several devices, n of them, sorted by device and time.

    ``device`` int32 numbers the devices from 0; ``at`` int64 are microseconds since 1970 UTC;
    ``lon, lat`` WGS84 degrees; ``accuracy_m`` metres, NaN where unknown.
    """

    device: IntArray
    at: npt.NDArray[np.int64]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    accuracy_m: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.device)

    @classmethod
    def sort(
        cls,
        device: npt.ArrayLike,
        at: npt.ArrayLike,
        lon: npt.ArrayLike,
        lat: npt.ArrayLike,
        accuracy_m: npt.ArrayLike | None = None,
    ) -> tuple[Fixes, int]:
        """(the fixes sorted, how many came out of order: earlier than one before them).

        Of fixes of one device and time the first given stays first. Raises InvalidInput for
        columns of different lengths.
        """
        devices = np.require(np.atleast_1d(device), np.int32, ["C"])
        moments = np.require(np.atleast_1d(at), np.int64, ["C"])
        columns = [
            devices,
            moments,
            *(np.require(np.atleast_1d(v), np.float64) for v in (lon, lat)),
        ]
        known = np.full(len(devices), np.nan) if accuracy_m is None else np.atleast_1d(accuracy_m)
        columns.append(np.require(known, np.float64))
        if len({column.shape for column in columns}) != 1 or devices.ndim != 1:
            shapes = [column.shape for column in columns]
            raise InvalidInput(
                f"columns of different lengths: {shapes}", f"各列长度不一致：{shapes}"
            )
        by_device = np.argsort(devices, kind="stable")
        late = moments[by_device]
        edges = np.flatnonzero(np.diff(devices[by_device], prepend=-1, append=-1))
        out_of_order = 0
        for start, stop in pairwise(edges):
            out_of_order += int((late[start:stop] < np.maximum.accumulate(late[start:stop])).sum())
        order = np.lexsort((moments, devices))
        sorted_ = [np.require(column[order], requirements=["C", "W"]) for column in columns]
        return cls(*sorted_), out_of_order


@dataclass(frozen=True)
class Cleaned:
    """``reason`` uint8 (n): position in REASONS. ``run`` int32 (n): fixes of one run follow each
    other without a break; -1 where a fix is not kept. ``out_of_order``: as they came."""

    fixes: Fixes
    reason: npt.NDArray[np.uint8]
    run: IntArray
    out_of_order: int = 0

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return int(self.run.max(initial=-1)) + 1

    @cached_property
    def lengths_m(self) -> npt.NDArray[np.float64]:
        """Metres of each run."""
        return kernels.run_lengths(self.fixes.lon, self.fixes.lat, self.run, self.runs)

    def report(self) -> dict[str, int]:
        """Counts: ``fixes`` = the sum of all REASONS; ``breaks`` between runs of one device and
        ``out_of_order``, which are no loss."""
        counts = np.bincount(self.reason, minlength=len(REASONS)).tolist()
        kept = self.run >= 0
        devices = len(np.unique(self.fixes.device[kept]))
        return {
            "fixes": len(self.fixes),
            **dict(zip(REASONS, counts, strict=True)),
            "breaks": self.runs - devices,
            "out_of_order": self.out_of_order,
        }


def clean_fixes(
    fixes: Fixes,
    transports: Sequence[str],
    now_us: int,
    rules: CleaningRules | None = None,
    out_of_order: int = 0,
) -> Cleaned:
    """Says of every fix whether it is used, and which fixes belong to one run.

    ``transports[d]`` is how device d moves (a key of TRANSPORTS); ``now_us``: later fixes lie in
    the future. In this order a fix is dropped as *nowhere* (no position on the globe), *future*,
    *inaccurate*, *duplicate* (a second one of the same device and moment) and, among the rest,
    *too_fast*: the steps from the fix before and to the fix after both take more than the
    transport's speed and the fixes' inaccuracy allow. (At the end of a run there is one step
    only, and nothing tells which of its ends is wrong: such a fix stays, as a run of its own, and
    makes no visit.) A run ends where the next kept fix comes after more than ``break_s``, or
    could not be reached in time. Every rule looks at neighbours only, so a window query can say
    the same. Raises InvalidInput for an unknown transport.
    """
    rules = rules or CleaningRules()
    speeds = np.array([transport_of(name).max_speed_mps for name in transports], np.float64)
    if len(fixes) and int(fixes.device.max()) >= len(speeds):
        raise InvalidInput(f"{len(speeds)} transports for device {int(fixes.device.max())}")
    reason, run = kernels.clean(
        fixes.device, fixes.at, fixes.lon, fixes.lat, fixes.accuracy_m, speeds, int(now_us),
        float(rules.worst_accuracy_m), int(rules.break_s * MICROS), float(rules.unknown_accuracy_m),
    )  # fmt: skip
    return Cleaned(fixes, reason, run, out_of_order)


def transport_of(name: str) -> Transport:
    """The transport of that name, or InvalidInput."""
    try:
        return TRANSPORTS[name]
    except KeyError:
        known = ", ".join(TRANSPORTS)
        raise InvalidInput(
            f"unknown transport {name!r}; known: {known}",
            f"未知出行方式 {name!r}；可用：{known}",
            where="transport",
        ) from None


def rules_as_json(rules: CleaningRules) -> dict[str, Any]:
    """The rules as a report names them."""
    return asdict(rules)
