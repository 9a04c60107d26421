"""HTTP: the list behind a figure."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.communities.asking import Sheet, whole
from gis_service.communities.scope import scope_of
from gis_service.dependencies import (
    LocaleDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import Forbidden, NotFound
from gis_service.planning.behind import Behind, Row, rows_behind
from gis_service.planning.live import LivePlanning, parse_period
from gis_service.planning.profile import row_of
from gis_service.planning.registry import Indicator, built_in
from gis_service.planning.router import Period, To, as_json
from gis_service.planning.schemas import BehindPage
from gis_service.planning.table import Column, make_built_in, make_own, table_with

router = APIRouter(
    prefix="/api/planning", tags=["planning"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("planning.read"))
MOST_SHOWN = 500
SHEET = Sheet(
    "behind",
    ("指标明细", "records behind"),
    {
        "code": ("编号", "code"), "name": ("名称", "name"), "at": ("时间", "time"),
        "counted": ("计入分子", "in_numerator"), "value": ("数值", "value"),
        "note": ("说明", "note"), "href": ("链接", "link"),
    },
)  # fmt: skip


@router.get("/behind", response_model=BehindPage, dependencies=[Reads])
async def get_behind(
    request: Request,
    settings: SettingsDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    indicator: Annotated[str, Query(max_length=80, description="id")],
    community: Annotated[str, Query(max_length=50, description="code")],
    from_: Period = None,
    to: To = None,
    limit: Annotated[int, Query(ge=1, le=MOST_SHOWN)] = 100,
    cursor: Annotated[int, Query(ge=0, lt=2**31, description="'next' of the page before")] = 0,
    format_: Annotated[Literal["json", "csv", "xlsx"], Query(alias="format")] = "json",
) -> Response:
    """Exactly the rows that a figure counted; ``is`` says which number of the cell they are. An
    account sees those of its own scope; ``hidden`` says how many incidents it may not see."""
    since, until = parse_period(from_, to, ZoneInfo(settings.timezone))
    state = request.app.state
    planning: LivePlanning = state.planning

    def read() -> tuple[Indicator, Behind, dict[str, Any], dict[str, str], tuple[str, str]]:
        with state.blocking_sessions() as session:
            sources, ground = planning.sources(
                session, state.incidents.current, state.patrols.current, since, until
            )
            table = table_with(sources, [])
            row = row_of(table, community)
            place = sources.communities[row]
            if not scope_of(session, identity).sees(place.area_id):
                raise Forbidden(
                    "the records behind figures are shown of your own communities only",
                    "指标明细仅限查看本人辖区内的社区",
                )
            found = next((one for one in built_in() if one.id == indicator), None)
            if found is not None:
                column = make_built_in(found, sources)
                visible = state.incidents.vocabulary.visible(identity)
                behind = rows_behind(
                    session, sources, place, indicator, settings.grid_kind, visible
                )
            else:
                own = next((one for one in ground.own if one[0].id == indicator), None)
                if own is None:
                    raise NotFound(
                        f"no indicator {indicator!r}", f"没有指标 {indicator!r}", where="indicator"
                    )
                column = make_own(*own, sources.communities)
                behind = _own(column, row, place.code, place.name)
            table.columns.append(column)
            return (
                column.indicator, behind, table.cells(row)[indicator],
                {"code": place.code, "name": place.name}, (table.since, table.until),
            )  # fmt: skip

    which, behind, cell, place, (first, last) = await asyncio.to_thread(read)
    if format_ != "json":
        return SHEET.response(format_, [_line(one, locale) for one in whole(behind.rows)], locale)
    page = behind.rows[cursor : cursor + limit]
    following = cursor + limit
    return as_json(
        {
            "indicator": which.told(), "community": place, "since": first, "until": last,
            "cell": cell, "is": which.rows, "rows": len(behind.rows) + behind.hidden,
            "hits": behind.hits, "hidden": behind.hidden, "items": [asdict(one) for one in page],
            "next": following if following < len(behind.rows) else None,
        }
    )  # fmt: skip


def _own(column: Column, row: int, code: str, name: str) -> Behind:
    """The one record of an own indicator: what the table said."""
    cell = float(column.figures.value[row])
    if cell != cell:
        return Behind([])
    return Behind([Row(code, name, value=cell, note=column.indicator.of)])


def _line(row: Row, locale: str) -> dict[str, Any]:
    note = row.note["zh" if locale == "zh" else "en"] if row.note else None
    return {**asdict(row), "note": note}
