"""Writing the ledger: by hand, and from the district's other records."""

from __future__ import annotations

import csv
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.changes import today_of
from gis_service.communities.scope import scope_of
from gis_service.errors import Conflict, Forbidden, InvalidInput
from gis_service.events.feed import publish
from gis_service.ledger import queries
from gis_service.ledger.collecting import new_records
from gis_service.ledger.models import LedgerEntry, LedgerLog
from gis_service.ledger.schemas import EntryFields
from gis_service.settings import Settings

PLAIN = ("day", "kind", "title", "content", "result", "people", "note")
REFERENCES = ("community_id", "unit_id", "campaign_id")


@lru_cache
def kinds() -> dict[str, tuple[str, str]]:
    """code → (Chinese, English name) of the kinds of entries."""
    source = resources.files("gis_service.ledger").joinpath("data", "kinds.csv")
    rows = csv.DictReader(source.read_text("utf-8").splitlines())
    return {row["code"]: (row["name"], row["name_en"]) for row in rows}


def values_of(session: Session, fields: EntryFields) -> dict[str, Any]:
    """An entry's columns. Raises InvalidInput naming the field that is wrong."""
    if fields.kind not in kinds():
        raise InvalidInput(f"no kind {fields.kind!r}; one of {', '.join(kinds())}",
                           f"没有类别 {fields.kind!r}", where="kind")  # fmt: skip
    out: dict[str, Any] = {name: getattr(fields, name) for name in PLAIN}
    for name, query in (
        ("community", "SELECT area_id FROM community WHERE code = :code AND valid_to IS NULL"),
        ("unit", "SELECT id FROM unit WHERE code = :code"),
        ("campaign", "SELECT id FROM campaign WHERE code = :code"),
    ):
        code = getattr(fields, name)
        out[f"{name}_id"] = session.scalar(text(query), {"code": code}) if code else None
        if code and out[f"{name}_id"] is None:
            raise InvalidInput(f"no {name} {code!r}", f"没有编码 {code!r}", where=name)
    return out


def check_may(session: Session, identity: Identity, *communities: int | None) -> None:
    """Raise Forbidden unless the account works in all of the communities."""
    scope = scope_of(session, identity)
    if not all(scope.sees(one) for one in communities):
        raise Forbidden("not within your communities", "不在您负责的社区内", where="community")


def add_entry(session: Session, identity: Identity, fields: EntryFields) -> str:
    """Write an entry; its code."""
    values = values_of(session, fields)
    check_may(session, identity, values["community_id"])
    code = new_codes(session, [values["day"]])[0]
    write(session, LedgerEntry(code=code), values, identity.name)
    publish(session, "ledger")
    return code


def change_entry(
    session: Session, identity: Identity, code: str, fields: EntryFields, seen: int
) -> None:
    """Change an entry. Raises NotFound, Conflict where it was changed since, Forbidden."""
    values = values_of(session, fields)
    queries.get_entry(session, code)
    row = session.scalars(
        select(LedgerEntry).where(LedgerEntry.code == code).with_for_update()
    ).one()
    check_may(session, identity, row.community_id, values["community_id"])
    if row.version != seen:
        raise Conflict(
            f"entry {code} is at version {row.version}, you changed {seen}",
            f"台账记录 {code} 已是第 {row.version} 版，您修改的是第 {seen} 版", where="version",
        )  # fmt: skip
    if write(session, row, values, identity.name):
        publish(session, "ledger")


def write(session: Session, row: LedgerEntry, values: dict[str, Any], actor: str) -> bool:
    """Give an entry its values and note what they were; whether any differs."""
    new = row.id is None
    before = {} if new else {name: getattr(row, name) for name in (*PLAIN, *REFERENCES)}
    changes = {name: value for name, value in values.items() if new or before[name] != value}
    if not changes:
        return False
    for name, value in values.items():
        setattr(row, name, value)
    row.changed_by, row.changed_at = actor, func.now()
    if not new:
        row.version += 1
    session.add(row)
    session.flush()
    session.add(
        LedgerLog(
            entry_id=row.id, actor=actor, action="add" if new else "change",
            changes={name: [_plain(before.get(name)), _plain(value)]
                     for name, value in changes.items()},
        )
    )  # fmt: skip
    session.flush()
    return True


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _take_turns(session: Session) -> None:
    """Whoever gives out codes or takes records in waits for who does so now."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('ledger'))"))


def new_codes(session: Session, days: list[date]) -> list[str]:
    """Codes of new entries, the month and a running number: ``TZ202610-0007``."""
    _take_turns(session)
    last: dict[str, int] = {}
    out = []
    for day in days:
        prefix = f"TZ{day:%Y%m}-"
        if prefix not in last:
            found = session.scalar(
                text("SELECT max(code) FROM ledger_entry WHERE starts_with(code, :prefix)"),
                {"prefix": prefix},
            )
            last[prefix] = int(found.rpartition("-")[2]) if found else 0
        last[prefix] += 1
        out.append(f"{prefix}{last[prefix]:05d}")
    return out


def collect(
    session: Session, settings: Settings, identity: Identity | None, since: date, until: date
) -> int:
    """Take into the ledger what other records hold of ``[since, until)`` and it has not taken yet;
    the number of new entries. What people made of an entry is left alone. ``identity`` None: the
    system itself, for the whole district."""
    if since >= until:
        raise InvalidInput("'from' must lie before 'to'", "from 须早于 to", where="from")
    own = scope_of(session, identity).ids if identity else None
    # before anything is read: what somebody takes in at the same time is not taken twice
    _take_turns(session)
    found = new_records(session, settings, since, until, today_of(settings), own)
    codes = new_codes(session, [row["day"] for row in found])
    actor = identity.name if identity else "system"
    for code, row in zip(codes, found, strict=True):
        values = {name: row[name] for name in (*PLAIN, *REFERENCES) if name != "note"}
        write(session, LedgerEntry(code=code, source=row["source"]), {**values, "note": ""}, actor)
    if found:
        publish(session, "ledger")
    return len(found)
