"""The table of indicators of a serving process: counted when asked, kept until data change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session, sessionmaker

from gis_service.errors import InvalidInput
from gis_service.events.feed import Published
from gis_service.incidents.arrays import Snapshot, read_snapshot
from gis_service.incidents.filters import parse_moment
from gis_service.patrols.coverage_live import Patrols, read_patrols
from gis_service.planning.facts import read_facts
from gis_service.planning.figures import Community, OwnFigures, Sources
from gis_service.planning.queries import read_communities, read_grid_shapes, read_own
from gis_service.planning.registry import Indicator
from gis_service.planning.table import Table, make_table
from gis_service.settings import Settings

TOPICS = {"hierarchy", "planning", "communities", "campaigns"}
LOOK_BACK = timedelta(days=365)
LONGEST = timedelta(days=1100)
KEPT_TABLES = 6


@dataclass(frozen=True)
class Ground:
    """What changes seldom: candidates, neighbourhood of grids, own indicators."""

    communities: list[Community]
    neighbours: Any
    own: list[tuple[Indicator, OwnFigures]]


def read_ground(session: Session, settings: Settings) -> Ground:
    """As the session sees it."""
    from gis_service.analysis.hotspots import contiguity

    grids = read_grid_shapes(session, settings.grid_kind)
    return Ground(
        read_communities(session, settings.grid_kind),
        contiguity(grids) if len(grids) else None,
        read_own(session),
    )


def parse_period(
    from_: str | None, to: str | None, zone: ZoneInfo, now: datetime | None = None
) -> tuple[datetime, datetime]:
    """``[from, to)``; without ``to`` until today began, without ``from`` the year before that.
    Raises InvalidInput for a period that is empty or longer than three years."""
    today = (now or datetime.now(UTC)).astimezone(zone).replace(
        hour=0, minute=0, second=0, microsecond=0
    )  # fmt: skip
    until = parse_moment(to, zone, "to") or today
    since = parse_moment(from_, zone, "from")
    if since is None:
        try:
            since = until - LOOK_BACK
        except OverflowError:
            raise InvalidInput("too long ago", "时间过早", where="to") from None
    if since >= until:
        raise InvalidInput("'from' must lie before 'to'", "from 须早于 to", where="from")
    if until - since > LONGEST:
        raise InvalidInput(
            f"no longer than {LONGEST.days} days", f"时间跨度不得超过 {LONGEST.days} 天",
            where="from",
        )  # fmt: skip
    return since, until


def table_at(
    session: Session, ground: Ground, incidents: Snapshot, patrols: Patrols, settings: Settings,
    since: datetime, until: datetime,
) -> Table:  # fmt: skip
    """The table of reports in ``[since, until)``."""
    sources = sources_at(session, ground, incidents, patrols, settings, since, until)
    return make_table(sources, ground.own)


def sources_at(
    session: Session, ground: Ground, incidents: Snapshot, patrols: Patrols, settings: Settings,
    since: datetime, until: datetime,
) -> Sources:  # fmt: skip
    """What the table of reports in ``[since, until)`` is counted from."""
    zone = ZoneInfo(settings.timezone)
    return Sources(
        ground.communities, incidents, patrols, zone, since, until, ground.neighbours,
        read_facts(session, since, until, zone),
    )  # fmt: skip


def read_table(session: Session, settings: Settings, since: datetime, until: datetime) -> Table:
    """The same outside a serving process: for notebooks and commands."""
    return table_at(
        session, read_ground(session, settings), read_snapshot(session),
        read_patrols(session, settings), settings, since, until,
    )  # fmt: skip


@dataclass
class LivePlanning:
    """Threads ask :meth:`table`; whoever comes first counts, the others wait for it."""

    sessions: sessionmaker[Session]
    settings: Settings
    _ground: Ground | None = None
    _tables: OrderedDict[Any, Table] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed."""
        if any(event.topic in TOPICS for event in events):
            self.forget()

    def forget(self) -> None:
        """Read everything anew at the next question."""
        with self._lock:
            self._ground = None
            self._tables.clear()

    def table(
        self, incidents: Snapshot, patrols: Patrols, since: datetime, until: datetime
    ) -> Table:
        """The table of reports in ``[since, until)``; the last ones are kept."""
        key = (incidents.version, id(patrols), since, until)
        with self._lock:
            found = self._tables.get(key)
            if found is None:
                with self.sessions() as session:
                    found = table_at(
                        session, self._read(session), incidents, patrols, self.settings, since,
                        until,
                    )  # fmt: skip
                self._tables[key] = found
                while len(self._tables) > KEPT_TABLES:
                    self._tables.popitem(last=False)
            return found

    def sources(
        self, session: Session, incidents: Snapshot, patrols: Patrols, since: datetime,
        until: datetime,
    ) -> tuple[Sources, Ground]:  # fmt: skip
        """What the table of ``[since, until)`` is counted from: for the lists behind figures."""
        with self._lock:
            ground = self._read(session)
        return (
            sources_at(session, ground, incidents, patrols, self.settings, since, until), ground,
        )  # fmt: skip

    def _read(self, session: Session) -> Ground:
        if self._ground is None:
            self._ground = read_ground(session, self.settings)
        return self._ground
