"""HTTP: lists, counts and single incidents."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from gis_service.dependencies import (
    Limit,
    SessionDependency,
    check_parameters,
    refuse_unknown_parameters,
)
from gis_service.incidents import queries
from gis_service.incidents.filters import PARAMETERS, IncidentFilter, parse_filter
from gis_service.incidents.presenting import LEVELS, present
from gis_service.incidents.schemas import ClassPage, Count, Incident, IncidentPage, LogPage

router = APIRouter(prefix="/api", tags=["incidents"])

IncidentId = Annotated[int, Path(ge=1, lt=2**63)]


class FilterQuery:
    """The filter parameters, for the OpenAPI description; :func:`filter_of` reads them."""

    def __init__(
        self,
        from_: Annotated[
            str | None, Query(alias="from", description="ISO date or time, inclusive")
        ] = None,
        to: Annotated[str | None, Query(description="ISO date or time, exclusive")] = None,
        class_: Annotated[list[str] | None, Query(alias="class", description="class codes")] = None,
        state: Annotated[list[str] | None, Query(description="states")] = None,
        street: Annotated[list[str] | None, Query(description="codes")] = None,
        community: Annotated[list[str] | None, Query(description="codes")] = None,
        grid: Annotated[list[str] | None, Query(description="codes")] = None,
        building: Annotated[list[str] | None, Query(description="codes")] = None,
        bbox: Annotated[str | None, Query(description="west,south,east,north, WGS84")] = None,
        overdue: Annotated[bool | None, Query(description="past its deadline and open")] = None,
    ) -> None:
        pass


FilterDescription = Annotated[FilterQuery, Depends()]


def filter_of(request: Request, known: tuple[str, ...] = PARAMETERS) -> IncidentFilter:
    """The filter that a request asks for; parameters outside ``known`` are refused."""
    parameters: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in known:
            parameters.setdefault(name, []).append(value)
    return parse_filter(
        parameters,
        request.app.state.incidents.vocabulary,
        ZoneInfo(request.app.state.settings.timezone),
    )


@router.get("/incidents", response_model=IncidentPage)
async def list_incidents(
    request: Request,
    session: SessionDependency,
    _filter: FilterDescription,
    q: Annotated[
        str | None, Query(max_length=100, description="in number, address, description, class")
    ] = None,
    sort: Annotated[str, Query(description="-reported_at or reported_at")] = "-reported_at",
    cursor: Annotated[str | None, Query(description="'next' of the page before")] = None,
    limit: Limit = 50,
) -> Response:
    """Incidents by time of report, newest first."""
    check_parameters(request, {*PARAMETERS, "sort", "cursor", "limit"})
    rows, following = await queries.list_incidents(
        session, filter_of(request), sort=sort, cursor=cursor, limit=limit
    )
    names = await queries.names_of(session, _area_ids(rows))
    return _json({"items": [present(row, names) for row in rows], "next": following})


@router.get("/incidents/count", response_model=Count)
async def count_incidents(request: Request, _filter: FilterDescription) -> Response:
    """How many incidents pass the filter, at which version of the data."""
    known = tuple(name for name in PARAMETERS if name != "q")
    check_parameters(request, set(known))
    snapshot = request.app.state.incidents.current
    return _json({**snapshot.counts(filter_of(request, known)), "data_version": snapshot.version})


@router.get(
    "/incidents/{incident_id}",
    response_model=Incident,
    dependencies=[Depends(refuse_unknown_parameters)],
)
async def get_incident(incident_id: IncidentId, session: SessionDependency) -> Response:
    """One incident."""
    row = await queries.get_incident(session, incident_id)
    return _json(present(row, await queries.names_of(session, _area_ids([row]))))


@router.get(
    "/incidents/{incident_id}/log",
    response_model=LogPage,
    dependencies=[Depends(refuse_unknown_parameters)],
)
async def incident_log(incident_id: IncidentId, session: SessionDependency) -> Response:
    """What happened to an incident, oldest first."""
    await queries.get_incident(session, incident_id)
    return _json({"items": await queries.log_of(session, incident_id), "next": None})


@router.get("/classes", response_model=ClassPage, dependencies=[Depends(refuse_unknown_parameters)])
async def list_classes(session: SessionDependency) -> Response:
    """Incident classes with how many incidents each has."""
    return _json({"items": await queries.list_classes(session), "next": None})


def _area_ids(rows: list[dict[str, Any]]) -> set[int]:
    return {row[f"{level}_id"] for row in rows for level in LEVELS} - {None}


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
