"""Deadlines: the calendar's examples, agreement with a slow reckoning, and their properties."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.errors import InvalidInput
from gis_service.reference.deadline_words import EXTENDED
from gis_service.reference.deadlines import (
    LIMIT_UNITS,
    MODES,
    NO_MOMENT,
    WALL_CLOCK,
    deadline,
    deadlines,
    on_time,
    provisional,
    working_seconds,
)
from gis_service.reference.holidays import published_days, published_years
from gis_service.reference.working_time import Day, WorkingCalendar, to_us
from tests.reference.calendars import ZONE, at, national, seasonal, slowly

MAKE_UP_2026 = [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)]
FIRST, LAST = datetime(2025, 11, 1), datetime(2027, 2, 1)  # noqa: DTZ001
starts = st.datetimes(FIRST, LAST).map(lambda moment: moment.replace(tzinfo=ZONE))
amounts = st.floats(0.01, 60, allow_nan=False)
units = st.sampled_from(LIMIT_UNITS)
modes = st.sampled_from(MODES)
calendars = st.sampled_from(["national", "seasonal"]).map(
    {"national": national, "seasonal": seasonal}.__getitem__
)
pauses = st.lists(
    st.tuples(starts, st.timedeltas(timedelta(0), timedelta(days=5))).map(
        lambda pair: (pair[0], pair[0] + pair[1])
    ),
    max_size=4,
)


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf"), 1e6])
@pytest.mark.parametrize("unit", LIMIT_UNITS)
def test_an_amount_that_is_none_is_refused(amount: float, unit: str) -> None:
    with pytest.raises(InvalidInput, match="limit must be above 0"):
        deadline(at("2026-03-02T09:00"), amount, unit, national())
    with pytest.raises(InvalidInput):
        deadlines(np.array([0]) + to_us(at("2026-03-02T09:00")), amount, unit, national())


def test_unknown_unit_and_mode_are_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown unit 'day'"):
        deadline(at("2026-03-02T09:00"), 1, "day", national())
    with pytest.raises(InvalidInput, match="unknown mode"):
        deadline(at("2026-03-02T09:00"), 1, "working_day", national(), mode="eod")


def test_a_time_without_zone_and_one_outside_the_calendar_are_refused() -> None:
    with pytest.raises(InvalidInput, match="without a time zone"):
        deadline(datetime(2026, 3, 2, 9), 1, "working_hour", national())  # noqa: DTZ001
    for start in (datetime(1950, 1, 1, tzinfo=UTC), datetime(2095, 1, 1, tzinfo=UTC)):
        for unit in LIMIT_UNITS:
            with pytest.raises(InvalidInput, match="outside 1990 to 2089"):
                deadline(start, 1, unit, national())
    for unit in LIMIT_UNITS:
        with pytest.raises(InvalidInput, match="outside 1990 to 2089"):
            deadline(at("2026-03-02T09:00"), 800_000, unit, national())


@pytest.mark.parametrize(
    "periods",
    [
        [], [["08:00"]], [["12:00", "08:00"]], [["08:00", "12:00"], ["11:00", "18:00"]],
        [["14:00", "18:00"], ["08:00", "12:00"]], [["8", "12"]], [["08:60", "12:00"]],
        [["20:00", "25:00"]], [["-8:00", "12:00"]],
    ],
)  # fmt: skip
def test_hours_that_are_none_are_refused(periods: list[list[str]]) -> None:
    with pytest.raises(InvalidInput):
        WorkingCalendar({}, [(date(2026, 1, 1), periods)], ZONE)


def test_no_calendar_is_guessed_for_a_year_that_is_not_published() -> None:
    with pytest.raises(InvalidInput, match=f"knows 2004 to {published_years()[-1]}"):
        published_days(published_years()[-1] + 1)


# -- the national calendar -----------------------------------------------------------------------


def test_the_days_of_2026() -> None:
    days = published_days(2026)
    working = [day for day, told in days.items() if told.kind == "working"]
    assert [(day.month, day.day) for day in working] == MAKE_UP_2026
    off = {day for day, told in days.items() if told.kind == "off"}
    spans = [((1, 1), (1, 3)), ((2, 15), (2, 23)), ((4, 4), (4, 6)), ((5, 1), (5, 5)),
             ((6, 19), (6, 21)), ((9, 25), (9, 27)), ((10, 1), (10, 7))]  # fmt: skip
    expected = {
        date(2026, *first) + timedelta(days=n)
        for first, last in spans
        for n in range((date(2026, *last) - date(2026, *first)).days + 1)
    }
    assert off == expected
    assert len(off) == 33


@pytest.mark.parametrize(("month", "day"), MAKE_UP_2026)
def test_a_make_up_day_is_worked(month: int, day: int) -> None:
    """Filed the evening before: four hours run on the weekend day and end at noon."""
    start = datetime(2026, month, day, 18, 30, tzinfo=ZONE) - timedelta(days=1)
    found = deadline(start, 4, "working_hour", national())
    assert found.due_at == datetime(2026, month, day, 12, tzinfo=ZONE)
    assert not found.provisional
    assert "调休工作日" in found.words["zh"]
    assert "make-up working day" in found.words["en"]


@pytest.mark.parametrize(
    ("start", "amount", "unit", "mode", "due"),
    [
        # inside a period; over noon; over night; over a weekend; over the longest holiday
        ("2026-03-02T09:00", 2, "working_hour", "hours8", "2026-03-02T11:00"),
        ("2026-03-02T11:00", 2, "working_hour", "hours8", "2026-03-02T15:00"),
        ("2026-03-02T17:00", 2, "working_hour", "hours8", "2026-03-03T09:00"),
        ("2026-03-06T17:30", 1, "working_hour", "hours8", "2026-03-09T08:30"),
        ("2026-02-13T17:00", 1, "working_day", "hours8", "2026-02-14T17:00"),
        ("2026-02-14T17:00", 1, "working_day", "hours8", "2026-02-24T17:00"),
        ("2026-09-30T17:00", 2, "working_day", "hours8", "2026-10-09T17:00"),
        # a full period ends with it, not with the next one's start
        ("2026-03-02T08:00", 4, "working_hour", "hours8", "2026-03-02T12:00"),
        ("2026-03-02T12:00", 4, "working_hour", "hours8", "2026-03-02T18:00"),
        ("2026-03-02T08:00", 1, "working_day", "hours8", "2026-03-02T18:00"),
        # the end of the n-th working day after the start's
        ("2026-03-02T08:00", 1, "working_day", "end_of_day", "2026-03-03T18:00"),
        ("2026-03-02T23:00", 1, "working_day", "end_of_day", "2026-03-03T18:00"),
        ("2026-03-07T10:00", 1, "working_day", "end_of_day", "2026-03-09T18:00"),
        ("2026-09-30T10:00", 3, "working_day", "end_of_day", "2026-10-10T18:00"),
        ("2026-03-02T08:00", 0.5, "working_day", "end_of_day", "2026-03-03T18:00"),
        # wall clock: nights and holidays count
        ("2026-10-01T23:00", 2, "urgent_hour", "hours8", "2026-10-02T01:00"),
        ("2026-10-01T23:00", 2, "urgent_day", "hours8", "2026-10-03T23:00"),
        ("2026-10-01T23:00", 3, "natural_day", "end_of_day", "2026-10-04T23:00"),
    ],
)
def test_known_deadlines(start: str, amount: float, unit: str, mode: str, due: str) -> None:
    found = deadline(at(start), amount, unit, national(), mode=mode)
    assert found.due_at == at(due), found.words["en"]
    assert found.due_at.tzinfo is UTC


def test_no_starts_give_no_deadlines() -> None:
    nothing = np.array([], dtype=np.int64)
    for unit in LIMIT_UNITS:
        for mode in MODES:
            assert deadlines(nothing, 1, unit, national(), mode).shape == (0,)
        assert provisional(nothing, nothing, unit, national()).shape == (0,)


def test_seasonal_hours_hold_from_their_day_on() -> None:
    friday = deadline(at("2026-05-29T17:00"), 2, "working_hour", seasonal())
    assert friday.due_at == at("2026-06-01T09:00")
    summer = deadline(at("2026-06-01T12:30"), 3.5, "working_hour", seasonal())
    assert summer.due_at == at("2026-06-01T18:30")
    autumn = deadline(at("2026-10-08T08:00"), 1, "working_hour", seasonal())
    assert autumn.due_at == at("2026-10-08T09:30")


def test_a_pause_that_begins_when_the_time_is_up_changes_nothing() -> None:
    for pause in (("10:00", "11:00"), ("10:30", "11:00"), ("07:00", "08:00"), ("11:00", "09:00")):
        pauses = [(at(f"2026-03-02T{pause[0]}"), at(f"2026-03-02T{pause[1]}"))]
        found = deadline(at("2026-03-02T08:00"), 2, "working_hour", national(), pauses=pauses)
        assert found.due_at == at("2026-03-02T10:00"), pause


def test_the_words_say_why() -> None:
    pause = (at("2026-10-10T09:00"), at("2026-10-10T11:00"))
    found = deadline(at("2026-10-09T18:30"), 4, "working_hour", national(), pauses=[pause])
    assert found.words == {
        "zh": "4 工作时，2026年10月9日周五 18:30 立案，自 10月10日周六 08:00 起算"
        "（该周六为调休工作日），暂停 2 小时，10月10日周六 16:00 到期",
        "en": "4 working hours, filed Fri 9 Oct 2026 18:30, runs from Sat 10 Oct 08:00 (that "
        "Saturday is a make-up working day), paused 2 h, due Sat 10 Oct 16:00",
    }
    holiday = deadline(at("2026-09-30T17:00"), 2, "working_day", national()).words
    assert "跳过国庆节 10月1日周四至10月7日周三" in holiday["zh"]
    assert "skips National Day Thu 1 Oct to Wed 7 Oct" in holiday["en"]
    extended = deadline(at("2026-03-02T18:00"), 1, "working_day", national(), event=EXTENDED)
    assert "延期" in extended.words["zh"]
    assert "extended" in extended.words["en"]


def test_a_year_without_calendar_is_provisional_and_named() -> None:
    found = deadline(at("2026-12-30T10:00"), 5, "working_day", national())
    assert found.provisional
    assert "2027 年尚无工作日历" in found.words["zh"]
    assert "provisional: no calendar for 2027" in found.words["en"]
    assert found.basis["provisional_years"] == [2027]
    assert not deadline(at("2026-12-30T10:00"), 20, "natural_day", national()).provisional
    assert not deadline(at("2026-12-30T10:00"), 1, "working_day", national()).provisional
    # one row makes the year known, and counts
    days = {**national().days, date(2027, 1, 1): Day("off", "元旦")}
    known = deadline(at("2026-12-30T10:00"), 5, "working_day", WorkingCalendar(days, [], ZONE))
    assert not known.provisional
    assert known.due_at == at("2027-01-07T10:00")


def test_a_clock_that_is_put_forward_loses_no_working_time() -> None:
    """Where clocks change, a period is as long as the hands of the clock did not jump."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("America/New_York")
    calendar = WorkingCalendar({}, [(date(2026, 1, 1), [["00:00", "24:00"]])], zone)
    friday = datetime(2026, 3, 6, 12, tzinfo=zone)  # the clock jumps on Sunday the 8th
    found = deadline(friday, 24, "working_hour", calendar)
    assert found.due_at == datetime(2026, 3, 9, 12, tzinfo=zone)


