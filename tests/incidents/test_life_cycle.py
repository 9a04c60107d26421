"""From report to closing: what each action wants, changes, logs and refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.incidents.conftest import MANHOLE, NOON, Bureau
from tests.incidents.people import somebody

DESK = somebody("dispatcher")
CHIEF = somebody("duty_chief")
HANDLER = somebody("unit_handler", ("unit", "U1"))
OTHER_HANDLER = somebody("unit_handler", ("unit", "U2"))
OFFICER = somebody("officer", ("squad", "Q0"))
STREET = somebody("street_office", ("street", "S0"))
VIEWER = somebody("viewer")


def dispatched(bureau: Bureau, **fields: Any) -> int:
    number = bureau.report(source="resident", **fields).incident_id
    for action in ("verify", "file", "dispatch"):
        bureau.act(DESK, number, action)
    return number


# -- refusals first ---------------------------------------------------------------------------


def test_what_is_not_possible_is_told_with_what_is(bureau: Bureau) -> None:
    number = bureau.report(source="resident").incident_id
    with pytest.raises(Conflict, match="is reported; it works from checked"):
        bureau.act(DESK, number, "close")
    with pytest.raises(NotFound, match="no action 'explode'"):
        bureau.act(DESK, number, "explode")
    with pytest.raises(NotFound, match="no incident 999"):
        bureau.act(DESK, 999, "verify")
    with pytest.raises(Forbidden, match="viewer"):
        bureau.act(VIEWER, number, "verify")
    with pytest.raises(InvalidInput, match="needs it") as refused:
        bureau.act(DESK, number, "decline")
    assert refused.value.where == "reason"
    assert bureau.row(number)["version"] == 1
    assert [action for _, action, _ in bureau.log(number)] == ["report"]


def test_a_report_from_outside_is_verified_before_it_is_filed(bureau: Bureau) -> None:
    number = bureau.report(source="hotline").incident_id
    with pytest.raises(Conflict, match="verified before it is filed"):
        bureau.act(DESK, number, "file")
    own = bureau.report(OFFICER, source="patrol").incident_id
    bureau.act(DESK, own, "file")
    assert bureau.row(own)["state"] == "filed"


def test_who_does_not_see_an_incident_does_not_change_it(bureau: Bureau) -> None:
    number = dispatched(bureau)
    elsewhere = somebody("squad_leader", ("squad", "QX"))
    with pytest.raises(NotFound):
        bureau.act(elsewhere, number, "accept")
    with pytest.raises(NotFound):
        bureau.act(OTHER_HANDLER, number, "accept")


def test_a_stale_edit_is_told_what_changed(bureau: Bureau) -> None:
    number = bureau.report(source="resident").incident_id
    bureau.act(DESK, number, "verify", version=1)
    with pytest.raises(Conflict, match="dispatcher-1: verify") as refused:
        bureau.act(CHIEF, number, "supervise", reason="市长督办", version=1)
    changes = refused.value.data["changes"]
    assert [change["action"] for change in changes] == ["verify"]
    assert not bureau.row(number)["supervised"]


def test_to_send_elsewhere_what_was_sent_takes_the_version(bureau: Bureau) -> None:
    number = dispatched(bureau)
    with pytest.raises(Conflict, match="say the version"):
        bureau.act(DESK, number, "dispatch", unit="U2")
    bureau.act(DESK, number, "dispatch", unit="U2", version=4)
    with pytest.raises(InvalidInput, match="no unit 'NIX'; there are"):
        bureau.act(DESK, number, "dispatch", unit="NIX", version=5)


def test_of_two_at_once_one_is_told(bureau: Bureau) -> None:
    number = dispatched(bureau)
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def send(unit: str) -> None:
        start.wait()
        try:
            bureau.act(DESK, number, "dispatch", unit=unit, version=4)
            outcomes.append("done")
        except Conflict as problem:
            outcomes.append(problem.message)

    threads = [threading.Thread(target=send, args=(unit,)) for unit in ("U2", "U3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome == "done" for outcome in outcomes) == [False, True]
    assert any("has changed since you read it" in outcome for outcome in outcomes)
    assert bureau.row(number)["version"] == 5


def test_nobody_checks_their_own_result(bureau: Bureau) -> None:
    number = dispatched(bureau)
    both = somebody("officer", ("squad", "Q0"), name="chen")
    bureau.act(both, number, "accept")
    bureau.act(both, number, "resolve", note="已清理")
    with pytest.raises(Forbidden, match="own result"):
        bureau.act(both, number, "check")
    bureau.act(DESK, number, "check")
    assert bureau.row(number)["state"] == "checked"


def test_evidence_can_be_made_a_duty(bureau: Bureau, settings_of: Callable[..., None]) -> None:
    settings_of(resolve_needs_photo=True)
    number = dispatched(bureau)
    bureau.act(HANDLER, number, "accept")
    with pytest.raises(InvalidInput, match="needs a photo"):
        bureau.act(HANDLER, number, "resolve")
    with pytest.raises(InvalidInput, match="no photo 77"):
        bureau.act(HANDLER, number, "resolve", photos=[77])
    assert bureau.row(number)["state"] == "accepted"


# -- the way through -----------------------------------------------------------------------


def test_the_whole_way_leaves_one_log_row_an_action(bureau: Bureau) -> None:
    number = dispatched(bureau)
    row = bureau.row(number)
    assert row["due_at"] == NOON.replace(hour=8)  # 2 working hours from 14:00
    assert "工作时" in row["due_basis"]["words"]["zh"]
    assert row["squad_id"] == 1
    bureau.at(NOON + timedelta(hours=1))
    for who, action in (
        (HANDLER, "accept"), (HANDLER, "start"), (HANDLER, "resolve"), (DESK, "check"),
        (DESK, "rework"), (HANDLER, "resolve"), (DESK, "check"), (DESK, "close"),
    ):  # fmt: skip
        fields = {"reason": "仍有垃圾"} if action == "rework" else {}
        bureau.act(who, number, action, **fields)
    row = bureau.row(number)
    assert row["state"] == "closed"
    assert row["closed_at"] == NOON + timedelta(hours=1)
    assert row["rework_count"] == 1
    log = bureau.log(number)
    assert len(log) == row["version"] == 12
    assert log[4] == (HANDLER.name, "accept", "accepted")


def test_deferring_stops_the_clock_and_extending_moves_it(bureau: Bureau) -> None:
    number = dispatched(bureau)
    before = bureau.row(number)["due_at"]
    bureau.at(NOON + timedelta(hours=2, minutes=30))  # 14:30, half an hour used
    bureau.act(DESK, number, "defer", reason="等待配件")
    row = bureau.row(number)
    assert row["due_at"] is None
    assert "时限暂停" in row["due_basis"]["words"]["zh"]
    bureau.at(NOON + timedelta(hours=3, minutes=30))
    bureau.act(DESK, number, "resume")
    row = bureau.row(number)
    assert row["state"] == "dispatched"
    assert row["due_at"] == before + timedelta(hours=1)
    with pytest.raises(InvalidInput):
        bureau.act(CHIEF, number, "extend", reason="台风", limit_unit="working_hour")
    bureau.act(CHIEF, number, "extend", reason="台风", amount=1, limit_unit="working_hour")
    assert bureau.row(number)["due_at"] == before + timedelta(hours=2)


def test_of_several_conditions_the_first_is_taken_only_visibly(bureau: Bureau) -> None:
    number = bureau.report(OFFICER, source="patrol", **{"class": MANHOLE}).incident_id
    with pytest.raises(InvalidInput, match="no condition 9"):
        bureau.act(DESK, number, "file", condition=9)
    bureau.act(DESK, number, "file")
    row = bureau.row(number)
    assert row["urgent"]
    assert "no condition was chosen" in row["due_basis"]["words"]["en"]
    with pytest.raises(InvalidInput, match="no unit answers for class"):
        bureau.act(DESK, number, "dispatch")
    bureau.act(DESK, number, "dispatch", unit="U2")
    assert bureau.row(number)["state"] == "dispatched"


def test_returned_goes_elsewhere_and_transfer_ends_it(bureau: Bureau) -> None:
    number = dispatched(bureau)
    bureau.act(HANDLER, number, "return", reason="不属环卫")
    assert bureau.row(number)["state"] == "returned"
    bureau.act(DESK, number, "dispatch", unit="U2")
    bureau.act(OTHER_HANDLER, number, "accept")
    bureau.act(OTHER_HANDLER, number, "transfer", case_number="泉鲤城管罚〔2026〕12号")
    row = bureau.row(number)
    assert (row["state"], row["case_number"]) == ("transferred", "泉鲤城管罚〔2026〕12号")


def test_reopening_runs_the_limit_anew(bureau: Bureau) -> None:
    number = dispatched(bureau)
    for who, action in ((HANDLER, "accept"), (HANDLER, "resolve"), (DESK, "check"),
                        (DESK, "close")):  # fmt: skip
        bureau.act(who, number, action)
    bureau.at(NOON + timedelta(hours=4))
    bureau.act(DESK, number, "reopen", reason="居民反映未解决")
    row = bureau.row(number)
    assert row["state"] == "filed"
    assert row["closed_at"] is None
    assert row["due_at"] == NOON + timedelta(hours=6)


def test_a_correction_of_the_class_keeps_when_it_was_filed(bureau: Bureau) -> None:
    number = dispatched(bureau)
    bureau.at(NOON + timedelta(minutes=30))
    bureau.act(DESK, number, "reclassify", **{"class": MANHOLE, "condition": 2})
    row = bureau.row(number)
    assert row["due_at"] == NOON + timedelta(hours=2)
    assert row["class_name"] == "不明井盖"


# -- whistle and report-in ---------------------------------------------------------------------


def test_a_whistle_calls_units_and_times_their_arrival(bureau: Bureau) -> None:
    number = dispatched(bureau)
    with pytest.raises(InvalidInput, match="none of the units called"):
        bureau.act(STREET, number, "whistle", units=["U2"], lead="U1", reason="联合整治")
    bureau.act(STREET, number, "whistle", units=["U2", "U3"], lead="U3", reason="联合整治")
    bureau.at(NOON + timedelta(minutes=25))
    bureau.act(OTHER_HANDLER, number, "report_in")
    assert bureau.database.rows(
        "SELECT u.code, w.lead, extract(epoch FROM w.reported_in_at - c.called_at)::int "
        "FROM whistle_unit w JOIN unit u ON u.id = w.unit_id JOIN whistle c ON c.id = w.whistle_id "
        "ORDER BY 1"
    ) == [("U2", False, 1500), ("U3", True, None)]
    with pytest.raises(Conflict, match="was not called, or has reported in"):
        bureau.act(OTHER_HANDLER, number, "report_in")
    with pytest.raises(NotFound):
        bureau.act(somebody("unit_handler", ("unit", "UX")), number, "report_in")
    with pytest.raises(Forbidden):
        bureau.act(OTHER_HANDLER, number, "report_in", unit="U3")


# -- duplicates -----------------------------------------------------------------------------


def test_merging_moves_reports_and_unmerging_brings_back_its_own(bureau: Bureau) -> None:
    first, second, third = (
        bureau.report(source="resident", description=str(n)).incident_id for n in range(3)
    )
    with pytest.raises(InvalidInput, match="into itself"):
        bureau.act(DESK, first, "merge", into=str(first))
    bureau.act(DESK, third, "merge", into=str(second))
    bureau.act(DESK, second, "merge", into=bureau.row(first)["code"])
    assert bureau.database.value("SELECT count(*) FROM report WHERE incident_id = %s", first) == 3
    assert bureau.row(second)["state"] == "merged"
    with pytest.raises(Conflict, match="merge into one that is open"):
        bureau.act(DESK, first, "merge", into=str(second))
    bureau.act(DESK, second, "unmerge")
    assert bureau.database.rows("SELECT incident_id, description FROM report ORDER BY id") == [
        (first, "0"), (second, "1"), (second, "2"),
    ]  # fmt: skip
    assert bureau.row(second)["state"] == "reported"
    assert [action for _, action, _ in bureau.log(first)] == ["report", "merge", "unmerge"]


# -- place ------------------------------------------------------------------------------------


def test_a_pin_moves_the_incident_and_its_squad(bureau: Bureau) -> None:
    number = bureau.report(source="resident", lon=None, lat=None, crs=None).incident_id
    row = bureau.row(number)
    assert (row["placement_method"], row["squad_id"]) == ("none", None)
    with pytest.raises(InvalidInput, match="in no area"):
        bureau.act(DESK, number, "place", lon=100.0, lat=10.0, crs="wgs84")
    bureau.act(DESK, number, "place", lon=118.605, lat=24.905, crs="wgs84")
    row = bureau.row(number)
    assert (row["placement_method"], row["squad_id"]) == ("manual", 1)
    assert row["filed_path"] == {}
