"""HTTP: lists, counts, single incidents, what is done with them, and the stream of changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse

from gis_service.accounts.dependencies import SignedIn, allow, public
from gis_service.accounts.identity import Identity
from gis_service.attachments.storing import file_of
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    check_parameters,
    describe_query,
    refuse_unknown_parameters,
)
from gis_service.errors import NotFound
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84
from gis_service.incidents import queries, replies
from gis_service.incidents.actions import act
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.desk import Desk, components_of
from gis_service.incidents.duplicates import candidates
from gis_service.incidents.filters import (
    LIST_PARAMETERS,
    LONGEST_Q,
    PARAMETERS,
    IncidentFilter,
    parse_filter,
    parse_moment,
)
from gis_service.incidents.intake import take_in
from gis_service.incidents.models import Source
from gis_service.incidents.people import people_of
from gis_service.incidents.presenting import LEVELS, present
from gis_service.incidents.schemas import (
    ActionFields,
    ClassPage,
    Count,
    Incident,
    IncidentDetail,
    IncidentPage,
    LogPage,
    NewIncident,
    ReportAnswer,
)
from gis_service.incidents.stream import Ending
from gis_service.incidents.visibility import Visible
from gis_service.incidents.workflow import actions_from
from gis_service.sheets import as_csv

router = APIRouter(prefix="/api", tags=["incidents"])
stream_router = APIRouter(tags=["events"])

ENDING_S = 2.0  # how long streams may take to end once the service is told to stop
IncidentId = Annotated[int, Path(ge=1, lt=2**63)]


class FilterQuery(BaseModel):
    """The filters of maps and figures, for their description; :func:`filter_of` reads them."""

    from_: str | None = Field(None, alias="from", description="ISO date or time, inclusive")
    to: str | None = Field(None, description="ISO date or time, exclusive")
    class_: list[str] | None = Field(None, alias="class", description="class codes")
    state: list[str] | None = Field(None, description="states")
    street: list[str] | None = Field(None, description="codes")
    community: list[str] | None = Field(None, description="codes")
    grid: list[str] | None = Field(None, description="codes")
    building: list[str] | None = Field(None, description="codes")
    bbox: str | None = Field(None, description="west,south,east,north, WGS84")
    overdue: bool | None = Field(None, description="past its deadline and open")
    open: bool | None = Field(None, description="not ended, or ended")
    unit: list[str] | None = Field(None, description="codes of units")
    squad: list[str] | None = Field(None, description="codes of squads")


class ListQuery(FilterQuery):
    """What lists take beyond the filters of the map."""

    q: str | None = Field(
        None, max_length=LONGEST_Q, description="in number, address, description, class"
    )
    source: list[str] | None = Field(None, description="where it came from")
    urgent: bool | None = Field(None, description="urgent ones, or the others")
    supervised: bool | None = Field(None, description="under supervision (督办)")
    order: bool | None = Field(None, description="residents' orders (点单)")
    unplaced: bool | None = Field(None, description="in no area")


FILTERS = describe_query(FilterQuery)
LIST_FILTERS = describe_query(ListQuery)
Reads = Depends(allow("incident.read"))


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


def scoped(request: Request, identity: Identity) -> Visible | None:
    """The scope of an account as ids."""
    visible: Visible | None = request.app.state.incidents.vocabulary.visible(identity)
    return visible


def in_step(request: Request) -> Snapshot | None:
    """The incidents in memory; None while they may lag behind."""
    state = request.app.state
    current: Snapshot = state.incidents.current
    return current if state.follower.problem is None else None


def desk_of(request: Request) -> Desk:
    """What actions work with, as it is now."""
    state = request.app.state
    return Desk(state.locator.current, state.reference.current, state.settings)


@router.get(
    "/incidents", response_model=IncidentPage, dependencies=[Reads],
    openapi_extra=LIST_FILTERS,
)  # fmt: skip
async def list_incidents(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    sort: Annotated[
        str, Query(description="-reported_at, reported_at, due_at or -updated_at")
    ] = "-reported_at",
    cursor: Annotated[str | None, Query(description="'next' of the page before")] = None,
    limit: Limit = 50,
) -> Response:
    """Incidents in the asker's scope, newest report first unless another order is asked for."""
    check_parameters(request, {*LIST_PARAMETERS, "sort", "cursor", "limit"})
    wanted = replace(filter_of(request, LIST_PARAMETERS), visible=scoped(request, identity))
    rows, following = await queries.list_incidents(
        session, wanted, sort=sort, cursor=cursor, limit=limit,
        snapshot=in_step(request),
    )  # fmt: skip
    names = await _names(request).of(session, _area_ids(rows))
    return _json({"items": [present(row, names, locale) for row in rows], "next": following})


