"""Coverage seen otherwise than grid by grid: summed up, two periods beside each other, and when
in the week visits fall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from gis_service.patrols.arrays import make_window
from gis_service.patrols.coverage import STATES
from gis_service.patrols.coverage_live import Patrols
from gis_service.patrols.coverage_service import GAPS, Wanted, check_names, coverage_items
from gis_service.patrols.promises import EPOCH_WEEKDAY

GROUPS = ("community", "street", "squad", "officer")
NO_TRACK = "no_track"
# what became of a grid from one period to the next; the order in which they are told
CHANGES = ("new_gap", "worse", "same_gap", "better", "cured", "kept", "unknown")
_DAYS, _HOURS = 7, 24


def worst_of(items: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The row of the gravest state of each grid (code); of equal ones the longest overdue."""
    found: dict[str, Mapping[str, Any]] = {}
    for item in items:
        code = item["grid"]["code"]
        before = found.get(code)
        if before is None or _gravity(item) < _gravity(before):
            found[code] = item
    return found


def _gravity(item: Mapping[str, Any]) -> tuple[int, int]:
    return STATES.index(item["state"]), -(item["overdue_days"] or 0)


def grouped_items(patrols: Patrols, wanted: Wanted, zone: ZoneInfo, level: str) -> dict[str, Any]:
    """Coverage summed up by ``level`` (one of :data:`GROUPS`): each grid counts once, in the
    gravest of its states; of officers only their own promises count.

    ``grids`` is the denominator of ``counts``; ``told`` those of them of which something can be
    said (a track was received, or nobody promised them), ``gaps`` those of the told that are one.
    """
    found = coverage_items(patrols, wanted, zone)
    groups: dict[str | None, list[Mapping[str, Any]]] = {}
    for item in found["items"]:
        for code in _groups_of(patrols, item, level):
            groups.setdefault(code, []).append(item)
    names = _names(patrols, level)
    items = []
    for code, rows in sorted(groups.items(), key=lambda pair: (pair[0] is None, pair[0] or "")):
        states = [row["state"] for row in worst_of(rows).values()]
        counts = {state: states.count(state) for state in STATES}
        items.append(
            {
                level: None if code is None else {"code": code, "name": names.get(code, code)},
                "grids": len(states),
                "told": len(states) - counts[NO_TRACK],
                "gaps": sum(counts[state] for state in GAPS if state != NO_TRACK),
                "counts": counts,
                "visits": sum(row["visits"] for row in rows if row["contract"]),
            }
        )
    return {**found, "items": items, "level": level}


def _groups_of(patrols: Patrols, item: Mapping[str, Any], level: str) -> tuple[str | None, ...]:
    if level in ("community", "street", "officer"):
        return (item[level],)
    if item["squad"]:
        return (item["squad"],)
    # nobody's promise: the squads of the street answer for it
    own = [code for code, streets in patrols.squads.items() if item["street"] in streets]
    return tuple(own) or (None,)


def _names(patrols: Patrols, level: str) -> dict[str, str]:
    if level == "officer":
        return {one.code: one.name for one in patrols.officers.values()}
    return dict(patrols.names.get(level, {}))


def compared(patrols: Patrols, wanted: Wanted, before: Wanted, zone: ZoneInfo) -> dict[str, Any]:
    """What became of every grid from ``before`` to ``wanted`` (the same filters, two periods).

    ``change`` is one of :data:`CHANGES`: a grid of which no track was received in either period is
    ``unknown``, neither better nor worse. ``better`` and ``worse`` are gaps in both. ``counts`` are
    of ``grids``; ``comparable`` leaves the unknown out. ``then`` and ``now`` tell of each period:
    grids by state, ``told`` of which something can be said, ``gaps`` among those.
    """
    now, then = (coverage_items(patrols, one, zone) for one in (wanted, before))
    later, earlier = worst_of(now["items"]), worst_of(then["items"])
    items = []
    for code in sorted(set(later) & set(earlier)):
        one, other = later[code], earlier[code]
        items.append(
            {
                "grid": one["grid"], "community": one["community"], "street": one["street"],
                "change": _change(other, one),
                "then": _brief(other), "now": _brief(one),
            }
        )  # fmt: skip
    items.sort(key=lambda item: (CHANGES.index(item["change"]), item["grid"]["code"]))
    changes = [item["change"] for item in items]
    counts = {change: changes.count(change) for change in CHANGES}
    return {
        "items": items, "next": None, "grids": len(items),
        "comparable": len(items) - counts["unknown"], "counts": counts,
        "now": _period(now, later.values()), "then": _period(then, earlier.values()),
    }  # fmt: skip


