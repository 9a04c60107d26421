"""HTTP: indicators, the ranking for any weights, own indicators, profiles and experience."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, Response, UploadFile
from pydantic import ValidationError

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput
from gis_service.planning import experience, queries, rounds
from gis_service.planning.live import LivePlanning, parse_period
from gis_service.planning.own import Basis, load_own, remove_own
from gis_service.planning.profile import months, row_of, words
from gis_service.planning.registry import GROUPS
from gis_service.planning.schemas import ChangedNote, IndicatorTable, NewNote, NotePage, Ranking
from gis_service.planning.table import Table
from gis_service.planning.uploads import uploaded_rows
from gis_service.planning.weighing import Question, answer
from gis_service.settings import Settings

router = APIRouter(
    prefix="/api/planning", tags=["planning"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("planning.read"))
Manages = Depends(allow("planning.manage"))
PRIVATE = {"Cache-Control": "private, no-store"}
Period = Annotated[
    str | None, Query(alias="from", max_length=40, description="ISO date; a year before 'to'")
]
To = Annotated[
    str | None, Query(max_length=40, description="ISO date, exclusive; the beginning of today")
]


async def ask_table(request: Request, from_: str | None, to: str | None) -> Table:
    """The table of a period. Raises InvalidInput naming ``from`` or ``to``."""
    settings: Settings = request.app.state.settings
    since, until = parse_period(from_, to, ZoneInfo(settings.timezone))
    return await table_between(request, since, until)


async def table_between(request: Request, since: datetime, until: datetime) -> Table:
    """The table of reports in ``[since, until)``."""
    state = request.app.state
    planning: LivePlanning = state.planning
    return await asyncio.to_thread(
        planning.table, state.incidents.current, state.patrols.current, since, until
    )


def told_table(table: Table) -> dict[str, Any]:
    """The whole table as the API answers it."""
    return {
        "since": table.since,
        "until": table.until,
        "crs": "EPSG:4326",
        "groups": {key: {"zh": zh, "en": en} for key, (zh, en) in GROUPS.items()},
        "indicators": [one.indicator.told() for one in table.columns],
        "items": [
            {
                "community": {"code": one.code, "name": one.name},
                "street": {"code": one.street, "name": one.street_name},
                "cells": table.cells(n),
            }
            for n, one in enumerate(table.communities)
        ],
    }


@router.get("/indicators", response_model=IndicatorTable, dependencies=[Reads])
async def get_indicators(request: Request, from_: Period = None, to: To = None) -> Response:
    """Every indicator of every community, with denominators, sample sizes and intervals."""
    table = await ask_table(request, from_, to)
    return as_json(await asyncio.to_thread(told_table, table))


@router.get("/ranking", response_model=Ranking, dependencies=[Reads])
async def get_ranking(
    request: Request,
    method: Annotated[Literal["topsis", "weighted_sum", "vikor"], Query()] = "topsis",
    top: Annotated[int, Query(ge=1, le=20, description="how many are chosen")] = 3,
    scheme: Annotated[
        Literal["own", "equal", "entropy"], Query(description="where weights come from")
    ] = "own",
    weights: Annotated[
        str | None,
        Query(max_length=4_000, description="rework:2,close_hours:0.5; others their default"),
    ] = None,
    require: Annotated[
        list[str] | None, Query(max_length=20, description="contract_share>=80, again for more")
    ] = None,
    one_per_street: Annotated[bool, Query(description="not two in one street")] = False,
    caution: Annotated[
        float, Query(ge=0, le=3, description="standard errors to the worse side")
    ] = 1.0,
    seed: Annotated[int, Query(ge=0, lt=2**31)] = 1,
    from_: Period = None,
    to: To = None,
) -> Response:
    """Who is ranked where for these weights, and how far it holds. A figure is taken ``caution``
    standard errors to its worse side, so that few cases cannot win."""
    question = make_question(
        method=method, top=top, scheme=scheme, weights=parse_weights(weights),
        require=require or [], one_per_street=one_per_street, caution=caution, seed=seed,
    )  # fmt: skip
    table = await ask_table(request, from_, to)
    return as_json(await asyncio.to_thread(answer, table, question))


def make_question(**fields: Any) -> Question:
    """The question of a request's parameters. Raises InvalidInput naming the parameter."""
    try:
        return Question(**fields)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise InvalidInput(first["msg"], where=str(first["loc"][0])) from None


