"""Walks for tests, and what becomes of them by the slowest and plainest way."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from pyproj import Geod

from gis_service.patrols.cleaning import TRANSPORTS, CleaningRules, Fixes

GEOD = Geod(ellps="WGS84")
NOON_US = 1_780_000_000_000_000
METRE = 1 / 111_000  # degrees, about


def fixes_of(*rows: tuple[Any, ...]) -> Fixes:
    """Fixes of (device, seconds after noon, lon, lat[, accuracy]) rows, sorted."""
    filled = [(*row, np.nan)[:5] for row in rows]
    device, at, lon, lat, accuracy = (np.array(column) for column in zip(*filled, strict=True))
    moments = NOON_US + (at.astype(float) * 1e6).astype(np.int64)
    return Fixes.sort(device, moments, lon, lat, accuracy)[0]


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(GEOD.inv(*a, *b)[2])


def brute_force(
    fixes: Fixes, polygons: list[Any], transport: str, now_us: int, rules: CleaningRules
) -> tuple[list[str], list[tuple[int, int, int, int]]]:
    """(reason of each fix, visits as (device, polygon, entered, left)), one fix after another."""
    reasons = ["kept"] * len(fixes)
    rows = list(
        zip(
            fixes.device.tolist(), fixes.at.tolist(), fixes.lon.tolist(), fixes.lat.tolist(),
            fixes.accuracy_m.tolist(), strict=True,
        )
    )  # fmt: skip
    seen = set()
    for i, (device, at, lon, lat, accuracy) in enumerate(rows):
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            reasons[i] = "nowhere"
        elif at > now_us:
            reasons[i] = "future"
        elif accuracy > rules.worst_accuracy_m:
            reasons[i] = "inaccurate"
        elif (device, at) in seen:
            reasons[i] = "duplicate"
        else:
            seen.add((device, at))

    def step(i: int, k: int) -> bool | None:
        a, b = rows[i], rows[k]
        seconds = (b[1] - a[1]) / 1e6
        if a[0] != b[0] or seconds > rules.break_s:
            return None
        slack = sum(rules.unknown_accuracy_m if np.isnan(row[4]) else row[4] for row in (a, b))
        speed = TRANSPORTS[transport].max_speed_mps
        return metres(a[2:4], b[2:4]) <= speed * seconds + slack

    usable = [i for i, reason in enumerate(reasons) if reason == "kept"]
    for m, i in enumerate(usable):
        steps = [step(usable[m - 1], i)] if m else []
        steps += [step(i, usable[m + 1])] if m + 1 < len(usable) else []
        if steps == [False, False]:
            reasons[i] = "too_fast"
    kept = [i for i in usable if reasons[i] == "kept"]
    visits = []
    for number, polygon in enumerate(polygons):
        m = 0
        while m < len(kept):
            if not polygon.covers(shapely.Point(rows[kept[m]][2:4])):
                m += 1
                continue
            entered = left = rows[kept[m]][1]
            device = rows[kept[m]][0]
            while m + 1 < len(kept) and step(kept[m], kept[m + 1]):
                m += 1
                left = rows[kept[m]][1]
                if not polygon.covers(shapely.Point(rows[kept[m]][2:4])):
                    break
            else:
                m += 1
            if (left - entered) / 1e6 >= TRANSPORTS[transport].shortest_stay_s:
                visits.append((device, number, entered, left))
    return reasons, sorted(visits, key=lambda v: (v[0], v[2], v[1]))
