"""All states of an incident and everything that can happen to it, as one table.

States are named by purpose: *verified* is the check before filing (核实), *checked* the check of
the result before closing (核查); cities use the two Chinese words either way round, so labels are
data of the pages. Who may do what stands in :mod:`gis_service.accounts.permissions` under
``incident.<action>``; what an action changes, in :mod:`gis_service.incidents.actions`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gis_service.incidents.models import ENDED_STATES, STATES

# where the target stands for: the state stays, or the one before deferral or merging comes back
STAYS = "="
BEFORE = "before"


@dataclass(frozen=True)
class Transition:
    """``action`` leads from any of ``states`` to ``to`` and wants the fields of ``needs``."""

    action: str
    states: tuple[str, ...]
    to: str
    needs: tuple[str, ...] = ()


def _row(action: str, states: str, to: str, needs: str = "") -> Transition:
    return Transition(action, tuple(states.split()), to, tuple(needs.split()))


_WORK = "dispatched accepted in_progress"
_OPEN = "reported verified filed dispatched accepted in_progress resolved checked returned deferred"
_ANY = " ".join(STATES)

TABLE = (
    #    action        from                                      to              wants
    _row("verify", "reported", "verified"),
    _row("decline", "reported verified", "not_accepted", "reason"),
    _row("file", "reported verified", "filed"),
    _row("dispatch", "filed returned dispatched", "dispatched"),
    _row("accept", "dispatched", "accepted"),
    _row("return", _WORK, "returned", "reason"),
    _row("start", "accepted", "in_progress"),
    _row("resolve", "accepted in_progress", "resolved"),
    _row("check", "resolved", "checked"),
    _row("rework", "resolved checked", "in_progress", "reason"),
    _row("close", "checked", "closed"),
    _row("reopen", "closed", "filed", "reason"),
    _row("reopen", "not_accepted cancelled transferred", "reported", "reason"),
    _row("defer", f"filed returned {_WORK}", "deferred", "reason"),
    _row("resume", "deferred", BEFORE),
    _row("extend", f"filed returned {_WORK}", STAYS, "reason amount limit_unit"),
    _row("supervise", _OPEN, STAYS, "reason"),
    _row("merge", f"reported verified filed returned {_WORK}", "merged", "into"),
    _row("unmerge", "merged", BEFORE),
    _row("transfer", f"filed returned {_WORK}", "transferred", "case_number"),
    _row("cancel", "reported verified filed dispatched returned", "cancelled", "reason"),
    _row("whistle", f"filed returned {_WORK}", STAYS, "units reason"),
    _row("report_in", f"filed returned {_WORK} resolved", STAYS),
    _row("place", _ANY, STAYS, "lon lat crs"),
    _row("reclassify", _OPEN, STAYS, "class"),
    _row("comment", _ANY, STAYS, "note"),
)  # fmt: skip
ACTIONS = tuple(dict.fromkeys(row.action for row in TABLE))
OPEN_STATES = tuple(state for state in STATES if state not in ENDED_STATES)


def transition(action: str, state: str) -> Transition | None:
    """The row that ``action`` takes from ``state``; None where it is not allowed."""
    return next((row for row in TABLE if row.action == action and state in row.states), None)


def states_before(action: str) -> tuple[str, ...]:
    """The states from which ``action`` is allowed."""
    return tuple(state for row in TABLE if row.action == action for state in row.states)


def actions_from(state: str) -> tuple[str, ...]:
    """What can happen in ``state``, in the order of the table."""
    return tuple(row.action for row in TABLE if state in row.states)
