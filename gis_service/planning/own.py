"""Own indicators: the columns of a table with one row for each community."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.hierarchy.models import Area
from gis_service.planning.models import OwnIndicator, OwnValue
from gis_service.planning.registry import built_in
from gis_service.reference.tables import Row, Table, counted

COLUMNS = {"code": "社区编码", "name": "社区名称"}
MOST_COLUMNS = 50
# a heading may end in a unit and in what is better: 常住人口(人)↑, "complaints (per year) ↓"
_HEADING = re.compile(r"^(?P<name>.+?)\s*(?:[（(](?P<unit>[^()（）]*)[)）])?\s*(?P<sense>[↑↓])?$")
# beside the column of an indicator another may say how many cases each value rests on: 投诉样本量
_SAMPLE = re.compile(
    r"^(?P<name>.+?)[\s_]*(?:样本量|样本数|样本|sample size|sample)$", re.IGNORECASE
)
MOST_LEAST = 1_000_000


@dataclass(frozen=True)
class Basis:
    """What the indicators of a table rest on: the days they were counted on, both included, and
    below how many cases a value says nothing."""

    group: str = "base"
    first_day: date | None = None
    last_day: date | None = None
    least: int = 1

    def check(self) -> None:
        """Raise InvalidInput for days that are no period and for a minimum that is none."""
        if (self.first_day is None) != (self.last_day is None):
            missing = "from" if self.first_day is None else "to"
            raise InvalidInput(
                "a period has a first and a last day", "统计期须同时填写起、止日期", where=missing
            )
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise InvalidInput(
                "'from' must not lie after 'to'", "起始日不得晚于截止日", where="from"
            )
        if not 1 <= self.least <= MOST_LEAST:
            raise InvalidInput(f"want 1 to {MOST_LEAST}", f"须为 1 至 {MOST_LEAST}", where="least")


def load_own(
    session: Session, rows: Iterable[Mapping[Any, Any]], source: str, basis: Basis, actor: str
) -> dict[str, int]:
    """Take every further column of a table as an indicator; one that is there is replaced.

    A heading says its unit in brackets and ends in ↓ where less is better; a column of the same
    name that ends in 样本量 or ``sample`` says how many cases stand behind each value. An empty
    cell is missing, not zero. Raises InvalidInput naming every wrong row, and then nothing is kept.
    """
    basis.check()
    table = Table(rows, source, COLUMNS, ("code",))
    table.refuse_twice("code")
    headings, samples = _paired(table.others(COLUMNS))
    if not 1 <= len(headings) <= MOST_COLUMNS:
        raise InvalidInput(
            f"want 1 to {MOST_COLUMNS} columns besides the code, there are {len(headings)}",
            f"除编码外须有 1 至 {MOST_COLUMNS} 个指标列，现有 {len(headings)} 列", where=source,
        )  # fmt: skip
    communities = session.scalars(select(Area).where(Area.level == "community"))
    known = {area.code: area.id for area in communities}
    areas = [row.among("code", known, "community", "社区") for row in table.rows]
    if basis.least > 1 and (bare := [one for one in headings if one not in samples]):
        raise InvalidInput(
            f"{', '.join(bare)}: a minimum sample wants a column of sample sizes, such as "
            f"'{_parts(bare[0])[0]} sample'",
            f"{'、'.join(bare)}：设定最小样本量时须有样本量列（如“{_parts(bare[0])[0]}样本量”）",
            where="least",
        )
    values = {heading: [_number(row, heading) for row in table.rows] for heading in headings}
    cases = {
        heading: [_cases(row, column) for row in table.rows] for heading, column in samples.items()
    }
    table.refuse()
    for heading in headings:
        name, unit, rising = _parts(heading)
        code = _code(name)
        old = session.scalar(select(OwnIndicator).where(OwnIndicator.code == code))
        if old is not None:
            session.delete(old)
            session.flush()
        made = OwnIndicator(
            code=code, name=name, name_en=name, group_name=basis.group, unit=unit, rising=rising,
            least=basis.least, first_day=basis.first_day, last_day=basis.last_day,
            source=source, loaded_by=actor,
        )  # fmt: skip
        session.add(made)
        session.flush()
        known_cases = cases.get(heading, [None] * len(areas))
        session.add_all(
            OwnValue(indicator_id=made.id, area_id=area, value=value, sample=sample)
            for area, value, sample in zip(areas, values[heading], known_cases, strict=True)
            if area is not None and value is not None
        )
    publish(session, "planning")
    return counted(len(table.rows), len(table.rows))


def remove_own(session: Session, code: str) -> None:
    """Forget an own indicator; rounds keep what they froze. Raises NotFound."""
    gone = session.execute(
        delete(OwnIndicator).where(OwnIndicator.code == code).returning(OwnIndicator.id)
    )
    if gone.first() is None:
        raise NotFound(f"no own indicator {code!r}", f"没有自有指标 {code!r}", where="indicator")
    publish(session, "planning")


def _parts(heading: str) -> tuple[str, str, bool]:
    """Name, unit and whether more is better, of a heading."""
    parts = _HEADING.match(heading)
    if parts is None:
        return heading, "", True
    return parts["name"], parts["unit"] or "", parts["sense"] != "↓"


def _paired(headings: list[str]) -> tuple[list[str], dict[str, str]]:
    """The headings of indicators, and for some of them that of their sample sizes."""
    named = {_parts(heading)[0]: heading for heading in headings}
    samples: dict[str, str] = {}
    for heading in headings:
        found = _SAMPLE.match(_parts(heading)[0])
        owner = named.get(found["name"]) if found else None
        if owner is not None and owner != heading:
            samples[owner] = heading
    return [one for one in headings if one not in samples.values()], samples


def _cases(row: Row, heading: str) -> float:
    """A sample size; a blank one is no case: nothing may be claimed."""
    count = _number(row, heading)
    if count is not None and count < 0:
        row.fault(f"{heading}: fewer than no cases", f"{heading}：样本量不能为负")
    return max(count or 0.0, 0.0)


def _number(row: Row, heading: str) -> float | None:
    """A number, also as spreadsheets show it: 1,234 or 85 %."""
    words = unicodedata.normalize("NFKC", row.text(heading)).replace(",", "").strip()
    row.values[heading] = words.removesuffix("%").strip()
    return row.number_of(heading)


def _code(name: str) -> str:
    """A code that no built-in indicator has: letters, digits and characters of the name."""
    plain = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name).lower()).strip("_")
    code = f"own_{plain}"[:60]
    return f"{code}_" if code in {one.id for one in built_in()} else code
