"""双报到 from sheets and as ones: party branches, and the members of the roster. What was exported,
edited and brought back shows the edits.

Names are personal data: an export without them leaves their cells empty, an empty cell changes no
name, and who may read names is told which of those in a sheet are other ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities import queries
from gis_service.communities.party import write_branch, write_member
from gis_service.communities.people import read_people
from gis_service.communities.schemas import NewBranch, NewMember
from gis_service.communities.scope import scope_of
from gis_service.communities.sheet_taking import (
    Written,
    community_said,
    keep,
    known_communities,
    known_rows,
    once,
    take_in,
)
from gis_service.settings import Settings
from gis_service.sheet_reading import Column, Row, read_sheet, table_of

_REGISTERED = (
    Column("community", ("报到社区", "社区", "社区编码", "community_code")),
    Column("registered_on", ("报到日期", "registered_on")),
    Column("active", ("在册", "active")),
)
BRANCHES = (
    Column("code", ("支部编号", "编号", "code"), required=True),
    Column("name", ("党支部", "支部名称", "名称", "name"), required=True),
    Column("unit", ("所属单位", "单位", "unit")),
    *_REGISTERED,
)
MEMBERS = (
    Column("code", ("党员编号", "编号", "code"), required=True),
    Column("name", ("姓名", "name")),
    Column("branch", ("党支部", "支部编号", "支部", "branch"), required=True),
    *_REGISTERED,
)


def branch_lines(rows: Iterable[Mapping[str, Any]], locale: str) -> Any:
    """Headings and lines of ``queries.list_branches`` rows, as :func:`load_branches` reads them."""
    shown = [{**row, "unit": row["unit_code"], **_registered(row, locale)} for row in rows]
    return table_of(BRANCHES, shown, locale)


def member_lines(
    rows: Iterable[Mapping[str, Any]], locale: str, names: Mapping[str, str | None] | None = None
) -> Any:
    """Headings and lines of ``queries.list_members`` rows, as :func:`load_members` reads them;
    with ``names`` by number where they were read."""
    shown = [
        {**row, "name": (names or {}).get(row["code"]), "branch": row["branch_code"],
         **_registered(row, locale)}
        for row in rows
    ]  # fmt: skip
    return table_of(MEMBERS, shown, locale)


def _registered(row: Mapping[str, Any], locale: str) -> dict[str, Any]:
    yes, no = ("是", "否") if locale == "zh" else ("yes", "no")
    return {"community": row["community_code"], "active": yes if row["active"] else no}


def load_branches(
    session: Session, settings: Settings, identity: Identity, data: bytes, file_name: str,
    *, locale: str = "zh", dry_run: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Read a sheet of branches and take it in, as :func:`take_in` does. What the sheet has no
    column for stays."""
    sheet = read_sheet(data, file_name, BRANCHES)
    communities = known_communities(session)
    units = known_rows(session, "unit")
    there = {row["code"]: row for row in queries.list_branches(session)}
    seen: dict[str, int] = {}

    def write(row: Row) -> Written:
        faults = len(sheet.faults)
        code = row.code("code")
        once(row, "code", code, seen)
        old = there.get(code)
        before = {} if old is None else _before(old, name=old["name"], unit=old["unit_code"])
        said = {**before, "code": code, "name": row.text("name", 200)}
        if "unit" in sheet.columns:
            said["unit"] = row.choice("unit", units)
        _registration(row, said, before, communities)
        return keep(
            row, NewBranch, said, faults, before,
            lambda fields: write_branch(session, settings, identity, code, fields),
        )  # fmt: skip

    return take_in(session, sheet, write, locale=locale, dry_run=dry_run)


def load_members(
    session: Session, settings: Settings, identity: Identity, data: bytes, file_name: str,
    *, address: str, locale: str = "zh", dry_run: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Read a sheet of members and take it in, as :func:`take_in` does. What the sheet has no
    column for stays. To compare names is to read them: that writes the audit log (``address`` is
    where the request came from), and the caller commits it with faults as well."""
    sheet = read_sheet(data, file_name, MEMBERS)
    communities = known_communities(session)
    branches = known_rows(session, "party_branch")
    there = {row["code"]: row for row in queries.list_members(session, None, limit=10**6)}
    scope = scope_of(session, identity)
    named = {row.code("code") for row in sheet.rows if row.has("name")} & set(there)
    kept = {code: there[code]["person_id"] for code in sorted(named)
            if scope.sees(there[code]["community_id"])}  # fmt: skip
    names: dict[str, str | None] = {}
    if kept and identity.may("personal.read"):
        people = read_people(session, identity, list(kept.values()), "members sheet", address)
        names = {code: who.get("name") for code, who in zip(kept, people, strict=True)}
    seen: dict[str, int] = {}

    def write(row: Row) -> Written:
        faults = len(sheet.faults)
        code = row.code("code")
        once(row, "code", code, seen)
        old = there.get(code)
        before = {} if old is None else _before(old, branch=old["branch_code"])
        name = row.text("name", 200) or None
        said = {
            **before, "code": code, "branch": row.choice("branch", branches),
            "name": None if old and name == names.get(code) else name,
        }  # fmt: skip
        _registration(row, said, before, communities)
        return keep(
            row, NewMember, said, faults, before,
            lambda fields: write_member(session, settings, identity, code, fields),
        )  # fmt: skip

    return take_in(session, sheet, write, locale=locale, dry_run=dry_run)


def _before(old: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A branch or member as a request would say it."""
    names = ("code", "registered_on", "active")
    return {**{name: old[name] for name in names}, "community": old["community_code"], **more}


def _registration(
    row: Row, said: dict[str, Any], before: Mapping[str, Any], communities: Mapping[str, str]
) -> None:
    """Community, day and whether still on the roster, where the sheet has their columns."""
    here = row.sheet.columns
    if "community" in here:
        said["community"] = community_said(row, communities, before.get("community"))
    if "registered_on" in here:
        said["registered_on"] = row.day("registered_on")
    same = before and said.get("community") == before["community"]
    if not said.get("community"):
        if "registered_on" in here and row.has("registered_on"):
            row.fault("registered_on", "a day, but no community", "有报到日期而无报到社区")
        said["registered_on"] = None
    elif same and said.get("registered_on") is None:
        said["registered_on"] = before["registered_on"]
    elif not same and before and said.get("registered_on") == before["registered_on"]:
        said["registered_on"] = None  # of the community before: this one since today
    if "active" in here and row.has("active"):
        said["active"] = row.flag("active")
