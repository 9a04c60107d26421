"""Patrol contracts: checking a promise, its versions, hand-over and withdrawal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, time
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.errors import Conflict, InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.reference.models import Squad
from gis_service.reference.working_time import FIRST_DAY, LAST_DAY
from gis_service.responsibility.models import (
    Officer,
    PatrolContract,
    PatrolContractDuty,
    PatrolContractGrid,
    PatrolContractMember,
)

CERTIFIED, ASSISTING = "certified", "assisting"
MOST_DAYS = 366
ALL_WEEK = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class ContractFields:
    """A contract as it is entered, by codes. Exactly one of ``promised_days`` and
    ``visits_per_week``; no ``duties`` means all. ``communities`` stand for their grids."""

    officer: str
    valid_from: date
    valid_to: date
    grids: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    promised_days: int | None = None
    visits_per_week: int | None = None
    min_stay_s: int | None = None
    min_length_m: float | None = None
    weekdays: tuple[int, ...] = ALL_WEEK
    hours_from: time = time(8)
    hours_to: time = time(18)
    note: str = ""
    attachment_id: int | None = None


@dataclass(frozen=True)
class Draft:
    """A checked contract: columns of a version, and what hangs on it as ids."""

    columns: dict[str, Any]
    members: tuple[tuple[int, str], ...]
    grids: tuple[int, ...]
    duties: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """What the codes of contracts mean, read once for many of them. Areas are those in force:
    ``streets`` gives the code of each grid's street, ``communities`` the grids of each."""

    officers: Mapping[str, Officer]
    squads: Mapping[int, str]
    grids: Mapping[str, int]
    streets: Mapping[int, str]
    communities: Mapping[str, tuple[int, ...]]
    duties: Mapping[str, str]
    removed: frozenset[str] = field(default_factory=frozenset)


_GRIDS = text("""
    SELECT g.code, g.area_id, ca.code AS community, sa.code AS street
    FROM grid g
    LEFT JOIN community c ON c.area_id = g.parent_id AND c.valid_to IS NULL
    LEFT JOIN area ca ON ca.id = g.parent_id
    LEFT JOIN area sa ON sa.id = c.parent_id
    WHERE g.valid_to IS NULL AND g.kind = :kind ORDER BY g.code
""")
_DUTIES = text("""
    SELECT DISTINCT upper(left(kind, 1)) || '-' || major AS code, major_name AS name
    FROM incident_class ORDER BY 1
""")


def read_names(session: Session, grid_kind: str) -> Names:
    """The codes in force; ``grid_kind`` is the working kind."""
    grids: dict[str, int] = {}
    streets: dict[int, str] = {}
    communities: dict[str, list[int]] = {}
    for row in session.execute(_GRIDS, {"kind": grid_kind}):
        grids[row.code] = row.area_id
        streets[row.area_id] = row.street
        communities.setdefault(row.community, []).append(row.area_id)
    known = set(session.scalars(text("SELECT code FROM area WHERE level = 'grid'")))
    duties: dict[str, str] = {}
    for row in session.execute(_DUTIES):
        duties.setdefault(row.name, row.code)
        duties[row.code] = row.code
    return Names(
        {one.code: one for one in session.scalars(select(Officer))},
        {row.id: row.code for row in session.execute(select(Squad.id, Squad.code))},
        grids, streets, {code: tuple(ids) for code, ids in communities.items()}, duties,
        frozenset(known - set(grids)),
    )  # fmt: skip


