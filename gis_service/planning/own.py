"""Own indicators: the columns of a table with one row for each community."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
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


def load_own(
    session: Session, rows: Iterable[Mapping[Any, Any]], source: str, group: str, actor: str
) -> dict[str, int]:
    """Take every further column of a table as an indicator; one that is there is replaced.

    A heading says its unit in brackets and ends in ↓ where less is better. An empty cell is
    missing, not zero. Raises InvalidInput naming every wrong row, and then nothing is kept.
    """
    table = Table(rows, source, COLUMNS, ("code",))
    table.refuse_twice("code")
    headings = table.others(COLUMNS)
    if not 1 <= len(headings) <= MOST_COLUMNS:
        raise InvalidInput(
            f"want 1 to {MOST_COLUMNS} columns besides the code, there are {len(headings)}",
            f"除编码外须有 1 至 {MOST_COLUMNS} 个指标列，现有 {len(headings)} 列", where=source,
        )  # fmt: skip
    communities = session.scalars(select(Area).where(Area.level == "community"))
    known = {area.code: area.id for area in communities}
    areas = [row.among("code", known, "community", "社区") for row in table.rows]
    values = {heading: [_number(row, heading) for row in table.rows] for heading in headings}
    table.refuse()
    for heading in headings:
        parts = _HEADING.match(heading)
        name = parts["name"] if parts else heading
        code = _code(name)
        old = session.scalar(select(OwnIndicator).where(OwnIndicator.code == code))
        if old is not None:
            session.delete(old)
            session.flush()
        made = OwnIndicator(
            code=code, name=name, name_en=name, group_name=group,
            unit=(parts["unit"] or "") if parts else "",
            rising=not parts or parts["sense"] != "↓", source=source, loaded_by=actor,
        )  # fmt: skip
        session.add(made)
        session.flush()
        session.add_all(
            OwnValue(indicator_id=made.id, area_id=area, value=value)
            for area, value in zip(areas, values[heading], strict=True)
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
