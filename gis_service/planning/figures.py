"""The figures of each indicator: what stands in the registry under the same id is counted here.

Every function takes the sources and returns a :class:`Figures` in the order of the communities.
NaN is what was not measured; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gis_service.incidents.arrays import STAGES, Snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.metrics import kernel
from gis_service.incidents.metrics.grouping import Groups, measure
from gis_service.incidents.models import STATES
from gis_service.patrols.coverage_live import Patrols
from gis_service.patrols.coverage_service import Wanted, coverage_items
from gis_service.planning.facts import Counts

Floats = npt.NDArray[np.float64]
# community (area id) → value, how many cases it rests on
OwnFigures = dict[int, tuple[float, float]]
COVERAGE_DAYS = 30
HOT = ("hot99", "hot95")
NO_PROMISE = ("no_contract", "expired")  # of a grid: nobody is bound by it
UNTOLD = (*NO_PROMISE, "no_track")  # whether it was kept cannot be told
KEPT = ("on_time", "due")


@dataclass(frozen=True)
class Community:
    """A community that has grids of the working kind: the candidates."""

    area_id: int
    code: str
    name: str
    street: str
    street_name: str
    area_m2: float
    buildings: int


@dataclass(frozen=True)
class Figures:
    """(m,) each: the value in the indicator's unit, numerator, denominator, cases behind it, and
    for durations the standard deviation of the logarithms."""

    value: Floats
    numerator: Floats
    denominator: Floats
    sample: Floats
    spread: Floats


@dataclass
class Sources:
    """What all indicators are counted from, at one moment, for reports in ``[since, until)``."""

    communities: list[Community]
    incidents: Snapshot
    patrols: Patrols
    zone: ZoneInfo
    since: datetime
    until: datetime
    neighbours: Any = None  # of patrols.grids, see analysis.hotspots.contiguity
    facts: dict[str, Counts] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What several indicators share."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @property
    def wanted(self) -> IncidentFilter:
        """Reports of the period."""
        return IncidentFilter(since=self.since, until=self.until)

    def place(self, area_ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The community's number of each area id, -1 where it is no candidate."""
        ids = np.array([one.area_id for one in self.communities], np.int64)
        order = np.argsort(ids)
        at = np.minimum(np.searchsorted(ids[order], area_ids), len(ids) - 1)
        return np.where(ids[order][at] == area_ids, order[at], -1)

    def groups(self) -> tuple[Groups, npt.NDArray[np.int64]]:
        """The metrics of every community and the community's number of each group."""

        def make() -> tuple[Groups, npt.NDArray[np.int64]]:
            found = measure(self.incidents, self.wanted, ("community",), self.zone, self.until)
            return found, self.place(found.values["community"])

        kept: tuple[Groups, npt.NDArray[np.int64]] = self.once("groups", make)
        return kept

    def counts(self, column: int) -> Floats:
        """A count of the metrics by community; 0 where there is no incident."""
        groups, place = self.groups()
        out = np.zeros(len(self.communities))
        out[place[place >= 0]] = groups.counts[place >= 0, column]
        return out

    def coverage(self) -> list[dict[str, Any]]:
        """Grids and promises over the last days of the period."""

        def make() -> list[dict[str, Any]]:
            since = max(self.until - timedelta(days=COVERAGE_DAYS), self.since)
            wanted = Wanted(since, self.until)
            items: list[dict[str, Any]] = coverage_items(self.patrols, wanted, self.zone)["items"]
            return items

        kept: list[dict[str, Any]] = self.once("coverage", make)
        return kept

    def fact(self, name: str) -> tuple[Floats, Floats]:
        """Numerators and denominators (m,) of what the database counts; NaN without a record."""
        known = self.facts.get(name, {})
        pairs = [known.get(one.area_id, (np.nan, np.nan)) for one in self.communities]
        both = np.array(pairs, float).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def by_code(self, values: dict[str, float]) -> Floats:
        """A value by the community's code as (m,); 0 where there is none."""
        return np.array([values.get(one.code, 0.0) for one in self.communities], float)