def check_contract(names: Names, fields: ContractFields) -> Draft:
    """A contract as rows. Raises InvalidInput naming the field that is wrong."""
    lead = _officer(names, fields.officer, "officer")
    members = [_officer(names, code, "members") for code in dict.fromkeys(fields.members)]
    _check_days(fields)
    _check_promise(fields)
    grids = [grid_id(names, code) for code in fields.grids]
    for code in fields.communities:
        if code not in names.communities:
            raise InvalidInput(
                f"no community {code!r} with grids", f"没有社区 {code!r}（或其下无网格）",
                where="communities",
            )  # fmt: skip
        grids += names.communities[code]
    if not grids:
        raise InvalidInput("a contract promises a grid at least", "责任书至少要有一个网格",
                           where="grids")  # fmt: skip
    for duty in fields.duties:
        if duty not in names.duties:
            raise InvalidInput(
                f"no group of classes {duty!r}; there are {', '.join(_groups(names))}",
                f"没有类别大类 {duty!r}；现有：{'、'.join(_groups(names))}",
                where="duties",
            )
    duties = [names.duties[duty] for duty in fields.duties] or _groups(names)
    if not duties:
        raise InvalidInput("there are no classes yet: gis-service load classes",
                           "尚无案件类别：gis-service load classes", where="duties")  # fmt: skip
    columns = {
        **{
            name: value
            for name, value in asdict(fields).items()
            if name not in ("officer", "grids", "communities", "members", "duties")
        },
        "officer_id": lead.id,
        "weekdays": sorted(set(fields.weekdays)),
    }
    return Draft(
        columns,
        tuple(
            (one.id, CERTIFIED if one.certified else ASSISTING)
            for one in members
            if one.id != lead.id
        ),
        tuple(sorted(set(grids))),
        tuple(sorted(set(duties))),
    )


def _groups(names: Names) -> list[str]:
    return sorted(set(names.duties.values()))


def _officer(names: Names, code: str, where: str) -> Officer:
    found = names.officers.get(code)
    if found is None:
        raise InvalidInput(f"no officer {code!r}", f"没有队员 {code!r}", where=where)
    if not found.active:
        raise InvalidInput(f"officer {code!r} has left", f"队员 {code!r} 已停用", where=where)
    if where == "officer" and not found.certified:
        raise InvalidInput(
            f"officer {code!r} assists (协管) and cannot lead a contract",
            f"队员 {code!r} 为协管，不能作为责任人",
            where=where,
        )
    return found


def grid_id(names: Names, code: str) -> int:
    """The area of a grid in force. Raises InvalidInput."""
    if code in names.removed:
        raise InvalidInput(
            f"grid {code!r} is no longer in force (a boundary revision removed it)",
            f"网格 {code!r} 已不再有效（被边界修订撤销）",
            where="grids",
        )
    if code not in names.grids:
        raise InvalidInput(f"no grid {code!r}", f"没有网格 {code!r}", where="grids")
    return names.grids[code]


def _check_days(fields: ContractFields) -> None:
    for day, where in ((fields.valid_from, "valid_from"), (fields.valid_to, "valid_to")):
        if not FIRST_DAY <= day <= LAST_DAY:
            raise InvalidInput(f"{day} lies outside {FIRST_DAY} to {LAST_DAY}",
                               f"{day} 超出 {FIRST_DAY} 至 {LAST_DAY}", where=where)  # fmt: skip
    if fields.valid_to < fields.valid_from:
        raise InvalidInput("a contract ends no earlier than it begins", "有效期止不得早于起",
                           where="valid_to")  # fmt: skip
    if not fields.weekdays or not set(fields.weekdays) <= set(ALL_WEEK):
        raise InvalidInput("weekdays are numbers from 1 (Monday) to 7", "星期应为 1（周一）至 7",
                           where="weekdays")  # fmt: skip
    for moment, where in ((fields.hours_from, "hours_from"), (fields.hours_to, "hours_to")):
        if moment.second or moment.microsecond or moment.tzinfo:
            raise InvalidInput("want hours and minutes such as 08:00", "应为时和分，如 08:00",
                               where=where)  # fmt: skip


def _check_promise(fields: ContractFields) -> None:
    if (fields.promised_days is None) == (fields.visits_per_week is None):
        raise InvalidInput(
            "say either promised_days or visits_per_week",
            "承诺间隔（promised_days）与每周次数（visits_per_week）须且只能填一个",
            where="promised_days",
        )
    for name, low, high in (
        ("promised_days", 1, MOST_DAYS), ("visits_per_week", 1, 7), ("min_stay_s", 0, 86_400),
        ("min_length_m", 0, 100_000),
    ):  # fmt: skip
        value = getattr(fields, name)
        if value is not None and not low <= value <= high:
            raise InvalidInput(f"want {low} to {high}", f"应在 {low} 至 {high} 之间", where=name)
    if fields.visits_per_week and fields.visits_per_week > len(set(fields.weekdays)):
        raise InvalidInput("more visits a week than weekdays", "每周次数多于巡查日数",
                           where="visits_per_week")  # fmt: skip


