"""Coverage as it is told: rows by grid and contract, and the gaps among them by risk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gis_service.errors import InvalidInput
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter, parse_moment
from gis_service.incidents.models import ENDED_STATES
from gis_service.incidents.models import STATES as INCIDENT_STATES
from gis_service.patrols.arrays import make_window
from gis_service.patrols.coverage import (
    DUE,
    NEVER,
    ON_TIME,
    STATES,
)
from gis_service.patrols.coverage_live import Patrols
from gis_service.patrols.promises import Contract
from gis_service.sheets import as_csv, cell

LOOK_BACK = timedelta(days=30)
LONGEST_WINDOW = timedelta(days=400)
RATE_DAYS = 30.0
GAPS = tuple(state for n, state in enumerate(STATES) if n not in (DUE, ON_TIME))
_OPEN = tuple(state for state in INCIDENT_STATES if state not in ENDED_STATES)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATE_NAMES = {
    "no_contract": ("无责任人", "no contract"),
    "expired": ("责任书已到期", "expired"),
    "no_track": ("未收到轨迹", "no track received"),
    "never_visited": ("从未到访", "never visited"),
    "overdue": ("超期未巡", "overdue"),
    "due": ("今日应巡", "due"),
    "on_time": ("按期", "on time"),
}


@dataclass(frozen=True)
class Wanted:
    """What of the coverage is asked for; ``streets`` and ``squads`` are what the account may see
    (None: everything)."""

    since: datetime
    until: datetime
    squad: str | None = None
    officer: str | None = None
    streets: frozenset[str] | None = None
    squads: frozenset[str] | None = None


def parse_span(
    from_: str | None, to: str | None, zone: ZoneInfo, now: datetime
) -> tuple[datetime, datetime]:
    """``[from, to)``; without ``to`` until now, without ``from`` the 30 days before. Raises
    InvalidInput for a span that is empty or longer than 400 days."""
    until = parse_moment(to, zone, "to") or now
    since = parse_moment(from_, zone, "from")
    if since is None:
        try:
            since = until - LOOK_BACK
        except OverflowError:
            raise InvalidInput("too long ago", "时间过早", where="to") from None
    check_span(since, until, "from")
    return since.astimezone(UTC), until.astimezone(UTC)


def check_span(since: datetime, until: datetime, where: str) -> None:
    """Raise InvalidInput for a span that is empty or longer than 400 days."""
    if since >= until:
        raise InvalidInput("the period must begin before it ends", "起始须早于结束", where=where)
    if until - since > LONGEST_WINDOW:
        raise InvalidInput(
            f"no longer than {LONGEST_WINDOW.days} days",
            f"时间跨度不得超过 {LONGEST_WINDOW.days} 天",
            where=where,
        )


def coverage_items(patrols: Patrols, wanted: Wanted, zone: ZoneInfo) -> dict[str, Any]:
    """``items``: one per grid and contract, in order of the grids; ``counts`` of them by state.
    The answer may be given again: it must not be changed."""
    found: dict[str, Any] = patrols.kept(wanted, lambda: _coverage_items(patrols, wanted, zone))
    return found


def _coverage_items(patrols: Patrols, wanted: Wanted, zone: ZoneInfo) -> dict[str, Any]:
    window = make_window(wanted.since, wanted.until, zone)
    check_names(patrols, wanted)
    found = patrols.coverage(window)
    last_visit = _moments(found.last_visit.tolist(), zone)
    columns = [
        column.tolist()
        for column in (
            found.area, found.contract, found.state, found.overdue_days, found.visits,
            found.tracked_days, found.overlapping, found.out_of_hours, found.outside_area,
        )
    ]  # fmt: skip
    grids = {grid.area_id: grid for grid in patrols.grids}
    squad_streets = frozenset(patrols.squads.get(wanted.squad or "", ()))
    told = [_told(patrols, one) for one in found.contracts]
    people = [
        {patrols.officers[person].code for person in one.people} if wanted.officer else set()
        for one in found.contracts
    ]
    items = []
    for n, (area, contract, state, overdue, visits, tracked, *flags) in enumerate(
        zip(*columns, strict=True)
    ):
        grid = grids[area]
        facts = told[contract] if contract >= 0 else _NOBODY
        squad = facts["squad"]
        if wanted.squad and squad != wanted.squad and not (
            contract < 0 and grid.street in squad_streets
        ):  # fmt: skip
            continue
        if wanted.officer and (contract < 0 or wanted.officer not in people[contract]):
            continue
        if (
            wanted.streets is not None
            and grid.street not in wanted.streets
            and squad not in (wanted.squads or ())
        ):
            continue
        items.append(
            {
                "grid": {"code": grid.code, "name": grid.name},
                "state": STATES[state],
                **facts,
                "last_visit_at": last_visit[n],
                "overdue_days": overdue if overdue >= 0 else None,
                "overlapping": flags[0],
                "out_of_hours": flags[1],
                "outside_area": flags[2],
                "visits": visits,
                "tracked_days": tracked if contract >= 0 else None,
                "community": grid.community,
                "street": grid.street,
            }
        )
    return {
        "items": items,
        "next": None,
        "from": wanted.since.astimezone(zone).isoformat(),
        "to": wanted.until.astimezone(zone).isoformat(),
        "days": window.last_day - window.first_day + 1,
        "grids": len({item["grid"]["code"] for item in items}),
        "counts": {state: sum(item["state"] == state for item in items) for state in STATES},
    }


def gap_items(
    patrols: Patrols, incidents: Snapshot, wanted: Wanted, zone: ZoneInfo
) -> dict[str, Any]:
    """The rows that are a gap, the riskiest first, and the officers without a contract.

    ``risk`` = ``gap_days`` × (1 + ``incident_rate``) × (1 + ``open_cases``): the days since the
    last visit that counts (all days of the window where there was none), the incidents reported in
    the window per 30 days, and the cases reported before its end that are open now.
    """
    found = coverage_items(patrols, wanted, zone)
    window = make_window(wanted.since, wanted.until, zone)
    span = IncidentFilter(since=wanted.since, until=wanted.until)
    areas = {grid.code: grid.area_id for grid in patrols.grids}
    reported = by_area(incidents, span)
    open_cases = by_area(incidents, IncidentFilter(until=wanted.until, states=_OPEN))
    days = found["days"]
    items = []
    for item in found["items"]:
        if item["state"] not in GAPS:
            continue
        area = areas[item["grid"]["code"]]
        last = item["last_visit_at"]
        gap = days if last is None else window.last_day - _day(last)
        rate = reported.get(area, 0) * RATE_DAYS / days
        cases = open_cases.get(area, 0)
        items.append(
            {
                **item,
                "gap_days": gap,
                "incidents": reported.get(area, 0),
                "incident_rate": round(rate, 2),
                "open_cases": cases,
                "risk": round(gap * (1 + rate) * (1 + cases), 1),
            }
        )
    items.sort(key=lambda item: (-item["risk"], item["grid"]["code"], item["contract"] or ""))
    idle = [
        {"code": one.code, "name": one.name, "squad": one.squad}
        for one in patrols.without_contract(window.last_day)
        if (not wanted.squad or one.squad == wanted.squad)
        and (not wanted.officer or one.code == wanted.officer)
        and (wanted.squads is None or one.squad in wanted.squads)
    ]
    return {**found, "items": items, "officers_without_contract": idle}


def load_items(
    patrols: Patrols,
    incidents: Snapshot,
    wanted: Wanted,
    zone: ZoneInfo,
    streets: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """What each active officer leads at the window's end: contracts, grids (each once) with their
    area, streets, buildings and incidents, and the visits promised in a week; the busiest first.
    Who leads nothing stands there with zeros. ``streets``: metres by grid (code); None where no
    streets are loaded, and ``streets_m`` is None then."""
    check_names(patrols, wanted)
    day = make_window(wanted.since, wanted.until, zone).last_day
    grids = {grid.area_id: grid for grid in patrols.grids}
    reported = by_area(incidents, IncidentFilter(since=wanted.since, until=wanted.until))
    open_cases = by_area(incidents, IncidentFilter(until=wanted.until, states=_OPEN))
    own: dict[int, list[Contract]] = {}
    for one in patrols.contracts:
        if one.holds(day):
            own.setdefault(one.officer_id, []).append(one)
    items = []
    for officer in patrols.officers.values():
        if not officer.active or (wanted.squads is not None and officer.squad not in wanted.squads):
            continue
        if wanted.squad not in (None, officer.squad) or wanted.officer not in (None, officer.code):
            continue
        promised = own.get(officer.id, [])
        areas = {area for one in promised for area in one.grids if area in grids}
        visits = sum(
            7 * one.visits / one.period * sum(area in grids for area in one.grids)
            for one in promised
        )
        items.append(
            {
                "officer": officer.code,
                "officer_name": officer.name,
                "squad": officer.squad,
                "contracts": len(promised),
                "grids": len(areas),
                "area_km2": round(sum(grids[area].area_m2 for area in areas) / 1e6, 4),
                "buildings": sum(grids[area].buildings for area in areas),
                "streets_m": None
                if streets is None
                else round(sum(streets.get(grids[area].code, 0.0) for area in areas)),
                "visits_per_week": round(visits, 1),
                "incidents": sum(reported.get(area, 0) for area in areas),
                "open_cases": sum(open_cases.get(area, 0) for area in areas),
            }
        )
    return sorted(items, key=lambda item: (-item["visits_per_week"], item["officer"]))


CSV_COLUMNS = {
    "grid_code": ("网格编码", "grid_code"),
    "grid_name": ("网格名称", "grid_name"),
    "state": ("状态", "state"),
    "contract": ("责任书编号", "contract"),
    "officer": ("队员编号", "officer"),
    "officer_name": ("队员", "officer_name"),
    "squad": ("中队", "squad"),
    "promised_days": ("承诺间隔（天）", "promised_days"),
    "last_visit_at": ("最近到访", "last_visit_at"),
    "overdue_days": ("超期（天）", "overdue_days"),
    "gap_days": ("空档（天）", "gap_days"),
    "incidents": ("期内案件", "incidents"),
    "open_cases": ("未结案件", "open_cases"),
    "risk": ("风险", "risk"),
    "overlapping": ("责任重叠", "overlapping"),
    "out_of_hours": ("时段外到访", "out_of_hours"),
    "outside_area": ("区外人员到访", "outside_area"),
}


def gaps_csv(items: Iterable[Mapping[str, Any]], locale: str) -> bytes:
    """Gaps as CSV that Excel opens: UTF-8 with its mark; no cell begins as a formula does."""
    place = 0 if locale == "zh" else 1
    head = [names[place] for names in CSV_COLUMNS.values()]
    lines = []
    for item in items:
        row = {**item, "grid_code": item["grid"]["code"], "grid_name": item["grid"]["name"],
               "state": STATE_NAMES[item["state"]][place]}  # fmt: skip
        lines.append([cell(row[name], locale) for name in CSV_COLUMNS])
    return as_csv(head, lines)


_NOBODY: dict[str, Any] = {
    "contract": None, "version": None, "officer": None, "officer_name": None, "squad": None,
    "promised_days": None, "visits_per_week": None, "valid_to": None,
}  # fmt: skip


def _told(patrols: Patrols, contract: Contract) -> dict[str, Any]:
    officer = patrols.officers[contract.officer_id]
    weekly = contract.visits if contract.weekly else None
    return {
        "contract": contract.code, "version": contract.version, "officer": officer.code,
        "officer_name": officer.name, "squad": officer.squad,
        "promised_days": round(contract.period / contract.visits, 2) if weekly
        else contract.period,
        "visits_per_week": weekly,
        "valid_to": (date(1970, 1, 1) + timedelta(days=contract.last_day - 1)).isoformat(),
    }  # fmt: skip


def _moments(values: Sequence[int], zone: ZoneInfo) -> list[str | None]:
    return [
        None
        if value == NEVER
        else (_EPOCH + timedelta(microseconds=value)).astimezone(zone).isoformat(timespec="seconds")
        for value in values
    ]


def _day(moment: str) -> int:
    """The day number of a moment as told, in its own zone."""
    return (date.fromisoformat(moment[:10]) - date(1970, 1, 1)).days


def by_area(incidents: Snapshot, wanted: IncidentFilter) -> dict[int, int]:
    """Incidents by grid (area id)."""
    ids, counts = incidents.counts_by_area("grid", wanted)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


def check_names(patrols: Patrols, wanted: Wanted) -> None:
    """Raise InvalidInput for a squad or officer that is not there."""
    if wanted.squad and wanted.squad not in patrols.squads:
        raise InvalidInput(
            f"no squad {wanted.squad!r}", f"没有中队 {wanted.squad!r}", where="squad"
        )
    if wanted.officer and wanted.officer not in {one.code for one in patrols.officers.values()}:
        raise InvalidInput(
            f"no officer {wanted.officer!r}", f"没有队员 {wanted.officer!r}", where="officer"
        )
