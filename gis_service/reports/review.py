"""The monthly and year-end review: gathers what the domains know into one document."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.campaigns.queries import list_campaigns
from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import guess_metric_crs
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.metrics.grouping import measure
from gis_service.incidents.metrics.telling import figures, nothing
from gis_service.planning.progress import service as plan
from gis_service.reports import life, pictures, queries, shortfalls
from gis_service.reports.demonstration import demonstration
from gis_service.reports.document import Cell, Document, Line, Picture, Section, Table
from gis_service.settings import Settings

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEAR = re.compile(r"\d{4}")
SHARES = ("patrol_first", "on_time", "rework")
_PLACE = re.compile(r"\{(\w+)\}")
SHORT_DAYS = 62  # a chart of a shorter period counts by week


@dataclass(frozen=True)
class Period:
    """``[first, behind)`` days, what it is called, and whether a year."""

    label: str
    first: date
    behind: date
    year: bool

    @property
    def last(self) -> date:
        return self.behind - timedelta(days=1)


def parse_period(asked: str) -> Period:
    """``2026`` or ``2026-10``. Raises InvalidInput."""
    month = _MONTH.fullmatch(asked)
    if month and 1 <= int(month[2]) <= 12 and int(month[1]) >= 2000:
        first = date(int(month[1]), int(month[2]), 1)
        return Period(asked, first, (first + timedelta(days=32)).replace(day=1), False)
    if _YEAR.fullmatch(asked) and 2000 <= int(asked) < 9999:
        return Period(asked, date(int(asked), 1, 1), date(int(asked) + 1, 1, 1), True)
    raise InvalidInput(f"{asked!r} is neither a year (2026) nor a month (2026-10)",
                       f"“{asked}”应为年份（2026）或月份（2026-10）", where="period")  # fmt: skip


def _dotted(parts: Iterable[Line]) -> Line:
    """The parts as one line, a dot between each two."""
    return [one for n, part in enumerate(parts) for one in ([" · "] if n else []) + list(part)]


@lru_cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))


class Review:
    """Puts one document together; ``snapshot`` holds the incidents, ``now`` cuts what has not
    passed."""

    def __init__(
        self, session: Session, settings: Settings, snapshot: Snapshot, period: Period,
        locale: str, now: datetime,
    ) -> None:  # fmt: skip
        self.session, self.settings, self.snapshot = session, settings, snapshot
        self.locale, self.now = locale, now
        self.zone = ZoneInfo(settings.timezone)
        self.today = now.astimezone(self.zone).date()
        if period.first > self.today:
            raise InvalidInput("that period has not begun", "该时段尚未开始", where="period")
        self.period = period
        self.behind = min(period.behind, self.today + timedelta(days=1))
        self.crs = settings.metric_crs or self._guess()

    def _guess(self) -> str:
        row = self.session.execute(
            text("SELECT avg(ST_X(inner_point)), avg(ST_Y(inner_point)) FROM community "
                 "WHERE valid_to IS NULL")
        ).one()  # fmt: skip
        if row[0] is None:
            raise InvalidInput("there are no areas yet", "尚未载入区划")
        return guess_metric_crs([row[0]], [row[1]])

    def say(self, key: str, **values: Any) -> str:
        return _words()[key]["zh" if self.locale == "zh" else "en"].format(**values)

    def line(self, key: str, **values: Any) -> Line:
        """A sentence, its braces filled in with text or with cells that lead to lists."""
        plain = {
            name: f"{{{name}}}" if isinstance(value, Cell) else value
            for name, value in values.items()
        }
        parts = _PLACE.split(self.say(key, **plain))
        return [values[part] if n % 2 else part for n, part in enumerate(parts)]

    def name(self, row: Any) -> str:
        english = row.get("name_en") if isinstance(row, dict) else row.name_en
        return str(english if self.locale == "en" and english else row["name"])

    def share(self, figures: dict[str, Any], name: str, link: str) -> Cell:
        """A share with what it is of; the same figure by community stands behind it."""
        own = figures[name]
        told = self.say("none") if own["share"] is None else f"{own['share']:.1%}"
        return Cell(f"{told} ({own['n']:,}/{own['of']:,})", f"{link}&figure={name}")

    def document(self) -> Document:
        """The whole document."""
        title = self.settings.title if self.locale == "zh" else self.settings.title_en
        kind = "year_title" if self.period.year else "month_title"
        notes = [
            self.say("period", first=self.period.first, last=self.behind - timedelta(days=1)),
            self.say("made", when=f"{self.now.astimezone(self.zone):%Y-%m-%d %H:%M}"),
        ]
        source = self.session.scalar(
            text("SELECT source FROM boundary_revision ORDER BY id DESC LIMIT 1")
        )
        if source and str(source).startswith("illustrative"):
            notes.append(self.say("illustrative"))
        sections = [
            self.incidents(), self.progress(), self.campaigns(), life.communities(self),
            shortfalls.shortfalls(self),
        ]  # fmt: skip
        if self.period.year:
            sections.append(demonstration(self))
        return Document(
            self.say(kind, title=title, label=self.period.label), notes, sections, self.locale
        )

    # -- 1 incidents ---------------------------------------------------------------------------

    def midnight(self, day: date) -> datetime:
        """The beginning of a day in the district."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def _filter(self, first: date, behind: date) -> IncidentFilter:
        return IncidentFilter(
            since=self.midnight(first).astimezone(UTC), until=self.midnight(behind).astimezone(UTC)
        )

    def _grouped(self, first: date, behind: date, by: tuple[str, ...] = ()) -> Any:
        return measure(self.snapshot, self._filter(first, behind), by, self.zone, self.now)

    def _total(self, first: date, behind: date) -> dict[str, Any]:
        groups = self._grouped(first, behind)
        return figures(groups, 0) if len(groups) else nothing()

    def _covers(self, first: date) -> bool:
        """Whether the incidents reach back to a day: else a count would be too small."""
        span = self.snapshot.time_span()
        return span is not None and datetime.fromtimestamp(span[0] / 1e6, self.zone).date() <= first

    def _figures_link(self, first: date, behind: date, by: str) -> str:
        last = behind - timedelta(days=1)
        return f"/figures?days=own&from={first}&to={last}&by={by}"

    def incidents(self) -> Section:
        """How many, how early found, how well handled; where, and by month."""
        first, behind = self.period.first, self.behind
        section = Section(self.say("incidents"))
        total = self._total(first, behind)
        days = (behind - first).days
        before = (first - timedelta(days=days), first)
        earlier = self._total(*before)
        covered = self._covers(before[0])
        here, there = (self._figures_link(*span, "community") for span in ((first, behind), before))
        section.lines.append(
            self.line(
                "incidents_line", count=Cell(f"{total['count']:,}", here), first=before[0],
                last=before[1] - timedelta(days=1),
                before=Cell(f"{earlier['count']:,}", there) if covered else self.say("not_covered"),
                cases=self.say("cases_before") if covered else "",
                **{name: self.share(total, name, here) for name in SHARES},
            )
        )  # fmt: skip
        step = "week" if days <= SHORT_DAYS else "month"
        groups = self._grouped(first, behind, (step,))
        begins = [max(date.fromordinal(int(value)), first) for value in groups.values[step]]
        if begins:
            counts = [figures(groups, n)["count"] for n in range(len(groups))]
            labels = [f"{one:%m-%d}" if step == "week" else f"{one:%Y-%m}" for one in begins]
            numbers = _dotted(
                [
                    f"{begin:%Y-%m-%d} " if step == "week" else f"{begin:%Y-%m} ",
                    Cell(f"{n:,}", self._figures_link(begin, end, "community")),
                ]
                for n, (begin, end) in zip(counts, pairwise([*begins, behind]), strict=True)
            )
            chart = pictures.bars(labels, counts, self.say("cases"))
            section.pictures.append(Picture([self.say(f"by_{step}")], chart, numbers))
        section.pictures.append(self._density(Cell(f"{total['count']:,}", here)))
        section.tables.append(self._by_street())
        return section

    def _density(self, count: Cell) -> Picture:
        areas = queries.read_areas(self.session, self.crs)
        groups = self._grouped(self.period.first, self.behind, ("community",))
        found = {
            int(area): figures(groups, n)["count"]
            for n, area in enumerate(groups.values["community"])
        }
        areas["count"] = [found.get(area, 0) for area in areas["area_id"]]
        density = (areas["count"] / (areas["area_m2"] / 1e6)).to_numpy()
        least = self.settings.minimum_count
        words = _words()["few"]["zh" if self.locale == "zh" else "en"]
        return Picture(
            self.line("density", count=count), pictures.density_map(areas, density, least, words)
        )

    def _by_street(self) -> Table:
        groups = self._grouped(self.period.first, self.behind, ("street",))
        names = {
            row.area_id: (row.code, row.name)
            for row in self.session.execute(
                text("SELECT area_id, code, name FROM street WHERE valid_to IS NULL")
            )
        }
        rows = []
        for n, area in enumerate(groups.values["street"].tolist()):
            if area not in names:
                continue
            code, name = names[area]
            own = figures(groups, n)
            link = self._figures_link(self.period.first, self.behind, "community")
            rows.append(
                [
                    name, Cell(f"{own['count']:,}", f"{link}&street={code}"),
                    *(self.share(own, one, f"{link}&street={code}") for one in SHARES),
                ]
            )  # fmt: skip
        head = [self.say(f"head_{name}") for name in ("street", "count", *SHARES)]
        return Table(self.say("by_street"), head, rows)

    # -- 2 the plan ----------------------------------------------------------------------------

    @property
    def day(self) -> date:
        """Up to which the plan is looked at."""
        return min(self.today, self.period.last)

    def of_plan(self, **asked: str) -> str:
        """The list of the plan's tasks behind a figure, as of the same day."""
        return f"/progress?{urlencode({'as_of': self.day, **asked})}"

    def progress(self) -> Section:
        """What the plan wants by now and what is done."""
        section = Section(self.say("progress"))
        day = self.day
        whole = plan.overview(self.session, self.zone.key, day)
        if not whole["total"]["of"]:
            section.lines.append([self.say("no_plan")])
            return section
        total = whole["total"]

        section.lines.append(
            self.line(
                "progress_line", day=day, of=Cell(f"{total['of']:,}", self.of_plan()),
                **{state: Cell(f"{total[state]:,}", self.of_plan(state=state))
                   for state in plan.STATES},
            )
        )  # fmt: skip
        areas = queries.read_areas(self.session, self.crs)
        by_code = {one["community"]: one for one in whole["communities"]}
        missing = np.array(
            [
                float(own["missing"]) if own and own["missing"] + own["done"] else np.nan
                for own in map(by_code.get, areas["code"])
            ]
        )
        keys = self.say("missing_keys").split("|")
        section.pictures.append(
            Picture(
                self.line(
                    "progress_map",
                    missing=Cell(f"{total['missing']:,}", self.of_plan(state="missing")),
                ),
                pictures.missing_map(areas, missing, keys),
            )
        )
        parts: dict[str, dict[str, Any]] = {}
        for task in whole["tasks"]:
            own = parts.setdefault(task["part"], {**dict.fromkeys(total, 0), **{
                "part": task["part"], "part_en": task["part_en"]}})  # fmt: skip
            for state in total:
                own[state] += task[state]
        rows = [
            [
                own["part"] if self.locale == "zh" else own["part_en"],
                *(Cell(f"{own[state]}", self.of_plan(part=own["part"], state=state))
                  for state in plan.STATES),
                Cell(f"{own['of']}", self.of_plan(part=own["part"])),
            ]
            for own in parts.values()
        ]  # fmt: skip
        head = [self.say(f"head_{name}") for name in ("part", *plan.STATES, "of")]
        section.tables.append(Table(self.say("by_part"), head, rows))
        return section

    # -- 3 campaigns ---------------------------------------------------------------------------

    def campaigns(self) -> Section:
        """The campaigns of the period with what was measured of them last."""
        section = Section(self.say("campaigns"))
        found = list_campaigns(
            self.session, self.today, self.settings.grid_kind, since=self.period.first,
            until=self.behind, cancelled=False,
        )  # fmt: skip
        if not found:
            section.lines.append([self.say("no_campaigns")])
            return section
        for row in found:
            row["outcome"] = (
                "effect" if row["effect"] else "doubt" if row["verdict"] == "fewer"
                else row["verdict"] or "unknown"
            )  # fmt: skip
        asked = {"from": self.period.first, "to": self.behind, "cancelled": "false"}
        worked = sum(row["outcome"] == "effect" for row in found)
        every = Cell(f"{len(found)}", f"/campaigns?{urlencode(asked)}")
        section.lines.append(
            self.line(
                "campaigns_line", n=every,
                effect=Cell(f"{worked}", f"/campaigns?{urlencode({**asked, 'effect': 'true'})}"),
            )
        )  # fmt: skip
        grids = queries.read_campaign_grids(
            self.session, [row["code"] for row in found], self.settings.grid_kind, self.crs
        )
        outcome = {row["code"]: row["outcome"] for row in found}
        grids["outcome"] = grids["campaign"].map(outcome)
        words = {name: self.say(f"outcome_{name}") for name in pictures.OUTCOMES}
        areas = queries.read_areas(self.session, self.crs)
        section.pictures.append(
            Picture(self.line("campaign_map", n=every), pictures.campaign_map(areas, grids, words))
        )
        measured = [row for row in found if row["estimate"] is not None]
        if measured:
            rows = [
                (row["name"], row["estimate"], row["low"], row["high"], row["outcome"])
                for row in measured
            ]
            chart = pictures.intervals(rows, self.say("campaign_chart"))
            numbers = _dotted(
                [f"{row['name']} ", Cell(f"{row['estimate']:+.0%}", f"/campaigns#{row['code']}")]
                for row in measured
            )
            section.pictures.append(Picture([self.say("campaign_chart")], chart, numbers))
        section.tables.append(
            Table(
                self.say("campaign_table"),
                [self.say(f"head_{one}") for one in ("campaign", "period", "unit", "outcome",
                                                     "tasks")],
                [
                    [
                        Cell(row["name"], f"/campaigns#{row['code']}"),
                        f"{row['starts_on']} – {row['ends_on']}", self.name(row["lead"]),
                        Cell(words[row["outcome"]] + (
                            "" if row["estimate"] is None else f" {row['estimate']:+.0%} "
                            f"[{row['low']:+.0%}, {row['high']:+.0%}]"
                        ), f"/campaigns#{row['code']}"),
                        Cell(f"{row['tasks_done']}/{row['tasks']}", f"/campaigns#{row['code']}"),
                    ]
                    for row in found
                ],
            )
        )  # fmt: skip
        return section