@router.get(
    "/incidents/count", response_model=Count, dependencies=[Depends(public())],
    openapi_extra=FILTERS,
)  # fmt: skip
async def count_incidents(request: Request) -> Response:
    """How many incidents pass the filter, at which version of the data."""
    check_parameters(request, set(PARAMETERS))
    snapshot = request.app.state.incidents.current
    counts = await asyncio.to_thread(snapshot.counts, filter_of(request))
    return _json({**counts, "total": len(snapshot), "data_version": snapshot.version})


@router.post(
    "/incidents",
    status_code=201,
    response_model=Incident,
    dependencies=[Depends(allow("incident.report")), Depends(refuse_unknown_parameters)],
)
async def report_incident(
    request: Request,
    body: NewIncident,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="the same submission again is taken once")
    ] = None,
) -> Response:
    """Take a report in. 201 with the incident; 200 where the same key brought it before."""
    taken = await session.run_sync(
        take_in, desk_of(request), identity, body.model_dump(by_alias=True, exclude_unset=True),
        key=idempotency_key, owner=identity.name,
    )  # fmt: skip
    # who reported it may read it whatever their scope
    row = await queries.get_incident(session, taken.incident_id)
    names = await _names(request).of(session, _area_ids([row]))
    await session.commit()
    out = {**present(row, names, locale), "follow_code": taken.follow_code}
    response = _json(out, 201 if taken.created else 200)
    response.headers["Location"] = f"/api/incidents/{taken.incident_id}"
    return response


@router.get("/incidents/duplicates", dependencies=[Reads])
async def duplicate_candidates(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    class_: Annotated[str, Query(alias="class", description="code of the class")],
    lon: Annotated[float, Query(ge=-1e8, le=1e8, allow_inf_nan=False)],
    lat: Annotated[float, Query(ge=-1e8, le=1e8, allow_inf_nan=False)],
    crs: Annotated[str, Query(description="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")] = "wgs84",
    at: Annotated[str | None, Query(description="time of the report; now where absent")] = None,
) -> Response:
    """Open incidents that a report at this place, of this class, at this time may repeat."""
    check_parameters(request, {"class", "lon", "lat", "crs", "at"})
    desk = desk_of(request)
    moment = parse_moment(at, ZoneInfo(desk.settings.timezone), "at") or desk.now
    x, y = to_wgs84(lon, lat, parse_crs(crs))
    rule = desk.reference.duplicate_rule(class_, desk.settings)
    rows = await candidates(session, rule, float(x), float(y), moment, scoped(request, identity))
    names = await _names(request).of(session, _area_ids(rows))
    items = [{**present(row, names, locale), "away_m": row["away_m"]} for row in rows]
    return _json({"items": items, "next": None, "within_m": rule.reach_m, "hours": rule.hours})


