"""Coverage against an independent computation that goes row by row, day by day, by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.patrols.arrays import make_visits, make_window
from gis_service.patrols.coverage import NEVER, STATES, Coverage, coverage
from gis_service.patrols.promises import Absence, Contract, Hours

ZONE = ZoneInfo("Asia/Shanghai")
EPOCH = date(1970, 1, 1)
FIRST = date(2026, 10, 1)
GRIDS = [7, 3, 12, 5]
OFFICERS = [1, 2, 3, 4]


@dataclass(frozen=True)
class Seen:
    """A visit as somebody would write it down."""

    officer: int
    grid: int
    entered: datetime
    left: datetime
    length: float


def number(day: date) -> int:
    return (day - EPOCH).days


def computed(
    contracts: Sequence[Contract],
    seen: Sequence[Seen],
    received: Sequence[tuple[int, date]],
    absences: Sequence[Absence],
    since: datetime,
    until: datetime,
) -> Coverage:
    visits = make_visits(
        np.array([one.officer for one in seen], dtype=np.int64),
        np.array([one.grid for one in seen], dtype=np.int64),
        np.array([micros(one.entered) for one in seen], dtype=np.int64),
        np.array([micros(one.left) for one in seen], dtype=np.int64),
        np.array([one.length for one in seen], dtype=np.float64),
        ZONE,
    )
    days = (
        np.array([officer for officer, _ in received], dtype=np.int64),
        np.array([number(day) for _, day in received], dtype=np.int64),
    )
    return coverage(GRIDS, contracts, visits, days, absences, make_window(since, until, ZONE))


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def told(found: Coverage) -> list[dict[str, Any]]:
    return [
        {
            "grid": int(found.area[n]),
            "contract": found.contracts[found.contract[n]].id if found.contract[n] >= 0 else None,
            "state": STATES[found.state[n]],
            "last": None if found.last_visit[n] == NEVER else int(found.last_visit[n]),
            "overdue": int(found.overdue_days[n]),
            "visits": int(found.visits[n]),
            "tracked": int(found.tracked_days[n]),
            "overlapping": bool(found.overlapping[n]),
            "out_of_hours": bool(found.out_of_hours[n]),
            "outside_area": bool(found.outside_area[n]),
        }
        for n in range(len(found.area))
    ]


# ---- the same by hand -------------------------------------------------------------------------


def in_force(contract: Contract, day: int) -> bool:
    if day < contract.starts or day >= contract.ends:
        return False
    return contract.closed is None or day < contract.closed


def answers(contract: Contract, officer: int, day: int, absences: Sequence[Absence]) -> bool:
    if not in_force(contract, day):
        return False
    if officer in contract.people:
        return True
    return any(
        one.stand_in == officer and one.officer_id in contract.people
        and one.starts <= day < one.ends
        for one in absences
    )  # fmt: skip


def is_promised_time(contract: Contract, moment: datetime) -> bool:
    """Minute by minute: some shift that began today or yesterday is running."""
    for back in (0, 1):
        day = moment.date() - timedelta(days=back)
        if day.isoweekday() not in contract.hours.weekdays:
            continue
        begins = datetime.combine(day, datetime.min.time(), moment.tzinfo) + timedelta(
            minutes=contract.hours.start
        )
        lasts = contract.hours.end - contract.hours.start
        ends = begins + timedelta(minutes=lasts if lasts > 0 else lasts + 1440)
        if begins <= moment < ends:
            return True
    return False


def in_hours(contract: Contract, one: Seen) -> bool:
    moment = one.entered.astimezone(ZONE).replace(second=0, microsecond=0)
    while moment < one.left or moment <= one.entered:
        if is_promised_time(contract, moment):
            return True
        moment += timedelta(minutes=1)
    return False


def share_a_minute(one: Contract, other: Contract) -> bool:
    monday = datetime(2026, 11, 2, tzinfo=ZONE)
    return any(
        is_promised_time(one, monday + timedelta(minutes=n))
        and is_promised_time(other, monday + timedelta(minutes=n))
        for n in range(7 * 1440)
    )


def by_hand(
    contracts: Sequence[Contract],
    seen: Sequence[Seen],
    received: Sequence[tuple[int, date]],
    absences: Sequence[Absence],
    since: datetime,
    until: datetime,
) -> list[dict[str, Any]]:
    today = number((until - timedelta(microseconds=1)).astimezone(ZONE).date())
    begins = number(since.astimezone(ZONE).date())
    seen = [one for one in seen if since <= one.entered < until]
    out = []

    def day_of(one: Seen) -> int:
        return number(one.entered.astimezone(ZONE).date())

    for grid in GRIDS:
        here = [one for one in contracts if grid in one.grids]
        rows: list[Contract | None] = [one for one in here if in_force(one, today)]
        if not rows:
            over = [
                one for one in here
                if one.ends <= today and (one.closed is None or one.closed > today)
            ]  # fmt: skip
            rows = [one for one in over if one.ends == max(o.ends for o in over)]
        stranger = any(
            one.grid == grid
            and not any(answers(c, one.officer, day_of(one), absences) for c in here)
            for one in seen
        )
        for contract in rows or [None]:
            row: dict[str, Any] = {
                "grid": grid, "contract": contract.id if contract else None, "overdue": -1,
                "visits": 0, "tracked": 0, "overlapping": False, "out_of_hours": False,
                "outside_area": stranger,
            }  # fmt: skip
            out.append(row)
            if contract is None:
                last = [micros(one.entered) for one in seen if one.grid == grid]
                row.update(state="no_contract", last=max(last, default=None))
                continue
            versions = [one for one in contracts if one.code == contract.code]
            good = []
            for one in seen:
                if one.grid != grid:
                    continue
                for version in versions:
                    if grid in version.grids and answers(
                        version, one.officer, day_of(one), absences
                    ):
                        if not in_hours(version, one):
                            row["out_of_hours"] = True
                        elif (
                            int((one.left - one.entered).total_seconds()) >= version.min_stay_s
                            and one.length >= version.min_length_m
                        ):
                            good.append(one)
            tracks = {(officer, number(day)) for officer, day in received}
            tracks |= {(one.officer, day_of(one)) for one in seen}
            row["tracked"] = len(
                {
                    day
                    for officer, day in tracks
                    if begins <= day <= today
                    and any(answers(version, officer, day, absences) for version in versions)
                }
            )
            row["visits"] = len(good)
            row["last"] = max((micros(one.entered) for one in good), default=None)
            if not in_force(contract, today):
                row["state"] = "expired"
                continue
            row["overlapping"] = any(
                other is not contract and in_force(other, today)
                and other.duties & contract.duties and share_a_minute(contract, other)
                for other in here
            )  # fmt: skip
            if row["tracked"] == 0:
                row["state"] = "no_track"
                continue
            since_day = contract.starts
            while any(grid in v.grids and in_force(v, since_day - 1) for v in versions):
                since_day -= 1
            days = sorted({day_of(one) for one in good}, reverse=True)
            due = max(since_day, begins)
            if len(days) >= contract.visits:
                due = days[contract.visits - 1]
            due += contract.period
            while (EPOCH + timedelta(days=due)).isoweekday() not in contract.hours.weekdays:
                due += 1
            row["overdue"] = max(today - due, 0)
            if not good:
                row["state"] = "never_visited"
            else:
                row["state"] = "overdue" if today > due else "due" if today == due else "on_time"
    return out


# ---- what is drawn ----------------------------------------------------------------------------

days = st.integers(0, 40).map(lambda n: FIRST + timedelta(days=n))
hours = st.builds(
    Hours,
    st.sets(st.integers(1, 7), min_size=1).map(lambda s: tuple(sorted(s))),
    st.sampled_from([0, 480, 540, 1200]),
    st.sampled_from([0, 240, 720, 1080]),
)


@st.composite
def contract_lists(draw: st.DrawFn) -> list[Contract]:
    out: list[Contract] = []
    for code in draw(st.lists(st.sampled_from("ABCD"), unique=True, max_size=4)):
        starts = number(draw(days)) - 20
        versions = draw(st.integers(1, 2))
        for version in range(versions):
            length = draw(st.integers(1, 45))
            closed = starts + draw(st.integers(0, 50))
            people = draw(st.lists(st.sampled_from(OFFICERS), min_size=1, max_size=3, unique=True))
            weekly = draw(st.booleans())
            out.append(
                Contract(
                    len(out) + 1, code, version + 1, people[0], tuple(people),
                    tuple(draw(st.lists(st.sampled_from(GRIDS), unique=True, min_size=1))),
                    draw(st.frozensets(st.sampled_from(["E-01", "E-02"]), min_size=1)),
                    starts, starts + length,
                    closed if version + 1 < versions or draw(st.integers(0, 3)) == 0 else None,
                    7 if weekly else draw(st.integers(1, 9)),
                    draw(st.integers(1, 3)) if weekly else 1,
                    draw(hours),
                    draw(st.sampled_from([0, 300])), draw(st.sampled_from([0.0, 80.0])),
                )
            )  # fmt: skip
            starts = closed
    return out


@st.composite
def walks(draw: st.DrawFn) -> Seen:
    entered = datetime.combine(draw(days), datetime.min.time(), ZONE) + timedelta(
        seconds=draw(st.integers(0, 86_399))
    )
    stay = timedelta(seconds=draw(st.sampled_from([0, 20, 299, 300, 4000])))
    length = draw(st.sampled_from([0.0, 80.0, 500.0]))
    return Seen(
        draw(st.sampled_from(OFFICERS)), draw(st.sampled_from([*GRIDS, 99])),
        entered.astimezone(UTC), (entered + stay).astimezone(UTC), length,
    )  # fmt: skip


absence_lists = st.lists(
    st.builds(
        lambda who, first, length, other: Absence(
            who, number(first), number(first) + length, other if other != who else None
        ),
        st.sampled_from(OFFICERS), days, st.integers(1, 10), st.sampled_from(OFFICERS),
    ),
    max_size=2,
)  # fmt: skip
received_lists = st.lists(st.tuples(st.sampled_from(OFFICERS), days), max_size=4)


@settings(max_examples=300, deadline=None)
@given(
    contract_lists(), st.lists(walks(), max_size=14), received_lists, absence_lists,
    st.integers(1, 45), st.integers(30, 45), st.integers(0, 1439),
)  # fmt: skip
def test_every_row_is_what_a_count_by_hand_says(
    contracts: list[Contract],
    seen: list[Seen],
    received: list[tuple[int, date]],
    absences: list[Absence],
    back: int,
    ahead: int,
    minute: int,
) -> None:
    until = datetime.combine(FIRST, datetime.min.time(), ZONE) + timedelta(
        days=ahead, minutes=minute
    )
    since = until - timedelta(days=back)
    found = computed(contracts, seen, received, absences, since, until)
    assert told(found) == by_hand(contracts, seen, received, absences, since, until)


ALL_WEEK = Hours((1, 2, 3, 4, 5, 6, 7), 480, 1080)
TO = datetime(2026, 11, 1, tzinfo=ZONE)


def promise(**changes: Any) -> Contract:
    facts: dict[str, Any] = {
        "id": 1, "code": "A", "version": 1, "officer_id": 1, "people": (1,), "grids": (3,),
        "duties": frozenset({"E-01"}), "starts": number(date(2026, 1, 1)),
        "ends": number(date(2027, 1, 1)), "closed": None, "period": 3, "visits": 1,
        "hours": ALL_WEEK,
    }  # fmt: skip
    return Contract(**{**facts, **changes})


def visit(day: date, hour: int = 9, officer: int = 1, grid: int = 3) -> Seen:
    entered = datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)
    return Seen(officer, grid, entered, entered + timedelta(minutes=10), 200.0)


def state_of(contract: Contract, *seen: Seen, **more: Any) -> dict[str, Any]:
    found = computed([contract], seen, more.get("received", []), more.get("absences", []),
                     TO - timedelta(days=30), TO)  # fmt: skip
    return next(row for row in told(found) if row["grid"] == 3)


@pytest.mark.parametrize(
    ("last", "state", "overdue"),
    [(31, "on_time", 0), (29, "on_time", 0), (28, "due", 0), (27, "overdue", 1),
     (22, "overdue", 6)],
)  # fmt: skip
def test_a_promise_falls_due_and_is_overdue(last: int, state: str, overdue: int) -> None:
    row = state_of(promise(), visit(date(2026, 10, last)))
    assert (row["state"], row["overdue"]) == (state, overdue)


def test_no_track_is_never_shown_as_no_visit() -> None:
    assert state_of(promise())["state"] == "no_track"
    row = state_of(promise(), received=[(1, date(2026, 10, 20))])
    assert (row["state"], row["tracked"]) == ("never_visited", 1)


def test_a_weekend_without_promise_is_not_overdue() -> None:
    """30 October 2026 was a Friday; a daily promise of working days falls due on Monday."""
    daily = promise(period=1, hours=Hours((1, 2, 3, 4, 5), 480, 1080))
    assert state_of(daily, visit(date(2026, 10, 30)))["state"] == "on_time"
    assert state_of(promise(period=1), visit(date(2026, 10, 30)))["state"] == "due"


def test_three_visits_in_seven_days_are_counted_on_different_days() -> None:
    weekly = promise(period=7, visits=3)
    twice = [visit(date(2026, 10, 28)), visit(date(2026, 10, 28), 15), visit(date(2026, 10, 30))]
    assert state_of(weekly, *twice)["state"] == "overdue"
    assert state_of(weekly, *twice, visit(date(2026, 10, 26)))["state"] == "on_time"


def test_night_shifts_pass_midnight() -> None:
    night = promise(hours=Hours((6,), 1320, 360))  # Saturday 22:00 to Sunday 06:00
    assert state_of(night, visit(date(2026, 10, 25), 2))["visits"] == 1
    row = state_of(night, visit(date(2026, 10, 24), 2))
    assert (row["visits"], row["out_of_hours"]) == (0, True)


def test_same_grid_alone_is_no_overlap() -> None:
    other = promise(id=2, code="B", officer_id=2, people=(2,))
    for changes, meets in (
        ({}, True),
        ({"duties": frozenset({"E-02"})}, False),
        ({"hours": Hours((1, 2, 3, 4, 5, 6, 7), 1080, 1320)}, False),
        ({"starts": number(TO.date())}, None),
        ({"grids": (5,)}, False),
    ):
        second = Contract(**{**vars(other), **changes})
        found = told(computed([promise(), second], [], [], [], TO - timedelta(days=30), TO))
        rows = [row for row in found if row["grid"] == 3 and row["contract"] == 1]
        assert [row["overlapping"] for row in rows] == [bool(meets)], changes


def test_who_stands_in_answers_meanwhile() -> None:
    away = Absence(1, number(date(2026, 10, 20)), number(date(2026, 10, 31)), 2)
    seen = visit(date(2026, 10, 30), officer=2)
    assert state_of(promise(), seen, absences=[away])["state"] == "on_time"
    row = state_of(promise(), seen)
    assert (row["state"], row["outside_area"]) == ("no_track", True)
