"""The ledger as a workbook in the bureau's form, and back: what was exported, edited in a
spreadsheet and brought in again shows exactly the edits.

The form is a workbook (``GIS_LEDGER_TEMPLATE``, else the one that comes with the project): its
first sheet holds a row with headings of ``COLUMNS``, in any order and among others; below it, one
row as a model of how entries look. ``{scope}`` and ``{period}`` above it are filled in.
"""

from __future__ import annotations

import io
from copy import copy
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.scope import Scope, scope_of
from gis_service.errors import ConfigurationError, DomainError
from gis_service.events.feed import publish
from gis_service.ledger import queries, service
from gis_service.ledger.models import LedgerEntry
from gis_service.ledger.schemas import EntryFields
from gis_service.settings import Settings
from gis_service.sheet_reading import Column, Row, Sheet, known_names, narrow, read_sheet
from gis_service.sheets import for_book

COLUMNS = (
    Column("code", ("编号", "台账编号", "code")),
    Column("day", ("日期", "时间", "工作日期", "day"), required=True),
    Column("kind", ("类别", "工作类别", "kind"), required=True),
    Column("title", ("工作事项", "事项", "标题", "title"), required=True),
    Column("content", ("工作内容", "内容", "content")),
    Column("result", ("完成情况", "成效", "结果", "result")),
    Column("people", ("参与人数", "人数", "people")),
    Column("community", ("社区", "社区编码", "community")),
    Column("unit", ("责任单位", "unit")),
    Column("campaign", ("专项整治编号", "campaign")),
    Column("note", ("备注", "note")),
    Column("version", ("版本", "version")),
)
HEAD_WITHIN = 15
FIELDS = tuple(EntryFields.model_fields)
_SAID = (*service.PLAIN, *service.REFERENCES)


def as_workbook(
    rows: list[dict[str, Any]], settings: Settings, *, scope: str, period: str
) -> bytes:
    """Entries (rows of ``list_entries``) in the form. Raises ConfigurationError for one without
    the columns that bring it back."""
    book = load_workbook(io.BytesIO(_template(settings)))
    sheet = book.worksheets[0]
    head, places = _head(sheet)
    for line in sheet.iter_rows(max_row=head):
        for cell in line:
            words = cell.value
            if isinstance(words, str) and ("{scope}" in words or "{period}" in words):
                # what was asked for stands there: text, whatever it is
                cell.value = for_book(words.replace("{scope}", scope).replace("{period}", period))
                cell.data_type = "s"
    looks = [copy(cell._style) for cell in sheet[head + 1]]
    height = sheet.row_dimensions[head + 1].height
    for number, row in enumerate(rows, start=head + 1):
        told = {
            **row, "kind": service.kinds()[row["kind"]][0],
            "community": row["community_name"] or row["community"],
            "unit": row["unit_name"] or row["unit"],
        }  # fmt: skip
        for column, look in enumerate(looks, start=1):
            sheet.cell(number, column)._style = copy(look)
        sheet.row_dimensions[number].height = height
        for name, column in places.items():
            cell = sheet.cell(number, column)
            value = told[name] if told[name] != "" else None
            cell.value = for_book(value) if isinstance(value, str) else value
            # text that looks like a formula stays text
            if cell.data_type == "f":
                cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _template(settings: Settings) -> bytes:
    path = settings.ledger_template
    if path is None:
        source = resources.files("gis_service.ledger").joinpath("data", "ledger.xlsx")
        return source.read_bytes()
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise ConfigurationError(f"GIS_LEDGER_TEMPLATE: {problem}") from None


def _head(sheet: Any) -> tuple[int, dict[str, int]]:
    """The row of headings and our columns' numbers."""
    known = {narrow(word): one.name for one in COLUMNS for word in one.headings}
    for number, line in enumerate(sheet.iter_rows(max_row=HEAD_WITHIN), start=1):
        places = {
            known[narrow(str(cell.value))]: cell.column
            for cell in line
            if cell.value is not None and narrow(str(cell.value)) in known
        }
        if {"code", "day", "kind", "title", "version"} <= set(places):
            return number, places
    raise ConfigurationError(
        "the ledger's form lacks a row with the headings code, day, kind, title and version",
        "台账模板缺少表头行：须含编号、日期、类别、工作事项、版本",
    )


def load_sheet(
    session: Session, identity: Identity, data: bytes, name: str, *, locale: str, dry_run: bool
) -> dict[str, Any]:
    """Bring a sheet in, as a whole or, where a row has a fault, not at all. A row with a code
    changes that entry, one without is new unless there is one that says just the same; columns
    that the sheet lacks stay as they are. Answers ``read, added, changed, already, changes, faults,
    notes, applied, unknown_columns``: each change names row, entry, field and both values."""
    sheet = read_sheet(data, name, COLUMNS)
    scope = scope_of(session, identity)
    known = _Known(session)
    rows = {
        row.code: row
        for row in session.scalars(
            select(LedgerEntry).where(
                LedgerEntry.code.in_([row.code("code") for row in sheet.rows])
            ).with_for_update()
        )
    }  # fmt: skip
    told = queries.entries_of(session, list(rows))
    changes: list[dict[str, Any]] = []
    read: list[tuple[Row, LedgerEntry | None, dict[str, Any]]] = []
    writes: list[tuple[LedgerEntry | None, dict[str, Any]]] = []
    seen: dict[str, int] = {}
    for row in sheet.rows:
        found = _read_row(sheet, row, known, rows, told, scope, seen)
        if found is not None:
            read.append((row, *found))
    there = _there(session, {values["day"] for _, entry, values in read if entry is None})
    new: dict[tuple[Any, ...], int] = {}
    for row, entry, values in read:
        if entry is None:
            said = tuple(values[name] for name in _SAID)
            if said in there:  # the same sheet again, say
                continue
            first = new.setdefault(said, row.number)
            if first != row.number:
                row.fault("title", f"row {first} says the same", f"与第 {first} 行内容相同")
                continue
        writes.append((entry, values))
        changes += _changes(row, entry, values, known) if entry is not None else []
    changed = {one["code"] for one in changes}
    added = [values for entry, values in writes if entry is None]
    apply = not sheet.faults and not dry_run
    if apply:
        codes = iter(service.new_codes(session, [values["day"] for values in added]))
        for entry, values in writes:
            service.write(session, entry or LedgerEntry(code=next(codes)), values, identity.name)
        if added or changed:
            publish(session, "ledger")
    return {
        "read": len(sheet.rows), "added": len(added), "changed": len(changed),
        "already": len(read) - len(added) - len(changed), "changes": changes,
        "faults": sheet.told(locale), "faults_in_all": len(sheet.faults),
        "notes": [note.told(locale) for note in sheet.notes[:50]], "applied": apply,
        "unknown_columns": sheet.unknown,
    }  # fmt: skip