# -- properties ----------------------------------------------------------------------------------


@given(starts, amounts, calendars, pauses)
def test_hours_agree_with_a_slow_reckoning(
    start: datetime, amount: float, calendar: object, paused: list[tuple[datetime, datetime]]
) -> None:
    chosen = calendar()  # type: ignore[operator]
    found = deadline(start, amount, "working_hour", chosen, pauses=paused)
    need = timedelta(microseconds=round(amount * 3_600_000_000))
    assert found.due_at == slowly(start, need, chosen, paused)


@given(starts, amounts, units, modes, calendars)
def test_the_bulk_way_gives_the_same(
    start: datetime, amount: float, unit: str, mode: str, calendar: object
) -> None:
    chosen = calendar()  # type: ignore[operator]
    several = [start + timedelta(hours=7 * n) for n in range(12)]
    moments = np.array([to_us(one) for one in several])
    same = deadlines(moments, amount, unit, chosen, mode)
    assert same.dtype == np.int64
    each = deadlines(moments, np.full(12, amount), unit, chosen, mode)
    expected = [deadline(o, amount, unit, chosen, mode=mode) for o in several]
    assert same.tolist() == each.tolist() == [to_us(one.due_at) for one in expected]
    told = provisional(moments, same, unit, chosen)
    assert told.tolist() == [one.provisional for one in expected]


