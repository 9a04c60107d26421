"""HTTP: selection rounds."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.planning import queries, rounds
from gis_service.planning.cautions import cautions
from gis_service.planning.router import as_json, ask_table, told_table
from gis_service.planning.schemas import (
    Decision,
    FullRound,
    NewNomination,
    NewRound,
    NewVisit,
    Replay,
    Round,
    RoundPage,
)
from gis_service.planning.table import table_of

router = APIRouter(
    prefix="/api/planning/rounds", tags=["planning"],
    dependencies=[Depends(refuse_unknown_parameters)],
)  # fmt: skip
Reads = Depends(allow("planning.read"))
Nominates = Depends(allow("planning.nominate"))
Manages = Depends(allow("planning.manage"))
RoundId = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("", response_model=RoundPage, dependencies=[Reads])
async def list_rounds(session: SessionDependency) -> dict[str, Any]:
    """Every round with who was chosen, the newest first."""
    return {"items": await session.run_sync(queries.list_rounds), "next": None}


@router.post("", response_model=Round, status_code=201, dependencies=[Manages])
async def add_round(
    fields: NewRound, request: Request, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Ask with ten thousand draws, have scikit-criteria confirm it, and freeze the figures."""
    table = await ask_table(request, fields.from_, fields.to)
    blocking = request.app.state.blocking_sessions

    def work() -> int:
        with blocking.begin() as sync:
            made = rounds.record(sync, table, fields.name, fields.question, identity.name)
            return made.id

    number = await asyncio.to_thread(work)
    return (await session.run_sync(queries.list_rounds, number))[0]


@router.get("/{round}", response_model=FullRound, dependencies=[Reads])
async def get_round(round: RoundId, session: SessionDependency) -> Any:
    """A round with its answer, the figures it was answered from, nominations and visits."""

    def read(sync: Session) -> dict[str, Any]:
        facts = queries.get_round(sync, round)
        found = rounds.find_round(sync, round)
        table = table_of(found.frozen)
        told = cautions(table, found.answer, rounds.chosen_codes(facts, found.answer))
        return {**facts, "answer": found.answer, "table": told_table(table), "cautions": told}

    return as_json(await session.run_sync(read))


@router.get("/{round}/replay", response_model=Replay, dependencies=[Reads])
async def replay_round(round: RoundId, request: Request) -> dict[str, Any]:
    """Compute the answer once more from the frozen figures."""

    def work() -> dict[str, Any]:
        with request.app.state.blocking_sessions() as sync:
            return rounds.replay(rounds.find_round(sync, round))

    return await asyncio.to_thread(work)


@router.post("/{round}/nominations", status_code=201, dependencies=[Nominates])
async def add_nomination(
    round: RoundId, fields: NewNomination, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Put a community forward; a street office those of its street."""
    made = await session.run_sync(rounds.nominate, identity, round, fields)
    await session.flush()
    number = made.id
    await session.commit()
    return {"id": number}


@router.post("/{round}/visits", status_code=201, dependencies=[Manages])
async def add_visit(
    round: RoundId, fields: NewVisit, session: SessionDependency, identity: SignedIn,
    settings: SettingsDependency,
) -> dict[str, Any]:  # fmt: skip
    """Record what a visit on site found."""
    made = await session.run_sync(
        rounds.visit, round, fields, identity.name, ZoneInfo(settings.timezone)
    )
    await session.flush()
    number = made.id
    await session.commit()
    return {"id": number}


@router.post("/{round}/decision", response_model=Round, dependencies=[Manages])
async def decide_round(
    round: RoundId, fields: Decision, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Choose with reasons; the round is closed for ever."""
    await session.run_sync(rounds.decide, round, fields, identity.name)
    await session.commit()
    return (await session.run_sync(queries.list_rounds, round))[0]
