"""The chain: who answers for a place, a class and a time, and how it says so."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.responsibility.chain import (
    CHAIN,
    Answer,
    OfficerRow,
    Promise,
    Question,
    Responsibilities,
    Shift,
    SquadRow,
    UnitRow,
    units_and_squads,
    who_answers,
)

NIGHT = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)  # 22:00 in the district
HOURS = timedelta(hours=1)
WORKS, WATER, GONE = 1, 2, 3
LAMP, COVER, ORPHAN, CLOSED = 10, 11, 12, 13


def shift(number: int, street: str | None, start: int, end: int, person: str) -> Shift:
    return Shift(number, NIGHT + start * HOURS, NIGHT + end * HOURS, street, None, None, person, "")


def district(**changes: object) -> Responsibilities:
    parts: dict[str, object] = {
        "units": [
            UnitRow(WORKS, "SZ", "市政中心", "Works"), UnitRow(WATER, "GS", "供水企业", "Water"),
            UnitRow(GONE, "ALT", "旧单位", "Old", active=False),
        ],
        "squads": [
            SquadRow(5, "Q2", "二中队", "Second", WORKS, ("S1", "S2")),
            SquadRow(4, "Q1", "一中队", "First", WORKS, ("S2",)),
        ],
        "class_units": {LAMP: WORKS, COVER: WORKS, CLOSED: GONE},
        "condition_units": {100: WATER},
        "shifts": [
            shift(1, "S1", -4, 10, "张三"), shift(2, None, -20, 20, "李四"),
            shift(3, "S2", -14, -4, "王五"),
        ],
        "streets": {70: "S1", 71: "S2", 72: "S3"},
        **changes,
    }  # fmt: skip
    return Responsibilities(**parts)  # type: ignore[arg-type]


def ask(r: Responsibilities | None = None, **changes: object) -> Answer:
    question = {"street_code": "S1", "class_id": LAMP, "condition_id": None, "at": NIGHT,
                "working": True, **changes}  # fmt: skip
    return who_answers(r or district(), **question)  # type: ignore[arg-type]


def steps(answer: Answer) -> list[str]:
    return [one["step"] for one in answer.steps]


def test_a_place_nobody_answers_for_is_a_gap() -> None:
    answer = ask(street_code="S3", class_id=ORPHAN)
    assert answer.gap
    assert (answer.unit_id, answer.squad_id, answer.duty) == (None, None, None)
    assert steps(answer) == ["no_unit", "no_squad", "gap"]
    assert ask(street_code=None, class_id=None).gap
    assert "no_street" in steps(ask(street_code=None, class_id=None))
    # whoever is on duty for the district closes it at night
    night = ask(street_code="S3", class_id=ORPHAN, working=False)
    assert not night.gap
    assert night.duty is not None
    assert night.duty.person == "李四"


def test_the_owner_of_a_component_decides_before_condition_and_class() -> None:
    owned = ask(class_id=COVER, condition_id=100, component_unit_id=WORKS)
    assert (owned.unit_id, steps(owned)[0]) == (WORKS, "component")
    by_condition = ask(class_id=COVER, condition_id=100)
    assert (by_condition.unit_id, steps(by_condition)[0]) == (WATER, "condition")
    by_class = ask(class_id=COVER, condition_id=101)
    assert (by_class.unit_id, steps(by_class)[0]) == (WORKS, "class")
    assert by_class.steps[0] == {
        "step": "class", "zh": "类别的责任单位：市政中心", "en": "unit of the class: Works",
    }  # fmt: skip


def test_a_unit_that_is_no_longer_active_does_not_answer_and_is_named() -> None:
    answer = ask(class_id=CLOSED)
    assert answer.unit_id is None
    assert steps(answer)[:2] == ["class_gone", "no_unit"]
    assert "旧单位" in answer.steps[0]["zh"]
    passed_on = ask(class_id=COVER, component_unit_id=GONE)
    assert passed_on.unit_id == WORKS
    assert steps(passed_on)[:2] == ["component_gone", "class"]


def test_several_squads_are_shown_and_the_lowest_code_leads() -> None:
    answer = ask(street_code="S2")
    assert answer.squad_id == 4
    assert [one["code"] for one in answer.ambiguous] == ["Q1", "Q2"]
    assert steps(answer) == ["class", "squad", "several_squads"]
    assert "First, Second" in answer.steps[-1]["en"]
    assert ask(street_code="S1").ambiguous == []


def test_the_roster_answers_outside_hours_the_street_before_the_district() -> None:
    assert ask().duty is None
    assert ask(working=False).duty.person == "张三"  # type: ignore[union-attr]
    other = ask(street_code="S2", working=False).duty
    assert other is not None
    assert (other.person, other.street_code) == ("李四", None)
    # shifts begin with their start and end before their end
    for at, person in ((-14, "王五"), (-4.001, "王五"), (-4, "李四")):
        found = ask(street_code="S2", working=False, at=NIGHT + at * HOURS).duty
        assert found is not None
        assert found.person == person
    nobody = ask(working=False, at=NIGHT + 30 * HOURS)
    assert nobody.duty is None
    assert "no_duty" in steps(nobody)


def test_two_on_duty_at_once_are_both_named() -> None:
    r = district(shifts=[shift(1, "S1", -4, 4, "张三"), shift(2, "S1", -1, 8, "赵六")])
    answer = ask(r, working=False)
    assert answer.duty is not None
    assert answer.duty.person == "张三"
    assert [one["name"] for one in answer.ambiguous] == ["张三", "赵六"]


def test_another_step_is_put_in_front() -> None:
    """What it decides, the steps behind it leave alone."""

    def contract(r: Responsibilities, question: Question, answer: Answer) -> None:
        if question.street_code == "S1":
            answer.squad_id = 4
            answer.say("contract", "合同", "contract")

    answer = ask(chain=(contract, *CHAIN))
    assert (answer.squad_id, answer.unit_id) == (4, WORKS)
    assert steps(answer) == ["contract", "class"]
    assert ask(street_code="S2", chain=(contract, *CHAIN)).ambiguous


@given(
    st.lists(
        st.tuples(st.sampled_from(["S1", "S2", None]), st.integers(-50, 50), st.integers(1, 60)),
        max_size=25,
    ),
    st.integers(-60, 120),
    st.sampled_from(["S1", "S2", "S3"]),
)
def test_shifts_are_found_as_by_looking_at_each(
    rows: list[tuple[str | None, int, int]], hour: int, street: str
) -> None:
    shifts = [shift(n, s, b, b + d, f"P{n}") for n, (s, b, d) in enumerate(rows)]
    moment = NIGHT + hour * HOURS
    on = [one for one in shifts if one.starts_at <= moment < one.ends_at]
    expected = [one for one in on if one.street_code == street] or [
        one for one in on if one.street_code is None
    ]
    found = district(shifts=shifts).shifts_at(moment, street)
    assert {one.id for one in found} == {one.id for one in expected}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([-1, LAMP, COVER, ORPHAN, CLOSED, 9999]),
            st.sampled_from([-1, 70, 71, 72, 9999]),
        ),
        max_size=40,
    )
)
def test_the_bulk_way_gives_the_same(rows: list[tuple[int, int]]) -> None:
    r = district()
    classes = np.array([row[0] for row in rows], dtype=np.int32)
    streets = np.array([row[1] for row in rows], dtype=np.int32)
    units, squads = units_and_squads(r, classes, streets)
    assert units.dtype == squads.dtype == np.int32
    for n, (class_id, area_id) in enumerate(rows):
        answer = ask(r, class_id=class_id, street_code=r.streets.get(area_id))
        assert (answer.unit_id or -1, answer.squad_id or -1) == (units[n], squads[n])


def test_bulk_of_an_empty_district() -> None:
    r = Responsibilities(
        units=[], squads=[], class_units={}, condition_units={}, shifts=[], streets={}
    )
    units, squads = units_and_squads(r, np.array([1, -1], np.int32), np.array([0, 5], np.int32))
    assert units.tolist() == squads.tolist() == [-1, -1]


def test_shifts_of_different_zones_compare() -> None:
    with pytest.raises(TypeError):
        district().shifts_at(datetime(2026, 11, 25, 22), "S1")  # noqa: DTZ001


CHEN, LIN = OfficerRow(1, "D1", "陈一", 4), OfficerRow(2, "D2", "林二", 5)
ALWAYS = (date(1, 1, 1), date(9999, 12, 31))


def promise(code: str, lead: OfficerRow = CHEN, **changes: object) -> Promise:
    facts: dict[str, object] = {
        "id": len(code), "code": code, "starts": date(2026, 1, 1), "ends": date(2027, 1, 1),
        "duties": frozenset({"E-01"}), "weekdays": frozenset(range(1, 8)), "start": time(8),
        "end": time(18), "people": ((*ALWAYS, lead),), **changes,
    }  # fmt: skip
    return Promise(**facts)  # type: ignore[arg-type]


def promised(*promises: Promise, at: datetime | None = None, **changes: object) -> Answer:
    r = district(promises={90: list(promises)}, duties={LAMP: "E-01", COVER: "C-01"},
                 zone=ZoneInfo("Asia/Shanghai"))  # fmt: skip
    return ask(r, **{"grid_id": 90, "at": at or NIGHT - 8 * HOURS, **changes})


def test_who_promised_the_grid_comes_first() -> None:
    """25 November 2026, 14:00 in the district, is within the hours of the contract."""
    answer = promised(promise("H1"))
    assert answer.officer == CHEN
    # the officer's squad, not the street's; the unit is the class's as ever
    assert (answer.squad_id, answer.unit_id) == (4, WORKS)
    assert steps(answer)[0] == "contract"
    for other in (
        {"grid_id": 91}, {"grid_id": None}, {"class_id": COVER}, {"class_id": None},
        {"at": NIGHT}, {"at": NIGHT - 15 * HOURS},
    ):  # fmt: skip
        answer = promised(promise("H1"), **other)  # type: ignore[arg-type]
        assert answer.officer is None, other
        assert answer.squad_id == 5
    ended = promise("H1", ends=date(2026, 11, 25))
    assert promised(ended).officer is None


def test_overlapping_contracts_are_all_named_and_stand_ins_answer() -> None:
    answer = promised(promise("H2"), promise("H1", LIN))
    assert answer.officer == LIN
    assert [one["code"] for one in answer.ambiguous] == ["H1", "H2"]
    assert steps(answer)[:2] == ["contract", "several_contracts"]
    away = (date(2026, 11, 20), date(2026, 11, 26), LIN)
    stood_in = promise("H1", people=(away, (*ALWAYS, CHEN)))
    assert promised(stood_in).officer == LIN
    assert promised(stood_in, at=NIGHT + 16 * HOURS).officer == CHEN


def test_a_night_contract_runs_past_midnight() -> None:
    # Tuesdays from 20:00 to 06:00; the 25th was a Wednesday
    night = promise("H1", start=time(20), end=time(6), weekdays=frozenset({2}))
    assert promised(night, at=NIGHT - 20 * HOURS).officer == CHEN  # Wednesday 02:00
    assert promised(night, at=NIGHT - 24 * HOURS).officer == CHEN  # Tuesday 22:00
    assert promised(night, at=NIGHT).officer is None  # Wednesday 22:00
