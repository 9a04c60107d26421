"""HTTP: where people walked in a period, and what they came near enough to see."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from gis_service.accounts.dependencies import allow
from gis_service.dependencies import refuse_unknown_parameters
from gis_service.errors import NotReady
from gis_service.patrols.coverage_asking import WantedDependency, json_of
from gis_service.patrols.coverage_live import Patrols
from gis_service.patrols.coverage_service import Wanted, check_names
from gis_service.patrols.replaying import replay
from gis_service.patrols.swath import LEAST_M, REACH_M
from gis_service.patrols.swath_service import SwathBook, SwathQuestion, summed_up

router = APIRouter(
    prefix="/api/coverage",
    tags=["coverage"],
    dependencies=[Depends(allow("track.read")), Depends(refuse_unknown_parameters)],
)


@router.get("/replay")
async def get_replay(request: Request, wanted: WantedDependency) -> Response:
    """The walks of at most seven days as columns of moments and places (WGS84), for one slider."""

    def read() -> dict[str, Any]:
        check_names(request.app.state.patrols.current, wanted)
        with request.app.state.blocking_sessions() as session:
            return replay(session, wanted)

    return json_of(await asyncio.to_thread(read))


@router.get("/swath")
async def get_swath(
    request: Request,
    wanted: WantedDependency,
    swath_m: Annotated[
        float, Query(ge=LEAST_M, lt=REACH_M, description="how far one sees from a walk, m")
    ] = 15.0,
    level: Annotated[Literal["grid", "community", "street", "squad"], Query()] = "grid",
) -> Response:
    """What share of each grid's streets and buildings the walks of the period came near enough to
    see; another width of the same period is answered from what was computed. Of a squad: the grids
    of its streets. Other levels are sums over their grids."""

    def answer() -> dict[str, Any]:
        with request.app.state.blocking_sessions() as session:
            book: SwathBook = request.app.state.swath
            found = book.answer(
                session, request.app.state.locator.current, _question(wanted), swath_m,
                version_of(request),
            )  # fmt: skip
        kept = _grids(request, wanted)
        if level == "grid":
            items = [item for item in found["items"] if item["grid"]["code"] in kept]
        else:
            patrols: Patrols = request.app.state.patrols.current
            items = [
                {level: {"code": code, "name": patrols.names[level].get(code, code)},
                 **summed_up(found, kept & grids)}
                for code, grids in patrols.grids_by(level).items()
                if kept & grids
            ]  # fmt: skip
        return {**summed_up(found, kept), "items": items, "next": None}

    return json_of(await asyncio.to_thread(answer))


@router.get("/swath/widths")
async def get_widths(request: Request, wanted: WantedDependency) -> Response:
    """How much of the answer hangs on the width: sums for seven of them."""

    def answer() -> dict[str, Any]:
        with request.app.state.blocking_sessions() as session:
            book: SwathBook = request.app.state.swath
            found = book.sensitivity(
                session, request.app.state.locator.current, _question(wanted),
                version_of(request), _grids(request, wanted),
            )  # fmt: skip
        return {"items": found, "next": None}

    return json_of(await asyncio.to_thread(answer))


def streets_of(request: Request) -> dict[str, float] | None:
    """Metres of street by grid (code); None where no streets, or no grids, are loaded. Blocks."""
    book: SwathBook = request.app.state.swath
    with request.app.state.blocking_sessions() as session:
        try:
            return book.streets(session, request.app.state.locator.current, version_of(request))
        except NotReady:
            return None


def version_of(request: Request) -> tuple[int, ...]:
    """Of what the swath is computed from: visits first, then the ground."""
    versions = request.app.state.tiles.versions
    return tuple(versions[topic] for topic in ("visits", "hierarchy", "basemap"))


def _question(wanted: Wanted) -> SwathQuestion:
    since, until = wanted.since, wanted.until
    if until > datetime.now(UTC):  # up to now: the same question for the rest of the minute
        since, until = since.replace(second=0, microsecond=0), datetime.max.replace(tzinfo=UTC)
    return SwathQuestion(since, until, wanted.officer, wanted.squad, wanted.squads)


def _grids(request: Request, wanted: Wanted) -> frozenset[str]:
    """Codes of the grids in the account's streets and in those of the squad asked for."""
    patrols: Patrols = request.app.state.patrols.current
    check_names(patrols, wanted)
    own = patrols.squads.get(wanted.squad) if wanted.squad else None
    return frozenset(
        grid.code
        for grid in patrols.grids
        if (wanted.streets is None or grid.street in wanted.streets)
        and (own is None or grid.street in own)
    )
