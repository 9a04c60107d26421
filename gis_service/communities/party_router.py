"""HTTP: 双报到: party branches and members registered with communities, and sheets of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.router import address_of
from gis_service.communities import party, party_sheet, queries
from gis_service.communities.asking import (
    MOST_EXPORTED,
    AskedPlaces,
    AskedSheet,
    AskedSpan,
    Format,
    json_of,
    sheet_file,
    whole,
)
from gis_service.communities.schemas import BranchFields, MemberFields
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)

router = APIRouter(prefix="/api", tags=["communities"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("community.read"))
Party = Depends(allow("party.manage"))
Names = Depends(allow("personal.read"))
CodePath = Annotated[str, Path(max_length=64, pattern=r"^[^/\s]+$")]
FORMAT = Query(alias="format")
MEMBERS, BRANCHES = ("报到党员", "members"), ("党支部", "branches")


@router.get("/party-members", dependencies=[Reads, Strict])
async def list_members(
    session: SessionDependency,
    places: AskedPlaces,
    locale: LocaleDependency,
    format_: Annotated[Format, FORMAT] = "json",
) -> Response:
    """双报到: branches, and members by number with the community each registered with, against the
    full roster; the csv and xlsx are what ``/api/party-members/import`` reads, without names."""
    if format_ == "json":
        return json_of(
            await session.run_sync(
                party.registration, places.scope.ids, places.street, places.community
            )
        )

    def read(sync: Session) -> list[dict[str, Any]]:
        return queries.list_members(
            sync, places.scope.ids, street=places.street, community=places.community,
            limit=MOST_EXPORTED + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    table = party_sheet.member_lines(whole(rows), locale)
    return sheet_file(format_, "members", MEMBERS, table, locale)


@router.get("/party-members/names", dependencies=[Names, Strict])
async def member_names(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    places: AskedPlaces,
    locale: LocaleDependency,
    format_: Annotated[Literal["json", "csv", "xlsx"], FORMAT] = "json",
) -> Response:
    """Names of the members registered with a community, or of all in the asker's scope; the csv
    and xlsx are the sheet of ``/api/party-members`` with them. The read is logged."""
    rows, names = await session.run_sync(
        party.names_of, identity, address_of(request), places.street, places.community
    )
    await session.commit()
    if format_ != "json":
        table = party_sheet.member_lines(whole(rows), locale, names)
        return sheet_file(format_, "members", MEMBERS, table, locale)
    items = [{"code": code, "name": name} for code, name in names.items()]
    return json_of({"items": items, "next": None})


@router.post("/party-members/import", dependencies=[Party, Strict])
async def import_members(sheet: AskedSheet) -> Response:
    """Take a sheet of members in, as a whole or, where a row has a fault, not at all: 400 with
    every fault and its cell. An empty name changes none."""
    return await sheet.taken_by(party_sheet.load_members, address=address_of(sheet.request))


@router.put("/party-members/{code}", status_code=204, dependencies=[Party, Strict])
async def write_member(
    code: CodePath,
    body: MemberFields,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Add a party member to the roster, or change: where somebody registered."""
    await session.run_sync(party.write_member, settings, identity, code, body)
    await session.commit()
    return Response(status_code=204)


@router.get("/party-branches", dependencies=[Reads, Strict])
async def list_branches(
    session: SessionDependency,
    locale: LocaleDependency,
    span: AskedSpan,
    registered: Annotated[
        bool | None, Query(description="of the active ones those with a community, or without")
    ] = None,
    format_: Annotated[Format, FORMAT] = "json",
) -> Response:
    """Party branches of the whole roster, each with the activities held in ``[from, to)`` that its
    members took part in; the csv and xlsx are what ``/api/party-branches/import`` reads."""

    def read(sync: Session) -> tuple[queries.Rows, dict[str, int]]:
        rows = queries.list_branches(sync, span.since, span.until, registered=registered)
        return rows, queries.roster(sync)

    rows, roster = await session.run_sync(read)
    if format_ == "json":
        items = [party.present_branch(row) for row in rows]
        return json_of({"items": items, "next": None, "roster": roster})
    return sheet_file(format_, "branches", BRANCHES, party_sheet.branch_lines(rows, locale), locale)


@router.post("/party-branches/import", dependencies=[Party, Strict])
async def import_branches(sheet: AskedSheet) -> Response:
    """Take a sheet of branches in, as a whole or, where a row has a fault, not at all: 400 with
    every fault and its cell."""
    return await sheet.taken_by(party_sheet.load_branches)


@router.put("/party-branches/{code}", status_code=204, dependencies=[Party, Strict])
async def write_branch(
    code: CodePath,
    body: BranchFields,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Add a party branch, or change it: where it registered."""
    await session.run_sync(party.write_branch, settings, identity, code, body)
    await session.commit()
    return Response(status_code=204)
