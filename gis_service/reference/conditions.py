"""立案条件 with their limits, and what classes are called in another order of codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gis_service.events.feed import publish
from gis_service.reference.classes import DEFAULT_SCHEME, classes_of
from gis_service.reference.deadlines import LIMIT_UNITS
from gis_service.reference.models import ClassCondition, ClassCrosswalk
from gis_service.reference.tables import Row, Table, counted, upsert
from gis_service.reference.units import unit_ids

DEFAULT_CONDITIONS = Path(__file__).parent / "data" / "conditions.csv"
DEFAULT_CROSSWALK = Path(__file__).parent / "data" / "crosswalk.csv"
COLUMNS = {
    "scheme": "分类标准",
    "class": "类别代码",
    "number": "序号",
    "name": "立案条件",
    "name_en": "立案条件英文",
    "limit_amount": "时限",
    "limit_unit": "时限单位",
    "closing": "结案条件",
    "closing_en": "结案条件英文",
    "unit": "责任单位",
    "active": "启用",
}
REQUIRED = ("class", "number", "name", "limit_amount", "limit_unit")
CROSSWALK_COLUMNS = {
    "scheme": "分类标准",
    "code": "类别代码",
    "other_scheme": "对应标准",
    "other_code": "对应代码",
}
CROSSWALK_REQUIRED = ("code", "other_scheme", "other_code")
LIMIT_WORDS = {
    **{unit: unit for unit in LIMIT_UNITS},
    "紧急工作时": "urgent_hour",
    "紧急工作日": "urgent_day",
    "自然日": "natural_day",
    "工作时": "working_hour",
    "工作日": "working_day",
}
LARGEST_LIMIT = 10_000


def load_conditions(
    session: Session, rows: Iterable[Mapping[Any, Any]], where: str
) -> dict[str, int]:
    """Add or update conditions by (class, number); ``read, loaded, already, rejected``.

    Columns that a file lacks stay as they are. Raises InvalidInput naming every faulty row (unknown
    class or unit, a limit that is none); nothing is applied then.
    """
    table = Table(rows, where, COLUMNS, REQUIRED)
    table.refuse_twice("scheme", "class", "number")
    schemes = {row.text("scheme", DEFAULT_SCHEME) for row in table.rows}
    classes = {
        scheme: {code: found.id for code, found in classes_of(session, scheme).items()}
        for scheme in schemes
    }
    units = unit_ids(session)
    values = [_condition(row, classes, units) for row in table.rows]
    table.refuse()
    given = {"unit": "unit_id"}
    loaded = upsert(
        session, ClassCondition, values, ["class_id", "number"],
        update=[given.get(name, name) for name in COLUMNS
                if name in table.names and name not in ("scheme", "class", "number")],
    )  # fmt: skip
    if loaded:
        publish(session, "classes")
    return counted(len(table.rows), loaded)


def _condition(
    row: Row, classes: Mapping[str, Mapping[str, int]], units: Mapping[str, int]
) -> dict[str, Any]:
    number = row.number_of("number", above=0)
    if number is not None and (number != int(number) or number > 1000):
        row.fault(
            f"number {number:g} is no whole number up to 1000",
            f"序号 {number:g} 应为不超过 1000 的整数",
        )
    amount = row.number_of("limit_amount", above=0)
    if amount is not None and amount > LARGEST_LIMIT:
        row.fault(f"a limit of {amount:g} is a slip", f"时限 {amount:g} 过大")
    return {
        "class_id": row.among(
            "class", classes[row.text("scheme", DEFAULT_SCHEME)], "class", "类别"
        ),
        "number": int(number or 0),
        "name": row.text("name"),
        "name_en": row.text("name_en") or row.text("name"),
        "limit_amount": amount,
        "limit_unit": row.choice("limit_unit", LIMIT_WORDS),
        "closing": row.text("closing"),
        "closing_en": row.text("closing_en") or row.text("closing"),
        "unit_id": row.among("unit", units, "unit", "单位"),
        "active": row.flag("active", True),
    }


def load_crosswalk(
    session: Session, rows: Iterable[Mapping[Any, Any]], where: str
) -> dict[str, int]:
    """Add what classes are called in another scheme; ``read, loaded, already, rejected``.

    Raises InvalidInput naming every row whose class is unknown; nothing is applied then.
    """
    table = Table(rows, where, CROSSWALK_COLUMNS, CROSSWALK_REQUIRED)
    values = []
    known: dict[str, Mapping[str, Any]] = {}
    for row in table.rows:
        scheme = row.text("scheme", DEFAULT_SCHEME)
        if scheme not in known:
            known[scheme] = classes_of(session, scheme)
        if row.text("code") not in known[scheme]:
            row.fault(f"unknown class {row.text('code')!r}", f"未知类别 {row.text('code')!r}")
        if row.text("other_scheme") == scheme:
            row.fault("both schemes are the same", "两个分类标准相同")
        values.append({"scheme": scheme, "code": row.text("code"),
                       "other_scheme": row.text("other_scheme"),
                       "other_code": row.text("other_code")})  # fmt: skip
    table.refuse_twice("scheme", "code", "other_scheme", "other_code")
    table.refuse()
    keys = ["scheme", "code", "other_scheme", "other_code"]
    return counted(len(values), upsert(session, ClassCrosswalk, values, keys, update=[]))
