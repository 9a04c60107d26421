"""Who answers for a place, a class and a time: one chain of steps, asked in order.

A step reads the question, adds what it knows to the answer and says so in words. What an earlier
step decided a later one leaves alone, so a further step is put in front by putting it first in
:data:`CHAIN`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
NOBODY = -1


@dataclass(frozen=True)
class UnitRow:
    """A unit as the chain knows it."""

    id: int
    code: str
    name: str
    name_en: str
    active: bool = True


@dataclass(frozen=True)
class SquadRow:
    """A squad and the streets it answers for."""

    id: int
    code: str
    name: str
    name_en: str
    unit_id: int
    street_codes: tuple[str, ...]


@dataclass(frozen=True)
class Promise:
    """A patrol contract in one grid: days ``[starts, ends)``, ``weekdays`` (ISO) and the hours
    from ``start`` to ``end`` (past midnight where not later) in the district's zone. ``people``
    are who leads and, first, who stands in, each with the days ``[from, to)`` it does."""

    id: int
    code: str
    starts: date
    ends: date
    duties: frozenset[str]
    weekdays: frozenset[int]
    start: time
    end: time
    people: tuple[tuple[date, date, OfficerRow], ...]

    def holds(self, local: datetime) -> bool:
        """Whether it is in force and its hours run at a local time."""
        day, clock = local.date(), local.time()
        if self.start >= self.end and clock < self.end:
            day -= timedelta(days=1)  # the shift that began the evening before
        elif clock < self.start or (self.start < self.end and clock >= self.end):
            return False
        return self.starts <= day < self.ends and day.isoweekday() in self.weekdays

    def officer(self, day: date) -> OfficerRow:
        """Who answers on a day."""
        return next(who for begins, ends, who in self.people if begins <= day < ends)


@dataclass(frozen=True)
class OfficerRow:
    """An officer as the chain knows one."""

    id: int
    code: str
    name: str
    squad_id: int | None


@dataclass(frozen=True)
class Shift:
    """A duty shift, ``[starts_at, ends_at)``; ``street_code`` None: the whole district."""

    id: int
    starts_at: datetime
    ends_at: datetime
    street_code: str | None
    unit_id: int | None
    squad_id: int | None
    person: str
    phone: str


class _Roster:
    """The shifts of one street (or of the district), found by moment."""

    def __init__(self, shifts: Iterable[Shift]) -> None:
        self.shifts = sorted(shifts, key=lambda one: (one.starts_at, one.id))
        self.starts = [one.starts_at for one in self.shifts]
        self.longest = max(
            (one.ends_at - one.starts_at for one in self.shifts), default=timedelta()
        )

    def at(self, moment: datetime) -> list[Shift]:
        first = bisect_left(self.starts, moment - self.longest)
        last = bisect_right(self.starts, moment)
        return [one for one in self.shifts[first:last] if moment < one.ends_at]


class Responsibilities:
    """Units, squads, classes' and conditions' units and the roster, immutable.

    ``class_units`` and ``condition_units`` are unit ids by class and condition id (only where
    there is one), ``streets`` the codes of streets by area id. ``promises`` are the patrol
    contracts by grid (area id), ``duties`` the group of each class by its id, ``zone`` the
    district's.
    """

    def __init__(
        self,
        *,
        units: Iterable[UnitRow],
        squads: Iterable[SquadRow],
        class_units: Mapping[int, int],
        condition_units: Mapping[int, int],
        shifts: Iterable[Shift],
        streets: Mapping[int, str],
        promises: Mapping[int, Sequence[Promise]] | None = None,
        duties: Mapping[int, str] | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self.units = {one.id: one for one in units}
        self.squads = {one.id: one for one in squads}
        self.class_units = dict(class_units)
        self.condition_units = dict(condition_units)
        self.streets = dict(streets)
        self.promises = dict(promises or {})
        self.duties = dict(duties or {})
        self.zone = zone
        self._by_street: dict[str, list[SquadRow]] = {}
        for squad in sorted(self.squads.values(), key=lambda one: one.code):
            for code in dict.fromkeys(squad.street_codes):
                self._by_street.setdefault(code, []).append(squad)
        by_street: dict[str | None, list[Shift]] = {}
        for shift in shifts:
            by_street.setdefault(shift.street_code, []).append(shift)
        self._rosters = {code: _Roster(own) for code, own in by_street.items()}

    def squads_of(self, street_code: str | None) -> Sequence[SquadRow]:
        """The squads of a street, the lowest code first."""
        return self._by_street.get(street_code or "", ())

    def shifts_at(self, moment: datetime, street_code: str | None) -> list[Shift]:
        """The shifts on duty for a street at a moment; those of the district where it has none."""
        for code in dict.fromkeys((street_code, None)):
            roster = self._rosters.get(code)
            found = roster.at(moment) if roster else []
            if found:
                return found
        return []

    def unit(self, unit_id: int | None) -> UnitRow | None:
        """A unit that is active."""
        found = self.units.get(unit_id) if unit_id is not None else None
        return found if found and found.active else None


@dataclass(frozen=True)
class Question:
    """What is asked; ``working``: whether ``at`` lies in a working period."""

    street_code: str | None
    class_id: int | None
    condition_id: int | None
    at: datetime
    component_unit_id: int | None
    working: bool
    grid_id: int | None = None


@dataclass
class Answer:
    """Who answers. ``steps`` tell how it came about, in order, in Chinese and English;
    ``ambiguous`` lists every candidate where there were several (``{"kind", "id", "code", "name",
    "name_en"}``, the one that leads first); ``gap``: nobody answers."""

    unit_id: int | None = None
    squad_id: int | None = None
    officer: OfficerRow | None = None
    duty: Shift | None = None
    steps: list[dict[str, str]] = field(default_factory=list)
    ambiguous: list[dict[str, Any]] = field(default_factory=list)

    @property
    def gap(self) -> bool:
        """Whether there is neither unit nor squad nor anybody on duty (an officer with a contract
        has a squad)."""
        return self.unit_id is None and self.squad_id is None and self.duty is None

    def say(self, step: str, zh: str, en: str) -> None:
        """Add a step in words."""
        self.steps.append({"step": step, "zh": zh, "en": en})


Step = Callable[[Responsibilities, Question, Answer], None]


def contract_of_grid(r: Responsibilities, question: Question, answer: Answer) -> None:
    """Who has promised the grid for this duty and hour; of several the lowest code leads and all
    are named. Without one nothing is said: the street's squad answers."""
    duty = r.duties.get(question.class_id or NOBODY)
    local = question.at.astimezone(r.zone)
    found = [
        one
        for one in r.promises.get(question.grid_id or NOBODY, ())
        if duty in one.duties and one.holds(local)
    ]
    if not found:
        return
    found.sort(key=lambda one: one.code)
    answer.officer = found[0].officer(local.date())
    answer.squad_id = answer.officer.squad_id
    answer.say("contract", f"片区包干：{answer.officer.name}（{found[0].code}）",
               f"patrol contract {found[0].code}: {answer.officer.name}")  # fmt: skip
    if len(found) > 1:
        people = [one.officer(local.date()) for one in found]
        answer.ambiguous += [
            {"kind": "contract", "id": one.id, "code": one.code, "name": who.name,
             "name_en": who.name}
            for one, who in zip(found, people, strict=True)
        ]  # fmt: skip
        codes = [one.code for one in found]
        answer.say("several_contracts", f"责任重叠：{'、'.join(codes)}；编号最小者在前",
                   f"contracts overlap: {', '.join(codes)}; the lowest code leads")  # fmt: skip


