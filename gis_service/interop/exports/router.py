"""HTTP: lists, layers and figures as files to take home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.orm import Session

from gis_service.accounts import audit
from gis_service.accounts.dependencies import (
    CurrentIdentity,
    allow,
    current_identity,
    mark,
    public,
    signed_in,
)
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    check_parameters,
    locale_of,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput
from gis_service.hierarchy.models import Level
from gis_service.incidents.filters import LIST_PARAMETERS, IncidentFilter
from gis_service.incidents.router import FILTERS, LIST_FILTERS, filter_of, scoped
from gis_service.interop.exports import layers, queries, walking, writing
from gis_service.interop.exports.apart import write_apart
from gis_service.interop.exports.catalog import ExportedList, heading, read_lists
from gis_service.interop.exports.qgis import project
from gis_service.interop.exports.queries import Statement
from gis_service.interop.exports.rows import Rows
from gis_service.interop.exports.sending import send
from gis_service.maps.queries import district_facts
from gis_service.maps.registry import Layer
from gis_service.maps.router import layer_access

router = APIRouter(prefix="/api/exports", tags=["exports"])
Format = Literal["csv", "xlsx", "geojson", "gpkg"]
Crs = Annotated[
    str | None,
    Query(max_length=20, description="4326 (without it), 4490 or the district's own in metres"),
]
OURS = ("crs",)
KINDS = {"polygon": "MultiPolygon", "line": "Unknown", "point": "Point", "mixed": "Unknown"}
# makes the rows in the system asked for, on a session of its own
Source = Callable[[Session, int], Rows]


@router.get("", dependencies=[Depends(public()), Depends(refuse_unknown_parameters)])
async def list_exports(request: Request, identity: CurrentIdentity) -> Response:
    """What the asker can take home, where, and in which systems."""
    state = request.app.state

    def may(permission: str | None) -> bool:
        return permission in (None, "public") or bool(identity and identity.may(str(permission)))

    items = [
        {"id": "incidents", "group": "list", "title": {"zh": "案件", "en": "Incidents"},
         "path": f"{router.prefix}/incidents", "geometry": True}
    ] if may("incident.export") else []  # fmt: skip
    items += [
        {"id": one.id, "group": "list", "title": one.title.model_dump(),
         "path": f"{router.prefix}/{one.id}", "geometry": one.has_geometry}
        for one in read_lists().values() if may(one.permission)
    ]  # fmt: skip
    items += [
        {"id": layer.id, "group": "layer", "title": layer.title.model_dump(),
         "path": f"{router.prefix}/layers/{layer.id}", "geometry": True}
        for layer in state.registry if may(layer.permission)
    ]  # fmt: skip
    systems = [queries.WGS84, 4490, *_metric(request)]
    return Response(
        orjson.dumps(
            {"items": items, "next": None, "crs": systems, "formats": list(writing.MEDIA)}
        ),
        media_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )


@router.get(
    "/project.qgs",
    dependencies=[Depends(public()), Depends(refuse_unknown_parameters)],
    response_class=Response,
    responses={200: {"content": {"application/x-qgis-project": {}}}},
)
async def qgis_project(
    request: Request, session: SessionDependency, locale: LocaleDependency
) -> Response:
    """A QGIS project of this service, with the address it was asked at."""
    settings = request.app.state.settings
    facts = await district_facts(session)
    title = settings.title if locale == "zh" else settings.title_en
    body = project(request.app.state.registry, str(request.base_url), title, locale, facts["bbox"])
    return Response(
        body,
        media_type="application/x-qgis-project",
        headers={"Content-Disposition": 'attachment; filename="district.qgs"'},
    )


@router.get(
    "/incidents.{format}", dependencies=[Depends(allow("incident.export"))],
    openapi_extra=LIST_FILTERS,
)  # fmt: skip
async def export_incidents(
    request: Request, format: Format, locale: LocaleDependency, crs: Crs = None,
) -> Response:  # fmt: skip
    """The incidents of the list, all of them, by number."""
    check_parameters(request, {*LIST_PARAMETERS, *OURS})
    identity = await signed_in(request)
    wanted = replace(filter_of(request, LIST_PARAMETERS), visible=scoped(request, identity))
    title = "案件" if locale == "zh" else "incidents"
    statement = queries.incident_statement(wanted, locale)
    return await _send(request, "incidents", title, format, crs, _of(request, statement), "Point")


@router.get("/areas/{level}.{format}", dependencies=[Depends(public())])
async def export_areas(request: Request, level: Level, format: Format, crs: Crs = None) -> Response:
    """The areas of a level in force."""
    check_parameters(request, OURS)
    source = _of(request, queries.area_statement(level))
    return await _send(request, level, level, format, crs, source, "MultiPolygon")


@router.get(
    "/layers/{layer_id}.{format}", dependencies=[Depends(mark(layer_access, "layer"))],
    openapi_extra=FILTERS,
)  # fmt: skip
async def export_layer(
    request: Request, layer_id: str, format: Format,
    locale: LocaleDependency, crs: Crs = None,
) -> Response:  # fmt: skip
    """A layer of the map as a whole, under the filters that it has."""
    state = request.app.state
    layer: Layer = state.registry[layer_id]
    check_parameters(request, {*layer.filters, *OURS})
    identity = None if layer.public else await current_identity(request)
    visible = scoped(request, identity) if identity else None
    wanted: IncidentFilter = replace(filter_of(request, layer.filters), visible=visible)
    source: Source
    if layer.density and layer.density.kind == "bins":
        cells = layers.density_rows(state.incidents.current, wanted)
        source = lambda _session, srid: cells(srid)  # noqa: E731
    elif layer.density:
        source = _of(request, layers.points_statement(wanted, locale))
    else:
        values = await state.tiles.parameters(layer, state.incidents.current, wanted)
        source = _of(request, queries.layer_statement(layer, values))
    title = layer.title.zh if locale == "zh" else layer.title.en
    return await _send(request, layer.id, title, format, crs, source, KINDS[layer.geometry])


def _add(listed: ExportedList) -> None:
    """The route of one list: its permission is in the table, like that of every route."""

    async def export_list(
        request: Request, format: Format, locale: LocaleDependency, crs: Crs = None
    ) -> Response:
        items = await walking.walk(request, listed, lambda path: _route_of(request, path))

        def source(session: Session, srid: int) -> Rows:
            return walking.to_rows(
                listed, items, srid, lambda level: queries.area_shapes(session, level, srid)
            )

        kind = "Point" if listed.point else "MultiPolygon" if listed.areas else "Unknown"
        title = listed.title.zh if locale == "zh" else listed.title.en
        return await _send(request, listed.id, title, format, crs, source, kind)

    guard = public() if listed.permission == "public" else allow(listed.permission)
    router.add_api_route(
        f"/{listed.id}.{{format}}", export_list, dependencies=[Depends(guard)],
        name=f"export_{listed.id}", response_class=Response, summary=listed.title.en,
        description=f"{listed.title.zh}. The items of `{listed.path}`, all of them, under its "
        "filters.",
    )  # fmt: skip


for _listed in read_lists().values():
    _add(_listed)


def _route_of(request: Request, path: str) -> Any:
    known: dict[str, Any] | None = getattr(request.app.state, "exported_routes", None)
    if known is None:
        known = {
            str(one.path): one.dependant
            for one in iter_route_contexts(request.app.routes)
            if isinstance(one.route, APIRoute) and "GET" in (one.methods or ())
        }
        request.app.state.exported_routes = known
    return known[path]


def _metric(request: Request) -> list[int]:
    name = request.app.state.locator.current.metric_crs
    return [int(name.removeprefix("EPSG:"))] if name else []


def parse_srid(request: Request, crs: str | None) -> int:
    """The EPSG code asked for. Raises InvalidInput for a system that is none of the district's."""
    known = [queries.WGS84, 4490, *_metric(request)]
    plain = (crs or str(queries.WGS84)).lower().removeprefix("epsg:")
    if plain not in map(str, known):
        listed = ", ".join(map(str, known))
        raise InvalidInput(
            f"no coordinate system {str(crs)[:20]!r} here; there are {listed}",
            f"不支持坐标系 {str(crs)[:20]!r}；可用：{listed}",
            where="crs",
        )
    return int(plain)


