"""Counting the plan's items, recording what is done, putting shortfalls right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.changes import changed, note
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.planning.progress import queries
from gis_service.planning.progress.models import PlanRecord, PlanTask, Rectification
from gis_service.planning.progress.schemas import (
    RecordFields,
    RectificationChange,
    RectificationClosing,
    RectificationFields,
)
from gis_service.reference.models import Unit

STATES = ("done", "missing", "soon", "open")
_TASK_FACTS = (
    "name", "name_en", "part", "part_en", "stage", "scope", "due_on", "units", "phrase", "measure",
    "target",
)  # fmt: skip


def count(items: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many items are in each state, and ``of`` how many."""
    out = dict.fromkeys((*STATES, "of"), 0)
    for item in items:
        out[item["state"]] += 1
        out["of"] += 1
    return out


def overview(session: Session, zone: str, day: date, **filters: str | None) -> dict[str, Any]:
    """The plan as of ``day``: in all, by task (the plan's order), by unit (an item counts for each
    unit that answers for it, so that they add up to more than the total) and by community."""
    items = queries.list_items(session, zone, day, **filters)
    by: dict[str, dict[str, list[dict[str, Any]]]] = {
        "task": defaultdict(list), "unit": defaultdict(list), "community": defaultdict(list),
    }  # fmt: skip
    for item in items:
        by["task"][item["task"]].append(item)
        for unit in item["units"]:
            by["unit"][unit].append(item)
        if item["community"]:
            by["community"][item["community"]].append(item)
    names = {row.code: row for row in session.scalars(select(Unit))}
    return {
        "as_of": day,
        "stages": queries.list_stages(session, day),
        "total": count(items),
        "tasks": [
            {"task": code, **{name: own[0][name] for name in _TASK_FACTS}, **count(own)}
            for code, own in by["task"].items()
        ],
        "units": [
            {"unit": code, "name": names[code].name, "name_en": names[code].name_en, **count(own)}
            for code, own in sorted(by["unit"].items())
        ],
        "communities": [
            {"community": code, "name": own[0]["community_name"], **count(own)}
            for code, own in sorted(by["community"].items())
        ],
    }


def record(
    session: Session, identity: Identity, fields: RecordFields, zone: str, today: date
) -> dict[str, Any]:
    """Record that a task was done; what was recorded before is replaced. Raises InvalidInput for a
    day ahead or a task the place does not owe, Forbidden outside the scope."""
    if fields.done_on > today:
        raise InvalidInput("that day has not come", "完成日期在将来", where="done_on")
    item = _item(session, fields.task, fields.community, zone, today)
    check_scope(session, identity, fields.community)
    task, area = _ids(session, fields.task, fields.community)
    row = session.scalar(
        select(PlanRecord).where(
            PlanRecord.task_id == task, PlanRecord.area_id.is_not_distinct_from(area)
        )
    ) or PlanRecord(task_id=task, area_id=area)
    row.done_on, row.note, row.recorded_by = fields.done_on, fields.note, identity.name
    session.add(row)
    session.flush()
    publish(session, "progress")
    return _item(session, item["task"], fields.community, zone, today)


def take_back(session: Session, identity: Identity, number: int) -> None:
    """Take a record away. Raises NotFound."""
    row = session.get(PlanRecord, number)
    if row is None:
        raise NotFound(f"no record {number}", f"没有记录 {number}")
    code = session.scalar(text("SELECT code FROM area WHERE id = :id"), {"id": row.area_id})
    check_scope(session, identity, code)
    session.delete(row)
    session.flush()
    publish(session, "progress")


def check_scope(session: Session, identity: Identity, community: str | None) -> None:
    """Raise Forbidden unless the account's part of the district holds the community (None: the
    bureau, for accounts of the whole district)."""
    if not identity.scopes:
        return
    street = session.scalar(
        text(
            "SELECT s.code FROM community c JOIN area s ON s.id = c.parent_id "
            "WHERE c.code = :code AND c.valid_to IS NULL"
        ),
        {"code": community},
    )
    if community is None or not (
        community in identity.codes("community") or street in identity.codes("street")
    ):
        raise Forbidden("not within your part of the district", "不在您负责的范围内",
                        where="community")  # fmt: skip


