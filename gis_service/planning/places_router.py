"""HTTP: siting of stations, and the review of chosen communities."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput
from gis_service.incidents.filters import parse_moment
from gis_service.planning import rounds, siting
from gis_service.planning.review import review
from gis_service.planning.router import as_json, table_between
from gis_service.planning.schemas import Review, SitingAnswer, SitingQuestion

router = APIRouter(
    prefix="/api/planning", tags=["planning"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("planning.read"))
Manages = Depends(allow("planning.manage"))
LEAST = timedelta(days=14)


@router.get("/siting", response_model=SitingAnswer, dependencies=[Reads])
async def get_siting(session: SessionDependency) -> dict[str, Any]:
    """The newest run; null where there is none."""
    return {"run": await session.run_sync(siting.newest_run)}


@router.post("/siting", response_model=SitingAnswer, status_code=201, dependencies=[Manages])
async def add_siting(
    question: SitingQuestion, request: Request, settings: SettingsDependency, identity: SignedIn
) -> dict[str, Any]:
    """Where so many new stations reach most buildings that none reaches; kept for the layer."""
    state = request.app.state
    today = datetime.now(ZoneInfo(settings.timezone)).date()

    def work() -> dict[str, Any] | None:
        with state.blocking_sessions.begin() as session:
            metric = state.locator.current.metric_crs
            answer = siting.propose(session, question, metric, settings.grid_kind, today)
            siting.record_run(session, question, answer, identity.name)
            return siting.newest_run(session)

    return {"run": await asyncio.to_thread(work)}


@router.get("/review", response_model=Review, dependencies=[Reads])
async def get_review(
    request: Request,
    settings: SettingsDependency,
    session: SessionDependency,
    community: Annotated[list[str], Query(max_length=20, description="codes")],
    at: Annotated[str, Query(max_length=40, description="ISO date from which things were done")],
    days: Annotated[int, Query(ge=14, le=365, description="before and after, each")] = 90,
    round_: Annotated[
        int | None, Query(alias="round", ge=1, lt=2**31, description="whose weights are told")
    ] = None,
) -> Response:
    """Each indicator before and after, beside similar communities, with permutation over them; and
    for each community what may be noted of it."""
    moment = parse_moment(at, ZoneInfo(settings.timezone), "at")
    zone = ZoneInfo(settings.timezone)
    today = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if moment is None or today - moment < LEAST:
        raise InvalidInput(
            f"wants a day {LEAST.days} days ago or earlier: before that nothing can be told",
            f"起点须在 {LEAST.days} 天以前，否则无从判断", where="at",
        )  # fmt: skip
    # both windows as long as what has passed, so that they compare
    length = min(timedelta(days=days), today - moment)
    try:
        since, until = moment - length, moment + length
    except OverflowError:
        raise InvalidInput("too long ago", "时间过早", where="at") from None
    before = await table_between(request, since, moment)
    after = await table_between(request, moment, until)
    weights = await session.run_sync(rounds.weights_of, round_) if round_ else None
    return as_json(await asyncio.to_thread(review, before, after, community, weights))
