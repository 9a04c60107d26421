"""HTTP: stations, their rosters and mediations, and how many buildings they reach."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.router import address_of
from gis_service.communities import posts, queries, station_sheet, stations
from gis_service.communities.asking import (
    AskedPlaces,
    AskedSheet,
    AskedSpan,
    Cursor,
    Format,
    json_of,
    page_of,
    sheet_file,
)
from gis_service.communities.changes import log_of, today_of
from gis_service.communities.schemas import (
    MediationFields,
    NewStation,
    Page,
    ShiftFields,
    StationChange,
    StationFields,
)
from gis_service.communities.words import words
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import NotFound

router = APIRouter(prefix="/api", tags=["communities"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("community.read"))
CodePath = Annotated[str, Path(max_length=64)]
IdPath = Annotated[int, Path(ge=1, lt=2**31)]
ROSTER_DAYS = 14

TITLE = ("城管驿站", "stations")


@router.get("/stations", response_model=Page, dependencies=[Reads, Strict])
async def list_stations(
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
    places: AskedPlaces,
    open: Annotated[bool | None, Query(description="open, or closed for good")] = None,
    limit: Limit = 200,
    cursor: Cursor = None,
    format_: Annotated[Format, Query(alias="format")] = "json",
) -> Response:
    """Stations by code; the csv and xlsx are what ``/api/stations/import`` reads."""
    whole = format_ != "json"

    def read(sync: Session) -> list[dict[str, Any]]:
        return queries.list_stations(
            sync, today_of(settings), **places.conditions, open_=open,
            after=None if whole else cursor, limit=10_000 if whole else limit + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    if whole:
        table = station_sheet.as_lines(rows, settings, locale)
        return sheet_file(format_, "stations", TITLE, table, locale)
    page, following = page_of(rows, limit, lambda row: row["code"])
    items = [stations.present(row, settings, internal=True) for row in page]
    return json_of({"items": items, "next": following})


@router.get("/stations/reach", dependencies=[Reads, Strict])
async def station_reach(
    request: Request,
    settings: SettingsDependency,
    within_m: Annotated[
        float | None, Query(gt=0, le=5000, description="straight line, m; the setting walking_m")
    ] = None,
) -> Response:
    """What share of the buildings of each community has an open station within walking distance,
    in straight lines: a walk along the streets is longer."""
    state = request.app.state
    reach = within_m or settings.walking_m

    def work() -> dict[str, Any]:
        with state.blocking_sessions() as session:
            metric = state.locator.current.metric_crs
            return stations.walking_coverage(session, metric, reach, today_of(settings))

    return json_of(await asyncio.to_thread(work))


@router.post("/stations", status_code=201, dependencies=[Depends(allow("station.manage")), Strict])
async def add_station(
    body: NewStation, session: SessionDependency, settings: SettingsDependency, identity: SignedIn
) -> Response:
    """Add a station."""
    fields = StationFields.model_validate(body.model_dump(exclude={"code"}, by_alias=True))
    await session.run_sync(stations.write_station, settings, identity, body.code, fields, new=True)
    await session.commit()
    return json_of(await _station(session, settings, body.code), 201)


@router.post("/stations/import", dependencies=[Depends(allow("station.manage")), Strict])
async def import_stations(sheet: AskedSheet) -> Response:
    """Take a sheet of stations in, as a whole or, where a row has a fault, not at all: 400 with
    every fault and its cell."""
    return await sheet.taken_by(station_sheet.load_stations)


@router.get("/stations/{code}", dependencies=[Reads, Strict])
async def get_station(
    code: CodePath, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """A station, with who is on duty there within the next two weeks."""
    return json_of(await _station(session, settings, code))


@router.put("/stations/{code}", dependencies=[Depends(allow("station.manage")), Strict])
async def change_station(
    code: CodePath,
    body: StationChange,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Change a station."""
    await session.run_sync(
        stations.write_station, settings, identity, code, body, new=False, seen=body.version
    )
    await session.commit()
    return json_of(await _station(session, settings, code))