def owner_of_component(r: Responsibilities, question: Question, answer: Answer) -> None:
    """The owner of the component decides."""
    _take_unit(
        r, question.component_unit_id, answer, "component", "部件权属单位", "owner of the component"
    )


def unit_of_condition(r: Responsibilities, question: Question, answer: Answer) -> None:
    """A condition may name a unit of its own."""
    unit_id = r.condition_units.get(question.condition_id or NOBODY)
    _take_unit(r, unit_id, answer, "condition", "立案条件的责任单位", "unit of the condition")


def unit_of_class(r: Responsibilities, question: Question, answer: Answer) -> None:
    """The unit of the class, and a word where there is none."""
    unit_id = r.class_units.get(question.class_id or NOBODY)
    _take_unit(r, unit_id, answer, "class", "类别的责任单位", "unit of the class")
    if answer.unit_id is None:
        answer.say("no_unit", "该类别没有责任单位", "the class has no unit")


def squad_of_street(r: Responsibilities, question: Question, answer: Answer) -> None:
    """The squad of the street; of several the lowest code leads and all are named."""
    if answer.squad_id is not None:
        return
    found = r.squads_of(question.street_code)
    if not found:
        if question.street_code is None:
            answer.say("no_street", "位置未定，无法确定中队", "no place, hence no squad")
        else:
            answer.say("no_squad", "该街道没有中队", "the street has no squad")
        return
    answer.squad_id = found[0].id
    answer.say("squad", f"街道中队：{found[0].name}", f"squad of the street: {found[0].name_en}")
    if len(found) > 1:
        answer.ambiguous += [_candidate("squad", one) for one in found]
        answer.say(
            "several_squads",
            f"该街道有多个中队：{'、'.join(one.name for one in found)}；编码最小者在前",
            f"the street has several squads: {', '.join(one.name_en for one in found)}; "
            "the lowest code leads",
        )


