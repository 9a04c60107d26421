"""The table of the life cycle is whole: every state is reached and left, every action allowed."""

from __future__ import annotations

from gis_service.accounts.permissions import PERMISSIONS
from gis_service.incidents.actions import HANDLERS
from gis_service.incidents.models import ENDED_STATES, STATES
from gis_service.incidents.schemas import ActionFields
from gis_service.incidents.workflow import (
    ACTIONS,
    BEFORE,
    STAYS,
    TABLE,
    actions_from,
    transition,
)

CONTRACT = {
    "verify", "decline", "file", "dispatch", "accept", "return", "start", "resolve", "check",
    "rework", "close", "reopen", "defer", "resume", "extend", "supervise", "merge", "unmerge",
    "transfer", "cancel", "whistle", "report_in", "place",
}  # fmt: skip


def test_every_promised_action_stands_in_the_table() -> None:
    assert set(ACTIONS) >= CONTRACT


def test_states_are_known_and_each_pair_of_state_and_action_has_one_row() -> None:
    seen = set()
    for row in TABLE:
        assert set(row.states) <= set(STATES)
        assert row.to in {*STATES, STAYS, BEFORE}
        for state in row.states:
            assert (row.action, state) not in seen
            seen.add((row.action, state))


def test_every_state_but_the_first_is_reached_and_every_open_one_left() -> None:
    reached = {row.to for row in TABLE}
    assert reached >= set(STATES) - {"reported"}
    for state in set(STATES) - ENDED_STATES:
        assert any(
            transition(action, state).to not in (STAYS, state)  # type: ignore[union-attr]
            for action in actions_from(state)
        )


def test_every_action_is_some_roles_and_every_needed_field_can_be_given() -> None:
    known = {field.alias or name for name, field in ActionFields.model_fields.items()}
    for row in TABLE:
        assert PERMISSIONS[f"incident.{row.action}"]
        assert set(row.needs) <= known
    assert set(HANDLERS) <= set(ACTIONS)


def test_from_report_to_closing_the_shortest_way() -> None:
    state = "reported"
    for action in ("verify", "file", "dispatch", "accept", "start", "resolve", "check", "close"):
        row = transition(action, state)
        assert row is not None
        state = row.to
    assert state == "closed"
