"""Patrol contracts (and the officers they name) from a table that people keep in Excel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.errors import Forbidden, InvalidInput
from gis_service.events.feed import publish
from gis_service.reference.models import Squad
from gis_service.reference.tables import Row, Table, counted, upsert
from gis_service.responsibility.contracts import (
    ALL_WEEK,
    ContractFields,
    Draft,
    add_contract,
    add_version,
    check_contract,
    current_version,
    draft_of,
    read_names,
    same,
)
from gis_service.responsibility.models import Officer
from gis_service.responsibility.officer_accounts import OfficerAccounts
from gis_service.responsibility.queries import RosterScope
from gis_service.responsibility.within import check_grids, check_squad

COLUMNS = {
    "code": "责任书编号",
    "officer": "责任人编号",
    "officer_name": "责任人",
    "squad": "中队代码",
    "members": "成员编号",
    "grids": "网格编码",
    "communities": "社区编码",
    "duties": "职责大类",
    "promised_days": "巡查间隔天数",
    "visits_per_week": "每周次数",
    "min_stay_minutes": "最短停留分钟",
    "min_length_m": "最短里程米",
    "weekdays": "星期",
    "hours": "时段",
    "valid_from": "有效期起",
    "valid_to": "有效期止",
    "note": "备注",
}
REQUIRED = ("code", "officer", "valid_from", "valid_to")
OFFICER_COLUMNS = {
    "code": "队员编号",
    "name": "姓名",
    "squad": "中队代码",
    "certified": "持证",
    "transport": "交通方式",
    "active": "启用",
    "account": "账号",
}
OFFICER_REQUIRED = ("code", "name")
TRANSPORT = {
    "foot": "foot", "步行": "foot", "ebike": "ebike", "电动车": "ebike",
    "car": "car", "汽车": "car",
}  # fmt: skip
_SEPARATORS = re.compile(r"[;,，、；\s]+")
_HOURS = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~至到]\s*(\d{1,2})[:：](\d{2})")
_WEEKDAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7}


def load_officers(
    session: Session, rows: Iterable[Mapping[Any, Any]], where: str
) -> dict[str, int]:
    """Add or update officers by code; ``read, loaded, already, rejected``. ``account`` is the name
    of the account they sign in with. Columns that a file lacks stay as they are. Raises
    InvalidInput naming every faulty row; nothing is applied then."""
    table = Table(rows, where, OFFICER_COLUMNS, OFFICER_REQUIRED)
    table.refuse_twice("code")
    squads = _squads(session)
    accounts = OfficerAccounts(session, (row.text("account") for row in table.rows))
    given_to: dict[str, int] = {}
    values = [
        {
            "code": row.text("code"), "name": row.text("name"),
            "squad_id": row.among("squad", squads, "squad", "中队"),
            "certified": row.flag("certified", True),
            "transport": row.choice("transport", TRANSPORT, "foot"),
            "active": row.flag("active", True),
            "account_id": _account(row, accounts, given_to),
        }
        for row in table.rows
    ]  # fmt: skip
    table.refuse()
    given = [
        {"squad": "squad_id", "account": "account_id"}.get(name, name)
        for name in table.names & set(OFFICER_COLUMNS)
    ]
    loaded = upsert(session, Officer, values, ["code"], update=given)
    if loaded:
        publish(session, "contracts")
    return counted(len(table.rows), loaded)


def load_contracts(
    session: Session, rows: Iterable[Mapping[Any, Any]], where: str, grid_kind: str, actor: str,
    scope: RosterScope | None = None,
) -> dict[str, int]:  # fmt: skip
    """Add contracts, a new version where one of that code promises something else; ``read,
    loaded, already, rejected``.

    A row may bring its officer along (``officer_name``, ``squad``). Lists are separated by ``;``
    or spaces; ``weekdays`` are ``1-5``, ``1;3;5`` or 周一至周五, ``hours`` 08:00-18:00. What lies
    outside ``scope`` (None: the whole district) is a fault. Raises InvalidInput naming every
    faulty row; nothing is applied then.
    """
    table = Table(rows, where, COLUMNS, REQUIRED)
    table.refuse_twice("code")
    _bring_officers(session, table, scope)
    names = read_names(session, grid_kind)
    drafts: list[tuple[Row, Draft]] = []
    for row in table.rows:
        fields = _fields(row)
        if fields is None:
            continue
        try:
            draft = check_contract(names, fields)
            check_squad(scope, names.officers[fields.officer].squad_id)
            check_grids(scope, names, draft.grids)
            drafts.append((row, draft))
        except (InvalidInput, Forbidden) as problem:
            _fault(row, problem)
    table.refuse()
    loaded = 0
    for row, draft in drafts:
        code = row.text("code")
        last = current_version(session, code)
        if last and not last.closed_from:
            # a sheet has no signed scan; the one of an unchanged promise stays
            scan = {"attachment_id": last.attachment_id}
            if same(draft_of(session, last), replace(draft, columns={**draft.columns, **scan})):
                continue
        try:
            if last:
                check_squad(scope, session.get_one(Officer, last.officer_id).squad_id)
                add_version(session, code, draft, actor)
            else:
                add_contract(session, code, draft, actor)
        except (InvalidInput, Forbidden) as problem:
            _fault(row, problem)
        loaded += 1
    table.refuse()
    return counted(len(table.rows), loaded)


def _fault(row: Row, problem: InvalidInput | Forbidden) -> None:
    name = problem.where or ""
    row.fault(f"{name}: {problem.message}", f"{COLUMNS.get(name, name)}：{problem.message_zh}")


def _account(row: Row, accounts: OfficerAccounts, given_to: dict[str, int]) -> int | None:
    name = row.text("account")
    if not name:
        return None
    first = given_to.setdefault(name, row.number)
    if first != row.number:
        row.fault(f"{name} stands in row {first} already", f"账号 {name} 与第 {first} 行重复")
    try:
        return accounts.of(name, row.text("code"))
    except InvalidInput as problem:
        row.fault(problem.message, problem.message_zh)
        return None


def _squads(session: Session) -> dict[str, int]:
    return {row.code: row.id for row in session.execute(select(Squad.id, Squad.code))}


def _bring_officers(session: Session, table: Table, scope: RosterScope | None) -> None:
    """Officers whom the table names in full and nobody knows yet."""
    squads = _squads(session)
    known = set(session.scalars(select(Officer.code)))
    new: dict[str, dict[str, Any]] = {}
    for row in table.rows:
        code, name = row.text("officer"), row.text("officer_name")
        squad_id = row.among("squad", squads, "squad", "中队")
        if code and name and code not in known:
            try:
                check_squad(scope, squad_id)
            except Forbidden as problem:
                _fault(row, problem)
            new.setdefault(code, {"code": code, "name": name, "squad_id": squad_id})
    table.refuse()
    session.add_all(Officer(**one) for one in new.values())
    session.flush()


def _fields(row: Row) -> ContractFields | None:
    """The typed fields of a row; None where one of them has a fault."""
    faults = len(row.table.faults)
    valid_from, valid_to = row.day("valid_from"), row.day("valid_to")
    promised_days, per_week = _whole(row, "promised_days"), _whole(row, "visits_per_week")
    stay = row.number_of("min_stay_minutes", above=-1)
    length = row.number_of("min_length_m", above=-1)
    weekdays, hours = _read_weekdays(row), _read_hours(row)
    if len(row.table.faults) > faults or valid_from is None or valid_to is None:
        return None
    return ContractFields(
        officer=row.text("officer"), valid_from=valid_from, valid_to=valid_to,
        grids=_list(row, "grids"), communities=_list(row, "communities"),
        members=_list(row, "members"), duties=_list(row, "duties"),
        promised_days=promised_days, visits_per_week=per_week,
        min_stay_s=None if stay is None else round(stay * 60), min_length_m=length,
        weekdays=weekdays, hours_from=hours[0], hours_to=hours[1], note=row.text("note"),
    )  # fmt: skip


def _list(row: Row, name: str) -> tuple[str, ...]:
    return tuple(part for part in _SEPARATORS.split(row.text(name)) if part)


def _whole(row: Row, name: str) -> int | None:
    value = row.number_of(name, above=0)
    if value is not None and value != int(value):
        row.fault(f"{name} {value:g} is no whole number", f"{COLUMNS[name]} {value:g} 不是整数")
        return None
    return None if value is None else int(value)


def _read_weekdays(row: Row) -> tuple[int, ...]:
    """``1-5``, ``1;3;5``, ``周一至周五``, ``周一、周三``; all of the week where empty."""
    words = re.sub(r"星期|周|礼拜", "", row.text("weekdays"))
    for character, number in _WEEKDAYS.items():
        words = words.replace(character, str(number))
    if not words:
        return ALL_WEEK
    out: list[int] = []
    for part in _SEPARATORS.split(words):
        ends = re.fullmatch(r"([1-7])(?:[-–~至到]([1-7]))?", part)
        if ends is None or (ends[2] and ends[2] < ends[1]):
            row.fault(f"weekdays {row.text('weekdays')!r} are none such as 1-5",
                      f"星期 {row.text('weekdays')!r} 应如 1-5 或 周一至周五")  # fmt: skip
            return ALL_WEEK
        out += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
    return tuple(out)


def _read_hours(row: Row) -> tuple[time, time]:
    words = row.text("hours") or "08:00-18:00"
    found = _HOURS.fullmatch(words.strip())
    try:
        if found is None:
            raise ValueError
        first, second, third, fourth = (int(part) for part in found.groups())
        return time(first, second), time(third % 24 if third == 24 else third, fourth)
    except ValueError:
        row.fault(f"hours {words!r} are none such as 08:00-18:00",
                  f"时段 {words!r} 应如 08:00-18:00")  # fmt: skip
        return time(8), time(18)