def _change(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if NO_TRACK in (then["state"], now["state"]):
        return "unknown"
    was, is_ = then["state"] in GAPS, now["state"] in GAPS
    if was != is_:
        return "new_gap" if is_ else "cured"
    if not was:
        return "kept"
    old, new = _gravity(then), _gravity(now)
    return "same_gap" if old == new else "worse" if new < old else "better"


def _brief(item: Mapping[str, Any]) -> dict[str, Any]:
    names = ("state", "overdue_days", "last_visit_at", "visits", "contract", "officer",
             "officer_name", "squad")  # fmt: skip
    return {name: item[name] for name in names}


def _period(found: Mapping[str, Any], worst: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    states = [one["state"] for one in worst]
    counts = {state: states.count(state) for state in STATES}
    return {
        "from": found["from"], "to": found["to"], "days": found["days"], "grids": len(states),
        "told": len(states) - counts[NO_TRACK],
        "gaps": sum(counts[state] for state in GAPS if state != NO_TRACK), "counts": counts,
        "visits": sum(item["visits"] for item in found["items"] if item["contract"]),
    }  # fmt: skip


def rhythm(patrols: Patrols, wanted: Wanted, zone: ZoneInfo) -> dict[str, Any]:
    """When visits begin, in the district's zone: ``visits`` and ``minutes`` stayed, each by weekday
    (7, Monday first) and hour (24); ``days`` how often each weekday lies in the period and
    ``tracked`` on how many days of them a track of anybody counted here was received.

    With a squad or an officer: of those; within a scope of streets: visits to their grids.
    """
    check_names(patrols, wanted)
    window = make_window(wanted.since, wanted.until, zone)
    people = [
        one.id
        for one in patrols.officers.values()
        if wanted.squad in (None, one.squad) and wanted.officer in (None, one.code)
        and (wanted.squads is None or one.squad in wanted.squads)
    ]  # fmt: skip
    all_ = patrols.visits
    inside = all_.take(
        (all_.entered >= window.since) & (all_.entered < window.until)
        & np.isin(all_.officer, people)
    )  # fmt: skip
    if wanted.streets is not None:
        own = [grid.area_id for grid in patrols.grids if grid.street in wanted.streets]
        inside = inside.take(np.isin(inside.area, own))
    hour = inside.minute // 60
    shape = (_DAYS, _HOURS)
    visits = np.bincount(hour, minlength=_DAYS * _HOURS).reshape(shape)
    stay = np.bincount(hour, inside.stay_s / 60, _DAYS * _HOURS).reshape(shape)
    days = np.arange(window.first_day, window.last_day + 1)
    officer, day = patrols.received
    seen = np.unique(day[np.isin(officer, people) & np.isin(day, days)])
    return {
        "visits": visits.tolist(), "minutes": np.round(stay, 1).tolist(),
        "total": len(inside.area),
        "days": np.bincount((days + EPOCH_WEEKDAY) % _DAYS, minlength=_DAYS).tolist(),
        "tracked": np.bincount((seen + EPOCH_WEEKDAY) % _DAYS, minlength=_DAYS).tolist(),
        "officers": len(people),
        "from": wanted.since.astimezone(zone).isoformat(),
        "to": wanted.until.astimezone(zone).isoformat(),
    }  # fmt: skip