def parse_weights(words: str | None) -> dict[str, float]:
    """``a:1,b:0.5`` as numbers by indicator. Raises InvalidInput."""
    out: dict[str, float] = {}
    for part in (words or "").split(","):
        if not part.strip():
            continue
        name, _, value = part.partition(":")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            raise InvalidInput(
                f"{part!r} is no weight such as rework:2",
                f"{part!r} 不是权重（如 rework:2）", where="weights",
            ) from None  # fmt: skip
    return out


@router.get("/profile", dependencies=[Reads])
async def get_profile(
    request: Request,
    settings: SettingsDependency,
    session: SessionDependency,
    community: Annotated[list[str], Query(max_length=4, description="codes, up to four")],
    from_: Period = None,
    to: To = None,
    round_: Annotated[
        int | None, Query(alias="round", ge=1, lt=2**31, description="by the figures it froze")
    ] = None,
) -> Response:
    """Up to four communities side by side: figures, strengths and weaknesses in words, months.
    Only the months are always counted anew."""
    zone = ZoneInfo(settings.timezone)
    if round_ is None:
        table = await ask_table(request, from_, to)
    else:
        table = await session.run_sync(rounds.frozen_table, round_)
    since, until = (datetime.fromisoformat(one) for one in (table.since, table.until))

    def told() -> dict[str, Any]:
        items = []
        for code in community:
            row = row_of(table, code)
            one = table.communities[row]
            items.append(
                {
                    "community": {"code": one.code, "name": one.name},
                    "street": {"code": one.street, "name": one.street_name},
                    "cells": table.cells(row),
                    **words(table, row),
                    "months": months(
                        request.app.state.incidents.current, zone, since, until, one.area_id
                    ),
                }
            )
        return {"since": table.since, "until": table.until, "items": items}

    return as_json(await asyncio.to_thread(told))


@router.post("/own-indicators", status_code=201, dependencies=[Manages])
async def add_own_indicators(
    request: Request,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    file: Annotated[UploadFile, File(description="XLSX or CSV, a row for each community")],
    group: Annotated[Literal["base", "performance"], Form()] = "base",
    from_: Annotated[
        date | None, Form(alias="from", description="first day that was counted")
    ] = None,
    to: Annotated[date | None, Form(description="last day that was counted")] = None,
    least: Annotated[int, Form(description="below so many cases a value says nothing")] = 1,
) -> dict[str, Any]:
    """Take the columns of a table as indicators. One wrong row, and nothing is kept."""
    basis = Basis(group, from_, to, least)
    basis.check()
    name = file.filename or "upload"
    rows = await asyncio.to_thread(uploaded_rows, file.file, name, settings.upload_bytes)
    result = await session.run_sync(lambda sync: load_own(sync, rows, name, basis, identity.name))
    await session.commit()
    request.app.state.planning.forget()  # other workers hear of it
    return result


@router.delete("/own-indicators/{indicator}", status_code=204, dependencies=[Manages])
async def delete_own_indicator(
    request: Request, session: SessionDependency, indicator: Annotated[str, Path(max_length=80)]
) -> Response:
    """Forget an own indicator; rounds keep what they froze."""
    await session.run_sync(remove_own, indicator)
    await session.commit()
    request.app.state.planning.forget()
    return Response(status_code=204)


@router.get("/experience", response_model=NotePage, dependencies=[Reads])
async def list_experience(
    session: SessionDependency,
    community: Annotated[str | None, Query(max_length=50, description="code")] = None,
) -> dict[str, Any]:
    """What communities did that others can take over, the newest first."""
    return {"items": await session.run_sync(queries.list_notes, community), "next": None}


@router.post("/experience", status_code=201, dependencies=[Manages])
async def add_experience(
    fields: NewNote, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Add a note."""
    made = await session.run_sync(experience.add_note, fields, identity.name)
    await session.flush()
    number = made.id
    await session.commit()
    return {"id": number}


@router.put("/experience/{note}", status_code=204, dependencies=[Manages])
async def change_experience(
    note: Annotated[int, Path(ge=1, lt=2**31)], fields: ChangedNote, session: SessionDependency,
    identity: SignedIn,
) -> Response:  # fmt: skip
    """Put a note into other words; who changed it is kept, and what the review had proposed."""
    await session.run_sync(experience.change_note, note, fields, identity.name)
    await session.commit()
    return Response(status_code=204)


def as_json(body: Any) -> Response:
    """JSON that nobody keeps."""
    return Response(orjson.dumps(body), media_type="application/json", headers=PRIVATE)