def duty_outside_hours(r: Responsibilities, question: Question, answer: Answer) -> None:
    """Outside working periods whoever is on the roster, for the street, else for the district."""
    if answer.duty is not None or question.working:
        return
    found = r.shifts_at(question.at, question.street_code)
    if not found:
        answer.say(
            "no_duty", "非工作时间，且值班表无人", "outside working hours, nobody on the roster"
        )
        return
    answer.duty = found[0]
    where = ("街道值班", "on duty for the street") if found[0].street_code else (
        "全区值班", "on duty for the district"
    )  # fmt: skip
    answer.say("duty", f"非工作时间，{where[0]}：{found[0].person}",
               f"outside working hours, {where[1]}: {found[0].person}")  # fmt: skip
    if len(found) > 1:
        answer.ambiguous += [
            {"kind": "duty", "id": one.id, "code": one.street_code or "", "name": one.person,
             "name_en": one.person}
            for one in found
        ]  # fmt: skip
        people = [one.person for one in found]
        answer.say("several_on_duty", f"同时值班：{'、'.join(people)}",
                   f"on duty at once: {', '.join(people)}")  # fmt: skip


CHAIN: tuple[Step, ...] = (
    contract_of_grid, owner_of_component, unit_of_condition, unit_of_class, squad_of_street,
    duty_outside_hours,
)  # fmt: skip


def who_answers(
    r: Responsibilities,
    *,
    street_code: str | None,
    class_id: int | None,
    condition_id: int | None,
    at: datetime,
    working: bool,
    component_unit_id: int | None = None,
    grid_id: int | None = None,
    chain: Sequence[Step] = CHAIN,
) -> Answer:
    """Who answers at ``at`` (with a zone) for a street, a class and its condition.

    ``component_unit_id`` is the owner of the component concerned, ``working`` whether ``at`` lies
    in a working period, ``grid_id`` the grid (area id).
    """
    question = Question(
        street_code, class_id, condition_id, at, component_unit_id, working, grid_id
    )
    answer = Answer()
    for step in chain:
        step(r, question, answer)
    if answer.gap:
        answer.say("gap", "无人负责：盲区", "nobody answers: a gap")
    return answer


def units_and_squads(r: Responsibilities, class_ids: Ints, street_ids: Ints) -> tuple[Ints, Ints]:
    """(unit ids, squad ids), int32 (n,), -1 for none, of classes and streets (area ids; -1 none).

    What the chain says where neither component nor condition decide.
    """
    units = {class_id: unit_id for class_id, unit_id in r.class_units.items() if r.unit(unit_id)}
    squads = {
        area_id: r.squads_of(code)[0].id for area_id, code in r.streets.items() if r.squads_of(code)
    }
    return _looked_up(units, class_ids), _looked_up(squads, street_ids)


def _looked_up(table: Mapping[int, int], keys: Ints) -> Ints:
    values = np.full(max(table, default=0) + 2, NOBODY, dtype=np.int32)
    for key, value in table.items():
        values[key] = value
    # an id that the table does not know, and -1, land on the last place, which is nobody's
    known = (keys >= 0) & (keys < len(values))
    return values[np.where(known, keys, len(values) - 1)]


def _take_unit(
    r: Responsibilities, unit_id: int | None, answer: Answer, step: str, zh: str, en: str
) -> None:
    if answer.unit_id is not None or unit_id is None:
        return
    unit = r.unit(unit_id)
    if unit is None:
        gone = r.units.get(unit_id)
        answer.say(f"{step}_gone", f"{zh}已停用：{gone.name if gone else unit_id}",
                   f"{en} is no longer active: {gone.name_en if gone else unit_id}")  # fmt: skip
        return
    answer.unit_id = unit.id
    answer.say(step, f"{zh}：{unit.name}", f"{en}: {unit.name_en}")


def _candidate(kind: str, row: SquadRow) -> dict[str, Any]:
    return {"kind": kind, "id": row.id, "code": row.code, "name": row.name, "name_en": row.name_en}