def current_version(session: Session, code: str, *, lock: bool = False) -> PatrolContract | None:
    """The last version of a contract."""
    query = select(PatrolContract).where(PatrolContract.code == code)
    query = query.order_by(PatrolContract.version.desc()).limit(1)
    return session.scalar(query.with_for_update() if lock else query)


def add_contract(session: Session, code: str, draft: Draft, actor: str) -> int:
    """The first version of a contract; its id. Raises Conflict for a code that is there."""
    if current_version(session, code):
        raise Conflict(f"contract {code!r} is there already", f"责任书 {code!r} 已存在",
                       where="code")  # fmt: skip
    added = _write(session, code, 1, draft, actor)
    publish(session, "contracts")
    return added


def add_version(
    session: Session, code: str, draft: Draft, actor: str, seen: int | None = None
) -> int:
    """A new version, which holds from its ``valid_from`` on: a hand-over, another promise, more
    time. ``seen`` is the version that the sender knows; Conflict where another came since. Raises
    NotFound, and InvalidInput for a day before the version in force began."""
    last = current_version(session, code, lock=True)
    if last is None:
        raise NotFound(f"no contract {code!r}", f"没有责任书 {code!r}", where="code")
    if seen is not None and seen != last.version:
        raise Conflict(
            f"contract {code!r} is at version {last.version}, you changed {seen}",
            f"责任书 {code!r} 已是第 {last.version} 版，您修改的是第 {seen} 版",
            where="version",
        )
    begins = draft.columns["valid_from"]
    if begins < last.valid_from:
        raise InvalidInput(
            f"version {last.version} holds from {last.valid_from}: a new one begins no earlier",
            f"第 {last.version} 版自 {last.valid_from} 起有效，新版不得更早",
            where="valid_from",
        )
    added = _write(session, code, last.version + 1, draft, actor)
    last.closed_from = min(begins, last.closed_from) if last.closed_from else begins
    last.superseded_by = added
    session.flush()
    publish(session, "contracts")
    return added


def withdraw(session: Session, code: str, day: date) -> None:
    """End a contract: from ``day`` on nobody answers by it."""
    last = current_version(session, code, lock=True)
    if last is None:
        raise NotFound(f"no contract {code!r}", f"没有责任书 {code!r}", where="code")
    if last.closed_from and last.closed_from <= day:
        raise Conflict(f"it was withdrawn from {last.closed_from}",
                       f"该责任书已自 {last.closed_from} 起终止", where="from")  # fmt: skip
    last.closed_from = day
    session.flush()
    publish(session, "contracts")


def draft_of(session: Session, version: PatrolContract) -> Draft:
    """A version as the draft that would write it."""
    columns = {
        name: getattr(version, name)
        for name in (
            "officer_id", "valid_from", "valid_to", "promised_days", "visits_per_week",
            "min_stay_s", "min_length_m", "weekdays", "hours_from", "hours_to", "note",
            "attachment_id",
        )
    }  # fmt: skip
    members = session.execute(
        select(PatrolContractMember.officer_id, PatrolContractMember.kind)
        .where(PatrolContractMember.contract_id == version.id)
    ).all()  # fmt: skip
    grids = session.scalars(
        select(PatrolContractGrid.area_id).where(PatrolContractGrid.contract_id == version.id)
    )
    duties = session.scalars(
        select(PatrolContractDuty.duty).where(PatrolContractDuty.contract_id == version.id)
    )
    return Draft(
        columns, tuple((row[0], row[1]) for row in members), tuple(sorted(grids)),
        tuple(sorted(duties)),
    )  # fmt: skip


def same(one: Draft, other: Draft) -> bool:
    """Whether two drafts promise the same."""
    return (
        one.columns == other.columns
        and sorted(one.members) == sorted(other.members)
        and one.grids == other.grids
        and one.duties == other.duties
    )


def _write(session: Session, code: str, version: int, draft: Draft, actor: str) -> int:
    row = PatrolContract(code=code, version=version, created_by=actor, **draft.columns)
    session.add(row)
    session.flush()
    parts: Sequence[Any] = [
        *(
            PatrolContractMember(contract_id=row.id, officer_id=officer, kind=kind)
            for officer, kind in draft.members
        ),
        *(PatrolContractGrid(contract_id=row.id, area_id=area) for area in draft.grids),
        *(PatrolContractDuty(contract_id=row.id, duty=duty) for duty in draft.duties),
    ]
    session.add_all(parts)
    session.flush()
    return row.id
