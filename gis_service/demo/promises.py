"""Officers and their patrol contracts in the demo district, with the gaps planted among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from gis_service.demo.district import District
from gis_service.demo.noise import stream
from gis_service.demo.planted import plant_communities

OFFICERS = {"full": 120, "small": 13}
ASSISTING = {"full": 10, "small": 1}  # 协管, members of a contract
IDLE = {"full": 4, "small": 1}  # officers whom no contract names
SILENT = {"full": 4, "small": 1}
ON_LEAVE = {"full": 4, "small": 1}
EXPIRED = {"full": 5, "small": 1}  # contracts, of a few grids each
SHARE_NONE, SHARE_NEVER, SHARE_OVERLAPPING, SHARE_OVERDUE = 0.03, 0.025, 0.02, 0.05
PROMISED_DAYS, PROMISED_SHARE = (2, 3, 4, 5, 7), (0.1, 0.4, 0.2, 0.15, 0.15)
LEAVE_DAYS = 6
EXPIRED_DAYS = 25  # before the end of the demo's time
DUTIES = "E-01;E-02;E-03"
OTHER_DUTIES = "C-01"
DAYTIME, EVENING = "08:00-18:00", "18:00-22:00"
SURNAMES = "陈林黄张吴李王郑蔡刘许杨苏庄曾洪"
GIVEN = "志强建国明辉伟东海峰文斌小军阿芳丽华秀英春燕美玲"


@dataclass(frozen=True)
class Round:
    """A grid that an officer is due to visit by a contract, and how it goes.

    ``weekdays`` are ISO; ``late`` days are missed at the end; ``ends`` days before the end of
    time it stops."""

    officer: str
    grid: str
    interval: int
    weekdays: tuple[int, ...]
    evening: bool = False
    late: int = 0
    ends: int = 0
    weekly: bool = False


@dataclass
class Plan:
    """Rows of the files that people would load, who walks where, and what was planted."""

    officers: list[dict[str, Any]] = field(default_factory=list)
    contracts: list[dict[str, Any]] = field(default_factory=list)
    absences: list[dict[str, Any]] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    stand_ins: dict[str, str] = field(default_factory=dict)  # of whom in the last LEAVE_DAYS
    no_contract: list[str] = field(default_factory=list)
    overlapping: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    never_visited: list[str] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)

    def truth(self) -> dict[str, list[str]]:
        """Codes of grids and officers, sorted."""
        return {
            "no_contract": sorted(self.no_contract), "overlapping": sorted(self.overlapping),
            "expired": sorted(self.expired), "never_visited": sorted(self.never_visited),
            "overdue": sorted(self.overdue), "silent_officers": sorted(self.silent),
            "idle_officers": sorted(self.idle),
        }  # fmt: skip


@dataclass
class _Lead:
    """An officer with an area: the squad, the grids of it, and how often they are promised."""

    code: str
    squad: str
    grids: list[str]
    interval: int
    weekly: bool
    weekdays: tuple[int, ...]


def plan_patrols(district: District, seed: int, as_of: datetime) -> Plan:
    """Who promised what and how it is kept; the plant depends on the seed only."""
    scale = district.scale
    rng = stream(seed, "patrols")
    plan = Plan()
    by_street: dict[str, list[str]] = {}
    for code in sorted(district.grid["code"]):
        by_street.setdefault(code[:9], []).append(code)
    total = len(district.grid)
    # promises in the best communities are kept, and in the one that only seems so
    planted = plant_communities(district)
    kept = (*planted.best, planted.trap)
    well = {code for code in district.grid["code"] if code.startswith(kept)}
    plan.no_contract = _draw(
        rng, sorted(set(district.grid["code"]) - well), max(2, SHARE_NONE * total)
    )
    leads = _leads(rng, by_street, set(plan.no_contract), scale)
    names = _names(rng, len(leads) + ASSISTING[scale] + IDLE[scale])
    for number, lead in enumerate(leads):
        plan.officers.append(_officer(lead.code, names[number], lead.squad, True, rng))

    many = [lead for lead in leads if len(lead.grids) >= 5]
    elsewhere = [lead for lead in many if not well.intersection(lead.grids)]
    many = elsewhere if len(elsewhere) >= 2 * (SILENT[scale] + EXPIRED[scale]) else many
    plan.silent = _draw(rng, [lead.code for lead in many], SILENT[scale])
    active = [lead for lead in leads if lead.code not in plan.silent]
    lapsed = _draw(
        rng, [lead.code for lead in many if lead.code not in plan.silent], EXPIRED[scale]
    )
    gone = {lead.code: lead.grids[-3:] for lead in leads if lead.code in lapsed}
    plan.expired = [grid for grids in gone.values() for grid in grids]
    free = [[grid for grid in lead.grids if grid not in gone.get(lead.code, ())] for lead in active]
    # one grid of each officer at least stays as it should be
    usual = [grid for grids in free for grid in grids[1:] if grid not in well]
    plan.never_visited = _draw(rng, usual, max(2, SHARE_NEVER * total))
    usual = [grid for grid in usual if grid not in plan.never_visited]
    plan.overdue = _draw(rng, usual, max(3, SHARE_OVERDUE * total))
    usual = [grid for grid in usual if grid not in plan.overdue]

    shared, decoys = _shared(rng, plan, active, usual, total)
    _write_contracts(plan, leads, gone, shared, decoys, as_of)
    _plan_rounds(rng, plan, active, gone, shared, decoys)
    _leave(rng, plan, active, as_of, ON_LEAVE[scale])
    _others(rng, plan, active, names[len(leads) :], ASSISTING[scale], IDLE[scale])
    return plan


def _draw(rng: np.random.Generator, among: Sequence[str], count: float) -> list[str]:
    number = min(round(count), len(among))
    return [among[n] for n in sorted(rng.choice(len(among), number, replace=False).tolist())]


def _leads(
    rng: np.random.Generator, by_street: dict[str, list[str]], without: set[str], scale: str
) -> list[_Lead]:
    """Officers with areas: neighbours in the order of codes, about as many grids each."""
    count = OFFICERS[scale] - ASSISTING[scale] - IDLE[scale]
    total = sum(map(len, by_street.values()))
    leads: list[_Lead] = []
    for street, grids in by_street.items():
        own = [grid for grid in grids if grid not in without]
        parts = max(1, round(count * len(grids) / total))
        for part in np.array_split(np.arange(len(own)), parts):
            weekly = bool(rng.random() < 0.1)
            six = bool(rng.random() < 0.3) and not weekly
            leads.append(
                _Lead(
                    f"DY{street[-3:]}{len(leads) + 1:03d}", f"ZD{street}",
                    [own[n] for n in part],
                    3 if weekly else int(rng.choice(PROMISED_DAYS, p=PROMISED_SHARE)),
                    weekly, tuple(range(1, 7 if six else 8)),
                )
            )  # fmt: skip
    return leads


def _shared(
    rng: np.random.Generator, plan: Plan, active: list[_Lead], usual: list[str], total: int
) -> tuple[dict[str, str], dict[str, tuple[str, bool]]]:
    """Grids that a colleague of the squad promises too (grid → who): with the same duties and
    hours, and decoys with other duties, or in the evening (True)."""
    owner = {grid: lead for lead in active for grid in lead.grids}
    wanted = max(2, round(SHARE_OVERLAPPING * total))
    shared: dict[str, str] = {}
    decoys: dict[str, tuple[str, bool]] = {}
    for grid in rng.permutation(usual).tolist():
        others = [
            lead.code
            for lead in active
            if lead.squad == owner[grid].squad and lead is not owner[grid]
        ]
        if not others:
            continue
        colleague = others[int(rng.integers(len(others)))]
        if len(shared) < wanted:
            shared[grid] = colleague
        elif len(decoys) < wanted:
            decoys[grid] = (colleague, len(decoys) % 2 == 1)
    plan.overlapping = list(shared)
    return shared, decoys


def _write_contracts(
    plan: Plan,
    leads: list[_Lead],
    gone: dict[str, list[str]],
    shared: dict[str, str],
    decoys: dict[str, tuple[str, bool]],
    as_of: datetime,
) -> None:
    begun = (as_of - timedelta(days=220)).date().isoformat()
    soon = (as_of + timedelta(days=12)).date().isoformat()
    later = (as_of + timedelta(days=165)).date().isoformat()
    lapsed = (as_of - timedelta(days=EXPIRED_DAYS)).date().isoformat()
    for number, lead in enumerate(leads):
        expired = gone.get(lead.code, [])
        facts = {
            "officer": lead.code, "duties": DUTIES, "hours": DAYTIME, "valid_from": begun,
            "weekdays": f"{lead.weekdays[0]}-{lead.weekdays[-1]}", "min_stay_minutes": "3",
            "min_length_m": "60", "valid_to": soon if number % 12 == 5 else later,
            "promised_days": "" if lead.weekly else str(lead.interval),
            "visits_per_week": "2" if lead.weekly else "",
        }  # fmt: skip
        parts: list[tuple[str, list[str], dict[str, str]]] = [
            ("", [grid for grid in lead.grids if grid not in expired], {}),
            ("-L", expired, {"valid_to": lapsed}),
            ("-S", [grid for grid, who in shared.items() if who == lead.code], {}),
            ("-B", [g for g, one in decoys.items() if one == (lead.code, False)],
             {"duties": OTHER_DUTIES}),
            ("-Y", [g for g, one in decoys.items() if one == (lead.code, True)],
             {"hours": EVENING}),
        ]  # fmt: skip
        for suffix, grids, changes in parts:
            if grids:
                plan.contracts.append(
                    {**facts, "code": f"BG{lead.code[2:]}{suffix}", "grids": ";".join(grids),
                     **changes}
                )  # fmt: skip


def _plan_rounds(
    rng: np.random.Generator,
    plan: Plan,
    active: list[_Lead],
    gone: dict[str, list[str]],
    shared: dict[str, str],
    decoys: dict[str, tuple[str, bool]],
) -> None:
    missed = set(plan.never_visited)
    overdue = set(plan.overdue)
    for lead in active:
        facts = (lead.interval, lead.weekdays)
        for grid in lead.grids:
            if grid in missed:
                continue
            # what is late by three days is late whatever weekday is off
            late = int(rng.integers(3, 10)) if grid in overdue else 0
            ends = EXPIRED_DAYS if grid in gone.get(lead.code, ()) else 0
            plan.rounds.append(
                Round(lead.code, grid, *facts, late=late, ends=ends, weekly=lead.weekly)
            )
        for grid, who in shared.items():
            if who == lead.code:
                plan.rounds.append(Round(lead.code, grid, *facts, weekly=lead.weekly))
        for grid, (who, evening) in decoys.items():
            if who == lead.code:
                plan.rounds.append(
                    Round(lead.code, grid, *facts, evening=evening, weekly=lead.weekly)
                )


def _leave(
    rng: np.random.Generator, plan: Plan, active: list[_Lead], as_of: datetime, count: int
) -> None:
    """Some are away for the last days; a colleague of the squad walks for them."""
    busy: set[str] = set()
    for code in _draw(rng, [lead.code for lead in active], len(active)):
        lead = next(one for one in active if one.code == code)
        others = [
            one.code for one in active if one.squad == lead.squad and one.code not in busy | {code}
        ]
        if code in busy or not others or len(plan.stand_ins) >= count:
            continue
        plan.stand_ins[code] = others[0]
        busy |= {code, others[0]}
        plan.absences.append(
            {
                "officer": code, "stand_in": others[0], "kind": "leave",
                "from_day": (as_of - timedelta(days=LEAVE_DAYS)).date(),
                "to_day": (as_of + timedelta(days=2)).date(),
            }
        )  # fmt: skip


def _others(
    rng: np.random.Generator,
    plan: Plan,
    active: list[_Lead],
    names: list[str],
    assisting: int,
    idle: int,
) -> None:
    """Who assists, as a member of a contract, and whom no contract names."""
    for number in range(assisting + idle):
        lead = active[int(rng.integers(len(active)))]
        certified = number >= assisting
        code = f"{'DY' if certified else 'XG'}{lead.code[2:5]}{900 + number}"
        plan.officers.append(_officer(code, names[number], lead.squad, certified, rng))
        if certified:
            plan.idle.append(code)
            continue
        contract = next(one for one in plan.contracts if one["officer"] == lead.code)
        contract["members"] = ";".join(filter(None, [contract.get("members"), code]))


def _officer(
    code: str, name: str, squad: str, certified: bool, rng: np.random.Generator
) -> dict[str, Any]:
    return {
        "code": code, "name": name, "squad": squad, "certified": "是" if certified else "否",
        "transport": "ebike" if rng.random() < 0.3 else "foot",
    }  # fmt: skip


def _names(rng: np.random.Generator, count: int) -> list[str]:
    """Made-up names, all different."""
    found: dict[str, None] = {}
    while len(found) < count:
        one, other = rng.integers(len(GIVEN), size=2)
        found[SURNAMES[int(rng.integers(len(SURNAMES)))] + GIVEN[one] + GIVEN[other]] = None
    return list(found)
