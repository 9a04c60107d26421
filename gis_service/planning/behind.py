"""The list behind a figure: exactly the rows that were counted, from what they were counted from.

``rows`` of an indicator (``data/indicators.toml``) says which number of its cell the rows are:
the denominator, the numerator where it has no denominator of its own kind, the sample, or one
record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from gis_service.incidents.arrays import STAGES, Snapshot
from gis_service.incidents.filters import IncidentFilter, micros
from gis_service.incidents.metrics import kernel
from gis_service.incidents.models import STATE_NAMES
from gis_service.incidents.visibility import Visible
from gis_service.patrols.coverage_service import STATE_NAMES as COVERAGE_NAMES
from gis_service.planning.facts import list_fact
from gis_service.planning.figures import KEPT, NO_PROMISE, UNTOLD, Community, Sources, hot_codes
from gis_service.planning.queries import incidents_named, list_buildings

Words = dict[str, str]


@dataclass(frozen=True)
class Row:
    """One of what was counted. ``at``: ISO 8601; ``counted``: in the numerator, None where there
    is none; ``value`` in the indicator's unit where each row has one."""

    code: str
    name: str
    at: str | None = None
    counted: bool | None = None
    value: float | None = None
    note: Words | None = None
    href: str | None = None


@dataclass(frozen=True)
class Behind:
    """``rows`` that the asker may see; ``hidden``: how many more were counted; ``hits``: of all,
    how many are in the numerator, None where nothing is a numerator."""

    rows: list[Row]
    hidden: int = 0
    hits: int | None = None


@dataclass(frozen=True)
class _Asked:
    session: Session
    sources: Sources
    place: Community
    kind: str
    visible: Visible | None


def rows_behind(
    session: Session, sources: Sources, place: Community, indicator: str, kind: str,
    visible: Visible | None = None,
) -> Behind:  # fmt: skip
    """What the built-in ``indicator`` counts in a community; ``kind`` of grids; of incidents the
    asker sees those ``visible`` (None: all)."""
    asked = _Asked(session, sources, place, kind, visible)
    if indicator in _CASES:
        return _incidents(asked, *_CASES[indicator])
    if indicator in _OTHERS:
        rows = _OTHERS[indicator](asked)
    else:
        rows = _facts(asked, indicator)
    hits = [row.counted for row in rows if row.counted is not None]
    return Behind(rows, 0, sum(hits) if hits else None)


# -- incidents ---------------------------------------------------------------------------------

# which column of the metrics' counts are the rows, which the numerator; or the stage that is timed
_CASES: dict[str, tuple[int | str, int | None]] = {
    "early_found": (kernel.EFFECTIVE, kernel.FROM_PATROL),
    "handle_hours": ("resolved", None),
    "close_hours": ("closed", None),
    "closed_in_time": (kernel.TO_CLOSE, kernel.IN_TIME),
    "rework": (kernel.WORKED, kernel.AGAIN),
    "per_building": (kernel.EFFECTIVE, None),
}


def _incidents(asked: _Asked, rows: int | str, hit: int | None) -> Behind:
    """Counted by the kernel of the metrics with every incident as a group of its own."""
    own = replace(asked.sources.wanted, communities=(asked.place.area_id,))
    found = _each(asked.sources.incidents, own, micros(asked.sources.until))
    if isinstance(rows, str):
        stage = STAGES.index(rows)
        there, hours = found.measured[:, stage] > 0, found.times[:, stage, 0] / 3600
    else:
        there, hours = found.counts[:, rows] > 0, None
    hits = found.counts[:, hit] > 0 if hit is not None else None
    counted = int((there & hits).sum()) if hits is not None else None
    seen = there
    if asked.visible is not None:
        shown = replace(own, visible=asked.visible)
        ids = [table.take(table.select(shown)).id for table in asked.sources.incidents.tables]
        seen = there & np.isin(found.id, np.concatenate(ids))
    numbers = np.flatnonzero(seen)
    named = incidents_named(asked.session, [int(one) for one in found.id[numbers]])
    zone = asked.sources.zone
    out = []
    for n in numbers:
        one = named.get(int(found.id[n]))
        if one is None:
            continue  # taken away since the figures were read
        zh, en = STATE_NAMES[one["state"]]
        out.append(
            Row(
                one["code"], " · ".join(filter(None, (one["class_name"], one["address"]))),
                one["reported_at"].astimezone(zone).isoformat(timespec="seconds"),
                None if hits is None else bool(hits[n]),
                None if hours is None else round(float(hours[n]), 2), {"zh": zh, "en": en},
                f"/dispatch#incident={one['id']}",
            )
        )  # fmt: skip
    out.sort(key=lambda row: (row.at or "", row.code))
    return Behind(out, int(there.sum() - seen.sum()), counted)


