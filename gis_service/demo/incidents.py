"""A year of incidents on a district, with planted hot spots and reports of every quality."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from gis_service.demo.areas import VIRTUAL_COMMUNITY, read_rows
from gis_service.demo.campaigns import LEANING, Planned, leaning, move_cases, plan_campaigns
from gis_service.demo.district import District
from gis_service.demo.hotspots import THEMES, plan_intensity
from gis_service.demo.moments import SEASONS, Calendar, draw_seconds
from gis_service.demo.noise import Floats, Ints, stream
from gis_service.demo.outline import CENTRE, to_degrees, to_local
from gis_service.demo.planted import TRAP_CASES, Planted, plant_communities
from gis_service.demo.sites import STREET, SiteChooser, Sites, in_metres
from gis_service.hierarchy.coordinates import from_wgs84

TIMEZONE = "Asia/Shanghai"
COUNT = {"full": 60_000, "small": 4_000}
SOURCES = ("patrol", "resident", "hotline", "city_platform", "media", "superior")
SOURCE_SHARE = (0.46, 0.21, 0.16, 0.13, 0.025, 0.015)
NIGHT_SHARE = (0.16, 0.42, 0.26, 0.13, 0.02, 0.01)
NO_PLACE, ADDRESS_ONLY, DEFAULT_POINT = 0.01, 0.03, 0.0006
VIRTUAL_SHARE = 0.012
OPENINGS = {
    "patrol": ("", "巡查发现", "网格巡查发现", "现场查看，"),
    "resident": ("", "居民反映", "市民随手拍：", "群众反映"),
    "hotline": ("来电反映", "12319热线反映", "市民来电称"),
    "city_platform": ("市平台转办：", "数字城管平台派单：", ""),
    "media": ("媒体反映", "网络媒体曝光："),
    "superior": ("上级交办：", "领导批示件："),
}
ENDINGS = ("", "", "", "，请及时处理", "，影响通行", "，已持续多日", "，多次反映未解决", "，请核实")
# a limit in hours as a case sees it that comes in the daytime
LIMIT_HOURS = {
    "urgent_hour": 1, "urgent_day": 24, "natural_day": 24, "working_hour": 1, "working_day": 24,
}  # fmt: skip
# the time that a case needs: this share of its limit in the middle, so wide on the logarithm;
# some get stuck and need so many days
USUAL_SHARE, SPREAD = 0.28, 0.75
STUCK, STUCK_DAYS = 0.035, 9.0
# outside these hours only urgent cases are taken up
WORK_BEGINS, WORK_ENDS = 8.0, 18.0
# up to which share of the time that a case needs it is in which state
PROGRESS = (
    (0.09, "reported"),
    (0.14, "verified"),
    (0.19, "filed"),
    (0.28, "dispatched"),
    (0.42, "accepted"),
    (0.78, "in_progress"),
    (0.92, "resolved"),
    (1.0, "checked"),
)
# and when it passes each stage, as a share of that time
STAGES = {
    "verified_at": 0.09, "filed_at": 0.14, "dispatched_at": 0.19, "accepted_at": 0.28,
    "resolved_at": 0.78,
}  # fmt: skip
# how filed cases end other than closed
OTHER_ENDS = {"not_accepted": 0.03, "merged": 0.014, "cancelled": 0.008, "transferred": 0.006}


def latest_midnight(now: datetime | None = None) -> datetime:
    """When the demo's year ends unless told otherwise: the beginning of the day ``now``."""
    local = (now or datetime.now(UTC)).astimezone(ZoneInfo(TIMEZONE))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Truth:
    """What a seed planted."""

    seed: int
    scale: str
    as_of: datetime
    hotspots: tuple[str, ...]
    campaigns: tuple[Planned, ...]
    planted: Planted

    def to_json(self) -> dict[str, Any]:
        """As plain values: seed, scale, as_of (ISO 8601), hotspots (sorted grid codes), of each
        campaign code, effect and spurious, the best communities and the trap."""
        return {
            "seed": self.seed,
            "scale": self.scale,
            "as_of": self.as_of.isoformat(),
            "hotspots": list(self.hotspots),
            "campaigns": [one.truth() for one in self.campaigns],
            "communities": self.planted.truth(),
        }