class _Known:
    """What words and codes in a sheet stand for, and back."""

    def __init__(self, session: Session) -> None:
        names = service.kinds()
        self.kind = {word: code for code, both in names.items() for word in (code, *both)}
        self.words: dict[str, dict[str, str]] = {}
        self.ids: dict[str, dict[str, int]] = {}
        for name, query in (
            ("community", "SELECT area_id AS id, code, name FROM community WHERE valid_to IS NULL"),
            ("unit", "SELECT id, code, name FROM unit"),
            ("campaign", "SELECT id, code, name FROM campaign"),
        ):
            rows = session.execute(text(query)).all()
            self.words[name] = known_names([(row.code, row.name) for row in rows])
            self.ids[name] = {row.code: row.id for row in rows}

    def told(self, field: str, value: Any) -> Any:
        if field.endswith("_id") and value is not None:
            ids = self.ids[field.removesuffix("_id")]
            return next((code for code, number in ids.items() if number == value), value)
        return value.isoformat() if isinstance(value, date) else value


def _changes(
    row: Row, entry: LedgerEntry, values: dict[str, Any], known: _Known
) -> list[dict[str, Any]]:
    return [
        {"row": row.number, "code": entry.code, "field": field.removesuffix("_id"),
         "before": known.told(field, getattr(entry, field)), "after": known.told(field, value)}
        for field, value in values.items() if getattr(entry, field) != value
    ]  # fmt: skip


def _there(session: Session, days: set[date]) -> set[tuple[Any, ...]]:
    """What the entries of ``days`` say."""
    entries = session.scalars(select(LedgerEntry).where(LedgerEntry.day.in_(days)))
    return {tuple(getattr(one, name) for name in _SAID) for one in entries}


def _read_row(
    sheet: Sheet, row: Row, known: _Known, rows: dict[str, LedgerEntry],
    told: dict[str, dict[str, Any]], scope: Scope, seen: dict[str, int],
) -> tuple[LedgerEntry | None, dict[str, Any]] | None:  # fmt: skip
    """The entry that a row means (None: a new one) and its values; None where it has a fault."""
    faults = len(sheet.faults)
    code = row.code("code")
    entry = rows.get(code)
    if code and entry is None:
        row.fault("code", f"there is no entry {code!r}; leave it empty for a new one",
                  f"没有编号为“{code}”的记录；新增请留空")  # fmt: skip
    if code and code in seen:
        row.fault("code", f"row {seen[code]} has the same", f"与第 {seen[code]} 行重复")
    seen.setdefault(code, row.number)
    version = row.count("version")
    if entry is not None and version != entry.version:
        row.fault(
            "version",
            f"entry {code} is at version {entry.version} (changed by {entry.changed_by}); "
            "export it again",
            f"记录 {code} 已是第 {entry.version} 版（{entry.changed_by} 修改），请重新导出",
        )
    given: dict[str, Any] = {}
    ids = dict(known.ids)
    for name in FIELDS:
        if name not in sheet.columns:
            continue
        if name == "day":
            given[name] = row.day(name)
        elif name == "people":
            given[name] = row.count(name)
        elif name == "kind":
            given[name] = row.choice(name, known.kind)
        elif name in known.words:
            words = known.words[name]
            old = told[code][name] if entry is not None else None
            if old is not None:
                # what was exported means the same again: its name may be another's, too, and the
                # community be in force no more
                words = {**words, old: old, told[code][f"{name}_name"]: old}
                ids[name] = {**ids[name], old: getattr(entry, f"{name}_id")}
            given[name] = row.choice(name, words)
        else:
            given[name] = row.text(name)
    if len(sheet.faults) > faults:
        return None
    try:
        EntryFields(**given)
    except ValidationError as problem:
        first = problem.errors()[0]
        row.fault(str(first["loc"][-1]), first["msg"], first["msg"])
        return None
    except DomainError as problem:
        row.fault(problem.where, problem.text("en"), problem.text("zh"))
        return None
    values = {
        (f"{name}_id" if name in known.words else name): (
            ids[name].get(value) if name in known.words else value
        )
        for name, value in given.items()
    }
    places = [values.get("community_id")] if entry is None else [
        entry.community_id, values.get("community_id", entry.community_id)]  # fmt: skip
    if not all(scope.sees(one) for one in places):
        row.fault("community", "not within your communities", "不在您负责的社区内")
        return None
    if entry is None:
        empty = dict.fromkeys(("content", "result", "note"), "")
        values = {**empty, **dict.fromkeys(("people", *service.REFERENCES)), **values}
    return entry, values
