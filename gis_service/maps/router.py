"""HTTP: layers, styles, tiles, and numbers over time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from gis_service.accounts.dependencies import (
    CurrentIdentity,
    allow,
    check_access,
    current_identity,
    mark,
    public,
)
from gis_service.dependencies import (
    SessionDependency,
    check_parameters,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput, NotFound
from gis_service.hierarchy.models import Level
from gis_service.incidents.filters import PARAMETERS
from gis_service.incidents.router import FILTERS, filter_of, scoped
from gis_service.incidents.visibility import Visible
from gis_service.maps import queries
from gis_service.maps.heatmap import heatmap_png
from gis_service.maps.registry import Layer
from gis_service.maps.series import edges_text, heat_series, step_edges
from gis_service.maps.styles import map_style, tilejson
from gis_service.maps.tiles import Tile, Tiles

router = APIRouter(tags=["maps"])

MVT = "application/vnd.mapbox-vector-tile"
SERIES_FILTERS = PARAMETERS
PRIVATE = {"Cache-Control": "private, no-store"}
Steps = Annotated[int, Query(ge=1, le=400, description="steps over the time range")]


async def layer_access(request: Request) -> None:
    """A layer says itself who may see it."""
    layer: Layer = request.app.state.registry[request.path_params["layer_id"]]
    await check_access(request, layer.permission)


Everybody = Depends(public())
WhoeverMaySee = Depends(mark(layer_access, "layer"))


@router.get("/api/layers", dependencies=[Everybody, Depends(refuse_unknown_parameters)])
async def list_layers(request: Request) -> Response:
    """Every layer with its fields, filters and legend."""
    hidden = {"query", "labels", "style", "inputs", "density", "topics"}
    items = [
        {**layer.model_dump(exclude=hidden), "legend": layer.style.get("legend", [])}
        for layer in request.app.state.registry
    ]
    return _json({"items": items, "next": None})


@router.get("/api/district", dependencies=[Everybody, Depends(refuse_unknown_parameters)])
async def district(request: Request, session: SessionDependency) -> Response:
    """What the district is: extent, levels, incidents, and what the map must say of itself."""
    settings = request.app.state.settings
    snapshot = request.app.state.incidents.current
    span = await asyncio.to_thread(snapshot.time_span)
    edges = edges_text(span) if span else [None, None]
    return _json(
        {
            "title": {"zh": settings.title, "en": settings.title_en},
            **await queries.district_facts(session),
            "timezone": settings.timezone,
            "incidents": {
                "count": len(snapshot),
                "unplaced": await queries.unplaced_count(session),
                "first": edges[0],
                "last": edges[1],
            },
            "data_version": snapshot.version,
            "map_approval_number": settings.map_approval_number,
            "basemap_url": settings.basemap_url,
            "basemap_attribution": settings.basemap_attribution,
            "minimum_count": settings.minimum_count,
            "metric_crs": request.app.state.locator.current.metric_crs,
        }
    )


@router.get("/styles/{name}.json", dependencies=[Everybody, Depends(refuse_unknown_parameters)])
async def style(request: Request, name: str, identity: CurrentIdentity) -> Response:
    """A MapLibre style of all layers that the asker may see, drawn in the order of their groups."""
    if name != "map":
        raise NotFound(f"no style {name!r}; there is 'map'", f"没有样式 {name!r}；现有：map")
    layers = [
        layer
        for layer in request.app.state.registry
        if layer.public or (identity is not None and identity.may(layer.permission))
    ]
    return _json(map_style(layers, str(request.base_url), request.app.state.settings), PRIVATE)


@router.get("/tiles/{layer_id}.json", dependencies=[WhoeverMaySee], openapi_extra=FILTERS)
async def describe_tiles(request: Request, layer_id: str, session: SessionDependency) -> Response:
    """TileJSON 3 of a layer under a filter, with class breaks where its style wants them."""
    layer: Layer = request.app.state.registry[layer_id]
    check_parameters(request, set(layer.filters))
    body = tilejson(layer, str(request.base_url), request.url.query)
    facts = await queries.district_facts(session)
    if facts["bbox"]:
        body["bounds"] = facts["bbox"]
    tiles: Tiles = request.app.state.tiles
    if layer.breaks:
        snapshot = request.app.state.incidents.current
        wanted = filter_of(request, layer.filters)
        body["breaks"] = {layer.breaks: await tiles.inputs.breaks(snapshot, wanted)}
        body["unit"] = layer.unit.model_dump() if layer.unit else None
        body["minimum_count"] = request.app.state.settings.minimum_count
    return _json(body, None if layer.public else PRIVATE)


@router.get(
    "/tiles/{layer_id}/{z}/{x}/{y}.mvt",
    dependencies=[WhoeverMaySee],
    response_class=Response,
    responses={200: {"content": {MVT: {}}}, 204: {"description": "nothing in this tile"}},
    openapi_extra={
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name in SERIES_FILTERS
        ]
    },
)
async def get_tile(request: Request, layer_id: str, z: int, x: int, y: int) -> Response:
    """A vector tile; the MVT layer is named like the layer."""
    state = request.app.state
    layer: Layer = state.registry[layer_id]
    tiles: Tiles = state.tiles
    visible = None if layer.public else await _scope_of(request)
    # the query as written is the key: a filter is parsed for a new tile only
    asked = (request.scope["query_string"], visible)
    tile = tiles.cached(layer, z, x, y, asked)
    if tile is None:
        _check_address(layer, z, x, y)
        check_parameters(request, set(layer.filters))
        wanted = replace(filter_of(request, layer.filters), visible=visible)
        tile = await tiles.tile(layer, z, x, y, wanted, asked)
    return _answer(request, layer, tile)


@router.get("/api/heat/series", dependencies=[Everybody], openapi_extra=FILTERS)
async def heat_over_time(
    request: Request,
    zoom: Annotated[int, Query(ge=0, le=24, description="zoom of the map that asks")] = 12,
    steps: Steps = 24,
) -> Response:
    """Heat cells of a box with their counts per time step, in one answer."""
    check_parameters(request, {*SERIES_FILTERS, "zoom", "steps"})
    wanted = filter_of(request, SERIES_FILTERS)
    snapshot = request.app.state.incidents.current
    edges = await asyncio.to_thread(step_edges, snapshot, wanted, steps)
    body = await asyncio.to_thread(heat_series, snapshot, wanted, edges, zoom + 6)
    return _json({"edges": edges_text(edges), **body, "data_version": snapshot.version})


@router.get("/api/areas/{level}/series", dependencies=[Everybody], openapi_extra=FILTERS)
async def areas_over_time(
    request: Request, level: Level, session: SessionDependency, steps: Steps = 24
) -> Response:
    """Counts per area and time step, with what they are to be divided by."""
    check_parameters(request, {*SERIES_FILTERS, "steps"})
    wanted = filter_of(request, SERIES_FILTERS)
    snapshot = request.app.state.incidents.current
    edges = await asyncio.to_thread(step_edges, snapshot, wanted, steps)
    ids, counts = await asyncio.to_thread(snapshot.series_by_area, level, wanted, edges)
    areas = await queries.denominators(session, level)
    by_id = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    return _json(
        {
            "edges": edges_text(edges),
            "items": {
                area["code"]: by_id[area["area_id"]] for area in areas if area["area_id"] in by_id
            },
            "denominators": {
                area["code"]: {"area_km2": area["area_km2"], "buildings": area["buildings"]}
                for area in areas
            },
            "data_version": snapshot.version,
        }
    )


@router.get(
    "/heatmap.png",
    dependencies=[Everybody],
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
    openapi_extra=FILTERS,
)
async def heatmap(
    request: Request,
    session: SessionDependency,
    width: Annotated[int, Query(description="pixels, 16 to 4096")] = 1200,
    height: Annotated[int, Query(description="pixels, 16 to 4096")] = 900,
) -> Response:
    """The density of a box (the whole district without ``bbox``) as a picture for reports."""
    check_parameters(request, {*SERIES_FILTERS, "width", "height"})
    wanted = filter_of(request, SERIES_FILTERS)
    bbox = wanted.bbox or (await queries.district_facts(session))["bbox"]
    if bbox is None:
        raise NotFound("no hierarchy is loaded and no bbox given", "尚未载入区划，也未给出 bbox")
    outlines = await queries.outlines(session, tuple(bbox))
    picture = await asyncio.to_thread(
        heatmap_png, request.app.state.incidents.current, wanted, tuple(bbox), width, height,
        outlines,
    )  # fmt: skip
    return Response(picture, media_type="image/png", headers={"Cache-Control": "no-cache"})


@router.get(
    "/snapshot.html",
    dependencies=[Depends(allow("snapshot.make"))],
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
    openapi_extra=FILTERS,
)
async def snapshot_file(
    request: Request,
    layers: Annotated[str, Query(description="layer ids, comma separated")] = (
        "street,community,grid_density,hotspots,incident_heat"
    ),
) -> Response:
    """One self-contained map as a download; it opens with no network."""
    check_parameters(request, {*SERIES_FILTERS, "layers"})
    state = request.app.state
    # a layer says itself who may see it, in a file as on the map
    for layer in state.registry:
        if layer.id in layers.split(","):
            await check_access(request, layer.permission)
    wanted = filter_of(request, SERIES_FILTERS)
    incidents = state.incidents.current

    def make() -> str:
        # folium comes with the first snapshot, not with every start
        from gis_service.maps.snapshots import make_snapshot

        with state.blocking_sessions() as session:
            return make_snapshot(session, incidents, wanted, layers.split(","), state.settings)

    body = await asyncio.to_thread(make)
    return Response(
        body,
        media_type="text/html",
        headers={
            "Content-Disposition": 'attachment; filename="map.html"',
            "Cache-Control": "no-store",
        },
    )


@router.get(
    "/api/planning/rounds/{round}/snapshot",
    dependencies=[Depends(allow("planning.read"))],
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
)
async def round_snapshot_file(
    request: Request, round: Annotated[int, Path(ge=1, lt=2**31)]
) -> Response:
    """A selection round as one self-contained file: map, ranking, reasons."""
    check_parameters(request, ())
    state = request.app.state

    def make() -> str:
        from gis_service.maps.round_snapshot import round_snapshot

        with state.blocking_sessions() as session:
            return round_snapshot(session, round, state.settings)

    return Response(
        await asyncio.to_thread(make),
        media_type="text/html",
        headers={
            "Content-Disposition": f'attachment; filename="round-{round}.html"',
            "Cache-Control": "no-store",
        },
    )


async def _scope_of(request: Request) -> Visible | None:
    """What part of the incidents the asker sees; None for the district."""
    identity = await current_identity(request)
    return scoped(request, identity) if identity is not None else None


def _check_address(layer: Layer, z: int, x: int, y: int) -> None:
    if not layer.minzoom <= z <= layer.maxzoom:
        raise InvalidInput(
            f"zoom {z}: layer {layer.id} has zooms {layer.minzoom} to {layer.maxzoom}",
            f"缩放级别 {z}：图层 {layer.id} 的级别为 {layer.minzoom}–{layer.maxzoom}",
            where="z",
        )
    if not (0 <= x < 1 << z and 0 <= y < 1 << z):
        raise InvalidInput(
            f"{x}/{y}: at zoom {z} both run from 0 to {(1 << z) - 1}",
            f"{x}/{y}：{z} 级时取值为 0 至 {(1 << z) - 1}",
            where="x" if not 0 <= x < 1 << z else "y",
        )


def _answer(request: Request, layer: Layer, tile: Tile) -> Response:
    headers = {
        "ETag": tile.etag,
        # public tiles may be kept but are asked for again, by a proxy after a second; others are
        # nobody else's
        "Cache-Control": "public, max-age=0, s-maxage=1"
        if layer.public and request.app.state.settings.public
        else "private, no-store",
        "X-Data-Version": str(tile.version),
    }
    if request.headers.get("if-none-match") == tile.etag:
        return Response(status_code=304, headers=headers)
    if not tile.body:
        return Response(status_code=204, headers=headers)
    return Response(tile.body, media_type=MVT, headers=headers)


def _json(body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)