@router.delete(
    "/stations/{code}", status_code=204, dependencies=[Depends(allow("station.manage")), Strict]
)
async def remove_station(
    code: CodePath, session: SessionDependency, identity: SignedIn
) -> Response:
    """Take away a station that was entered by mistake."""
    await session.run_sync(stations.remove_station, identity, code)
    await session.commit()
    return Response(status_code=204)


@router.get("/stations/{code}/log", dependencies=[Reads, Strict])
async def station_log(code: CodePath, session: SessionDependency) -> Response:
    """What happened to a station, the latest first."""
    return json_of({"items": await session.run_sync(log_of, "station", code), "next": None})


@router.post(
    "/stations/{code}/shifts", status_code=201,
    dependencies=[Depends(allow("station.manage")), Strict],
)  # fmt: skip
async def add_shift(
    code: CodePath,
    body: ShiftFields,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Put somebody on a station's roster."""
    made = await session.run_sync(stations.add_shift, settings, identity, code, body)
    await session.commit()
    return json_of({"id": made}, 201)


@router.delete(
    "/stations/{code}/shifts/{shift_id}", status_code=204,
    dependencies=[Depends(allow("station.manage")), Strict],
)  # fmt: skip
async def remove_shift(
    code: CodePath, shift_id: IdPath, session: SessionDependency, identity: SignedIn
) -> Response:
    """Take somebody off a station's roster."""
    await session.run_sync(stations.remove_shift, identity, code, shift_id)
    await session.commit()
    return Response(status_code=204)


@router.get("/stations/{code}/mediations", response_model=Page, dependencies=[Reads, Strict])
async def list_mediations(
    code: CodePath,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    span: AskedSpan,
) -> Response:
    """What was mediated at a station, the latest first; who took part is asked for one by one."""

    def read(sync: Session) -> list[dict[str, Any]]:
        station = stations.station_of(sync, identity, code)
        return queries.list_mediations(sync, station.id, span.since, span.until)

    outcomes = words(settings)["mediation_outcome"]
    items = [
        {**row, "outcome": posts.told_word(outcomes.get(row["outcome"]), row["outcome"])}
        for row in await session.run_sync(read)
    ]
    return json_of({"items": items, "next": None})


@router.post(
    "/stations/{code}/mediations", status_code=201,
    dependencies=[Depends(allow("station.manage")), Strict],
)  # fmt: skip
async def add_mediation(
    code: CodePath,
    body: MediationFields,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Record a mediation."""
    made = await session.run_sync(stations.add_mediation, settings, identity, code, body)
    await session.commit()
    return json_of({"id": made}, 201)


@router.get(
    "/stations/{code}/mediations/{mediation_id}/parties",
    dependencies=[Depends(allow("personal.read")), Strict],
)
async def mediation_parties(
    request: Request,
    code: CodePath,
    mediation_id: IdPath,
    session: SessionDependency,
    identity: SignedIn,
) -> Response:
    """Who took part in a mediation; the read is logged."""
    found = await session.run_sync(
        stations.parties_of, identity, code, mediation_id, address_of(request)
    )
    await session.commit()
    return json_of(found)


async def _station(session: Any, settings: Any, code: str) -> dict[str, Any]:
    def read(sync: Session) -> dict[str, Any]:
        found = queries.list_stations(sync, today_of(settings), code=code)
        if not found:
            raise NotFound(f"no station {code!r}", f"没有驿站 {code!r}", where="code")
        now = datetime.now(UTC)
        until = now + timedelta(days=ROSTER_DAYS)
        return {
            **stations.present(found[0], settings, internal=True),
            "shifts": queries.list_shifts(sync, found[0]["id"], now - timedelta(days=1), until),
        }

    row: dict[str, Any] = await session.run_sync(read)
    return row
