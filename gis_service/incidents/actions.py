"""What people do with an incident: one function an action, all through :func:`act`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.incidents import deadlines, records
from gis_service.incidents.changing import locked, write
from gis_service.incidents.desk import Desk, components_of
from gis_service.incidents.merging import merge, unmerge
from gis_service.incidents.pinning import placing_columns
from gis_service.incidents.visibility import may_see
from gis_service.incidents.workflow import (
    ACTIONS,
    BEFORE,
    STAYS,
    states_before,
    transition,
)

Row = dict[str, Any]
STAMPS = {
    "verify": "verified_at", "file": "filed_at", "dispatch": "dispatched_at",
    "accept": "accepted_at", "resolve": "resolved_at", "close": "closed_at",
}  # fmt: skip


@dataclass
class Change:
    """An action under way: who, on what, with which fields, and what it will write."""

    session: Session
    desk: Desk
    identity: Identity
    row: Row
    fields: dict[str, Any]
    columns: Row
    detail: dict[str, Any]

    def basis(self, basis: deadlines.Basis | None) -> None:
        """Compute the deadline of ``basis`` and take it over."""
        if basis is None:
            return
        mode = self.desk.settings.workday_mode
        self.columns["due_at"], self.columns["due_basis"] = deadlines.computed(
            basis, self.desk.reference.calendar, mode
        )

    def text(self, name: str) -> str:
        return str(self.fields[name])


def act(
    session: Session,
    desk: Desk,
    identity: Identity,
    incident_id: int,
    action: str,
    fields: dict[str, Any],
) -> int:
    """Do ``action``; returns the incident's new version. The caller commits.

    ``fields`` are those given of ``schemas.ActionFields``. Raises NotFound for an unknown action or
    an incident outside the scope, Forbidden for the wrong role or person, InvalidInput naming a
    missing field, Conflict for a stale ``version`` or a state from which the action does not lead.
    """
    if action not in ACTIONS:
        raise NotFound(
            f"no action {action!r}; there are {', '.join(ACTIONS)}",
            f"没有操作 {action!r}；可用：{'、'.join(ACTIONS)}",
        )
    identity.require(f"incident.{action}")
    row = locked(session, incident_id)
    if not may_see(session, identity, row):
        raise NotFound(f"no incident {incident_id}", f"没有案件 {incident_id}")
    if fields.get("version") is not None:
        locked(session, incident_id, fields["version"])
    step = transition(action, row["state"])
    if step is None:
        wanted = ", ".join(states_before(action))
        raise Conflict(
            f"{action!r} is not possible: the incident is {row['state']}; it works from {wanted}",
            f"当前状态为“{row['state']}”，不能执行“{action}”；可在以下状态执行：{wanted}",
            where="state",
        )
    for name in step.needs:
        if fields.get(name) in (None, "", []):
            raise InvalidInput(f"{action!r} needs it", f"执行“{action}”时必填", where=name)
    desk = replace(desk, now=_not_before(session, incident_id, desk.now))
    change = Change(
        session, desk, identity, row, fields, {},
        {name: value for name, value in fields.items() if value is not None and name != "version"},
    )  # fmt: skip
    if step.to == BEFORE:
        change.columns["state"] = row["state_before"] or "reported"
        change.columns["state_before"] = None
    elif step.to != STAYS:
        change.columns["state"] = step.to
    if action in STAMPS:
        change.columns[STAMPS[action]] = desk.now
    HANDLERS.get(action, _nothing_more)(change)
    photos = fields.get("photos") or []
    if photos:
        purpose = action if action in ("resolve", "check") else "report"
        records.attach(session, incident_id, photos, purpose)
    return write(
        session, row, action=action, actor=identity.name, at=desk.now, columns=change.columns,
        detail=change.detail or None,
    )  # fmt: skip


def _not_before(session: Session, incident_id: int, now: datetime) -> datetime:
    """``now``, or the last moment of the incident's log where the server's clock went back behind
    it: nothing is dealt with before it was reported, and no deadline begins before either."""
    last: datetime | None = session.execute(
        text("SELECT max(at) FROM incident_log WHERE incident_id = :id"), {"id": incident_id}
    ).scalar()
    return now if last is None else max(now, last)


def _nothing_more(change: Change) -> None:
    """The state and the log row are all."""


def _own_unit(change: Change) -> None:
    """Work is taken and done by whom it was given to."""
    identity, row = change.identity, change.row
    if identity.role != "unit_handler" or not identity.scopes:
        return
    unit = change.desk.reference.unit_code(row["unit_id"])
    if unit not in identity.codes("unit"):
        raise Forbidden(
            f"the incident is with {unit or 'no unit'}, not with yours",
            f"案件由 {unit or '（无单位）'} 承办，不是您所在单位",
        )


def _file(change: Change) -> None:
    row, settings = change.row, change.desk.settings
    if change.identity.role == "community_worker" and not row["is_order"]:
        raise Forbidden(
            "a community takes residents' orders, the centre files other incidents",
            "社区仅受理居民点单，其他案件由指挥中心立案",
        )
    if row["state"] == "reported" and row["source"] not in settings.file_unverified:
        raise Conflict(
            f"a report from {row['source']!r} is verified before it is filed",
            f"来源为 {row['source']!r} 的上报须先核实再立案",
            where="state",
        )
    if change.fields.get("class"):
        _set_class(change)
    class_id: int = change.columns.get("class_id") or row["class_id"]
    _start_clock(change, class_id, change.desk.now)


def _set_class(change: Change) -> None:
    found = change.desk.reference.find_class(change.text("class"), change.row["scheme"])
    change.columns["class_id"], change.columns["class_name"] = found.id, found.name
    if found.id != change.row["class_id"]:
        change.detail["from"] = {
            "class": change.row["class_code"],
            "name": change.row["class_name"],
        }


def _start_clock(change: Change, class_id: int, start: datetime) -> None:
    """Choose the condition and let its limit run; a class without conditions has no deadline."""
    conditions = change.desk.reference.class_conditions.get(class_id, [])
    wanted = change.fields.get("condition")
    chosen = next((one for one in conditions if one["number"] == wanted), None)
    if wanted is not None and chosen is None:
        known = ", ".join(f"{one['number']} {one['name']}" for one in conditions) or "none"
        raise InvalidInput(
            f"the class has no condition {wanted}; there are: {known}",
            f"该类别没有立案条件 {wanted}；可用：{known}",
            where="condition",
        )
    if not conditions:
        change.columns |= {"condition_id": None, "due_at": None, "due_basis": None}
        return
    condition = chosen or conditions[0]
    change.columns["condition_id"] = condition["id"]
    change.columns["urgent"] = condition["limit_unit"].startswith("urgent")
    change.basis(deadlines.begin(start, condition, bool(chosen) or len(conditions) == 1))


def _reclassify(change: Change) -> None:
    _set_class(change)
    if change.row["filed_at"] and change.row["state"] != "reported":
        start = datetime.fromisoformat(change.row["due_basis"]["start"]) if (
            change.row["due_basis"]
        ) else change.row["filed_at"]  # fmt: skip
        _start_clock(change, change.columns["class_id"], start)


def _dispatch(change: Change) -> None:
    row, reference = change.row, change.desk.reference
    if row["state"] == "dispatched" and change.fields.get("version") is None:
        raise Conflict(
            "the incident is dispatched already; to send it elsewhere say the version you have "
            "read",
            "案件已派遣；如需改派，请提供所读取的版本号（version）",
            where="version",
        )
    if change.fields.get("unit"):
        unit_id = reference.find_unit(change.text("unit"))
    else:
        place = {"class_id": row["class_id"], "lon": row["x"], "lat": row["y"]}
        components = components_of(change.session, change.desk, place)
        owner = components[0]["unit_id"] if components else None
        found = reference.who_answers(row, change.desk.now, owner)
        if found.unit_id is None:
            raise InvalidInput(
                f"no unit answers for class {row['class_code']}; name one",
                f"类别 {row['class_code']} 没有责任单位，请指定",
                where="unit",
            )
        unit_id = found.unit_id
        change.detail["unit"] = reference.unit_code(unit_id)
    change.columns["unit_id"] = unit_id
    if change.fields.get("squad"):
        change.columns["squad_id"] = reference.find_squad(change.text("squad"))


def _return(change: Change) -> None:
    _own_unit(change)
    change.detail["returned_by"] = change.desk.reference.unit_code(change.row["unit_id"])


def _resolve(change: Change) -> None:
    _own_unit(change)
    if change.desk.settings.resolve_needs_photo and not change.fields.get("photos"):
        raise InvalidInput("'resolve' needs a photo", "处置完成须附照片", where="photos")
    change.columns["resolved_by"] = change.identity.name


def _check(change: Change) -> None:
    if change.row["resolved_by"] == change.identity.name:
        raise Forbidden(
            "nobody checks their own result; somebody else has to",
            "不能核查自己的处置结果，请由他人核查",
        )


def _rework(change: Change) -> None:
    change.columns |= {
        "rework_count": change.row["rework_count"] + 1, "resolved_at": None,
    }  # fmt: skip


def _reopen(change: Change) -> None:
    change.columns |= {"closed_at": None, "resolved_at": None, "case_number": None}
    if change.columns["state"] == "filed":
        change.columns["filed_at"] = change.desk.now
        change.detail["was_due"] = change.row["due_at"]
        basis = change.row["due_basis"]
        if basis:
            fresh = {**basis, "start": change.desk.now.isoformat(), "pauses": [], "extensions": []}
            change.basis(fresh)


def _defer(change: Change) -> None:
    change.columns["state_before"] = change.row["state"]
    if change.row["due_basis"]:
        change.basis(
            deadlines.pause(change.row["due_basis"], change.desk.now, change.text("reason"))
        )


def _resume(change: Change) -> None:
    if change.row["due_basis"]:
        change.basis(deadlines.resume(change.row["due_basis"], change.desk.now))


def _extend(change: Change) -> None:
    if not change.row["due_basis"]:
        raise Conflict("there is no deadline to extend", "没有可延期的时限", where="state")
    change.basis(
        deadlines.extend(
            change.row["due_basis"], float(change.fields["amount"]), change.text("limit_unit"),
            change.text("reason"),
        )
    )  # fmt: skip
    change.detail["from"] = change.row["due_at"]


def _merge(change: Change) -> None:
    merge(change.session, change.identity, change.row, change.text("into"), change.desk.now)
    target = records.find(change.session, change.text("into"))
    change.columns |= {"state_before": change.row["state"], "merged_into": target}
    change.detail["into"] = target


def _unmerge(change: Change) -> None:
    unmerge(change.session, change.identity, change.row, change.desk.now)
    change.detail["from"] = change.row["merged_into"]
    change.columns["merged_into"] = None


def _transfer(change: Change) -> None:
    change.columns["case_number"] = change.text("case_number")


def _whistle(change: Change) -> None:
    codes = list(dict.fromkeys(change.fields["units"]))
    lead = change.fields.get("lead") or codes[0]
    if lead not in codes:
        raise InvalidInput(
            "the lead is none of the units called", "牵头单位不在被吹哨单位中", where="lead"
        )
    minutes = change.desk.settings.report_in_minutes
    records.whistle(
        change.session, change.row["id"], at=change.desk.now, by=change.identity.name,
        reason=change.text("reason"), until=change.desk.now + timedelta(minutes=minutes),
        units={change.desk.reference.find_unit(code, where="units"): code == lead
               for code in codes},
    )  # fmt: skip


def _report_in(change: Change) -> None:
    own = change.identity.codes("unit")
    asked = change.fields.get("unit")
    if asked and own and asked not in own:
        raise Forbidden(f"{asked} is not your unit", f"{asked} 不是您所在单位")
    codes = [asked] if asked else list(own)
    if not codes:
        raise InvalidInput("say which unit reports in", "请指明报到单位", where="unit")
    done = records.report_in(
        change.session, change.row["id"],
        [change.desk.reference.find_unit(code) for code in codes], change.desk.now,
        change.identity.name,
    )  # fmt: skip
    if not done:
        raise Conflict(
            f"{', '.join(codes)} was not called, or has reported in",
            f"{'、'.join(codes)} 未被吹哨，或已报到",
            where="unit",
        )
    change.detail["delay_s"] = done


def _place(change: Change) -> None:
    lon, lat = float(change.fields["lon"]), float(change.fields["lat"])
    columns = placing_columns(
        change.session, change.desk.locator, change.row, lon, lat, change.text("crs")
    )
    change.columns |= columns
    street = change.desk.locator.code_of("street", columns["street_id"]) if (
        columns["street_id"]
    ) else None  # fmt: skip
    change.columns["squad_id"] = change.desk.reference.squad_of(street)
    change.detail["from"] = [change.row["x"], change.row["y"], change.row["placement_method"]]
    change.detail["to"] = list(columns["geom"])


HANDLERS: dict[str, Callable[[Change], None]] = {
    "file": _file, "dispatch": _dispatch, "accept": _own_unit, "return": _return,
    "start": _own_unit, "resolve": _resolve, "check": _check, "rework": _rework,
    "reopen": _reopen, "defer": _defer, "resume": _resume, "extend": _extend, "merge": _merge,
    "unmerge": _unmerge, "transfer": _transfer, "whistle": _whistle, "report_in": _report_in,
    "place": _place, "reclassify": _reclassify,
    "supervise": lambda change: change.columns.update(supervised=True),
}  # fmt: skip