def _of(request: Request, statement: Statement) -> Source:
    seconds = request.app.state.settings.export_timeout_s
    return lambda session, srid: queries.read(session, statement, srid, seconds)


async def _send(
    request: Request, name: str, title: str, format: Format, crs: str | None, source: Source,
    kind: str,
) -> Response:  # fmt: skip
    state = request.app.state
    srid = parse_srid(request, crs)
    locale = locale_of(request)

    def pieces() -> Iterator[bytes]:
        with state.blocking_sessions() as session, closing(source(session, srid)) as rows:
            yield from write_apart(
                rows,
                writing.Presented(
                    format, name, kind, title,
                    {column: heading(column, locale) for column in rows.schema.names},
                    state.settings.timezone, locale, degrees=srid in (queries.WGS84, 4490),
                ),
            )  # fmt: skip

    await _note(request, name, format)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{format}"',
        "Content-Crs": f"<http://www.opengis.net/def/crs/EPSG/0/{srid}>",
        "Cache-Control": "private, no-store",
    }
    return await send(state.exports, pieces(), writing.MEDIA[format], headers)


async def _note(request: Request, name: str, format: str) -> None:
    """Who took what home stands in the audit log."""
    identity = await current_identity(request)
    if identity is None:
        return
    client = request.client.host if request.client else ""
    async with request.app.state.sessions() as session:
        await session.run_sync(
            lambda sync: audit.record(
                sync, action="export", success=True, account=identity, subject=name,
                address=client,
                detail={"format": format, "query": request.url.query[:500]},
            )
        )  # fmt: skip
        await session.commit()