@dataclass(frozen=True)
class Drawn:
    """The bare cases (n,), oldest first: ``case`` is a row of ``cases.csv``, ``grid`` a number in
    the district (-1: in the community without grids), ``community`` the code of its community."""

    as_of: datetime
    cases: pd.DataFrame
    case: Ints
    grid: Ints
    source: np.ndarray
    reported: pd.DatetimeIndex
    site: Sites
    in_virtual: np.ndarray
    hotspots: tuple[str, ...]
    campaigns: tuple[Planned, ...]
    community: np.ndarray
    planted: Planted


def draw_cases(
    district: District, seed: int, as_of: datetime | None = None, count: int | None = None,
    *, rng: np.random.Generator | None = None, chooser: SiteChooser | None = None,
) -> Drawn:  # fmt: skip
    """When, where and what of the year before ``as_of``. Raises ValueError if ``as_of`` has no zone
    or ``count`` is negative. A ``chooser`` of the district may be given again."""
    as_of = latest_midnight() if as_of is None else as_of
    if as_of.tzinfo is None:
        raise ValueError("as_of needs a time zone")
    as_of = as_of.astimezone(ZoneInfo(TIMEZONE))
    count = COUNT[district.scale] if count is None else count
    if count < 0:
        raise ValueError(f"count must not be negative: {count}")
    rng = rng or stream(seed, "incidents")
    chooser = chooser or SiteChooser(district)
    planted = plant_communities(district)
    home = district.grid["parent_code"].to_numpy(dtype=object)
    quiet = home == planted.trap
    intensity = plan_intensity(stream(seed, "hotspots"), chooser.grids, district.scale, quiet)
    planned = plan_campaigns(district, seed, as_of, intensity)
    in_virtual = rng.random(count) < VIRTUAL_SHARE
    grid = rng.choice(len(chooser.grids), count, p=intensity.share)
    few = rng.choice(np.flatnonzero(~in_virtual), min(TRAP_CASES, count), replace=False)
    grid[few] = rng.choice(np.flatnonzero(quiet), len(few))
    community = np.where(in_virtual, VIRTUAL_COMMUNITY, home[grid])
    site = chooser.choose(rng, grid)
    site = _into_virtual(rng, district, chooser, site, in_virtual)
    calendar = Calendar.make(rng, as_of)
    day = calendar.draw_days(rng, count)
    cases = pd.DataFrame(read_rows("cases.csv"))
    theme = np.where(in_virtual, -1, leaning(planned, intensity.theme)[grid])
    groups = [(cases["theme"] == name).to_numpy() for name in THEMES]
    groups += [one.concerns(cases) for one in planned]
    case = _classes(rng, cases, calendar, day, theme, groups)
    seconds = np.zeros(count, dtype=np.int64)
    for hours in sorted(set(cases["hours"])):
        own = np.flatnonzero((cases["hours"] == hours).to_numpy()[case])
        seconds[own] = draw_seconds(rng, hours, len(own))
    source = _sources(rng, seconds // 3600, planted.found(community))
    grid = np.where(in_virtual, -1, grid)
    moves = stream(seed, "campaign cases")
    day = move_cases(moves, planned, cases, calendar, grid, case, source, day)
    midnight = pd.DatetimeIndex(calendar.days).tz_convert(TIMEZONE)
    reported = midnight[day] + pd.to_timedelta(seconds, unit="s")
    # the day of as_of itself has not passed: what falls after it moves to the day before
    late = reported >= pd.Timestamp(as_of)
    reported = reported.where(~late, reported - pd.Timedelta(days=1))
    early = reported < pd.Timestamp(as_of) - pd.Timedelta(days=365)
    reported = reported.where(~early, reported + pd.Timedelta(days=1))
    order = np.argsort(reported.to_numpy(), kind="stable")
    hot = tuple(sorted(district.grid["code"].to_numpy()[intensity.theme >= 0].tolist()))
    return Drawn(
        as_of, cases, case[order], grid[order], source[order], reported[order],
        site.take(order), in_virtual[order], hot, tuple(planned), community[order], planted,
    )  # fmt: skip


def make_incidents(
    district: District, seed: int, as_of: datetime | None = None, count: int | None = None
) -> tuple[pd.DataFrame, Truth]:
    """Incidents of the year before ``as_of``, oldest first, and what was planted.

    Columns: external_id, class_code, class_name, source, reported_at, state, closed_at (NaT
    unless closed), the times of ``STAGES`` (NaT where not reached), address (may be empty),
    description, lon, lat (NaN where not given), crs (wgs84 or gcj02, which lon and lat really are
    in), accuracy_m (NaN where unknown). Times are in Asia/Shanghai. Raises ValueError like
    :func:`draw_cases`.
    """
    rng = stream(seed, "incidents")
    drawn = draw_cases(district, seed, as_of, count, rng=rng)
    cases, case, reported, site = drawn.cases, drawn.case, drawn.reported, drawn.site
    frame = pd.DataFrame(
        {
            "external_id": _numbers(reported),
            "class_code": cases["code"].to_numpy(dtype=object)[case],
            "class_name": _class_names(cases)[case],
            "source": drawn.source,
            "reported_at": reported,
        }
    )
    pace = drawn.planted.pace(drawn.community)
    limit, urgent = _limits(cases)
    needed = pace * _hours_of_work(rng, USUAL_SHARE * limit[case], STUCK * pace)
    waiting = np.where(urgent[case], 0.0, _hours_to_work(frame["reported_at"]))
    # where everything is done at once, nights are no exception
    waiting[drawn.community == drawn.planted.trap] = 0.0
    frame = frame.join(
        _states(rng, frame["reported_at"], frame["source"], needed, waiting, drawn.as_of)
    )
    frame["address"] = _addresses(rng, district, site, drawn.in_virtual)
    frame["description"] = _descriptions(rng, cases, case, frame["source"].to_numpy())
    trap = drawn.planted.trap
    quiet = district.grid.geometry.to_numpy()[(district.grid["parent_code"] == trap).to_numpy()]
    _place(
        rng, frame, np.column_stack((site.x, site.y)), shapely.union_all(quiet),
        drawn.community == trap,
    )  # fmt: skip
    return frame, Truth(
        seed, district.scale, drawn.as_of, drawn.hotspots, drawn.campaigns, drawn.planted
    )


def _into_virtual(
    rng: np.random.Generator,
    district: District,
    chooser: SiteChooser,
    site: Sites,
    chosen: np.ndarray,
) -> Sites:
    """Moves the chosen places into the community that has no grids."""
    area = in_metres(district.community[district.community["code"] == VIRTUAL_COMMUNITY])
    there = chooser.along_roads(rng, area[0], int(chosen.sum()))
    for name in ("x", "y", "sort", "address", "road"):
        getattr(site, name)[chosen] = getattr(there, name)
    return site


def _classes(
    rng: np.random.Generator, cases: pd.DataFrame, calendar: Calendar, day: Ints, theme: Ints,
    groups: list[np.ndarray],
) -> Ints:  # fmt: skip
    """Row of ``cases`` per incident: by weight, season and, in hot spots and where campaigns were,
    theme; ``groups`` are the rows of each theme number."""
    weight = cases["weight"].astype(float).to_numpy()
    days = np.arange(len(calendar.days))
    chance = np.tile(weight, (len(days), 1))
    for season in SEASONS:
        own = (cases["season"] == season).to_numpy()
        chance[:, own] *= calendar.season_factor(season, days)[:, None]
    case = np.zeros(len(day), dtype=np.int64)
    draw = rng.random(len(day))
    themed = rng.random(len(day)) < np.where(theme < len(THEMES), 0.6, LEANING)
    for number in range(-1, len(groups)):
        here = (theme == number) & themed if number >= 0 else (theme < 0) | ~themed
        table = chance.copy()
        if number >= 0:
            table[:, ~groups[number]] = 0.0
        rising = np.cumsum(table, axis=1)
        rising /= rising[:, -1:]
        at = np.flatnonzero(here)
        case[at] = (rising[day[at]] < draw[at, None]).sum(axis=1)
    return np.minimum(case, len(cases) - 1)


def _class_names(cases: pd.DataFrame) -> np.ndarray:
    name = {row["code"]: row["name"] for row in _reference("classes.csv")}
    return np.array([name[code] for code in cases["code"]], dtype=object)


def _limits(cases: pd.DataFrame) -> tuple[Floats, np.ndarray]:
    """Hours that the first condition of each row's class allows, a day where it has none; and
    whether they run at night too."""
    hours: dict[str, float] = {}
    urgent: set[str] = set()
    for row in _reference("conditions.csv"):
        if row["class"] not in hours:
            hours[row["class"]] = float(row["limit_amount"]) * LIMIT_HOURS[row["limit_unit"]]
            if row["limit_unit"].startswith("urgent"):
                urgent.add(row["class"])
    codes = cases["code"]
    return np.array([hours.get(code, 24.0) for code in codes]), codes.isin(urgent).to_numpy()


def _hours_of_work(rng: np.random.Generator, usual: Floats, stuck: Floats) -> Floats:
    """What cases need around their ``usual`` hours (n,); with the chance ``stuck`` (n,) days
    more."""
    hours = np.exp(rng.normal(0.0, SPREAD, len(usual))) * usual
    hours += np.where(
        rng.random(len(usual)) < stuck, rng.exponential(24 * STUCK_DAYS, len(usual)), 0.0
    )
    return np.clip(hours, 0.1, 24 * 80)


def _hours_to_work(reported: pd.Series) -> Floats:
    """From each report to when work begins, 0 where it is under way."""
    hour = (reported.dt.hour + reported.dt.minute / 60).to_numpy()
    tomorrow = np.where(hour >= WORK_ENDS, 24.0, 0.0)
    return np.where((hour >= WORK_BEGINS) & (hour < WORK_ENDS), 0.0, tomorrow + WORK_BEGINS - hour)


def _reference(name: str) -> list[dict[str, str]]:
    source = resources.files("gis_service.reference").joinpath("data", name)
    return list(csv.DictReader(source.read_text("utf-8").splitlines()))


def _numbers(reported: pd.DatetimeIndex) -> list[str]:
    """Like 20260311-0042: the day and its running number."""
    day = pd.Series(reported.strftime("%Y%m%d"))
    number = day.groupby(day).cumcount() + 1
    return [f"{d}-{n:04d}" for d, n in zip(day, number, strict=True)]


def _sources(rng: np.random.Generator, hour: Ints, found: Floats) -> np.ndarray:
    """Who reports: by day and night, and by how much patrols find there (see ``Planted``)."""
    night = (hour >= 19) | (hour < 6)
    draw = rng.random(len(hour))
    by_day = np.searchsorted(np.cumsum(SOURCE_SHARE), draw)
    by_night = np.searchsorted(np.cumsum(NIGHT_SHARE), draw)
    number = np.minimum(np.where(night, by_night, by_day), len(SOURCES) - 1)
    patrol, resident = SOURCES.index("patrol"), SOURCES.index("resident")
    changes = rng.random(len(hour)) < np.abs(found)
    number = np.where(changes & (found > 0), patrol, number)
    number = np.where(changes & (found < 0) & (number == patrol), resident, number)
    return np.array(SOURCES, dtype=object)[number]


def _states(
    rng: np.random.Generator, reported: pd.Series, source: pd.Series, needed: Floats,
    waiting: Floats, as_of: datetime,
) -> pd.DataFrame:  # fmt: skip
    """State, closing time and the times of ``STAGES``: a case waits so many hours (n,) and then
    needs so many (n,); what would close after ``as_of`` is as far as the share of its time that
    has passed."""
    n = len(reported)
    passed = (pd.Timestamp(as_of) - reported).dt.total_seconds().to_numpy() / 3600
    share = np.maximum(passed - waiting, 0.0) / needed
    bounds = [bound for bound, _ in PROGRESS]
    names = np.array([name for _, name in PROGRESS] + ["closed"], dtype=object)
    state = names[np.searchsorted(bounds, share, side="right")]
    state[(state == "verified") & (source == "patrol").to_numpy()] = "filed"
    draw = rng.random(n)
    filed = share > STAGES["filed_at"]
    low = 0.0
    for name, chance in OTHER_ENDS.items():
        state[filed & (draw >= low) & (draw < low + chance)] = name
        low += chance
    working = np.isin(state, ("accepted", "in_progress"))
    state[working & (needed > 240) & (draw > 0.6)] = "deferred"
    state[(state == "dispatched") & (draw > 0.85)] = "returned"

    def after(part: float) -> pd.Series:
        return reported + pd.to_timedelta(np.round((waiting + part * needed) * 3600), unit="s")

    out = pd.DataFrame({"state": state, "closed_at": after(1.0).where(state == "closed")})
    # a patrol's own report needs no verification; a refused one goes no further
    unverified = (source == "patrol") & (state != "verified")
    refused = np.isin(state, ("not_accepted", "cancelled", "merged"))
    for stage, part in STAGES.items():
        reached = (share >= part) & ~(refused & (part > STAGES["verified_at"]))
        if stage == "verified_at":
            reached &= ~unverified.to_numpy()
        if stage == "resolved_at":
            reached &= np.isin(state, ("resolved", "checked", "closed"))
        out[stage] = after(part).where(reached)
    # given on by an earlier unit, not taken by this one
    out.loc[state == "returned", "accepted_at"] = pd.NaT
    return out


def _addresses(
    rng: np.random.Generator, district: District, site: Sites, in_virtual: np.ndarray
) -> np.ndarray:
    """Door plates, streets, crossings and vaguer words, as people write them."""
    n = len(site.x)
    draw = rng.random(n)
    text = site.address.copy()
    street = site.sort == STREET
    text[street] = site.road[street] + "路段"
    text[street & (draw < 0.35)] = site.road[street & (draw < 0.35)] + "沿线"
    some = ~street & (draw > 0.8)
    text[some] = text[some] + "门口"
    road_only = ~street & (draw > 0.93)
    text[road_only] = site.road[road_only] + "附近"
    book = district.gazetteer[district.gazetteer["kind"].isin(["crossing", "estate", "poi"])]
    place = np.column_stack((site.x, site.y))
    named = _tree(book)
    # the nearest named place, if it is near enough to be what people would say
    far, at = named.query(place)
    close = (far < 60) & (rng.random(n) < 0.3)
    text[close] = book["name"].to_numpy(dtype=object)[at[close]]
    text[close & (far > 25)] = text[close & (far > 25)] + "附近"
    text[in_virtual & (draw < 0.3)] = "清濛开发区" + text[in_virtual & (draw < 0.3)]
    return text


def _tree(book: pd.DataFrame) -> cKDTree:
    """A nearest-neighbour tree of a gazetteer's places in local metres."""
    return cKDTree(to_local(book[["lon", "lat"]].to_numpy()))


def _descriptions(
    rng: np.random.Generator, cases: pd.DataFrame, case: Ints, source: np.ndarray
) -> list[str]:
    phrases = [text.split("|") for text in cases["phrases"]]
    one, two, three = rng.random((3, len(case)))
    made = []
    for n, (row, who) in enumerate(zip(case.tolist(), source.tolist(), strict=True)):
        opening = OPENINGS[who]
        made.append(
            opening[int(one[n] * len(opening))]
            + phrases[row][int(two[n] * len(phrases[row]))]
            + ENDINGS[int(three[n] * len(ENDINGS))]
        )
    return made


def _place(
    rng: np.random.Generator, frame: pd.DataFrame, xy: Floats, quiet: shapely.Geometry,
    of_quiet: np.ndarray,
) -> None:  # fmt: skip
    """Adds lon, lat, crs and accuracy_m: blurred, partly GCJ-02, partly missing. Nothing but what
    is ``of_quiet`` strays into the area ``quiet``."""
    n = len(frame)
    accuracy = np.round(np.clip(np.exp(rng.normal(np.log(12.0), 0.6, n)), 5, 80), 1)
    lonlat = to_degrees(xy + rng.normal(0, 1, (n, 2)) * (accuracy / 3)[:, None])
    lonlat = np.round(lonlat, 6)
    shapely.prepare(quiet)
    strayed = shapely.contains_xy(quiet, lonlat[:, 0], lonlat[:, 1]) & ~of_quiet
    lonlat[strayed | of_quiet] = to_degrees(xy[strayed | of_quiet])
    # along the border itself: told by its address only
    strayed &= shapely.contains_xy(quiet, lonlat[:, 0], lonlat[:, 1])
    lonlat = np.round(lonlat, 6)
    by_phone = frame["source"].isin(["resident", "hotline", "media"]).to_numpy()
    shifted = rng.random(n) < np.where(by_phone, 0.2, 0.03)
    if shifted.any():
        lon, lat = from_wgs84(lonlat[shifted, 0], lonlat[shifted, 1], "gcj02")
        lonlat[shifted] = np.round(np.column_stack((lon, lat)), 6)
    accuracy[rng.random(n) < 0.12] = np.nan
    draw = rng.random(n)
    default = (draw > 0.5) & (draw < 0.5 + DEFAULT_POINT)
    lonlat[default] = CENTRE
    accuracy[default] = np.nan
    shifted[default] = False
    bare = (draw < NO_PLACE + ADDRESS_ONLY) & ~of_quiet | strayed
    lonlat[bare] = np.nan
    accuracy[bare] = np.nan
    shifted[bare] = False
    frame.loc[(draw < NO_PLACE) & ~of_quiet, "address"] = ""
    frame["lon"], frame["lat"] = lonlat[:, 0], lonlat[:, 1]
    frame["crs"] = np.where(shifted, "gcj02", "wgs84").astype(object)
    frame["accuracy_m"] = accuracy
