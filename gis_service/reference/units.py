"""Units and squads: the default units, loading, looking up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.events.feed import publish
from gis_service.hierarchy.models import Area
from gis_service.reference.models import Squad, Unit
from gis_service.reference.tables import Row, Table, counted, upsert

DEFAULT_UNITS = Path(__file__).parent / "data" / "units.csv"
COLUMNS = {
    "kind": "类型",
    "code": "代码",
    "name": "名称",
    "name_en": "英文名称",
    "outside": "外单位",
    "duties": "职责",
    "active": "启用",
    "parent": "所属单位",
    "streets": "负责街道",
}
REQUIRED = ("code", "name")
KINDS = {"unit": "unit", "单位": "unit", "squad": "squad", "中队": "squad"}
_SEPARATORS = re.compile(r"[;,，、；\s]+")


def unit_ids(session: Session) -> dict[str, int]:
    """Ids of units by code, and by name where it is one unit's only and no other's code."""
    rows = session.execute(select(Unit.id, Unit.code, Unit.name)).all()
    names = [row.name for row in rows]
    by_name = {row.name: row.id for row in rows if names.count(row.name) == 1}
    return {**by_name, **{row.code: row.id for row in rows}}


def load_units(session: Session, rows: Iterable[Mapping[Any, Any]], where: str) -> dict[str, int]:
    """Add or update units and squads by code; ``read, loaded, already, rejected``.

    A squad (``kind`` squad) names its unit in ``parent`` (code or name; it may stand in the same
    file) and its streets in ``streets`` (codes). Columns that a file lacks stay as they are.
    Raises InvalidInput naming every faulty row; nothing is applied then.
    """
    table = Table(rows, where, COLUMNS, REQUIRED)
    table.refuse_twice("kind", "code")
    kinds = [row.choice("kind", KINDS, "unit") for row in table.rows]
    units = [row for row, kind in zip(table.rows, kinds, strict=True) if kind == "unit"]
    squads = [row for row, kind in zip(table.rows, kinds, strict=True) if kind == "squad"]
    values = [
        {**_named(row), "outside": row.flag("outside", False), "duties": row.text("duties")}
        for row in units
    ]
    table.refuse()
    loaded = upsert(session, Unit, values, ["code"], update=_given(table, Unit))
    ids = unit_ids(session)
    streets = set(session.scalars(select(Area.code).where(Area.level == "street")))
    squad_values = [_squad(row, ids, streets) for row in squads]
    table.refuse()
    loaded += upsert(session, Squad, squad_values, ["code"], update=_given(table, Squad))
    if loaded:
        publish(session, "units")
    return counted(len(table.rows), loaded)


def _named(row: Row) -> dict[str, Any]:
    return {
        "code": row.text("code"), "name": row.text("name"),
        "name_en": row.text("name_en") or row.text("name"), "active": row.flag("active", True),
    }  # fmt: skip


def _squad(row: Row, units: dict[str, int], streets: set[str]) -> dict[str, Any]:
    unit_id = row.among("parent", units, "unit", "单位")
    if not row.text("parent"):
        row.fault("a squad needs its unit (parent)", "中队缺少所属单位")
    codes = [code for code in _SEPARATORS.split(row.text("streets")) if code]
    for code in codes:
        # before the first areas are loaded there is nothing to compare with
        if streets and code not in streets:
            row.fault(f"unknown street {code!r}", f"未知街道 {code!r}")
    return {**_named(row), "unit_id": unit_id, "street_codes": list(dict.fromkeys(codes))}


def _given(table: Table, model: type[Unit] | type[Squad]) -> list[str]:
    """The columns of a model that the file holds."""
    ours = {"parent": "unit_id", "streets": "street_codes"}
    given = {ours.get(name, name) for name in table.names if name in COLUMNS}
    return sorted(given & set(model.__table__.columns.keys()))