@router.get(
    "/incidents/{incident_id}",
    response_model=IncidentDetail,
    dependencies=[Reads, Depends(refuse_unknown_parameters)],
)
async def get_incident(
    request: Request,
    incident_id: IncidentId,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
) -> Response:
    """One incident, with who answers for its place now, whistles, photos, reports and what the
    asker can do with it."""
    row = await queries.get_incident(session, incident_id, scoped(request, identity))
    names = await _names(request).of(session, _area_ids([row]))
    street = names.get(row["street_id"] or 0)
    desk = desk_of(request)
    components = await session.run_sync(components_of, desk, row)
    answer = desk.reference.who_answers(
        {**row, "street_code": street["code"] if street else None}, desk.now,
        components[0]["unit_id"] if components else None,
    )  # fmt: skip
    return _json(
        {
            **present(row, names, locale),
            "responsible": desk.reference.told(answer, locale, identity.may("roster.read")),
            "components": [
                {
                    "code": one["code"],
                    "name": one["name"],
                    "away_m": one["away_m"],
                    "owner": desk.reference.unit_code(one["unit_id"]),
                }
                for one in components
            ],
            "whistles": await queries.whistles_of(session, incident_id),
            "photos": await queries.photos_of(session, incident_id),
            "reports": await queries.reports_of(session, incident_id),
            "conditions": desk.reference.conditions(row["class_id"], locale),
            "actions": [
                action
                for action in actions_from(row["state"])
                if identity.may(f"incident.{action}")
            ],
        }
    )


@router.get(
    "/incidents/{incident_id}/log",
    response_model=LogPage,
    dependencies=[Reads, Depends(refuse_unknown_parameters)],
)
async def incident_log(
    request: Request, incident_id: IncidentId, session: SessionDependency, identity: SignedIn
) -> Response:
    """What happened to an incident, oldest first."""
    await queries.get_incident(session, incident_id, scoped(request, identity))
    return _json({"items": await queries.log_of(session, incident_id), "next": None})


@router.get("/incidents/{incident_id}/nearby", response_model=IncidentPage, dependencies=[Reads])
async def nearby(
    request: Request,
    incident_id: IncidentId,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    within_m: Annotated[float, Query(gt=0, le=2000, description="reach, m")] = 200.0,
) -> Response:
    """Open incidents around an incident, nearest first."""
    check_parameters(request, {"within_m"})
    visible = scoped(request, identity)
    row = await queries.get_incident(session, incident_id, visible)
    rows = await queries.nearby(session, row, within_m, visible)
    names = await _names(request).of(session, _area_ids(rows))
    items = [{**present(one, names, locale), "away_m": one["away_m"]} for one in rows]
    return _json({"items": items, "next": None})


@router.get("/incidents/{incident_id}/photos/{photo_id}", dependencies=[Reads])
async def photo(
    request: Request,
    incident_id: IncidentId,
    photo_id: IncidentId,
    session: SessionDependency,
    identity: SignedIn,
    settings: SettingsDependency,
    size: Annotated[Literal["full", "thumb", "original"], Query()] = "full",
) -> FileResponse:
    """A photo of an incident: upright and without metadata, or the original as evidence."""
    check_parameters(request, {"size"})
    await queries.get_incident(session, incident_id, scoped(request, identity))
    found = next(
        (one for one in await queries.photos_of(session, incident_id) if one["id"] == photo_id),
        None,
    )
    if found is None:
        raise NotFound(f"no photo {photo_id}", f"没有照片 {photo_id}")
    return FileResponse(
        file_of(settings, found["sha256"], size),
        media_type=found["media_type"] if size == "original" else "image/jpeg",
        headers={"Cache-Control": "private, max-age=86400, immutable"},
    )


@router.get(
    "/incidents/{incident_id}/reporters",
    dependencies=[Depends(allow("personal.read")), Depends(refuse_unknown_parameters)],
)
async def reporters(
    request: Request, incident_id: IncidentId, session: SessionDependency, identity: SignedIn
) -> Response:
    """Names and phones of those who reported; the read is logged."""
    row = await queries.get_incident(session, incident_id, scoped(request, identity))
    client = request.client.host if request.client else ""
    people = await session.run_sync(people_of, row, identity, client)
    await session.commit()
    return _json({"items": people, "next": None})


