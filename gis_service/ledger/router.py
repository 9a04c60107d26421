"""HTTP: the ledger on screen, to and from the bureau's form."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, File, Path, Query, Request, Response, UploadFile
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.communities.scope import scope_of
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput
from gis_service.ledger import queries, service, sheet
from gis_service.ledger.queries import LedgerFilter
from gis_service.ledger.schemas import EntryChange, EntryFields, EntryPage, EntryRow, LogPage
from gis_service.sheet_reading import MOST_BYTES

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter(
    prefix="/api", tags=["ledger"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("ledger.read"))
Writes = Depends(allow("ledger.write"))
EntryCode = Annotated[str, Path(max_length=50)]
Text = Annotated[str | None, Query(max_length=100)]
Day = Annotated[date | None, Query()]


async def asked(
    session: SessionDependency, identity: SignedIn, community: Text = None, unit: Text = None,
    campaign: Text = None, kind: Text = None,
    from_: Annotated[date | None, Query(alias="from")] = None, to: Day = None,
) -> LedgerFilter:  # fmt: skip
    """The filter of a request, in the asker's part of the district."""
    if from_ and to and from_ >= to:
        raise InvalidInput("'from' must lie before 'to'", "from 须早于 to", where="from")
    scope = await session.run_sync(scope_of, identity)
    return LedgerFilter(community, unit, campaign, kind, from_, to, scope.ids)


Asked = Annotated[LedgerFilter, Depends(asked)]


@router.get("/ledger", response_model=EntryPage, dependencies=[Reads])
async def entries(
    session: SessionDependency, wanted: Asked, limit: Limit = 200,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:  # fmt: skip
    """Entries by day and code."""
    after = None
    if cursor is not None:
        day, _, code = cursor.partition("~")
        try:
            after = (date.fromisoformat(day), code)
        except ValueError:
            raise InvalidInput("no cursor of this list", "游标无效", where="cursor") from None
    rows = await session.run_sync(
        lambda sync: queries.list_entries(sync, wanted, after=after, limit=limit + 1)
    )
    last = rows[limit - 1] if len(rows) > limit else None
    return {"items": rows[:limit], "next": f"{last['day']}~{last['code']}" if last else None}


@router.get("/ledger/kinds", dependencies=[Reads])
async def kinds() -> dict[str, Any]:
    """The kinds of entries."""
    items = [{"code": code, "name": zh, "name_en": en} for code, (zh, en) in
             service.kinds().items()]  # fmt: skip
    return {"items": items, "next": None}


@router.get("/ledger/export", dependencies=[Reads])
async def export(
    session: SessionDependency, settings: SettingsDependency, wanted: Asked,
    locale: LocaleDependency,
) -> Response:  # fmt: skip
    """The entries in the bureau's form (XLSX)."""
    rows = await session.run_sync(queries.list_entries, wanted)
    whole = "全区" if locale == "zh" else "whole district"
    scope = "、".join(filter(None, [wanted.community, wanted.unit, wanted.campaign])) or whole
    last = wanted.until - timedelta(days=1) if wanted.until else ""
    period = f"{wanted.since or ''} – {last}" if wanted.since or wanted.until else "—"
    data = await asyncio.to_thread(sheet.as_workbook, rows, settings, scope=scope, period=period)
    return Response(
        data, media_type=XLSX, headers={"Content-Disposition": 'attachment; filename="ledger.xlsx"'}
    )


@router.post("/ledger/import", dependencies=[Writes])
async def import_sheet(
    request: Request, session: SessionDependency, identity: SignedIn, locale: LocaleDependency,
    file: Annotated[UploadFile, File(description="XLSX or CSV")],
    dry_run: Annotated[bool, Query(description="check only")] = False,
) -> Response:  # fmt: skip
    """Bring the form in again, as a whole or, where a row has a fault, not at all: 400 with every
    fault and its cell. The answer lists every edit."""
    data = await file.read(MOST_BYTES + 1)
    name = (file.filename or "sheet").replace("\x00", "")[:200]

    def work(sync: Session) -> dict[str, Any]:
        return sheet.load_sheet(sync, identity, data, name, locale=locale, dry_run=dry_run)

    found = await session.run_sync(work)
    if found["applied"]:
        await session.commit()
    if not found["faults"]:
        return Response(orjson.dumps(found), media_type="application/json")
    zh = locale == "zh"
    count = found["faults_in_all"]
    problem = {
        "type": "about:blank", "status": 400, "title": "请求无效" if zh else "invalid request",
        "detail": f"{name}：{count} 处错误，未导入任何行" if zh
        else f"{name}: {count} faults, nothing was imported",
        **found,
    }  # fmt: skip
    return Response(orjson.dumps(problem), 400, media_type="application/problem+json")


@router.post("/ledger/collect", dependencies=[Writes])
async def collect(
    session: SessionDependency, settings: SettingsDependency, identity: SignedIn,
    from_: Annotated[date, Query(alias="from")], to: Annotated[date, Query()],
) -> dict[str, Any]:  # fmt: skip
    """Take in what activities, meetings, campaigns, rectifications, answered opinions, closed
    orders and whole months of patrols hold of ``[from, to)`` and the ledger has not taken yet."""
    added = await session.run_sync(service.collect, settings, identity, from_, to)
    await session.commit()
    return {"added": added}


@router.post("/ledger", response_model=EntryRow, status_code=201, dependencies=[Writes])
async def add(
    fields: EntryFields, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Write an entry."""

    def write(sync: Session) -> dict[str, Any]:
        return queries.get_entry(sync, service.add_entry(sync, identity, fields))

    row = await session.run_sync(write)
    await session.commit()
    return row


@router.put("/ledger/{entry}", response_model=EntryRow, dependencies=[Writes])
async def change(
    entry: EntryCode, fields: EntryChange, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Change an entry; what it was stays on record."""

    def write(sync: Session) -> dict[str, Any]:
        values = EntryFields(**fields.model_dump(exclude={"version"}))
        service.change_entry(sync, identity, entry, values, fields.version)
        return queries.get_entry(sync, entry)

    row = await session.run_sync(write)
    await session.commit()
    return row


@router.get("/ledger/{entry}/log", response_model=LogPage, dependencies=[Reads])
async def log(entry: EntryCode, session: SessionDependency, identity: SignedIn) -> dict[str, Any]:
    """What was changed of an entry, by whom."""

    def read(sync: Session) -> list[dict[str, Any]]:
        found = queries.get_entry(sync, entry)
        place = sync.scalar(service.select(service.LedgerEntry.community_id).where(
            service.LedgerEntry.code == entry))  # fmt: skip
        service.check_may(sync, identity, place)
        return queries.log_of(sync, found["id"])

    return {"items": await session.run_sync(read), "next": None}
