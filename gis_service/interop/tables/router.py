"""HTTP: which tables a spreadsheet may fill, a form for each, and taking one in."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Request, Response

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.communities.asking import AskedSheet, sheet_file
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import Forbidden, NotFound
from gis_service.interop.tables.held import held_rows
from gis_service.interop.tables.registry import BY_NAME, TABLES, Loadable
from gis_service.interop.tables.taking import take_in

router = APIRouter(
    prefix="/api/tables", tags=["tables"], dependencies=[Depends(refuse_unknown_parameters)]
)
# each table says for itself who of these may fill it
Fills = [Depends(allow("contract.manage"))]


def _table(name: Annotated[str, Path(max_length=50)], identity: SignedIn) -> Loadable:
    if name not in BY_NAME:
        raise NotFound(f"no table {name!r}; there are {', '.join(BY_NAME)}",
                       f"没有表 {name!r}；现有：{'、'.join(BY_NAME)}")  # fmt: skip
    BY_NAME[name].allow(identity)
    return BY_NAME[name]


Asked = Annotated[Loadable, Depends(_table)]


@router.get("", dependencies=Fills)
async def list_tables(session: SessionDependency, identity: SignedIn) -> dict[str, Any]:
    """The tables that the account may fill, with how many rows each has now."""
    items = []
    for table in TABLES:
        try:
            table.allow(identity)
        except Forbidden:
            continue
        items.append({
            "name": table.name, "title": dict(zip(("zh", "en"), table.title, strict=True)),
            "what": dict(zip(("zh", "en"), table.what, strict=True)),
            "columns": [
                {"name": name, "heading": heading, "required": name in table.required}
                for name, heading in table.columns.items()
            ],
            "rows": (await session.execute(table.count)).scalar_one(),
            "downloadable": bool(table.rows),
        })  # fmt: skip
    return {"items": items, "next": None}


@router.get("/{name}/form.xlsx", dependencies=Fills)
async def form(table: Asked, locale: LocaleDependency) -> Response:
    """An empty workbook with the headings that are read: Chinese ones, or our names."""
    head = list(table.columns.values() if locale == "zh" else table.columns)
    return sheet_file("xlsx", table.name, table.title, (head, []), locale)


@router.get("/{name}/rows.xlsx", dependencies=Fills)
async def rows(
    table: Asked, session: SessionDependency, identity: SignedIn, settings: SettingsDependency,
    locale: LocaleDependency,
) -> Response:  # fmt: skip
    """What the table holds now, as the workbook that would load it: to change and take in again.
    404 for a table whose rows have no key to change them by."""
    if not table.rows:
        raise NotFound(f"{table.title[1]} are not changed by a sheet, only added to",
                       f"“{table.title[0]}”只能追加，不能整表下载修改")  # fmt: skip
    today = datetime.now(ZoneInfo(settings.timezone)).date()
    sheet = await session.run_sync(held_rows, table, identity, locale, today)
    return sheet_file("xlsx", table.name, table.title, sheet, locale)


@router.post("/{name}/import", dependencies=Fills)
async def import_table(request: Request, table: Asked, sheet: AskedSheet) -> Response:
    """Take a sheet in, as a whole or, where a row has a fault, not at all: 400 with every fault
    and its row."""
    take = partial(take_in, table=table, followers=request.app.state.calendar_followers)
    return await sheet.taken_by(take)
