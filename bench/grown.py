"""A district of as many incidents or fixes as asked for: what the benches of growth and of mixed
load ask.

The full illustrative district with its officers' walks, its buildings cut into as many as asked
for, and incidents of three years, the last ten days of them still open. They come through the
loader, from files that are made as they are needed and are the same each time: what was loaded
before is passed over, so a load that was ended is taken up where it was.

More fixes are more officers: those of the demo walk again as others of their squads, minutes later
and a few metres beside, with a fix every four to eight seconds instead of twenty to forty.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TextIO

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import shapely
from sqlalchemy import select, text

from bench.database import BenchDatabase, bench_database
from gis_service.demo.district import District, make_district
from gis_service.demo.loading import _load_areas
from gis_service.demo.patrol_loading import load_demo_walks
from gis_service.demo.promises import plan_patrols
from gis_service.demo.walks import Fixes as Walked
from gis_service.demo.walks import walk
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents.loading import load_incidents
from gis_service.incidents.mapping import read_mapping
from gis_service.patrols.coverage_table import refresh_now
from gis_service.patrols.deriving import rebuild_visits
from gis_service.patrols.devices import add_device
from gis_service.patrols.storing import store_fixes
from gis_service.responsibility.models import Officer

END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 3 * 365
OPEN_DAYS = 10
CHUNK = 250_000
SOURCES = ("patrol", "resident", "hotline", "city_platform", "media", "superior")
OPEN = ("reported", "verified", "filed", "dispatched", "accepted", "in_progress", "resolved")
STREETS = np.array(["西街", "东街", "涂门街", "新门街", "打锡街", "江滨南路"])
WORDS = np.array(
    ["路面积水影响通行", "商铺占道经营", "井盖松动", "夜间烧烤油烟", "渣土洒落", "杂物乱堆放",
     "树枝折断压住电线"]
)  # fmt: skip
Told = Callable[[str], None]


def teller(out: TextIO | None = None) -> Told:
    """Prints words behind the seconds since it was made."""
    begin = time.perf_counter()

    def told(words: str) -> None:
        print(f"{time.perf_counter() - begin:7.0f} s  {words}", file=out, flush=True)

    return told


@contextmanager
def grown_database(
    keep: str | None, buildings: int, told: Told, *, walks: bool
) -> Iterator[BenchDatabase]:
    """A database of a bench's own with the district in it, which one to ``keep`` may have
    already."""
    with bench_database(keep) as database:
        with psycopg.connect(database.address) as connection:
            empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM area)").fetchone()
        if empty == (True,):
            _make_ground(database, buildings, walks=walks, told=told)
        yield database


def _make_ground(database: BenchDatabase, buildings: int, *, walks: bool, told: Told) -> None:
    """The district into an empty database, and the walks of its officers."""
    told("drawing the district")
    district = make_district(1, "full")
    grown = _cut(district, buildings)
    told(f"loading {len(grown.building):,} buildings through the importer")
    with database.sessions.begin() as session:
        _load_areas(session, database.settings, grown, "bench", END, ())
    if walks:
        told("loading the walks of 90 days and deriving visits")
        fixes = load_demo_walks(database.sessions, database.settings, district, END)
        told(f"{fixes:,} fixes")
    _tidy(database)


def load_up_to(database: BenchDatabase, wanted: int, told: Told) -> None:
    """Incidents until there are ``wanted`` of them."""
    with database.sessions.begin() as session:
        locator = load_locator(session, database.settings)
        places = pd.DataFrame(
            session.connection().exec_driver_sql(
                "SELECT ST_X(inner_point), ST_Y(inner_point) FROM building WHERE valid_to IS NULL "
                "ORDER BY code"
            ).all()
        ).to_numpy(float)  # fmt: skip
        codes = session.connection().exec_driver_sql(
            "SELECT code FROM incident_class WHERE scheme = 'digital-city-management' ORDER BY code"
        ).scalars().all()  # fmt: skip
        there = session.connection().exec_driver_sql("SELECT count(*) FROM incident").scalar_one()
    mapping = read_mapping(Path("standard"))
    with tempfile.TemporaryDirectory(dir=database.settings.data_dir) as folder:
        file = Path(folder) / "incidents.csv"
        for first in range(there - there % CHUNK, wanted, CHUNK):
            rows = _incidents(first, min(CHUNK, wanted - first), places, np.array(codes))
            rows.to_csv(file, index=False)
            result = load_incidents(database.sessions, file, mapping, locator, database.settings)
            assert not result.rejected, result
            told(f"{first + result.read:,} of {wanted:,} incidents")
    _tidy(database)


def load_fixes(database: BenchDatabase, wanted: int, told: Told) -> None:
    """Fixes until there are about ``wanted`` of them, and the visits that follow."""
    district = make_district(1, "full")
    walked = walk(district, plan_patrols(district, 1, END), 1, END)
    bounds = np.searchsorted(walked.officer, np.arange(len(walked.officers) + 1))
    with database.sessions.begin() as session:
        known = {one.code: one for one in session.scalars(select(Officer))}
        there = session.scalar(text("SELECT coalesce(sum(fixes), 0)::bigint FROM received_day"))
    new: list[int] = []
    begin = time.perf_counter()
    before = there = int(there or 0)
    for copy in count(2):
        for number, code in enumerate(walked.officers):
            if there >= wanted:
                break
            if f"{code}-{copy}" in known:
                continue
            at, lon, lat, accuracy_m = _denser(walked, bounds[number], bounds[number + 1], copy)
            with database.sessions.begin() as session:
                officer = Officer(
                    code=f"{code}-{copy}", name=f"{code}-{copy}", squad_id=known[code].squad_id,
                    transport=known[code].transport,
                )  # fmt: skip
                session.add(officer)
                session.flush()
                device, _ = add_device(session, officer, "owntracks", "bench")
                store_fixes(
                    session, database.settings, device.id, at, lon, lat, accuracy_m,
                    now=END + timedelta(days=1), keep_off_duty=True,
                )  # fmt: skip
                new.append(officer.id)
            there += len(at)
        told(f"{there:,} of {wanted:,} fixes")
        if there >= wanted:
            break
    if not new:
        return
    rate = (there - before) / (time.perf_counter() - begin)
    told(f"{rate:,.0f} fixes stored a second; deriving visits")
    with database.sessions.begin() as session:
        begin = time.perf_counter()
        derived = rebuild_visits(session, database.settings, officers=new)
        session.execute(text("UPDATE received_day SET pending = false"))
        rate = derived.fixes / (time.perf_counter() - begin)
        told(f"{derived.visits:,} visits derived from {rate:,.0f} fixes a second")
        refresh_now(session, database.settings)
    _tidy(database)


def _denser(
    walked: Walked, first: int, last: int, copy: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The walk of an officer by another: four more fixes on every step of less than a minute."""
    rng = np.random.default_rng((first, copy))
    at = walked.at[first:last].astype(float)
    step = np.diff(at, append=at[-1])
    share = np.arange(5) / 5
    moment = (at[:, None] + step[:, None] * share).ravel()
    own = np.repeat(step < 60e6, 5)
    own[::5] = True
    moment = moment[own]
    lon = np.interp(moment, at, walked.lon[first:last])
    lat = np.interp(moment, at, walked.lat[first:last])
    noise = rng.normal(0, 2e-5, (2, len(moment)))
    accuracy_m = np.full(len(moment), 10.0)
    return (
        moment.astype(np.int64) + copy * 97_000_000, lon + noise[0], lat + noise[1], accuracy_m
    )  # fmt: skip


