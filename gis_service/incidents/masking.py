"""The filter of incidents on arrays; a test holds it to the rows that SQL gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gis_service.errors import InvalidInput
from gis_service.incidents.filters import (
    FLAG_MARKS,
    NO_TIME,
    STATE_NUMBER,
    IncidentFilter,
    micros,
    moment_of,
    owners,
    scope,
)
from gis_service.incidents.models import ENDED_STATES, SOURCES

SPARSE = 16  # where fewer than one in so many is left, the rest is asked of those alone
Column = Callable[[str], npt.NDArray[Any]]


class IncidentColumns(Protocol):
    """The arrays a filter is compiled against, one entry per incident."""

    @property
    def reported_at(self) -> npt.NDArray[np.int64]: ...  # UTC microseconds
    @property
    def due_at(self) -> npt.NDArray[np.int64]: ...  # NO_TIME where there is none
    @property
    def class_id(self) -> npt.NDArray[np.int32]: ...
    @property
    def state(self) -> npt.NDArray[np.int8]: ...  # place in STATES
    @property
    def lon(self) -> npt.NDArray[np.float64]: ...  # WGS84, NaN without a position
    @property
    def lat(self) -> npt.NDArray[np.float64]: ...

    @property
    def id(self) -> npt.NDArray[np.int64]: ...
    @property
    def reported_by(self) -> npt.NDArray[np.int32]: ...  # accounts, -1 none
    @property
    def source(self) -> npt.NDArray[np.int8]: ...  # place in SOURCES, -1 another
    @property
    def marks(self) -> npt.NDArray[np.int8]: ...  # bits, those of ``FLAG_MARKS`` among them

    # street_id, community_id, grid_id, building_id, unit_id, squad_id: int32, -1 none


def to_mask(wanted: IncidentFilter, columns: IncidentColumns) -> npt.NDArray[np.bool_] | None:
    """The same condition on arrays; None where nothing is restricted.

    Raises InvalidInput for ``q``: arrays hold no texts.
    """
    if wanted.q:
        raise InvalidInput("works in lists only", "仅适用于列表", where="q")
    mask: npt.NDArray[np.bool_] | None = None
    rows: npt.NDArray[np.int64] | None = None  # those left, once they are few

    def column(name: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = getattr(columns, name)
        return values if rows is None else values[rows]

    for condition in _conditions(wanted):
        held = condition(column)
        if rows is not None:
            rows = rows[held]
            continue
        mask = held if mask is None else mask & held
        if np.count_nonzero(mask) * SPARSE < len(mask):
            rows = np.flatnonzero(mask)
    if rows is not None and mask is not None:
        mask = np.zeros(len(mask), np.bool_)
        mask[rows] = True
    return mask


def restricts(wanted: IncidentFilter) -> bool:
    """Whether a filter without ``q`` leaves anything out."""
    return next(_conditions(wanted), None) is not None


def _conditions(wanted: IncidentFilter) -> Iterator[Callable[[Column], npt.NDArray[np.bool_]]]:
    """The parts of the filter, each on columns by name; first what is quick and leaves few."""

    def among(name: str, some: Any) -> Callable[[Column], npt.NDArray[np.bool_]]:
        return lambda column: _among(column(name), some)

    def at_least(name: str, least: Any) -> Callable[[Column], npt.NDArray[np.bool_]]:
        return lambda column: column(name) >= least

    def marked(mark: int, asked: bool) -> Callable[[Column], npt.NDArray[np.bool_]]:
        return lambda column: (column("marks") & mark != 0) == asked

    if wanted.states:
        yield among("state", [STATE_NUMBER[state] for state in wanted.states])
    ended = [STATE_NUMBER[state] for state in ENDED_STATES]
    if wanted.overdue:
        yield lambda column: ~_among(column("state"), ended)
    for name, mark in FLAG_MARKS.items():
        if (asked := getattr(wanted, name)) is not None:
            yield marked(mark, asked)
    for name, ids in reversed(owners(wanted)):
        if ids:
            yield among(f"{name}_id", ids)
    if wanted.classes:
        yield among("class_id", wanted.classes)
    if wanted.sources:
        yield among("source", [SOURCES.index(one) for one in SOURCES if one in wanted.sources])
    if wanted.since is not None:
        yield at_least("reported_at", micros(wanted.since))
    if wanted.until is not None:
        until = micros(wanted.until)
        yield lambda column: column("reported_at") < until
    if wanted.bbox is not None:
        west, south, east, north = wanted.bbox
        yield at_least("lon", west)
        yield lambda column: column("lon") <= east
        yield at_least("lat", south)
        yield lambda column: column("lat") <= north
    if wanted.overdue is not None:
        now = micros(moment_of(wanted))

        def late(column: Column) -> npt.NDArray[np.bool_]:
            due = column("due_at")
            return (due != NO_TIME) & (due < now)

        if wanted.overdue:
            yield late
        else:
            yield lambda column: ~late(column) | _among(column("state"), ended)
    if wanted.visible is not None:
        seen = wanted.visible

        def own(column: Column) -> npt.NDArray[np.bool_]:
            mask = np.asarray(column("reported_by") == seen.account_id)
            for name, some in scope(seen):
                if some:
                    mask |= _among(column(name), some)
            return mask

        yield own


def _among(values: npt.NDArray[Any], wanted: Any) -> npt.NDArray[np.bool_]:
    some = sorted(wanted)
    if len(some) > 16:
        return np.isin(values, np.array(some, dtype=values.dtype))
    mask = np.zeros(len(values), np.bool_)
    for one in some:
        mask |= values == one
    return mask
