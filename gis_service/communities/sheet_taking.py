"""Sheets of posts, stations and party members taken in: all of a sheet, or none of it.

Each row goes through the same function as a request that would change it, inside a savepoint, so a
sheet can do nothing that a form cannot, and what rows do to each other is seen as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.communities.hours import hours_in_words, read_hours
from gis_service.communities.places import unmoved
from gis_service.errors import DomainError
from gis_service.sheet_reading import Row, Sheet, known_names

_LIST = re.compile(r"[;；,，、\n]+")
Fields = TypeVar("Fields", bound=BaseModel)
Written = Literal["already", "changed", "added"] | None


def take_in(
    session: Session, sheet: Sheet, write: Callable[[Row], Written], *, locale: str, dry_run: bool
) -> dict[str, Any]:
    """Write every row, or, with a fault in any or with ``dry_run``, none.

    ``write`` says what became of a row, None for one whose cells have faults. Answers ``{read,
    loaded, changed, already, rejected, applied, faults, faults_in_all, notes, unknown_columns}``.
    The caller commits.
    """
    became: dict[int, Written] = {}
    with session.begin_nested() as whole:
        for row in sheet.rows:
            try:
                with session.begin_nested():
                    became[row.number] = write(row)
            except DomainError as problem:
                where = problem.where if problem.where in sheet.columns else None
                row.fault(where, problem.message, problem.message_zh)
        applied = not sheet.faults and not dry_run
        if not applied:
            whole.rollback()
    bad = {fault.row for fault in sheet.faults} & {row.number for row in sheet.rows}
    told = Counter(what for number, what in became.items() if number not in bad)
    return {
        "read": len(sheet.rows), "loaded": told["changed"] + told["added"],
        "changed": told["changed"], "already": told["already"], "rejected": len(bad),
        "applied": applied, "faults": sheet.told(locale), "faults_in_all": len(sheet.faults),
        "notes": [one.told(locale) for one in sheet.notes[:200]],
        "unknown_columns": sheet.unknown,
    }  # fmt: skip


def once(row: Row, name: str, code: str, seen: dict[str, int]) -> None:
    """A fault where an earlier row is of the same ``code``."""
    first = seen.setdefault(code, row.number)
    if first != row.number:
        row.fault(name, f"{code} stands in row {first} already", f"{code} 与第 {first} 行重复")


def as_fields(
    row: Row, schema: type[Fields], said: Mapping[str, Any], faults: int
) -> Fields | None:
    """What a row says as a request would say it; None, and a fault, where it cannot be one, or
    where its cells had any since there were ``faults``."""
    if len(row.sheet.faults) > faults:
        return None
    try:
        return schema.model_validate(dict(said))
    except ValidationError as problem:
        one = problem.errors()[0]
        where = str(one["loc"][0]) if one["loc"] else None
        row.fault(where if where in row.sheet.columns else None, one["msg"],
                  f"内容无效（{one['msg']}）")  # fmt: skip
        return None


def keep(
    row: Row, schema: type[Fields], said: Mapping[str, Any], faults: int,
    before: Mapping[str, Any], write: Callable[[Fields], object],
) -> Written:  # fmt: skip
    """``write`` what a row says, unless it says what is there already: ``before``, empty where
    nothing is. For ``faults`` see :func:`as_fields`."""
    fields = as_fields(row, schema, said, faults)
    if fields is None:
        return None
    if before and fields == schema.model_validate(dict(before)):
        return "already"
    write(fields)
    return "changed" if before else "added"


def words_of(row: Row, name: str, known: Mapping[str, str]) -> list[str]:
    """The codes of the words in a cell, each once and in order."""
    parts: list[str] = []
    for part in map(str.strip, _LIST.split(row.text(name))):
        # a name may hold a space, and names be set off by one
        parts += [part] if part in known or not set(part.split()) <= set(known) else part.split()
    out: list[str] = []
    for part in parts:
        if part and part not in known:
            listed = "、".join(sorted(known, key=known.__getitem__))
            row.fault(name, f"unknown {part!r}; known: {listed}", f"未知“{part}”，可用：{listed}")
        elif part and known[part] not in out:
            out.append(known[part])
    return out


def hours_of(row: Row, name: str, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Opening times in words; ``before`` where the words say the same."""
    words = row.text(name)
    if words in [hours_in_words(before, locale) for locale in ("zh", "en")]:
        return before
    found = read_hours(words)
    if found is None:
        row.fault(
            name, f"{words!r} is not like 'Mon–Fri 08:30–12:00, 14:30–17:30; Sat 09:00–12:00'",
            f"“{words}”不是服务时间（如 周一至周五 08:30–12:00、14:30–17:30；周六 09:00–12:00）",
        )  # fmt: skip
        return before
    return found


def phone_of(row: Row, name: str, before: str | None) -> str | None:
    """A phone number, its digits half-width; ``before`` where the cell says the same."""
    words = row.text(name, 200)
    return before if words and words == before else row.code(name) or None


def place_said(row: Row, before: Mapping[str, Any]) -> dict[str, Any]:
    """The position of a row where the sheet has its columns, and else nothing; ``before`` is where
    it is now (lon, lat; WGS84). A system without a position says nothing."""
    if not {"lon", "lat"} <= set(row.sheet.columns):
        return {}
    lon, lat = row.number_of("lon"), row.number_of("lat")
    crs = row.code("crs") or None
    lon, lat = unmoved(lon, lat, crs, (before.get("lon"), before.get("lat")))
    return {"lon": lon, "lat": lat, "crs": None if lon is None and lat is None else crs}


def known_rows(session: Session, table: str, condition: str = "true") -> dict[str, str]:
    """Every code and every name that is one row's only, each with its code."""
    query = text(f"SELECT code, name FROM {table} WHERE {condition}")
    return known_names([(row.code, row.name) for row in session.execute(query)])


def known_communities(session: Session) -> dict[str, str]:
    """What a cell may call the communities in force."""
    return known_rows(session, "community", "valid_to IS NULL")


def community_said(row: Row, known: Mapping[str, str], before: str | None) -> str | None:
    """The community that a cell names; ``before`` also where that is in force no more."""
    return row.choice("community", {before: before, **known} if before else known)