def _cut(district: District, wanted: int) -> District:
    """The district with each building's outline cut into strips, so that there are about
    ``wanted``; every strip stays in its grid and beside the others."""
    pieces = max(1, round(wanted / len(district.building)))
    if pieces == 1:
        return district
    building = district.building
    rows = np.repeat(np.arange(len(building)), pieces)
    number = np.tile(np.arange(pieces), len(building))
    west, south, east, north = shapely.bounds(building.geometry.to_numpy()[rows]).T
    wide = (east - west) / pieces
    strips = shapely.box(west + number * wide, south, west + (number + 1) * wide, north)
    shapes = shapely.intersection(building.geometry.to_numpy()[rows], strips)
    keep = shapely.area(shapes) > 1e-11  # about a tenth of a square metre
    kinds = shapely.get_type_id(shapes)
    keep &= (kinds == 3) | (kinds == 6)
    frame = building.iloc[rows].copy()
    frame["code"] = [f"{code}-{n}" for code, n in zip(frame["code"], number, strict=True)]
    frame["geometry"] = shapes
    cut = gpd.GeoDataFrame(frame[keep].reset_index(drop=True), crs=building.crs)
    return replace(district, building=cut)


def _incidents(first: int, count: int, places: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
    """The incidents numbered from ``first``, in the standard columns."""
    rng = np.random.default_rng(first + 1)
    # most in a few places, as incidents are
    spot = places[(len(places) * rng.random(count) ** 2).astype(int)]
    spot = spot + rng.normal(0, 8e-5, (count, 2))
    age_s = (rng.random(count) * DAYS * 86_400).astype(np.int64)
    reported = pd.Timestamp(END) - pd.to_timedelta(age_s, unit="s")
    is_open = (age_s < OPEN_DAYS * 86_400) & (rng.random(count) < 0.7)
    state = np.where(is_open, np.array(OPEN)[rng.integers(0, len(OPEN), count)], "closed")
    stages = {}
    moment = reported
    reached = pd.Series(state).map({name: at for at, name in enumerate(OPEN)} | {"closed": 9})
    for name in ("verified", "filed", "dispatched", "accepted", "resolved"):
        moment = moment + pd.to_timedelta(rng.exponential(9_000, count).astype(np.int64), unit="s")
        stages[f"{name}_at"] = moment.where((reached >= OPEN.index(name)).to_numpy(), pd.NaT)
    closed = moment.where(state == "closed", pd.NaT)

    def local(moments: pd.DatetimeIndex) -> pd.Index:
        return moments.tz_convert("Asia/Shanghai").tz_localize(None).floor("s")

    spots = rng.integers(1, 400, count).astype(str)
    return pd.DataFrame(
        {
            "external_id": np.char.add("A", np.arange(first, first + count).astype(str)),
            "reported_at": local(pd.DatetimeIndex(reported)),
            "closed_at": local(pd.DatetimeIndex(closed)),
            **{name: local(pd.DatetimeIndex(at)) for name, at in stages.items()},
            "lon": spot[:, 0].round(6), "lat": spot[:, 1].round(6), "crs": "wgs84",
            "accuracy_m": "",
            "address": np.char.add(
                np.char.add(STREETS[rng.integers(0, len(STREETS), count)], spots), "号"
            ),
            "description": WORDS[rng.integers(0, len(WORDS), count)],
            "class_code": codes[(len(codes) * rng.random(count) ** 2).astype(int)],
            "state": state,
            "source": np.array(SOURCES)[rng.integers(0, len(SOURCES), count)],
        }
    )  # fmt: skip


def _tidy(database: BenchDatabase) -> None:
    """Statistics as they are after a night."""
    with psycopg.connect(database.address, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