def _ratio(numerator: Floats, denominator: Floats, sample: Floats, times: float = 1.0) -> Figures:
    value = np.divide(
        numerator * times, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0
    )
    return Figures(value, numerator, denominator, sample, np.full(len(value), np.nan))


def _whole(value: Floats) -> Figures:
    nothing = np.full(len(value), np.nan)
    return Figures(value, value, nothing, np.where(np.isfinite(value), 1.0, 0.0), nothing)


def contract_share(sources: Sources) -> Figures:
    """Grids of which a contract was in force at the end, of all grids."""
    held: dict[str, set[str]] = {}
    grids: dict[str, set[str]] = {}
    for item in sources.coverage():
        grids.setdefault(item["community"], set()).add(item["grid"]["code"])
        if item["state"] not in NO_PROMISE:
            held.setdefault(item["community"], set()).add(item["grid"]["code"])
    total = sources.by_code({code: len(found) for code, found in grids.items()})
    own = sources.by_code({code: len(found) for code, found in held.items()})
    return _ratio(own, total, total, 100.0)


def grids_per_officer(sources: Sources) -> Figures:
    """Grids under contract by the officers who lead there."""
    officers: dict[str, set[str]] = {}
    grids: dict[str, set[str]] = {}
    for item in sources.coverage():
        if item["state"] not in NO_PROMISE:
            officers.setdefault(item["community"], set()).add(item["officer"])
            grids.setdefault(item["community"], set()).add(item["grid"]["code"])
    lead = sources.by_code({code: len(found) for code, found in officers.items()})
    own = sources.by_code({code: len(found) for code, found in grids.items()})
    return _ratio(own, lead, lead)


def buildings(sources: Sources) -> Figures:
    """Buildings within the boundary in force."""
    return _whole(np.array([float(one.buildings) for one in sources.communities]))


def area_km2(sources: Sources) -> Figures:
    """Area in square kilometres."""
    return _whole(np.array([one.area_m2 / 1e6 for one in sources.communities]))


def covered_on_time(sources: Sources) -> Figures:
    """Promises in force that were kept, of those of officers whose tracks came in: where none did,
    nothing is known of the patrols."""
    kept: dict[str, float] = {}
    all_of: dict[str, float] = {}
    for item in sources.coverage():
        if item["state"] in UNTOLD:
            continue
        code = item["community"]
        all_of[code] = all_of.get(code, 0) + 1
        kept[code] = kept.get(code, 0) + (item["state"] in KEPT)
    total = sources.by_code(all_of)
    return _ratio(sources.by_code(kept), total, total, 100.0)


def early_found(sources: Sources) -> Figures:
    """Incidents that a patrol reported before anybody else."""
    effective = sources.counts(kernel.EFFECTIVE)
    return _ratio(sources.counts(kernel.FROM_PATROL), effective, effective, 100.0)


def handle_hours(sources: Sources) -> Figures:
    """Median hours from report to resolved."""
    return _hours(sources, "resolved")


def close_hours(sources: Sources) -> Figures:
    """Median hours from report to closed."""
    return _hours(sources, "closed")


def closed_in_time(sources: Sources) -> Figures:
    """Closed within the limit, of those closed or overdue."""
    judged = sources.counts(kernel.TO_CLOSE)
    return _ratio(sources.counts(kernel.IN_TIME), judged, judged, 100.0)


def rework(sources: Sources) -> Figures:
    """Incidents that had to be done again, of those handled."""
    worked = sources.counts(kernel.WORKED)
    return _ratio(sources.counts(kernel.AGAIN), worked, worked, 100.0)


def per_building(sources: Sources) -> Figures:
    """Effective incidents by hundreds of buildings; the incidents are the sample."""
    effective = sources.counts(kernel.EFFECTIVE)
    hundreds = np.array([one.buildings / 100 for one in sources.communities])
    return _ratio(effective, hundreds, effective)


