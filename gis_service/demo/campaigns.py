"""The campaigns of the demo district: two that changed something, two that did not, and two that
only seem to have, as what is reported changed meanwhile."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from gis_service.demo.areas import read_rows
from gis_service.demo.district import District
from gis_service.demo.hotspots import THEMES, Intensity
from gis_service.demo.moments import Calendar
from gis_service.demo.noise import Ints, stream

CAMPAIGN_DAYS = 28
SINCE_DAYS = 84  # what has passed since the last of them ended: twelve weeks
APART_DAYS = 3  # between one beginning and the next
PREVENTED = 0.75  # of the cases by a campaign that works
LOST = 0.93  # of the reports by a source that reports no longer
AREA_SHARE = 0.11  # of all cases, in the communities of a campaign
LEANING = 0.3  # of the cases there that are of its classes besides the usual ones
SOURCES_LOST = (("patrol",), ("resident", "hotline"))


@dataclass(frozen=True)
class Planned:
    """A campaign: where (``grids`` are numbers in the district, ``communities`` codes, empty for a
    campaign of single grids), what it is about and what came of it."""

    code: str
    name: str
    goal: str
    theme: str
    classes: tuple[str, ...]
    lead: str
    units: tuple[str, ...]
    drawn: bool
    grids: tuple[int, ...]
    communities: tuple[str, ...]
    starts_on: date
    ends_on: date
    effect: bool
    lost: tuple[str, ...]

    def truth(self) -> dict[str, Any]:
        """``code, effect, spurious``."""
        return {"code": self.code, "effect": self.effect, "spurious": bool(self.lost)}

    def concerns(self, cases: pd.DataFrame) -> np.ndarray:
        """Which rows of ``cases.csv`` are of its classes (rows,)."""
        if self.theme:
            return (cases["theme"] == self.theme).to_numpy()
        return cases["code"].str.startswith(self.classes).to_numpy()

    def class_codes(self) -> list[str]:
        """The classes or groups of classes that it is about."""
        cases = pd.DataFrame(read_rows("cases.csv"))
        return sorted(cases["code"][self.concerns(cases)]) if self.theme else list(self.classes)


def plan_campaigns(
    district: District, seed: int, as_of: datetime, intensity: Intensity
) -> list[Planned]:
    """The campaigns of a seed, by code."""
    rng = stream(seed, "campaigns")
    source = resources.files("gis_service.demo").joinpath("data", "campaigns.toml")
    told = tomllib.loads(source.read_text("utf-8"))["campaign"]
    at_hot_spots = [n for n, one in enumerate(told) if "theme" in one]
    works = set(rng.choice(at_hot_spots, 2, replace=False).tolist())
    rest = rng.permutation([n for n in range(len(told)) if n not in works]).tolist()
    lost = dict(zip(rest, SOURCES_LOST, strict=False))
    free = _communities(rng, district, intensity)
    planned = []
    for n, one in enumerate(told):
        communities: tuple[str, ...] = ()
        if "theme" in one:
            grids = _hot_spot(district, intensity, THEMES.index(one["theme"]))
        else:
            communities = _take(free, AREA_SHARE)
            inside = district.grid["parent_code"].isin(communities).to_numpy()
            grids = np.flatnonzero(inside)
        ends = as_of.date() - timedelta(days=SINCE_DAYS + APART_DAYS * (len(told) - 1 - n) + 1)
        planned.append(
            Planned(
                f"ZX{as_of.year}-{n + 1:02d}", one["name"], one["goal"], one.get("theme", ""),
                tuple(one.get("classes", ())), one["lead"], tuple(one["units"]),
                one.get("drawn", False), tuple(grids.tolist()), communities,
                ends - timedelta(days=CAMPAIGN_DAYS - 1), ends, n in works, lost.get(n, ()),
            )
        )  # fmt: skip
    return planned


def _hot_spot(district: District, intensity: Intensity, theme: int) -> Ints:
    """The grids of the first hot spot of a theme: its grids all touch one another."""
    grids = np.flatnonzero(intensity.theme == theme)
    shapes = district.grid.geometry.to_numpy()
    return grids[[bool(shapes[n].intersects(shapes[grids[0]])) for n in grids]]


def _communities(
    rng: np.random.Generator, district: District, intensity: Intensity
) -> list[tuple[str, float]]:
    """Communities with their share of the ordinary cases, in a drawn order, those without a hot
    spot first."""
    parent = district.grid["parent_code"].to_numpy()
    hot = intensity.theme >= 0
    known = [
        (bool(hot[parent == code].any()), code, intensity.share[(parent == code) & ~hot].sum())
        for code in rng.permutation(np.unique(parent)).tolist()
    ]  # fmt: skip
    in_order = sorted(known, key=lambda one: one[0])
    return [(code, float(share)) for _, code, share in in_order if share > 0]


def _take(free: list[tuple[str, float]], share: float) -> tuple[str, ...]:
    """Takes communities off the list until they hold ``share`` of the cases, two at the most."""
    taken = [free.pop(0)]
    if free and taken[0][1] < share:
        taken.append(free.pop(0))
    return tuple(sorted(code for code, _ in taken))


def leaning(planned: list[Planned], theme: Ints) -> Ints:
    """``theme`` (grids,) of hot spots, with numbers from ``len(THEMES)`` on where the ordinary
    grids of a campaign lean to its classes: the place of the campaign in ``planned``."""
    out = theme.copy()
    for n, one in enumerate(planned):
        own = np.array(one.grids)
        if one.communities:
            out[own[theme[own] < 0]] = len(THEMES) + n
    return out


def move_cases(
    rng: np.random.Generator, planned: list[Planned], cases: pd.DataFrame, calendar: Calendar,
    grid: Ints, case: Ints, source: np.ndarray, day: Ints,
) -> Ints:  # fmt: skip
    """The days of cases (n,) with what the campaigns did: where one works, or where a source
    reports no longer, cases from its first day on happen before it instead, so that no place and no
    class has more or fewer in all. ``grid``: -1 outside of all; ``case``: rows of ``cases``."""
    out = day.copy()
    dates = [one.date() for one in calendar.days]
    for one in planned:
        draw = rng.random(len(day))
        again = rng.random(len(day))
        if not one.effect and not one.lost:
            continue
        begins = bisect_left(dates, one.starts_on)
        own = np.isin(grid, one.grids) & one.concerns(cases)[case] & (day >= begins)
        own &= draw < (PREVENTED if one.effect else LOST)
        if one.lost:
            own &= np.isin(source, one.lost)
        for row in np.unique(case[own]).tolist():
            which = np.flatnonzero(own & (case == row))
            weight = calendar.weight * calendar.season_factor(
                cases["season"].iloc[row], np.arange(len(dates))
            )
            rising = np.cumsum(weight[:begins])
            out[which] = np.searchsorted(rising, again[which] * rising[-1], side="right")
    return np.minimum(out, len(dates) - 1)
