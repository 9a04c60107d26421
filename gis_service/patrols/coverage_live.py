"""Contracts and visits of a serving process in memory, kept in step with what is committed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.orm import Session, sessionmaker

from gis_service.events.feed import Published
from gis_service.patrols.coverage import Coverage, Visits, Window, coverage
from gis_service.patrols.coverage_queries import (
    GridRow,
    OfficerRow,
    read_absences,
    read_contracts,
    read_grids,
    read_group_names,
    read_officers,
    read_received,
    read_squads,
    read_visits,
)
from gis_service.patrols.promises import Absence, Contract, Ints
from gis_service.settings import Settings

# events that change what was promised, to whom and where
PROMISE_TOPICS = frozenset({"contracts", "units", "hierarchy"})
TOPICS = PROMISE_TOPICS | {"visits"}
KEPT_ANSWERS = 12


@dataclass(frozen=True)
class Patrols:
    """Everything coverage is computed from, at one moment; never changed, only replaced."""

    grids: list[GridRow]
    contracts: list[Contract]
    officers: dict[int, OfficerRow]
    squads: dict[str, tuple[str, ...]]
    names: dict[str, dict[str, str]]  # of communities, streets and squads, by code
    absences: list[Absence]
    visits: Visits
    received: tuple[Ints, Ints]
    _answers: OrderedDict[Any, Any] = field(default_factory=OrderedDict, repr=False)

    def coverage(self, window: Window) -> Coverage:
        """:func:`gis_service.patrols.coverage.coverage` of all this; the last ones are kept."""
        found: Coverage = self.kept(
            window,
            lambda: coverage(
                [grid.area_id for grid in self.grids], self.contracts, self.visits,
                self.received, self.absences, window,
            ),
        )  # fmt: skip
        return found

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, or gave for the same key among the last ones; nobody changes it."""
        found = self._answers.get(key)
        if found is None:
            found = make()
            self._answers[key] = found
            while len(self._answers) > KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return found

    def grids_by(self, level: str) -> dict[str, frozenset[str]]:
        """The grids (codes) of each community, street or squad; of a squad those of its streets."""
        groups: dict[str, set[str]] = {}
        for grid in self.grids:
            if level == "squad":
                own = [code for code, streets in self.squads.items() if grid.street in streets]
            else:
                own = [code for code in (getattr(grid, level),) if code]
            for code in own:
                groups.setdefault(code, set()).add(grid.code)
        return {code: frozenset(found) for code, found in sorted(groups.items())}

    def without_contract(self, day: int) -> list[OfficerRow]:
        """Active officers whom no contract in force on a day names."""
        named = {person for one in self.contracts if one.holds(day) for person in one.people}
        return [one for one in self.officers.values() if one.active and one.id not in named]

    def with_visits(
        self, officers: Sequence[int], visits: Visits, received: tuple[Ints, Ints]
    ) -> Patrols:
        """This with the visits and days of some officers replaced."""
        kept = self.visits.take(~np.isin(self.visits.officer, officers))
        stay = ~np.isin(self.received[0], officers)
        return replace(
            self,
            visits=Visits(
                *(
                    np.concatenate([old, new])
                    for old, new in zip(vars(kept).values(), vars(visits).values(), strict=True)
                )
            ),
            received=(
                np.concatenate([self.received[0][stay], received[0]]),
                np.concatenate([self.received[1][stay], received[1]]),
            ),
            _answers=OrderedDict(),
        )


def read_patrols(session: Session, settings: Settings) -> Patrols:
    """Everything, as the session sees it."""
    zone = ZoneInfo(settings.timezone)
    return Patrols(
        **_promises(session, settings), visits=read_visits(session, zone),
        received=read_received(session),
    )  # fmt: skip


def _promises(session: Session, settings: Settings) -> dict[str, Any]:
    return {
        "grids": read_grids(session, settings), "contracts": read_contracts(session),
        "officers": read_officers(session), "squads": read_squads(session),
        "names": read_group_names(session), "absences": read_absences(session),
    }  # fmt: skip


class LivePatrols:
    """``current`` is replaced as a whole: who took it sees one state."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings
        self.current: Patrols

    async def load(self) -> None:
        """Read everything."""
        self.current = await asyncio.to_thread(self._load)

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed."""
        visits = [event.payload for event in events if event.topic == "visits"]
        promises = any(event.topic in PROMISE_TOPICS for event in events)
        if any("officers" not in payload for payload in visits):
            await self.load()
        elif visits or promises:
            officers = sorted({one for payload in visits for one in payload["officers"]})
            self.current = await asyncio.to_thread(self._changed, officers, promises)

    def _load(self) -> Patrols:
        with self.sessions() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return read_patrols(session, self.settings)

    def _changed(self, officers: list[int], promises: bool) -> Patrols:
        current = self.current
        with self.sessions() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            if promises:
                facts = _promises(session, self.settings)
                current = replace(current, **facts, _answers=OrderedDict())
            if officers:
                zone = ZoneInfo(self.settings.timezone)
                current = current.with_visits(
                    officers, read_visits(session, zone, officers),
                    read_received(session, officers),
                )  # fmt: skip
        return current