def hot_codes(sources: Sources) -> dict[str, bool]:
    """Whether each grid (code) lies in a hot spot of incidents per km² (Gi*, 95 %)."""
    from gis_service.analysis.hotspots import getis_ord

    grids = sources.patrols.grids
    ids, counts = sources.incidents.counts_by_area("grid", sources.wanted)
    by_area = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    km2 = np.array([max(grid.area_m2, 1.0) / 1e6 for grid in grids])
    density = np.array([by_area.get(grid.area_id, 0) for grid in grids]) / km2
    found = getis_ord(density, sources.neighbours).significance.tolist()
    return {grid.code: meaning in HOT for grid, meaning in zip(grids, found, strict=True)}


def hot_grids(sources: Sources) -> Figures:
    """Grids in hot spots, of all grids; incidents the sample."""
    is_hot = hot_codes(sources)
    hot: dict[str, float] = {}
    total: dict[str, float] = {}
    for grid in sources.patrols.grids:
        code = grid.community or ""
        total[code] = total.get(code, 0) + 1
        hot[code] = hot.get(code, 0) + is_hot[grid.code]
    sample = sources.counts(kernel.EFFECTIVE)
    return _ratio(sources.by_code(hot), sources.by_code(total), sample, 100.0)


def post_staffed(sources: Sources) -> Figures:
    """1 where the service post has a contact; 0 of one post: it is vacant, 0 of none: there is no
    post."""
    staffed, posts = sources.fact("post_staffed")
    return replace(_whole(staffed), denominator=posts)


def stations(sources: Sources) -> Figures:
    """Stations open at the end."""
    return _whole(sources.fact("stations")[0])


def frontages(sources: Sources) -> Figures:
    """Frontage contracts in force at the end."""
    return _whole(sources.fact("frontages")[0])


def satisfied(sources: Sources) -> Figures:
    """Satisfied answers, of all answers of the period to the question that measures it."""
    own, total = sources.fact("satisfied")
    return _ratio(own, total, np.nan_to_num(total), 100.0)


def activities(sources: Sources) -> Figures:
    """Activities held in the period."""
    return _whole(sources.fact("activities")[0])


def opinions_answered(sources: Sources) -> Figures:
    """Opinions that were answered, of those said in the period."""
    own, total = sources.fact("opinions_answered")
    return _ratio(own, total, np.nan_to_num(total), 100.0)


def campaigns(sources: Sources) -> Figures:
    """Campaigns of the period that reach the community."""
    return _whole(sources.fact("campaigns")[0])


def _hours(sources: Sources, stage: str) -> Figures:
    """Median hours to a stage, as the metrics have it, with the spread of the logarithms."""
    groups, place = sources.groups()
    number = STAGES.index(stage)
    count = len(sources.communities)
    value, sample = np.full(count, np.nan), np.zeros(count)
    at = place >= 0
    sample[place[at]] = groups.measured[at, number]
    value[place[at]] = groups.times[at, number, 0] / 3600
    value[sample == 0] = np.nan
    void = [STATES.index(state) for state in ("merged", "not_accepted", "cancelled")]
    total, square, seen = np.zeros(count), np.zeros(count), np.zeros(count)
    for table in sources.incidents.tables:
        rows = table.take(table.select(sources.wanted))
        seconds = getattr(rows, f"{stage}_s")
        own = sources.place(rows.community_id)
        own[(seconds < 0) | np.isin(rows.state, void)] = -1
        logs = np.log(np.maximum(seconds[own >= 0], 60) / 3600)
        own = own[own >= 0]
        total += np.bincount(own, logs, count)
        square += np.bincount(own, logs**2, count)
        seen += np.bincount(own, minlength=count)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.maximum(square - total**2 / seen, 0.0) / (seen - 1))
    spread[~(seen > 1)] = np.nan
    nothing = np.full(count, np.nan)
    return Figures(value, nothing, nothing, sample, spread)


FIGURES: dict[str, Callable[[Sources], Figures]] = {
    function.__name__: function
    for function in (
        contract_share, grids_per_officer, buildings, area_km2, covered_on_time, early_found,
        handle_hours, close_hours, closed_in_time, rework, per_building, hot_grids, post_staffed,
        stations, frontages, satisfied, activities, opinions_answered, campaigns,
    )
}  # fmt: skip