@given(starts, st.timedeltas(timedelta(0), timedelta(days=9)), amounts, units, modes, calendars)
def test_a_later_start_is_never_due_earlier(
    start: datetime, later: timedelta, amount: float, unit: str, mode: str, calendar: object
) -> None:
    chosen = calendar()  # type: ignore[operator]
    first = deadline(start, amount, unit, chosen, mode=mode)
    assert first.due_at <= deadline(start + later, amount, unit, chosen, mode=mode).due_at
    assert first.due_at > start


@given(starts, amounts, amounts, units, modes, calendars, pauses)
def test_more_time_is_never_due_earlier(
    start: datetime, one: float, other: float, unit: str, mode: str, calendar: object,
    paused: list[tuple[datetime, datetime]],
) -> None:  # fmt: skip
    chosen = calendar()  # type: ignore[operator]
    less, more = (
        deadline(start, amount, unit, chosen, mode=mode, pauses=paused).due_at
        for amount in sorted((one, other))
    )
    assert less <= more


@given(starts, amounts, units, modes, calendars, pauses)
def test_pauses_never_shorten(
    start: datetime, amount: float, unit: str, mode: str, calendar: object,
    paused: list[tuple[datetime, datetime]],
) -> None:  # fmt: skip
    chosen = calendar()  # type: ignore[operator]
    plain = deadline(start, amount, unit, chosen, mode=mode).due_at
    for count in range(len(paused) + 1):
        longer = deadline(start, amount, unit, chosen, mode=mode, pauses=paused[:count]).due_at
        assert plain <= longer
        plain = longer


