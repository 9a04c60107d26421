"""From cases to the panel that the analysis reads: which windows, which areas, which sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from gis_service.analysis.effect import AFTER, BEFORE, EARLIER, Effect, Panel, measure

WEEK = 7
LONGEST_DAYS = 84  # of a window: twelve weeks
SHORTEST_DAYS = 28
HISTORY_DAYS = 364  # how far back areas are looked at for their likeness
# who reports: a campaign changes cases, not the share of one of these alone
SOURCE_GROUPS = ("patrol", "public", "forwarded")
_GROUP_OF = {"patrol": 0, "resident": 1, "hotline": 1}
OTHER_SOURCES = 2
SEED = 1


@dataclass(frozen=True)
class Windows:
    """Equal windows of ``days`` (whole weeks, so that each has the same weekdays), half-open:
    ``[earlier, before)``, ``[before, start)`` and ``[after, behind)``; the campaign itself, while
    everybody looks harder, lies between ``start`` and ``after`` and is not compared. Areas are
    chosen by ``[history, earlier)``, or, where the data do not reach back so far (``late``), by the
    windows before the campaign. ``checked``: the data hold the earlier window."""

    days: int
    history: date
    earlier: date
    before: date
    start: date
    after: date
    behind: date
    checked: bool
    late: bool


@dataclass(frozen=True)
class TooSoon:
    """Why no windows can be made, and from which day on they can (None: never)."""

    reason: str
    ready_on: date | None = None


def choose_windows(starts_on: date, ends_on: date, first: date, behind: date) -> Windows | TooSoon:
    """The windows of a campaign (both days included) in data of ``[first, behind)``.

    Reasons: ``not_begun, running, too_soon`` (after), ``no_before``.
    """
    after = ends_on + timedelta(days=1)
    ready = after + timedelta(days=SHORTEST_DAYS)
    if behind < starts_on:
        return TooSoon("not_begun", ready)
    if behind <= after:
        return TooSoon("running", ready)
    if behind < ready:
        return TooSoon("too_soon", ready)
    days = min(LONGEST_DAYS, (behind - after).days, (starts_on - first).days) // WEEK * WEEK
    if days < SHORTEST_DAYS:
        return TooSoon("no_before")
    before = starts_on - timedelta(days=days)
    earlier = before - timedelta(days=days)
    history = max(first, earlier - timedelta(days=HISTORY_DAYS))
    late = (earlier - history).days < SHORTEST_DAYS
    return Windows(
        days, max(first, earlier) if late else history, earlier, before, starts_on, after,
        after + timedelta(days=days), earlier >= first, late,
    )  # fmt: skip


@dataclass(frozen=True)
class Cases:
    """The campaign's cases (n cells): ``area`` is a place among the areas, ``day`` days since
    ``Windows.start``, ``source`` the source's own word, ``count`` how many."""

    area: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    source: npt.NDArray[np.object_]
    count: npt.NDArray[np.int64]

    def group(self) -> npt.NDArray[np.int64]:
        """Places in ``SOURCE_GROUPS`` (n,)."""
        return np.array([_GROUP_OF.get(one, OTHER_SOURCES) for one in self.source], dtype=np.int64)


@dataclass(frozen=True)
class Ground:
    """The areas (a,): size in m², their part in the campaign (see
    :class:`gis_service.analysis.effect.Panel`), and ``every``: cases of all classes in the time
    that likeness is judged by."""

    area_m2: npt.NDArray[np.float64]
    treated: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]
    barred: npt.NDArray[np.bool_]
    every: npt.NDArray[np.int64]


def panel_of(cases: Cases, ground: Ground, windows: Windows) -> Panel:
    """The panel of a campaign. Areas resemble each other by the density of the campaign's cases
    and of all cases, in logarithms."""
    counts = np.zeros((len(ground.area_m2), 3, len(SOURCE_GROUPS)), dtype=np.int64)
    group = cases.group()
    for window, (first, behind) in {
        EARLIER: (windows.earlier, windows.before),
        BEFORE: (windows.before, windows.start),
        AFTER: (windows.after, windows.behind),
    }.items():
        own = _between(cases, windows, first, behind)
        np.add.at(counts[:, window], (cases.area[own], group[own]), cases.count[own])
    likeness = _between(cases, windows, windows.history, likeness_ends(windows))
    similar = np.bincount(
        cases.area[likeness], cases.count[likeness], minlength=len(ground.area_m2)
    )
    traits = np.log((np.column_stack((similar, ground.every)) + 0.5) / ground.area_m2[:, None])
    return Panel(counts, ground.treated, ground.near, ground.barred, traits, windows.checked)


def likeness_ends(windows: Windows) -> date:
    """The day before which areas are compared for their likeness."""
    return windows.start if windows.late else windows.earlier


def effect_of(cases: Cases, ground: Ground, windows: Windows) -> Effect:
    """What can be said of a campaign; equal arguments give equal answers."""
    return measure(panel_of(cases, ground, windows), SEED)


def _between(cases: Cases, windows: Windows, first: date, behind: date) -> npt.NDArray[np.bool_]:
    low, high = (first - windows.start).days, (behind - windows.start).days
    return (cases.day >= low) & (cases.day < high)


def weeks_of(
    cases: Cases, windows: Windows, treated: npt.NDArray[np.bool_],
    comparison: npt.NDArray[np.bool_],
) -> list[tuple[date, str, int, int]]:  # fmt: skip
    """(first day, ``before``/``during``/``after``, treated, compared) of each whole week; the
    campaign's own weeks count from its first day, the last of them may be cut short."""
    out = []
    first = windows.earlier if windows.checked else windows.before
    for phase, begins, behind in (
        ("before", first, windows.start), ("during", windows.start, windows.after),
        ("after", windows.after, windows.behind),
    ):  # fmt: skip
        day = begins
        while day < behind:
            own = _between(cases, windows, day, min(day + timedelta(days=WEEK), behind))
            sums = [
                int(cases.count[own & group[cases.area]].sum()) for group in (treated, comparison)
            ]
            out.append((day, phase, sums[0], sums[1]))
            day += timedelta(days=WEEK)
    return out
