"""HTTP: patrol contracts, officers, and who stands in for whom."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import FileResponse
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.identity import Identity
from gis_service.accounts.models import Account
from gis_service.attachments.models import Attachment
from gis_service.attachments.storing import file_of
from gis_service.dependencies import (
    Limit,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.reference.models import Squad
from gis_service.responsibility import contract_queries, contracts
from gis_service.responsibility.contract_schemas import (
    AbsenceFields,
    AbsencePage,
    AbsenceRow,
    ContractChange,
    ContractPage,
    ContractRow,
    NewContract,
    OfficerFields,
    OfficerPage,
    OfficerRow,
    Promise,
    Redrawing,
    Redrawn,
)
from gis_service.responsibility.models import Officer, OfficerAbsence
from gis_service.responsibility.officer_accounts import OfficerAccounts
from gis_service.responsibility.queries import roster_scope
from gis_service.responsibility.redrawing import redraw
from gis_service.responsibility.within import check_grids, check_squad
from gis_service.settings import Settings

router = APIRouter(
    prefix="/api", tags=["contracts"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("contract.read"))
Manages = Depends(allow("contract.manage"))
ContractCode = Annotated[str, Path(max_length=50)]
OfficerCode = Annotated[str, Path(max_length=50)]
AbsenceId = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/contracts", response_model=ContractPage, dependencies=[Reads])
async def list_contracts(
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    squad: Annotated[str | None, Query(max_length=50, description="code")] = None,
    officer: Annotated[str | None, Query(max_length=50, description="code")] = None,
    grid: Annotated[str | None, Query(max_length=50, description="code")] = None,
    state: Annotated[
        Literal["in_force", "expiring", "expired", "future", "closed"] | None, Query()
    ] = None,
    limit: Limit = 200,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """The last version of every contract, by code, with what a boundary revision took from it."""
    after = None
    if cursor is not None:
        code, _, version = cursor.rpartition("~")
        if not version.isdecimal() or len(version) > 9:
            raise InvalidInput("no cursor of this list", "游标无效", where="cursor")
        after = (code, int(version))

    def read(sync: Session) -> list[dict[str, Any]]:
        return contract_queries.list_contracts(
            sync, roster_scope(sync, identity), _today(settings), squad=squad, officer=officer,
            grid=grid, state=state, after=after, limit=limit + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    last = rows[limit - 1] if len(rows) > limit else None
    return {"items": rows[:limit], "next": f"{last['code']}~{last['version']}" if last else None}


@router.get("/contracts/{contract}", response_model=ContractPage, dependencies=[Reads])
async def get_contract(
    contract: ContractCode,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> dict[str, Any]:
    """Every version of a contract, the latest first."""

    def read(sync: Session) -> list[dict[str, Any]]:
        scope = roster_scope(sync, identity)
        return contract_queries.versions_of(sync, scope, contract, _today(settings))

    return {"items": await session.run_sync(read), "next": None}


@router.get("/contracts/{contract}/scan", dependencies=[Reads])
async def get_scan(
    contract: ContractCode,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    version: Annotated[int, Query(ge=1, lt=2**31)],
) -> FileResponse:
    """The signed scan of a version."""

    def read(sync: Session) -> Attachment | None:
        scope = roster_scope(sync, identity)
        rows = contract_queries.versions_of(sync, scope, contract, _today(settings))
        number = next((row["attachment_id"] for row in rows if row["version"] == version), None)
        return sync.get(Attachment, number) if number else None

    found = await session.run_sync(read)
    if found is None:
        raise NotFound(
            f"no scan of version {version}", f"第 {version} 版没有扫描件", where="version"
        )
    return FileResponse(
        file_of(settings, found.sha256, "full"), media_type="image/jpeg",
        headers={"Cache-Control": "private, no-store"},
    )  # fmt: skip


@router.post("/contracts", response_model=ContractRow, status_code=201, dependencies=[Manages])
async def add_contract(
    fields: NewContract,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> dict[str, Any]:
    """Add a contract."""

    def write(sync: Session) -> dict[str, Any]:
        draft = _draft(sync, settings, identity, fields)
        contracts.add_contract(sync, fields.code, draft, identity.name)
        return contract_queries.versions_of(sync, None, fields.code, _today(settings))[0]

    row = await session.run_sync(write)
    await session.commit()
    return row


@router.post("/contracts/redraw", response_model=Redrawn, dependencies=[Manages])
async def redraw_contracts(
    body: Redrawing,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    dry_run: Annotated[bool, Query(description="check only")] = False,
) -> dict[str, Any]:
    """Give several contracts their grids anew, as new versions of all of them or of none."""
    codes = [one.contract for one in body.contracts]
    if len(set(codes)) < len(codes):
        raise InvalidInput("a contract stands twice", "同一责任书出现两次", where="contracts")

    def write(sync: Session) -> list[str]:
        for code in sorted(codes):
            _own(sync, settings, identity, code)
        names = contracts.read_names(sync, settings.grid_kind)
        grids = {one.contract: one.grids for one in body.contracts}
        check_grids(
            roster_scope(sync, identity), names,
            {contracts.grid_id(names, grid) for own in grids.values() for grid in own},
        )  # fmt: skip
        versions = {one.contract: one.version for one in body.contracts}
        return redraw(sync, names, grids, versions, body.valid_from, body.note, identity.name)

    changed = await session.run_sync(write)
    if dry_run:
        await session.rollback()
    else:
        await session.commit()
    return {
        "applied": not dry_run, "changed": changed, "unchanged": len(codes) - len(changed),
    }  # fmt: skip


@router.put("/contracts/{contract}", response_model=ContractRow, dependencies=[Manages])
async def change_contract(
    contract: ContractCode,
    fields: ContractChange,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> dict[str, Any]:
    """Add a version, which holds from its ``valid_from``: a hand-over, another promise."""

    def write(sync: Session) -> dict[str, Any]:
        _own(sync, settings, identity, contract)
        draft = _draft(sync, settings, identity, fields)
        contracts.add_version(sync, contract, draft, identity.name, fields.version)
        return contract_queries.versions_of(sync, None, contract, _today(settings))[0]

    row = await session.run_sync(write)
    await session.commit()
    return row


@router.delete("/contracts/{contract}", status_code=204, dependencies=[Manages])
async def withdraw_contract(
    contract: ContractCode,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    from_: Annotated[
        date | None, Query(alias="from", description="first day without it; today")
    ] = None,
) -> Response:
    """Withdraw a contract; its versions stay on record."""

    def write(sync: Session) -> None:
        _own(sync, settings, identity, contract)
        contracts.withdraw(sync, contract, from_ or _today(settings))

    await session.run_sync(write)
    await session.commit()
    return Response(status_code=204)


@router.get("/officers", response_model=OfficerPage, dependencies=[Reads])
async def list_officers(
    session: SessionDependency,
    identity: SignedIn,
    squad: Annotated[str | None, Query(max_length=50, description="code")] = None,
) -> dict[str, Any]:
    """Officers by code."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return contract_queries.list_officers(sync, roster_scope(sync, identity), squad)

    return {"items": await session.run_sync(read), "next": None}


