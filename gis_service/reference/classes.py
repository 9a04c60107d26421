"""Incident classes: loading a set, looking classes up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from gis_service.events.feed import publish
from gis_service.reference.models import IncidentClass
from gis_service.reference.tables import Row, Table, counted, upsert
from gis_service.reference.units import unit_ids

DEFAULT_SET = Path(__file__).parent / "data" / "classes.csv"
DEFAULT_SCHEME = "digital-city-management"
COLUMNS = {
    "scheme": "分类标准",
    "scheme_version": "标准版本",
    "code": "类别代码",
    "kind": "类型",
    "major": "大类代码",
    "major_name": "大类",
    "major_name_en": "大类英文",
    "name": "名称",
    "name_en": "英文名称",
    "duty": "职责",
    "unit": "责任单位",
    "duplicate_m": "查重距离",
    "duplicate_hours": "查重时间",
    "valid_from": "生效日期",
    "valid_to": "失效日期",
}
REQUIRED = ("code", "name")
KINDS = {
    "event": "event", "事件": "event", "component": "component", "部件": "component",
    "other": "other", "其他": "other",
}  # fmt: skip


@dataclass(frozen=True)
class ClassRow:
    """A class as loaders need it."""

    id: int
    code: str
    name: str


def classes_of(session: Session, scheme: str) -> dict[str, ClassRow]:
    """The classes of a scheme by code."""
    rows = session.execute(
        select(IncidentClass.id, IncidentClass.code, IncidentClass.name).where(
            IncidentClass.scheme == scheme
        )
    )
    return {row.code: ClassRow(row.id, row.code, row.name) for row in rows}


def load_classes(session: Session, rows: Iterable[Mapping[Any, Any]], where: str) -> dict[str, int]:
    """Add or update classes by (scheme, code); ``read, loaded, already, rejected``.

    ``unit`` is the code or name of the unit that answers (empty: nobody does, visibly). Columns
    that a file lacks stay as they are. Raises InvalidInput naming every faulty row; nothing is
    applied then.
    """
    table = Table(rows, where, COLUMNS, REQUIRED)
    table.refuse_twice("scheme", "code")
    units = unit_ids(session)
    values = [_class(row, units) for row in table.rows]
    table.refuse()
    columns = {"unit": "unit_id"}
    loaded = upsert(
        session, IncidentClass, values, ["scheme", "code"],
        update=[columns.get(name, name) for name in COLUMNS if name in table.names],
    )  # fmt: skip
    if loaded:
        publish(session, "classes")
    return counted(len(table.rows), loaded)


def _class(row: Row, units: Mapping[str, int]) -> dict[str, Any]:
    name, major_name = row.text("name"), row.text("major_name")
    major = row.text("major")  # two digits; a spreadsheet drops the leading zero
    return {
        "scheme": row.text("scheme", DEFAULT_SCHEME),
        "scheme_version": row.text("scheme_version"),
        "code": row.text("code"),
        "kind": row.choice("kind", KINDS, "event"),
        "major": major.zfill(2) if major.isdecimal() else major,
        "major_name": major_name,
        "major_name_en": row.text("major_name_en", major_name),
        "name": name,
        "name_en": row.text("name_en", name),
        "duty": row.text("duty"),
        "unit_id": row.among("unit", units, "unit", "单位"),
        "duplicate_m": row.number_of("duplicate_m", above=0),
        "duplicate_hours": row.number_of("duplicate_hours", above=0),
        "valid_from": row.day("valid_from"),
        "valid_to": row.day("valid_to"),
    }


def create_classes(
    session: Session, scheme: str, codes: Iterable[tuple[str, str]]
) -> dict[str, ClassRow]:
    """Add ``(code, major)`` pairs to a scheme whose codes are its names; return the scheme. The
    caller commits."""
    rows = [
        {
            "scheme": scheme, "scheme_version": "", "code": code, "kind": "other",
            "major": major, "major_name": major, "major_name_en": major,
            "name": code, "name_en": code,
        }
        for code, major in codes
    ]  # fmt: skip
    if rows:
        session.execute(insert(IncidentClass).values(rows).on_conflict_do_nothing())
        publish(session, "classes")
    return classes_of(session, scheme)
