"""The deadline of one incident: its class's limit, extensions and pauses, with the words for it.

``due_basis`` is all that a deadline was computed from, so that it can be computed again when the
working calendar changes: ``start``, ``amount``, ``unit``, ``condition``, ``pauses``
(``[{"from", "to" | null, "reason"}]``), ``extensions`` (``[{"amount", "unit", "reason"}]``), and
what came out: ``due_at``, ``provisional``, ``words`` (zh and en).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gis_service.reference.deadline_words import EXTENDED
from gis_service.reference.deadlines import WorkingCalendar, deadline

Basis = dict[str, Any]


def begin(start: datetime, condition: dict[str, Any], chosen: bool) -> Basis:
    """The basis of a deadline that starts to run at ``start``.

    ``condition`` is a row of ``class_condition``; ``chosen`` is False where a person did not choose
    among several and the first was taken, which the words then say.
    """
    return {
        "start": start.isoformat(),
        "amount": condition["limit_amount"],
        "unit": condition["limit_unit"],
        "condition": {"id": condition["id"], "zh": condition["name"], "en": condition["name_en"]},
        "chosen": chosen,
        "pauses": [],
        "extensions": [],
    }


def pause(basis: Basis, at: datetime, reason: str) -> Basis:
    """The clock stands from ``at`` on."""
    return {**basis, "pauses": [*basis["pauses"], {"from": at.isoformat(), "to": None,
                                                   "reason": reason}]}  # fmt: skip


def resume(basis: Basis, at: datetime) -> Basis:
    """The clock runs again."""
    *before, last = basis["pauses"]
    return {**basis, "pauses": [*before, {**last, "to": at.isoformat()}]}


def extend(basis: Basis, amount: float, unit: str, reason: str) -> Basis:
    """More time, counted from the deadline as it was."""
    more = {"amount": amount, "unit": unit, "reason": reason}
    return {**basis, "extensions": [*basis["extensions"], more]}


def computed(basis: Basis, calendar: WorkingCalendar, mode: str) -> tuple[datetime | None, Basis]:
    """(deadline or None while the clock stands, the basis with its words)."""
    start = datetime.fromisoformat(basis["start"])
    pauses = tuple(
        (datetime.fromisoformat(one["from"]), datetime.fromisoformat(one["to"]))
        for one in basis["pauses"]
        if one["to"]
    )
    found = deadline(start, basis["amount"], basis["unit"], calendar, mode=mode, pauses=pauses)
    zh, en = found.words["zh"], found.words["en"]
    provisional = found.provisional
    due_at = found.due_at
    for more in basis["extensions"]:
        found = deadline(
            due_at, more["amount"], more["unit"], calendar, mode=mode, pauses=pauses,
            event=EXTENDED,
        )  # fmt: skip
        due_at, provisional = found.due_at, provisional or found.provisional
        zh += f"；{found.words['zh']}（延期原因：{more['reason']}）"
        en += f"; {found.words['en']} (reason: {more['reason']})"
    if not basis["chosen"]:
        name = basis["condition"]
        zh = f"{zh}；未选立案条件，按第一条“{name['zh']}”"
        en = f"{en}; no condition was chosen, the first is taken ({name['en']})"
    standing = next((one for one in basis["pauses"] if one["to"] is None), None)
    if standing:
        zh = f"缓办中（{standing['reason']}），时限暂停；{zh}"
        en = f"deferred ({standing['reason']}), the clock stands; {en}"
    out = {
        **basis,
        "due_at": None if standing else due_at.isoformat(),
        "provisional": provisional,
        "words": {"zh": zh, "en": en},
    }
    return (None if standing else due_at), out
