"""HTTP: which promises were kept, and the gaps."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from gis_service.accounts.dependencies import allow
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import Forbidden, NotFound
from gis_service.incidents.filters import parse_moment
from gis_service.patrols.area_proposal import Weights, propose_areas
from gis_service.patrols.coverage_asking import PRIVATE, WantedDependency, json_of
from gis_service.patrols.coverage_live import Patrols
from gis_service.patrols.coverage_queries import visits_to
from gis_service.patrols.coverage_schemas import (
    AreaProposal,
    Comparison,
    Coverage,
    Gaps,
    GroupedCoverage,
    LoadPage,
    Rhythm,
    VisitPage,
)
from gis_service.patrols.coverage_service import (
    check_span,
    coverage_items,
    gap_items,
    gaps_csv,
    load_items,
)
from gis_service.patrols.coverage_views import compared, grouped_items, rhythm
from gis_service.patrols.walk_router import streets_of
from gis_service.settings import Settings

router = APIRouter(prefix="/api", tags=["coverage"])
Reads = Depends(allow("coverage.read"))
Strict = Depends(refuse_unknown_parameters)
Weight = Annotated[float, Query(ge=0, le=100, allow_inf_nan=False, description="0: not counted")]


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.timezone)


@router.get("/coverage", response_model=Coverage | GroupedCoverage, dependencies=[Reads, Strict])
async def get_coverage(
    request: Request,
    wanted: WantedDependency,
    settings: SettingsDependency,
    level: Annotated[
        Literal["grid", "community", "street", "squad", "officer"],
        Query(description="grid: every grid and contract; others: summed up"),
    ] = "grid",
) -> Response:
    """Every grid and contract: promised, kept, by how much not, and since when; or the grids of
    each community, street, squad or officer by state."""
    patrols: Patrols = request.app.state.patrols.current
    if level == "grid":
        return json_of(await asyncio.to_thread(coverage_items, patrols, wanted, _zone(settings)))
    return json_of(await asyncio.to_thread(grouped_items, patrols, wanted, _zone(settings), level))


@router.get("/coverage/compare", response_model=Comparison, dependencies=[Reads, Strict])
async def get_comparison(
    request: Request,
    wanted: WantedDependency,
    settings: SettingsDependency,
    before_from: Annotated[
        str | None, Query(description="ISO date or time; as long before 'before_to' as the period")
    ] = None,
    before_to: Annotated[
        str | None, Query(description="ISO date or time, exclusive; where the period begins")
    ] = None,
) -> Response:
    """What became of every grid from an earlier period: new gaps and cured ones, better, worse."""
    zone = _zone(settings)
    until = parse_moment(before_to, zone, "before_to") or wanted.since
    since = parse_moment(before_from, zone, "before_from") or until - (wanted.until - wanted.since)
    check_span(since, until, "before_from")
    before = replace(wanted, since=since.astimezone(UTC), until=until.astimezone(UTC))
    patrols: Patrols = request.app.state.patrols.current
    return json_of(await asyncio.to_thread(compared, patrols, wanted, before, zone))


@router.get("/coverage/rhythm", response_model=Rhythm, dependencies=[Reads, Strict])
async def get_rhythm(
    request: Request, wanted: WantedDependency, settings: SettingsDependency
) -> Response:
    """When visits begin, by weekday and hour."""
    patrols: Patrols = request.app.state.patrols.current
    return json_of(await asyncio.to_thread(rhythm, patrols, wanted, _zone(settings)))


@router.get("/coverage/gaps", response_model=Gaps, dependencies=[Reads, Strict])
async def get_gaps(
    request: Request,
    wanted: WantedDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
    format_: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """The gaps, the riskiest first, and the officers without a contract; as JSON or CSV."""
    found = await asyncio.to_thread(
        gap_items, request.app.state.patrols.current, request.app.state.incidents.current, wanted,
        _zone(settings),
    )  # fmt: skip
    if format_ == "csv":
        return Response(
            gaps_csv(found["items"], locale),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="coverage-gaps.csv"', **PRIVATE},
        )
    return json_of(found)


@router.get("/coverage/load", response_model=LoadPage, dependencies=[Reads, Strict])
async def get_load(
    request: Request, wanted: WantedDependency, settings: SettingsDependency
) -> Response:
    """What each officer leads: grids, area, streets, buildings, incidents, promised visits."""

    def read() -> list[dict[str, Any]]:
        return load_items(
            request.app.state.patrols.current, request.app.state.incidents.current, wanted,
            _zone(settings), streets_of(request),
        )  # fmt: skip

    return json_of({"items": await asyncio.to_thread(read), "next": None})


@router.get("/coverage/areas", response_model=AreaProposal, dependencies=[Reads, Strict])
async def get_areas(
    request: Request,
    wanted: WantedDependency,
    settings: SettingsDependency,
    visits: Weight = 1.0,
    streets: Weight = 1.0,
    buildings: Weight = 1.0,
    incidents: Weight = 1.0,
) -> Response:
    """Balanced, contiguous areas for a squad beside today's, over a load whose parts are weighted.
    Nothing is changed: ``POST /api/contracts/redraw`` applies what somebody has looked at."""

    def read() -> dict[str, Any]:
        state = request.app.state
        with state.blocking_sessions() as session:
            return propose_areas(
                session, state.patrols.current, state.incidents.current, wanted, _zone(settings),
                Weights(visits, streets, buildings, incidents), streets_of(request),
                state.locator.current.metric_crs,
            )  # fmt: skip

    return json_of(await asyncio.to_thread(read))


@router.get("/coverage/visits", response_model=VisitPage, dependencies=[Reads, Strict])
async def list_visits(
    request: Request,
    wanted: WantedDependency,
    session: SessionDependency,
    settings: SettingsDependency,
    grid: Annotated[str, Query(max_length=50, description="code")],
    limit: Annotated[int, Query(ge=1, le=5000)] = 20,
) -> Response:
    """The last visits to a grid in the window, the latest first."""
    found = next((one for one in request.app.state.patrols.current.grids if one.code == grid), None)
    if found is None:
        raise NotFound(f"no grid {grid!r}", f"没有网格 {grid!r}", where="grid")
    if wanted.streets is not None and found.street not in wanted.streets:
        raise Forbidden("the grid is not within your streets", "该网格不在您负责的街道内")
    rows = await session.run_sync(
        visits_to, found.area_id, wanted.since, wanted.until, wanted.officer, limit
    )
    zone = _zone(settings)
    items = [
        {**row, **{name: row[name].astimezone(zone).isoformat(timespec="seconds")
                   for name in ("entered_at", "left_at")}}
        for row in rows
    ]  # fmt: skip
    return json_of({"items": items, "next": None})