def open_rectification(
    session: Session, actor: str, fields: RectificationFields, zone: str, today: date
) -> dict[str, Any]:
    """Put a shortfall on the list. Raises InvalidInput, Conflict where it stands there open."""
    _item(session, fields.task, fields.community, zone, today)
    task, area = _ids(session, fields.task, fields.community)
    unit = _unit(session, fields.unit)
    if fields.deadline < today:
        raise InvalidInput("the deadline has passed", "整改期限已过", where="deadline")
    there = session.scalar(
        select(Rectification.id).where(
            Rectification.task_id == task, Rectification.area_id.is_not_distinct_from(area),
            Rectification.closed_on.is_(None),
        )
    )  # fmt: skip
    if there:
        raise Conflict("it is on the list already", "该短板已在整改清单中", where="task")
    row = Rectification(
        task_id=task, area_id=area, problem=fields.problem, unit_id=unit,
        deadline=fields.deadline, opened_by=actor,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return _noted(session, actor, row, today, "add", unit=fields.unit, deadline=fields.deadline)


def change_rectification(
    session: Session, actor: str, number: int, fields: RectificationChange, today: date
) -> dict[str, Any]:
    """Give an open shortfall another owner, deadline or wording; what it was stays in the log.
    Raises NotFound, Conflict for a closed one or one that somebody changed since it was read,
    InvalidInput for a unit that there is not or a new deadline that has passed."""
    row = _open(session, number)
    if fields.version is not None and fields.version != row.version:
        raise Conflict(
            f"somebody changed it: it is at version {row.version}, you read {fields.version}",
            f"该整改事项已被他人修改：当前第 {row.version} 版，您读取的是第 {fields.version} 版",
            where="version",
        )
    said = fields.model_dump(exclude_unset=True, exclude_none=True, exclude={"version"})
    before = {**{name: getattr(row, name) for name in ("problem", "deadline")},
              "unit": session.scalar(select(Unit.code).where(Unit.id == row.unit_id))}  # fmt: skip
    changes = changed(before, said)
    if "deadline" in changes and said["deadline"] < today:
        raise InvalidInput("the deadline has passed", "整改期限已过", where="deadline")
    if "unit" in changes:
        row.unit_id = _unit(session, said["unit"])
    for name in {"problem", "deadline"} & set(changes):
        setattr(row, name, said[name])
    session.flush()
    if not changes:
        return queries.list_rectifications(session, today, number=number)[0]
    return _noted(session, actor, row, today, "change", **changes)


def close_rectification(
    session: Session, actor: str, number: int, fields: RectificationClosing, today: date
) -> dict[str, Any]:
    """Say that a shortfall was put right. Raises NotFound, Conflict, InvalidInput."""
    row = _open(session, number)
    if fields.closed_on > today:
        raise InvalidInput("that day has not come", "销号日期在将来", where="closed_on")
    row.closed_on, row.result = fields.closed_on, fields.result
    session.flush()
    return _noted(session, actor, row, today, "close", closed_on=fields.closed_on)


def _open(session: Session, number: int) -> Rectification:
    row = session.get(Rectification, number, with_for_update=True)
    if row is None:
        raise NotFound(f"no rectification {number}", f"没有整改事项 {number}")
    if row.closed_on is not None:
        raise Conflict(f"closed on {row.closed_on}", f"已于 {row.closed_on} 销号")
    return row


def _unit(session: Session, code: str) -> int:
    unit = session.scalar(select(Unit.id).where(Unit.code == code, Unit.active))
    if unit is None:
        raise InvalidInput(f"no unit {code!r}", f"没有责任单位 {code!r}", where="unit")
    return unit


def _noted(
    session: Session, actor: str, row: Rectification, today: date, action: str, **detail: Any
) -> dict[str, Any]:
    """Log what was done with a rectification and tell of it; the row as it is now."""
    if action != "add":
        row.version += 1
        session.flush()
    note(session, actor, "rectification", str(row.id), action, row.area_id, detail)
    publish(session, "progress")
    return queries.list_rectifications(session, today, number=row.id)[0]


def _item(
    session: Session, task: str, community: str | None, zone: str, today: date
) -> dict[str, Any]:
    """The one item of a task at a place. Raises InvalidInput where it is not owed there."""
    items = queries.list_items(session, zone, today, task=task)
    if not items:
        raise InvalidInput(f"no task {task!r}", f"没有任务 {task!r}", where="task")
    found = next((one for one in items if one["community"] == community), None)
    if found is None:
        raise InvalidInput(
            f"task {task} is not owed by {community or 'the bureau'}",
            f"任务 {task} 不由 {community or '局机关'} 承担", where="community",
        )  # fmt: skip
    return found


def _ids(session: Session, task: str, community: str | None) -> tuple[int, int | None]:
    number = session.scalars(select(PlanTask.id).where(PlanTask.code == task)).one()
    area = text("SELECT id FROM area WHERE level = 'community' AND code = :code")
    return number, session.scalar(area, {"code": community}) if community else None
