"""双报到: party branches and serving members on the roster, and the community each registered
with. Names are sealed; numbers, registrations and activities are not personal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities import queries
from gis_service.communities.changes import note, today_of
from gis_service.communities.models import CommunityPerson, PartyBranch, PartyMember
from gis_service.communities.people import keep_person, read_people
from gis_service.communities.schemas import BranchFields, MemberFields
from gis_service.communities.scope import find_id, named, own_community, scope_of
from gis_service.errors import Forbidden, InvalidInput
from gis_service.settings import Settings


def write_branch(
    session: Session, settings: Settings, identity: Identity, code: str, body: BranchFields
) -> None:
    """Add or change a branch. The caller commits. Raises InvalidInput, Forbidden."""
    row = session.scalar(select(PartyBranch).where(PartyBranch.code == code).with_for_update())
    row = row or PartyBranch(code=code)
    before = row.community_id
    row.community_id = _community(session, identity, body.community, before)
    row.name, row.active = body.name, body.active
    row.unit_id = find_id(session, "unit", body.unit, "unit")
    row.registered_on = _since(body.registered_on, row, before, settings)
    session.add(row)
    session.flush()
    note(session, identity.name, "branch", code, "change", row.community_id)


def write_member(
    session: Session, settings: Settings, identity: Identity, code: str, body: MemberFields
) -> None:
    """Add or change a member. The caller commits. Raises InvalidInput, Forbidden."""
    row = session.scalar(select(PartyMember).where(PartyMember.code == code).with_for_update())
    branch = session.scalar(select(PartyBranch.id).where(PartyBranch.code == body.branch))
    if branch is None:
        raise InvalidInput(f"no branch {body.branch!r}", f"没有党支部 {body.branch!r}",
                           where="branch")  # fmt: skip
    row = row or PartyMember(code=code)
    before = row.community_id
    row.community_id = _community(session, identity, body.community, before)
    row.branch_id, row.active = branch, body.active
    row.registered_on = _since(body.registered_on, row, before, settings)
    if body.name:
        old, row.person_id = row.person_id, keep_person(session, "member", name=body.name)
        session.add(row)
        session.flush()
        gone = session.get(CommunityPerson, old) if old else None
        if gone:
            session.delete(gone)
    session.add(row)
    session.flush()
    note(session, identity.name, "member", code, "change", row.community_id)


def _community(
    session: Session, identity: Identity, code: str | None, before: int | None
) -> int | None:
    """The community to register with; both it and the one before are the account's."""
    if not scope_of(session, identity).sees(before) and before is not None:
        raise Forbidden("registered with a community outside your scope",
                        "已在您管辖范围外的社区报到")  # fmt: skip
    return own_community(session, identity, code, where="community").area_id if code else None


def _since(day: Any, row: Any, before: int | None, settings: Settings) -> Any:
    """The day of the registration: as said, else today where it is new."""
    if row.community_id is None:
        return None
    return day or (row.registered_on if row.community_id == before else today_of(settings))


def registration(
    session: Session,
    scope: list[int] | None,
    street: str | None = None,
    community: str | None = None,
) -> dict[str, Any]:
    """Branches and members with how many of the roster are registered: ``members`` are the active
    ones of the whole roster, ``registered`` those with any community, ``here`` those of the
    communities asked for; ``roster`` counts branches likewise."""
    branches = queries.list_branches(session)
    members = queries.list_members(session, scope, street=street, community=community)
    return {
        "branches": [present_branch(row) for row in branches],
        "roster": queries.roster(session),
        "items": [_member(row) for row in members],
        "members": sum(row["members"] for row in branches),
        "registered": sum(row["registered"] for row in branches),
        "here": sum(row["active"] and row["community_id"] is not None for row in members),
        "next": None,
    }


def present_branch(row: dict[str, Any]) -> dict[str, Any]:
    """A row of ``queries.list_branches`` as it is told."""
    out = dict(row)
    told = ("code", "name", "registered_on", "active", "members", "registered", "activities")
    return {
        **{name: row[name] for name in told}, "unit": named(out, "unit"),
        "community": named(out, "community"),
    }  # fmt: skip


def _member(row: dict[str, Any]) -> dict[str, Any]:
    out = dict(row)
    return {
        "code": row["code"], "branch": named(out, "branch"), "community": named(out, "community"),
        "street": named(out, "street"), "registered_on": row["registered_on"],
        "active": row["active"], "activities": row["activities"],
        "has_name": row["person_id"] is not None,
    }  # fmt: skip


def names_of(
    session: Session, identity: Identity, address: str, street: str | None, community: str | None
) -> tuple[queries.Rows, dict[str, str | None]]:
    """The members registered with a community, or with any in the account's scope, and their names
    by number; writes the audit log. The caller commits. Raises Forbidden outside the scope."""
    if community is not None:
        own_community(session, identity, community, where="community")
    scope = scope_of(session, identity).ids
    rows = queries.list_members(session, scope, street=street, community=community)
    people = read_people(
        session, identity, [row["person_id"] for row in rows],
        f"members {community or street or 'of the roster'}", address,
    )  # fmt: skip
    return rows, {row["code"]: who.get("name") for row, who in zip(rows, people, strict=True)}