@given(starts, amounts, st.sampled_from(["working_hour", "working_day"]), modes, calendars, pauses)
def test_a_working_deadline_lies_in_a_working_period(
    start: datetime, amount: float, unit: str, mode: str, calendar: object,
    paused: list[tuple[datetime, datetime]],
) -> None:  # fmt: skip
    chosen = calendar()  # type: ignore[operator]
    due = deadline(start, amount, unit, chosen, mode=mode, pauses=paused).due_at
    local = due.astimezone(ZONE)
    minutes = (local - local.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(
        minutes=1
    )
    assert chosen.works_on(local.date())
    assert any(first < minutes <= last for first, last in chosen.periods_on(local.date()))


@given(starts, amounts, calendars)
def test_working_seconds_undo_a_deadline(start: datetime, amount: float, calendar: object) -> None:
    chosen = calendar()  # type: ignore[operator]
    due = deadline(start, amount, "working_hour", chosen).due_at
    assert working_seconds(start, due, chosen) == pytest.approx(amount * 3600, abs=1e-5)
    assert working_seconds(due, start, chosen) == -working_seconds(start, due, chosen)


@given(starts, amounts, st.sampled_from(sorted(WALL_CLOCK)), pauses)
def test_wall_clock_ends_after_its_time_and_the_pauses(
    start: datetime, amount: float, unit: str, paused: list[tuple[datetime, datetime]]
) -> None:
    due = deadline(start, amount, unit, national(), pauses=paused).due_at
    ran = timedelta(0)
    edges = sorted({start, due, *(e for p in paused for e in p if start <= e <= due)})
    for first, last in pairwise(edges):
        if not any(p <= first and last <= q for p, q in paused):
            ran += last - first
    assert ran == timedelta(microseconds=round(amount * WALL_CLOCK[unit]))


def test_on_time() -> None:
    none = NO_MOMENT
    due = np.array([10, 10, 10, 10, none, none, 30])
    closed = np.array([9, 10, 11, none, none, 99, none])
    assert on_time(due, closed, 20).tolist() == [True, True, False, False, True, True, True]