@dataclass(frozen=True)
class _Each:
    id: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int32]
    measured: npt.NDArray[np.int32]
    times: npt.NDArray[np.float64]


def _each(snapshot: Snapshot, wanted: IncidentFilter, now: int) -> _Each:
    parts = [(table.take(table.select(wanted)), None) for table in snapshot.tables]
    ids = np.concatenate([table.id for table, _ in parts])
    _, counts, measured, times = kernel.figures_of_groups(np.arange(len(ids)), len(ids), parts, now)
    return _Each(ids, counts, measured, times)


# -- grids, promises, buildings ----------------------------------------------------------------


def _promises(asked: _Asked) -> list[dict[str, Any]]:
    return [one for one in asked.sources.coverage() if one["community"] == asked.place.code]


def _state(item: dict[str, Any]) -> Words:
    zh, en = COVERAGE_NAMES[item["state"]]
    who = f" · {item['officer_name']}" if item["officer_name"] else ""
    return {"zh": zh + who, "en": en + who}


def _grids(asked: _Asked) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for item in _promises(asked):
        out.setdefault(item["grid"]["code"], []).append(item)
    return out


def _grid_row(code: str, items: list[dict[str, Any]], counted: bool | None) -> Row:
    words = [_state(item) for item in items]
    note = {key: "；".join(one[key] for one in words) for key in ("zh", "en")}
    return Row(code, items[0]["grid"]["name"], None, counted, None, note, "/coverage")


def _contract_share(asked: _Asked) -> list[Row]:
    return [
        _grid_row(code, items, any(item["state"] not in NO_PROMISE for item in items))
        for code, items in _grids(asked).items()
    ]


def _grids_per_officer(asked: _Asked) -> list[Row]:
    held = {
        code: [item for item in items if item["state"] not in NO_PROMISE]
        for code, items in _grids(asked).items()
    }
    return [_grid_row(code, items, None) for code, items in held.items() if items]


def _covered_on_time(asked: _Asked) -> list[Row]:
    return [
        Row(
            item["grid"]["code"], f"{item['grid']['name']} · {item['contract']}",
            item["last_visit_at"], item["state"] in KEPT, None, _state(item), "/coverage",
        )
        for item in _promises(asked)
        if item["state"] not in UNTOLD
    ]  # fmt: skip


def _hot_grids(asked: _Asked) -> list[Row]:
    hot = asked.sources.once("hot", lambda: hot_codes(asked.sources))
    return [
        Row(grid.code, grid.name, counted=hot[grid.code])
        for grid in asked.sources.patrols.grids
        if grid.community == asked.place.code
    ]


def _buildings(asked: _Asked) -> list[Row]:
    return [
        Row(row["code"], row["name"] or row["code"], note={"zh": row["grid"], "en": row["grid"]})
        for row in list_buildings(asked.session, asked.place.area_id, asked.kind)
    ]


def _area(asked: _Asked) -> list[Row]:
    place = asked.place
    return [Row(place.code, place.name, value=round(place.area_m2 / 1e6, 4))]


_OTHERS: dict[str, Callable[[_Asked], list[Row]]] = {
    "contract_share": _contract_share, "grids_per_officer": _grids_per_officer,
    "covered_on_time": _covered_on_time, "hot_grids": _hot_grids, "buildings": _buildings,
    "area_km2": _area,
}  # fmt: skip

# -- what communities record -------------------------------------------------------------------

_SHARES = ("post_staffed", "satisfied", "opinions_answered")  # the others have no denominator
_PAGES = {"campaigns": "/campaigns#{code}", "frontages": "/frontages"}


def _facts(asked: _Asked, name: str) -> list[Row]:
    sources = asked.sources
    found = list_fact(
        asked.session, name, asked.place.area_id, sources.since, sources.until, sources.zone
    )
    page = _PAGES.get(name, f"/communities/{asked.place.code}")
    return [
        Row(
            row.code, row.name or "",
            None if row.at is None
            else row.at.astimezone(sources.zone).isoformat(timespec="seconds")
            if hasattr(row.at, "astimezone") else row.at.isoformat(),
            row.hit if name in _SHARES else None, href=page.replace("{code}", row.code),
        )
        for row in found
    ]  # fmt: skip
