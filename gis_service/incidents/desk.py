"""What intake and actions work with: places, reference data, settings, and the time.

Reference data (classes, conditions, units, squads, roster, calendar) are small and read on every
report: a worker holds them and reads them anew when an event says that they changed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.errors import InvalidInput
from gis_service.events.feed import Published
from gis_service.hierarchy.locating import Locator
from gis_service.reference.classes import DEFAULT_SCHEME, ClassRow
from gis_service.reference.deadlines import WorkingCalendar
from gis_service.reference.queries import components_near, load_calendar
from gis_service.responsibility.chain import Answer, Responsibilities, who_answers
from gis_service.responsibility.queries import load_responsibilities
from gis_service.settings import Settings

TOPICS = {"classes", "units", "roster", "calendar", "contracts"}
# steps of an answer whose words name people
NAMING = {"duty", "several_on_duty", "contract", "several_contracts"}


@dataclass(frozen=True)
class DuplicateRule:
    """How far duplicates of a class reach, metres and hours."""

    class_id: int
    reach_m: float
    hours: float


@dataclass(frozen=True)
class Reference:
    """Reference data as one worker holds them; replaced as a whole."""

    calendar: WorkingCalendar
    responsibilities: Responsibilities
    classes: dict[tuple[str, str], dict[str, Any]]  # (scheme, code) -> row of incident_class
    class_conditions: dict[int, list[dict[str, Any]]]  # class id -> active ones in order
    units: dict[str, dict[str, Any]]
    squads: dict[str, dict[str, Any]]
    workday_mode: str

    def find_class(self, code: str, scheme: str | None = None) -> ClassRow:
        """The class of a code: of ``scheme``, else of the default one, else of the only one that
        has it. Raises InvalidInput for an unknown code and one that several schemes use."""
        found = [row for (_, known), row in self.classes.items() if known == code]
        for wanted in (scheme, DEFAULT_SCHEME):
            preferred = [row for row in found if row["scheme"] == wanted]
            if preferred:
                found = preferred
                break
        if not found:
            raise InvalidInput(
                f"unknown class {code!r}; /api/classes lists them",
                f"未知类别 {code!r}，见 /api/classes",
                where="class",
            )
        if len(found) > 1:
            schemes = ", ".join(row["scheme"] for row in found)
            raise InvalidInput(
                f"class {code!r} stands in several schemes ({schemes})",
                f"类别 {code!r} 在多个标准中存在（{schemes}）",
                where="class",
            )
        return ClassRow(found[0]["id"], found[0]["code"], found[0]["name"])

    def conditions(self, class_id: int, locale: str) -> list[dict[str, Any]]:
        """The conditions of a class to choose from, as pages show them."""
        suffix = "" if locale == "zh" else "_en"
        return [
            {
                "number": one["number"], "name": one[f"name{suffix}"],
                "limit": {"amount": one["limit_amount"], "unit": one["limit_unit"]},
                "closing": one[f"closing{suffix}"],
            }
            for one in self.class_conditions.get(class_id, [])
        ]  # fmt: skip

    def find_unit(self, code: str, where: str = "unit") -> int:
        """The id of an active unit. Raises InvalidInput naming what there is."""
        return _find(self.units, code, where, "unit", "单位")

    def find_squad(self, code: str) -> int:
        """The id of an active squad. Raises InvalidInput naming what there is."""
        return _find(self.squads, code, "squad", "squad", "中队")

    def unit_code(self, unit_id: int | None) -> str | None:
        """The code of a unit."""
        return next((code for code, row in self.units.items() if row["id"] == unit_id), None)

    def who_answers(
        self, row: dict[str, Any], at: datetime, component_unit_id: int | None = None
    ) -> Answer:
        """Who answers at ``at`` for an incident: a row with street_code, class_id, condition_id,
        grid_id."""
        return who_answers(
            self.responsibilities, street_code=row["street_code"], class_id=row["class_id"],
            condition_id=row.get("condition_id"), at=at, component_unit_id=component_unit_id,
            working=self.calendar.is_working(at), grid_id=row.get("grid_id"),
        )  # fmt: skip

    def told(self, answer: Answer, locale: str, persons: bool = True) -> dict[str, Any]:
        """An answer as pages show it: unit, squad, who is on duty, why, and what is unclear.
        Without ``persons`` it names nobody."""
        name = "name" if locale == "zh" else "name_en"

        def named(row: Any) -> dict[str, str] | None:
            return {"code": row.code, "name": getattr(row, name)} if row else None

        known = self.responsibilities
        return {
            "unit": named(known.units.get(answer.unit_id or 0)),
            "squad": named(known.squads.get(answer.squad_id or 0)),
            "officer": {"code": answer.officer.code, "name": answer.officer.name}
            if answer.officer and persons else None,
            "duty": {"person": answer.duty.person, "phone": answer.duty.phone,
                     "until": answer.duty.ends_at} if answer.duty and persons else None,
            "steps": [{"step": step["step"], "text": step[locale]} for step in answer.steps
                      if persons or step["step"] not in NAMING],
            "ambiguous": [
                {"kind": one["kind"], "code": one["code"], "name": one[name]}
                for one in answer.ambiguous
                if persons or one["kind"] not in ("duty", "contract")
            ],
            "gap": answer.gap,
        }  # fmt: skip

    def squad_of(self, street_code: str | None) -> int | None:
        """The squad that leads for a street."""
        squads = self.responsibilities.squads_of(street_code)
        return squads[0].id if squads else None

    def duplicate_rule(self, code: str, settings: Settings) -> DuplicateRule:
        """The class's own rule, else the settings'."""
        found = self.find_class(code)
        row = next(row for row in self.classes.values() if row["id"] == found.id)
        return DuplicateRule(
            found.id, row["duplicate_m"] or settings.duplicate_m,
            row["duplicate_hours"] or settings.duplicate_hours,
        )  # fmt: skip


def _find(known: dict[str, dict[str, Any]], code: str, where: str, en: str, zh: str) -> int:
    row = known.get(code)
    if row is None or not row["active"]:
        there = ", ".join(sorted(code for code, one in known.items() if one["active"])) or "-"
        raise InvalidInput(
            f"no {en} {code!r}; there are {there}", f"没有{zh} {code!r}；现有：{there}", where=where
        )
    return int(row["id"])


def read_reference(session: Session, settings: Settings) -> Reference:
    """Everything, as the session sees it."""
    conditions: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in session.execute(
        text("SELECT * FROM class_condition WHERE active ORDER BY class_id, number")
    ).mappings():
        conditions[row["class_id"]].append(dict(row))

    def by_code(table: str) -> dict[str, dict[str, Any]]:
        rows = session.execute(text(f"SELECT * FROM {table} ORDER BY code")).mappings()
        return {row["code"]: dict(row) for row in rows}

    classes = session.execute(text("SELECT * FROM incident_class ORDER BY scheme, code")).mappings()
    return Reference(
        load_calendar(session, settings),
        load_responsibilities(session, ZoneInfo(settings.timezone)),
        {(row["scheme"], row["code"]): dict(row) for row in classes},
        dict(conditions),
        by_code("unit"),
        by_code("squad"),
        settings.workday_mode,
    )


class LiveReference:
    """``current`` is replaced as a whole: who took it sees one state."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings
        self.current: Reference

    async def load(self) -> None:
        """Read everything."""
        self.current = await asyncio.to_thread(self._load)

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed."""
        if any(event.topic in TOPICS or "classes" in event.payload for event in events):
            await self.load()

    def _load(self) -> Reference:
        with self.sessions() as session:
            return read_reference(session, self.settings)


@dataclass(frozen=True)
class Desk:
    """One moment's view of what intake and actions need."""

    locator: Locator
    reference: Reference
    settings: Settings
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def components_of(session: Session, desk: Desk, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The components that an incident of a component class (a row with class_id, and lon and lat
    in WGS84) may concern, nearest first; the first one's owner answers."""
    found = next(
        (one for one in desk.reference.classes.values() if one["id"] == row["class_id"]), None
    )
    if found is None or found["kind"] != "component" or row["lon"] is None:
        return []
    reach = desk.settings.component_m
    return components_near(session, row["class_id"], row["lon"], row["lat"], reach)