@router.post(
    "/incidents/{incident_id}/reports/{report_id}",
    response_model=IncidentDetail,
    dependencies=[Depends(allow("report.reply")), Depends(refuse_unknown_parameters)],
)
async def answer_report(
    request: Request,
    incident_id: IncidentId,
    report_id: IncidentId,
    body: ReportAnswer,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
) -> Response:
    """Note the reply to a report, its return to the source (退单) or a call-back (回访)."""
    await session.run_sync(
        replies.answer, identity, incident_id, report_id, body.model_dump(), desk_of(request).now
    )
    await session.commit()
    return await get_incident(request, incident_id, session, identity, locale)


@router.get("/reports", dependencies=[Depends(allow("report.reply"))])
async def list_reports(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    waiting: Annotated[
        Literal["reply", "call_back", "nothing"] | None, Query(description="what it waits for")
    ] = None,
    source: Annotated[Source | None, Query(description="where it came from")] = None,
    cursor: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    limit: Limit = 50,
    format: Annotated[Literal["json", "csv"], Query(description="csv opens in Excel")] = "json",
) -> Response:
    """Reports of ended incidents: the list to reply to, to call back, or to hand to the source."""
    check_parameters(request, {"waiting", "source", "cursor", "limit", "format"})
    rows = await replies.list_reports(
        session, scoped(request, identity), waiting=waiting, source=source, before=cursor,
        limit=limit + 1,
    )  # fmt: skip
    following = rows[limit - 1]["id"] if len(rows) > limit else None
    if format == "csv":
        zone = ZoneInfo(request.app.state.settings.timezone)
        body = as_csv(*replies.sheet(rows[:limit], locale, zone))
        headers = {"Content-Disposition": 'attachment; filename="reports.csv"'}
        return Response(body, media_type="text/csv; charset=utf-8", headers=headers)
    return _json({"items": rows[:limit], "next": following})


@router.post(
    "/incidents/{incident_id}/{action}",
    response_model=IncidentDetail,
    dependencies=[Depends(allow("incident.read")), Depends(refuse_unknown_parameters)],
)
async def act_on_incident(
    request: Request,
    incident_id: IncidentId,
    action: Annotated[str, Path(max_length=40)],
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    body: ActionFields | None = None,
) -> Response:
    """Do one action of the life cycle (``incidents/workflow.py`` lists them) and answer with the
    incident as it is then."""
    fields = (body or ActionFields()).model_dump(by_alias=True, exclude_none=True)
    await session.run_sync(act, desk_of(request), identity, incident_id, action, fields)
    await session.commit()
    return await get_incident(request, incident_id, session, identity, locale)


@stream_router.get("/events", dependencies=[Reads])
async def events(
    request: Request,
    identity: SignedIn,
    locale: LocaleDependency,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**63)] = None,
    after: Annotated[
        int | None, Query(ge=0, lt=2**63, description="as Last-Event-ID, for the first connection")
    ] = None,
) -> EventSourceResponse:
    """Changes in the asker's scope as server-sent events: ``incidents`` with ``items`` and
    ``gone``, ``coverage`` where patrols or promises changed, ``reload`` where too much changed to
    name, ``hello`` once it is in step."""
    check_parameters(request, {"after"})
    last = last_event_id if last_event_id is not None else after

    async def messages() -> AsyncIterator[bytes]:
        async for message in request.app.state.hub.follow(identity, locale, last):
            yield message.encoded

    ending: Any = Ending(request.app.state.hub)
    return EventSourceResponse(
        messages(), ping=15, send_timeout=30, shutdown_event=ending, shutdown_grace_period=ENDING_S
    )


@router.get(
    "/classes",
    response_model=ClassPage,
    dependencies=[Depends(public()), Depends(refuse_unknown_parameters)],
)
async def list_classes(request: Request, session: SessionDependency) -> Response:
    """Incident classes with how many incidents each has."""
    counts = await asyncio.to_thread(request.app.state.incidents.current.counts_by_class)
    return _json({"items": await queries.list_classes(session, counts), "next": None})


def _names(request: Request) -> queries.AreaNames:
    names: queries.AreaNames = request.app.state.area_names
    return names


def _area_ids(rows: list[dict[str, Any]]) -> set[int]:
    return {row[f"{level}_id"] for row in rows for level in LEVELS} - {None}


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
