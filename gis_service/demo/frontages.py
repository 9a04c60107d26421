"""Frontage contracts of the demo district: shops along streets, most of them looked at in time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import shapely
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from gis_service.communities.frontage_models import FrontageContract, FrontageInspection
from gis_service.communities.frontage_sheet import COLUMNS, load_frontages
from gis_service.demo.areas import read_rows
from gis_service.demo.district import District
from gis_service.demo.noise import stream
from gis_service.settings import Settings
from gis_service.sheets import as_csv

COUNT = {"full": 480, "small": 60}
NEAR_STREET = 0.00025  # degrees, about 25 m
ITEMS = ("sanitation", "order", "greening", "facilities")
ACTOR = "demo"


def load_demo_frontages(
    session: Session, settings: Settings, district: District, as_of: datetime, metric_crs: str
) -> int:
    """Contracts by the door that sheets use, and their inspections; 0 where they are there. The
    caller commits."""
    if session.scalar(select(func.count()).select_from(FrontageContract)):
        return 0
    rng = stream(district.seed, "frontages")
    today = as_of.date() - timedelta(days=1)
    lines = _lines(rng, district, today)
    data = as_csv([one.name for one in COLUMNS], lines)
    found = load_frontages(
        session, settings, None, data, f"{district.label}.csv", metric_crs=metric_crs
    )
    if found["faults"]:
        raise ValueError(f"the demo's frontages: {found['faults'][0]['message']}")
    rows = _inspections(rng, session, today, settings.frontage_days)
    session.execute(insert(FrontageInspection), rows)
    return len(lines)


def _lines(rng: np.random.Generator, district: District, today: date) -> list[list[object]]:
    shapes = district.building.geometry.to_numpy()
    streets = shapely.STRtree(district.roads.geometry.to_numpy())
    near = np.unique(streets.query(shapes, predicate="dwithin", distance=NEAR_STREET)[0])
    chosen = np.sort(rng.choice(near, min(COUNT[district.scale], len(near)), replace=False))
    words = [row["name"] for row in read_rows("shops.csv")]
    addresses = district.building["address"].to_numpy(dtype=object)
    points = shapely.get_coordinates(shapely.point_on_surface(shapes[chosen])).round(7)
    lines: list[list[object]] = []
    for number, (n, (lon, lat)) in enumerate(zip(chosen, points, strict=True), start=1):
        address = str(addresses[n])
        begins = today - timedelta(days=int(rng.integers(40, 400)))
        items = [ITEMS[0], *(one for one in ITEMS[1:] if rng.random() < 0.6)]
        values = {
            "code": f"MQ{today.year}-{number:04d}",
            "shop": f"{address.rstrip('号0123456789')}{words[int(rng.integers(len(words)))]}",
            "address": address, "lon": float(lon), "lat": float(lat), "crs": "wgs84",
            "length_m": round(float(rng.uniform(4, 18)), 1), "items": ";".join(items),
            "valid_from": begins.isoformat(),
            "valid_to": (begins + timedelta(days=364)).isoformat(),
        }  # fmt: skip
        lines.append([values.get(one.name, "") for one in COLUMNS])
    return lines


def _inspections(
    rng: np.random.Generator, session: Session, today: date, every_days: int
) -> list[dict[str, object]]:
    """Looked at about every ``every_days``, some no longer; one look in eight finds something,
    which is put right but for a few."""
    rows: list[dict[str, object]] = []
    for contract in session.scalars(select(FrontageContract).order_by(FrontageContract.code)):
        day = contract.valid_from + timedelta(days=int(rng.integers(5, every_days)))
        last = today - timedelta(days=int(rng.integers(60, 160))) if rng.random() < 0.12 else today
        while day <= min(last, contract.valid_to):
            bad = rng.random() < 0.12
            until = day + timedelta(days=7)
            late = bool(rng.random() < 0.15)
            done = day + timedelta(days=int(rng.integers(1, 7)))
            rows.append({
                "contract_id": contract.id, "inspected_on": day, "inspector": ACTOR,
                "failed": [str(rng.choice(contract.items))] if bad else [],
                "rectify_by": until if bad else None,
                "rectified_on": done if bad and not late and done <= today else None,
            })  # fmt: skip
            day += timedelta(days=int(rng.integers(every_days // 2, every_days)))
    return rows
