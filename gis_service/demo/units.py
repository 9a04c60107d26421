"""Who does the work in the demo district: squads, a duty roster, components with owners."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from sqlalchemy.orm import Session

from gis_service.demo.district import District
from gis_service.demo.noise import stream
from gis_service.demo.outline import to_degrees
from gis_service.demo.sites import in_metres
from gis_service.reference.calendar import ensure_default_calendar
from gis_service.reference.components import load_components
from gis_service.reference.defaults import ensure_default_classes
from gis_service.reference.units import load_units
from gis_service.responsibility.roster import load_roster
from gis_service.settings import Settings

COMPONENTS = {"full": 4_000, "small": 400}
SQUADS_UNIT = "JDZD"
ROSTER_DAYS_BEFORE, ROSTER_DAYS_AFTER = 365, 180
NIGHT = (timedelta(hours=18), timedelta(hours=32))  # from 18:00 to 08:00
SURNAMES = "陈林黄张吴李王郑蔡刘许杨苏庄曾洪"
# class, name, owner, share; a cover of unknown class may have an owner in the inventory
SORTS = (
    ("C-01-37", "路灯", "SZZX", 0.36),
    ("C-01-98", "污水井盖", "SZZX", 0.17),
    ("C-01-97", "雨水井盖", "SZZX", 0.13),
    ("C-01-96", "雨水箅子", "SZZX", 0.10),
    ("C-01-99", "上水井盖", "GSQY", 0.10),
    ("C-01-94", "燃气井盖", "RQQY", 0.06),
    ("C-01-23", "通信井盖", "TXQY", 0.04),
    ("C-01-23", "不明井盖", "", 0.02),
    ("C-01-90", "电力设施", "GDQY", 0.02),
)


def load_demo_units(
    session: Session, settings: Settings, district: District, as_of: datetime
) -> None:
    """Load the default units, a squad per street, the roster around ``as_of`` and the components
    of a district, by the same doors that files use."""
    ensure_default_classes(session)
    ensure_default_calendar(session)
    source = f"{district.label} seed={district.seed}"
    load_units(session, squads(district), source)
    load_roster(session, shifts(district, as_of), source, ZoneInfo(settings.timezone))
    load_components(session, components(district), source)


def squads(district: District) -> list[dict[str, Any]]:
    """A squad per street, as rows of a units file."""
    return [
        {
            "kind": "squad", "code": f"ZD{code}", "name": f"{name}执法中队",
            "name_en": f"Squad of {name}", "parent": SQUADS_UNIT, "streets": code,
        }
        for code, name in zip(district.street["code"], district.street["name"], strict=True)
    ]  # fmt: skip


def shifts(district: District, as_of: datetime) -> Iterator[dict[str, Any]]:
    """A roster over the demo's time: every night each street's squad, by day a duty chief of the
    district; everybody in it is made up."""
    rng = stream(district.seed, "roster")
    first = as_of.replace(hour=0, minute=0) - timedelta(days=ROSTER_DAYS_BEFORE)
    teams = {
        code: [f"{SURNAMES[n]}队员" for n in rng.permutation(len(SURNAMES))[:5]]
        for code in district.street["code"]
    }
    for number in range(ROSTER_DAYS_BEFORE + ROSTER_DAYS_AFTER):
        midnight = first + timedelta(days=number)
        chief = SURNAMES[number % len(SURNAMES)]
        yield _shift(midnight, timedelta(0), timedelta(days=1), f"{chief}值班长", "8000")
        for place, (code, team) in enumerate(teams.items(), start=1):
            yield {
                **_shift(midnight, *NIGHT, team[number % len(team)], f"80{place:02d}"),
                "street": code, "squad": f"ZD{code}",
            }  # fmt: skip


def components(district: District) -> list[dict[str, Any]]:
    """Lamps and covers along the roads, as rows of an inventory."""
    rng = stream(district.seed, "components")
    count = COMPONENTS[district.scale]
    roads = in_metres(district.roads)
    length = shapely.length(roads)
    road = roads[rng.choice(len(roads), count, p=length / length.sum())]
    place = shapely.get_coordinates(
        shapely.line_interpolate_point(road, rng.random(count), normalized=True)
    )
    lon, lat = to_degrees(place + rng.normal(0, 2.0, (count, 2))).T
    share = np.array([sort[3] for sort in SORTS])
    sort = rng.choice(len(SORTS), count, p=share / share.sum())
    return [
        {
            "code": f"BJ{number + 1:06d}", "name": SORTS[kind][1], "class": SORTS[kind][0],
            "owner": SORTS[kind][2], "lon": f"{lon[number]:.7f}", "lat": f"{lat[number]:.7f}",
        }
        for number, kind in enumerate(sort)
    ]  # fmt: skip


def _shift(
    midnight: datetime, begins: timedelta, ends: timedelta, person: str, phone: str
) -> dict[str, Any]:
    return {
        "starts_at": (midnight + begins).isoformat(), "ends_at": (midnight + ends).isoformat(),
        "person": person, "phone": phone,
    }  # fmt: skip
