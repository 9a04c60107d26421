"""The walks of the demo's officers: fixes along the streets around each grid they visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.demo.district import District
from gis_service.demo.noise import Floats, stream
from gis_service.demo.outline import to_degrees
from gis_service.demo.promises import LEAVE_DAYS, Plan, Round
from gis_service.demo.sites import in_metres

# the full district's reach back to before its campaigns, for patrols to be compared as well
DAYS = {"full": 215, "small": 40}
RECENT_DAYS = 90
FIX_SECONDS = {"full": 20, "small": 30}
THINNED = 2  # as much time between fixes before the recent days
WALK_SECONDS = 600
PAUSE_SECONDS = 480  # between grids the phone rests, which ends a run
PACE = 0.75  # metres a second, with looking around
PAVEMENT_M = 18.0  # how far inside its bordering streets a grid is walked
NOISE_M, MOST_NOISE_M = 3.0, 9.0
MORNING, EVENING = timedelta(hours=8, minutes=20), timedelta(hours=18, minutes=10)
LOST = 0.06  # of earlier rounds: the phone was flat, or the day was another
MICROS = 1_000_000
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fixes:
    """Positions (n,) in WGS84 in order of officer and time; ``officer`` are places in
    ``officers`` (codes), ``at`` UTC microseconds."""

    officers: tuple[str, ...]
    officer: npt.NDArray[np.int64]
    at: npt.NDArray[np.int64]
    lon: Floats
    lat: Floats
    accuracy_m: Floats


def walk(district: District, plan: Plan, seed: int, as_of: datetime) -> Fixes:
    """What the phones of the plan's officers recorded before ``as_of`` (a midnight)."""
    rng = stream(seed, "walks")
    rings = dict(zip(district.grid["code"], _rings(in_metres(district.grid)), strict=True))
    days = _days(rng, plan, as_of, DAYS[district.scale])
    step = FIX_SECONDS[district.scale]
    lately = np.arange(0, WALK_SECONDS, step)
    thinned = np.arange(0, WALK_SECONDS, step * THINNED)
    officers = tuple(sorted({officer for officer, _ in days}))
    place = {code: n for n, code in enumerate(officers)}
    who, at, places = [], [], []
    for officer, midnight in sorted(days):
        seconds = lately if midnight >= as_of - RECENT_DAYS * DAY else thinned
        for hours, grids in days[officer, midnight].items():
            start = midnight + hours + timedelta(minutes=int(rng.integers(0, 15)))
            for grid in grids:
                ring = rings[grid]
                along = (rng.random() * ring.length + seconds * PACE) % ring.length
                places.append(shapely.get_coordinates(shapely.line_interpolate_point(ring, along)))
                at.append(int(start.timestamp()) * MICROS + seconds * MICROS)
                who.append(np.full(len(seconds), place[officer]))
                start += timedelta(seconds=WALK_SECONDS + PAUSE_SECONDS)
    xy = np.concatenate(places)
    noise = np.clip(rng.normal(0, NOISE_M, xy.shape), -MOST_NOISE_M, MOST_NOISE_M)
    lon, lat = to_degrees(xy + noise).T
    return Fixes(
        officers, np.concatenate(who), np.concatenate(at), lon, lat,
        np.round(rng.gamma(4.0, 2.0, len(xy)) + 3.0, 1),
    )  # fmt: skip


def _days(
    rng: np.random.Generator, plan: Plan, as_of: datetime, back: int
) -> dict[tuple[str, datetime], dict[timedelta, list[str]]]:
    """The grids that each officer visits on each day (its midnight), in the morning and in the
    evening."""
    days: dict[tuple[str, datetime], dict[timedelta, list[str]]] = {}
    for one in plan.rounds:
        for n, day in enumerate(_round_days(rng, one, as_of, back)):
            # a round that was not walked: never one that the last state hangs on
            if n >= 2 and rng.random() < LOST:
                continue
            officer = one.officer
            if day >= as_of - LEAVE_DAYS * DAY:
                officer = plan.stand_ins.get(officer, officer)
            hours = EVENING if one.evening else MORNING
            days.setdefault((officer, day), {}).setdefault(hours, []).append(one.grid)
    return days


def _round_days(rng: np.random.Generator, one: Round, as_of: datetime, back: int) -> list[datetime]:
    """The days of a round, the last first: as late as promised at the latest, or too late."""
    last = as_of - DAY - one.ends * DAY
    day = last - (one.interval + one.late if one.late else int(rng.integers(one.interval))) * DAY
    if one.ends:
        day -= DAY
    if one.weekly and one.late:
        day -= 7 * DAY  # two visits in seven days: late by the last but one
    found = []
    while day >= as_of - back * DAY:
        promised = day
        while promised.isoweekday() not in one.weekdays:
            promised -= DAY
        found.append(promised)
        day = promised - one.interval * DAY
    return found


def _rings(shapes: np.ndarray) -> list[shapely.LineString]:
    """The way around each grid on the inner side of its streets; where a grid is too narrow,
    around its middle."""
    out = []
    for shape in shapes:
        inner = shape.buffer(-PAVEMENT_M)
        parts = [part for part in shapely.get_parts(inner) if part.length > 60]
        if not parts:
            centre = shapely.maximum_inscribed_circle(shape, tolerance=1.0)
            middle = shapely.get_point(centre, 0)
            parts = [middle.buffer(max(centre.length - MOST_NOISE_M * 1.5, 1.0))]
        out.append(max(parts, key=lambda part: part.length).exterior)
    return out