@router.put("/officers/{officer}", response_model=OfficerRow, dependencies=[Manages])
async def put_officer(
    officer: OfficerCode, fields: OfficerFields, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Add an officer, or change the one of that code."""

    def write(sync: Session) -> str | None:
        scope = roster_scope(sync, identity)
        account_id = None
        if fields.account:
            account_id = OfficerAccounts(sync, [fields.account]).of(fields.account, officer)
        squad_id = sync.scalar(select(Squad.id).where(Squad.code == fields.squad, Squad.active))
        if fields.squad and squad_id is None:
            raise InvalidInput(f"no squad {fields.squad!r}", f"没有中队 {fields.squad!r}",
                               where="squad")  # fmt: skip
        row = sync.scalar(select(Officer).where(Officer.code == officer).with_for_update())
        if row is not None:
            check_squad(scope, row.squad_id)
        check_squad(scope, squad_id)
        if row is None:
            row = Officer(code=officer)
            sync.add(row)
        row.squad_id = squad_id
        if "account" in fields.model_fields_set:
            row.account_id = account_id
        for name, value in fields.model_dump(exclude={"squad", "account"}).items():
            setattr(row, name, value)
        sync.flush()
        publish(sync, "contracts")
        return sync.scalar(select(Account.name).where(Account.id == row.account_id))

    account = await session.run_sync(write)
    await session.commit()
    return {"code": officer, **fields.model_dump(), "account": account}


@router.get("/absences", response_model=AbsencePage, dependencies=[Reads])
async def list_absences(
    session: SessionDependency,
    identity: SignedIn,
    from_: Annotated[date | None, Query(alias="from", description="ending here or later")] = None,
) -> dict[str, Any]:
    """Who is away and who stands in."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return contract_queries.list_absences(sync, roster_scope(sync, identity), from_)

    return {"items": await session.run_sync(read), "next": None}


@router.post("/absences", response_model=AbsenceRow, status_code=201, dependencies=[Manages])
async def add_absence(
    fields: AbsenceFields, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Say that an officer is away."""

    def write(sync: Session) -> int:
        scope = roster_scope(sync, identity)
        who = _officer(sync, fields.officer, "officer")
        check_squad(scope, who.squad_id)
        stand_in = _officer(sync, fields.stand_in, "stand_in") if fields.stand_in else None
        if fields.to_day < fields.from_day:
            raise InvalidInput("ends before it begins", "结束早于开始", where="to_day")
        if stand_in is not None and stand_in.id == who.id:
            raise InvalidInput("nobody stands in for oneself", "不能由本人代岗", where="stand_in")
        row = OfficerAbsence(
            officer_id=who.id, from_day=fields.from_day, to_day=fields.to_day,
            stand_in_id=stand_in.id if stand_in else None, kind=fields.kind, note=fields.note,
        )  # fmt: skip
        sync.add(row)
        sync.flush()
        publish(sync, "contracts")
        return row.id

    added = await session.run_sync(write)
    await session.commit()
    return {"id": added, **fields.model_dump()}


@router.delete("/absences/{absence_id}", status_code=204, dependencies=[Manages])
async def delete_absence(
    absence_id: AbsenceId, session: SessionDependency, identity: SignedIn
) -> Response:
    """Take an absence away."""

    def write(sync: Session) -> None:
        row = sync.get(OfficerAbsence, absence_id)
        if row is None:
            raise NotFound(f"no absence {absence_id}", f"没有请假记录 {absence_id}")
        check_squad(roster_scope(sync, identity), sync.get_one(Officer, row.officer_id).squad_id)
        sync.execute(delete(OfficerAbsence).where(OfficerAbsence.id == absence_id))
        publish(sync, "contracts")

    await session.run_sync(write)
    await session.commit()
    return Response(status_code=204)


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.timezone)).date()


def _draft(
    session: Session, settings: Settings, identity: Identity, fields: Promise
) -> contracts.Draft:
    """A checked contract that lies in the account's part of the district. Raises Forbidden."""
    names = contracts.read_names(session, settings.grid_kind)
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.model_dump(exclude={"code", "version"}).items()
    }
    if fields.attachment_id and session.get(Attachment, fields.attachment_id) is None:
        raise InvalidInput("no such file", "没有该附件", where="attachment_id")
    draft = contracts.check_contract(names, contracts.ContractFields(**values))
    scope = roster_scope(session, identity)
    check_squad(scope, names.officers[fields.officer].squad_id)
    check_grids(scope, names, draft.grids)
    return draft


def _own(session: Session, settings: Settings, identity: Identity, code: str) -> None:
    """Raise NotFound or Forbidden unless the contract is one of the account's."""
    scope = roster_scope(session, identity)
    contract_queries.versions_of(session, scope, code, _today(settings))
    last = contracts.current_version(session, code)
    if last is not None:
        check_squad(scope, session.get_one(Officer, last.officer_id).squad_id)


def _officer(session: Session, code: str, where: str) -> Officer:
    found = session.scalar(select(Officer).where(Officer.code == code))
    if found is None:
        raise InvalidInput(f"no officer {code!r}", f"没有队员 {code!r}", where=where)
    return found
