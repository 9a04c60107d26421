"""The tables that a spreadsheet may fill: what each holds, who may, and what takes its rows in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import Forbidden
from gis_service.interop.tables import held
from gis_service.reference import calendar, classes, components, conditions, units
from gis_service.reference.models import (
    CalendarDay,
    ClassCondition,
    ClassCrosswalk,
    Component,
    IncidentClass,
    Squad,
    Unit,
    WorkingHours,
)
from gis_service.responsibility import contract_loading, roster
from gis_service.responsibility.models import DutyShift, Officer, PatrolContract
from gis_service.responsibility.queries import roster_scope
from gis_service.settings import Settings

Rows = Iterable[Mapping[Any, Any]]


@dataclass(frozen=True)
class Taking:
    """What comes with the rows: where they come from, and who brings them."""

    file: str
    settings: Settings
    identity: Identity


@dataclass(frozen=True)
class Loadable:
    """A table. ``title`` and ``what`` in zh and en; ``columns`` is our name → Chinese heading;
    ``count`` is the statement that counts what there is, ``rows`` the one that a sheet to change is
    made from: none where a changed row would stand beside the one it was. ``choices``
    are the words that columns take -> ours; ``scoped``: accounts of a part of the district may fill
    it, within their part."""

    name: str
    title: tuple[str, str]
    what: tuple[str, str]
    columns: Mapping[str, str]
    required: Sequence[str]
    permission: str
    load: Callable[[Session, Rows, Taking], dict[str, int]]
    count: Any
    rows: str = ""
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scoped: bool = False
    moves_deadlines: bool = False

    def allow(self, identity: Identity) -> None:
        """Raise Forbidden for an account that may not fill the table."""
        identity.require(self.permission)
        if identity.scopes and not self.scoped:
            raise Forbidden(
                f"{self.title[1]} are for the whole district: an account with a scope may not "
                "load them",
                f"“{self.title[0]}”涉及全区，限定范围的账号不能导入",
            )


def _count(*models: Any) -> Any:
    """How many rows there are of all ``models``."""
    first, *others = (select(func.count()).select_from(one).scalar_subquery() for one in models)
    return select(sum(others, first))


def _contracts(session: Session, rows: Rows, taking: Taking) -> dict[str, int]:
    return contract_loading.load_contracts(
        session, rows, taking.file, taking.settings.grid_kind, taking.identity.name,
        roster_scope(session, taking.identity),
    )  # fmt: skip


TABLES = (
    Loadable(
        "contracts", ("片区包干责任书", "Patrol contracts"),
        ("每行一份：责任人、网格或社区、间隔、有效期；同编号内容不同即成新版本",
         "A contract a row: who, which grids or communities, how often, until when; another "
         "promise under the same code is its next version"),
        contract_loading.COLUMNS, contract_loading.REQUIRED, "contract.manage", _contracts,
        select(func.count(PatrolContract.code.distinct())), held.CONTRACTS, scoped=True,
    ),
    Loadable(
        "officers", ("队员", "Officers"),
        ("队员编号、姓名、所属中队、是否持证、登录账号",
         "Codes, names, squads, who is certified, and the account each signs in with"),
        contract_loading.OFFICER_COLUMNS, contract_loading.OFFICER_REQUIRED, "contract.manage",
        lambda session, rows, taking: contract_loading.load_officers(session, rows, taking.file),
        _count(Officer), held.OFFICERS, {"transport": contract_loading.TRANSPORT},
    ),
    Loadable(
        "roster", ("值班表", "Roster"),
        ("每行一个班次：起止时间、街道、中队或单位、值班人和电话",
         "A shift a row: from, to, street, squad or unit, who, and the telephone"),
        roster.COLUMNS, roster.REQUIRED, "roster.manage",
        lambda session, rows, taking: roster.load_roster(
            session, rows, taking.file, ZoneInfo(taking.settings.timezone)),
        _count(DutyShift),
    ),
    Loadable(
        "units", ("责任单位和中队", "Units and squads"),
        ("单位、中队、中队负责的街道", "Units, squads, and the streets of each squad"),
        units.COLUMNS, units.REQUIRED, "reference.manage",
        lambda session, rows, taking: units.load_units(session, rows, taking.file),
        _count(Unit, Squad), held.UNITS, {"kind": units.KINDS},
    ),
    Loadable(
        "classes", ("案件分类", "Classes"),
        ("事件和部件分类、责任单位、查重距离和时间",
         "Classes of events and components, their units, and when two reports may be one"),
        classes.COLUMNS, classes.REQUIRED, "reference.manage",
        lambda session, rows, taking: classes.load_classes(session, rows, taking.file),
        _count(IncidentClass), held.CLASSES, {"kind": classes.KINDS},
    ),
    Loadable(
        "conditions", ("立案条件和时限", "Conditions and limits"),
        ("每类的立案条件、处置时限、结案条件；时限单位：紧急工作时、紧急工作日、工作时、工作日、自然日",
         "Conditions, time limits and closing conditions of each class"),
        conditions.COLUMNS, conditions.REQUIRED, "reference.manage",
        lambda session, rows, taking: conditions.load_conditions(session, rows, taking.file),
        _count(ClassCondition), held.CONDITIONS, {"limit_unit": conditions.LIMIT_WORDS},
    ),
    Loadable(
        "crosswalk", ("分类代码对照", "Crosswalk of classes"),
        ("同一类别在另一套代码中的代码", "What classes are called in another order of codes"),
        conditions.CROSSWALK_COLUMNS, conditions.CROSSWALK_REQUIRED, "reference.manage",
        lambda session, rows, taking: conditions.load_crosswalk(session, rows, taking.file),
        _count(ClassCrosswalk),
    ),
    Loadable(
        "calendar", ("工作日历", "Working calendar"),
        ("放假、调休上班的日期，以及工作时段；导入后重新计算未结案件时限",
         "Days off, make-up days, working hours; open deadlines are computed again"),
        calendar.COLUMNS, calendar.REQUIRED, "reference.manage",
        lambda session, rows, taking: calendar.load_days(session, rows, taking.file),
        _count(CalendarDay, WorkingHours), held.CALENDAR, {"kind": calendar.KINDS},
        moves_deadlines=True,
    ),
    Loadable(
        "components", ("部件权属", "Components and owners"),
        ("井盖、灯杆等部件的位置（WGS84）和权属单位",
         "Where manholes, poles … are (WGS84), and whose"),
        components.COLUMNS, components.REQUIRED, "reference.manage",
        lambda session, rows, taking: components.load_components(session, rows, taking.file),
        _count(Component), held.COMPONENTS,
    ),
)  # fmt: skip
BY_NAME = {table.name: table for table in TABLES}
