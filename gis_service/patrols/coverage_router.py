"""HTTP: which promises were kept, and the gaps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.identity import Identity
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import Forbidden, NotFound
from gis_service.patrols.coverage_live import Patrols
from gis_service.patrols.coverage_queries import visits_to
from gis_service.patrols.coverage_schemas import Coverage, Gaps, LoadPage, VisitPage
from gis_service.patrols.coverage_service import (
    Wanted,
    coverage_items,
    gap_items,
    gaps_csv,
    load_items,
    parse_span,
)
from gis_service.patrols.swath import REACH_M
from gis_service.patrols.swath_service import SwathBook, SwathQuestion
from gis_service.responsibility.queries import roster_scope
from gis_service.settings import Settings

router = APIRouter(prefix="/api", tags=["coverage"])
Reads = Depends(allow("coverage.read"))
Strict = Depends(refuse_unknown_parameters)
STEP_S = 10


async def _wanted(
    request: Request,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    squad: Annotated[str | None, Query(max_length=50, description="code")] = None,
    officer: Annotated[str | None, Query(max_length=50, description="code")] = None,
    from_: Annotated[
        str | None, Query(alias="from", description="ISO date or time; 30 days before 'to'")
    ] = None,
    to: Annotated[str | None, Query(description="ISO date or time, exclusive; now")] = None,
) -> Wanted:
    # the end of the running ten seconds: who asks again in them is told from memory
    now = datetime.fromtimestamp((datetime.now(UTC).timestamp() // STEP_S + 1) * STEP_S, UTC)
    since, until = parse_span(from_, to, ZoneInfo(settings.timezone), now)
    streets, squads = await _scope(request, session, identity)
    return Wanted(since, until, squad, officer, streets, squads)


async def _scope(
    request: Request, session: Any, identity: Identity
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """The streets and squads (codes) of the account; None for the whole district."""
    scope = await session.run_sync(roster_scope, identity)
    if scope is None:
        return None, None
    squads = request.app.state.reference.current.squads
    codes = frozenset(code for code, row in squads.items() if row["id"] in scope.squads)
    return scope.streets, codes


WantedDependency = Annotated[Wanted, Depends(_wanted)]


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.timezone)


@router.get("/coverage", response_model=Coverage, dependencies=[Reads, Strict])
async def get_coverage(
    request: Request,
    wanted: WantedDependency,
    settings: SettingsDependency,
    level: Annotated[Literal["grid"], Query(description="grid")] = "grid",
) -> Response:
    """Every grid and contract: promised, kept, by how much not, and since when."""
    patrols: Patrols = request.app.state.patrols.current
    return _json(await asyncio.to_thread(coverage_items, patrols, wanted, _zone(settings)))


@router.get("/coverage/swath", dependencies=[Depends(allow("track.read")), Strict])
async def get_swath(
    request: Request,
    wanted: WantedDependency,
    swath_m: Annotated[
        float, Query(gt=0, lt=REACH_M, description="how far one sees from a walk, m")
    ] = 15.0,
) -> Response:
    """What share of each grid's streets and buildings the walks of the period came near enough to
    see; another width of the same period is answered from what was computed."""
    since, until = wanted.since, wanted.until
    if until > datetime.now(UTC):  # up to now: the same question for the rest of the minute
        since, until = since.replace(second=0, microsecond=0), datetime.max.replace(tzinfo=UTC)
    asked = SwathQuestion(since, until, wanted.officer, wanted.squad, wanted.squads)
    state = request.app.state
    version = tuple(state.tiles.versions[topic] for topic in ("visits", "hierarchy", "basemap"))

    def answer() -> dict[str, Any]:
        with state.blocking_sessions() as session:
            book: SwathBook = state.swath
            return book.answer(session, state.locator.current, asked, swath_m, version)

    return _json(await asyncio.to_thread(answer))


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
    return _json(found)


@router.get("/coverage/load", response_model=LoadPage, dependencies=[Reads, Strict])
async def get_load(
    request: Request, wanted: WantedDependency, settings: SettingsDependency
) -> Response:
    """What each officer leads: grids, area, buildings, incidents, promised visits."""
    items = await asyncio.to_thread(
        load_items, request.app.state.patrols.current, request.app.state.incidents.current,
        wanted, _zone(settings),
    )  # fmt: skip
    return _json({"items": items, "next": None})


@router.get("/coverage/visits", response_model=VisitPage, dependencies=[Reads, Strict])
async def list_visits(
    request: Request,
    wanted: WantedDependency,
    session: SessionDependency,
    settings: SettingsDependency,
    grid: Annotated[str, Query(max_length=50, description="code")],
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
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
    return _json({"items": items, "next": None})


PRIVATE = {"Cache-Control": "private, no-store"}


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers=PRIVATE)
