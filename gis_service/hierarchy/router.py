"""HTTP: where a point or an address lies, and the areas."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gis_service.accounts.dependencies import public
from gis_service.dependencies import (
    Limit,
    SessionDependency,
    describe_query,
    read_query,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput
from gis_service.hierarchy import area_queries as queries
from gis_service.hierarchy.coordinates import parse_crs
from gis_service.hierarchy.models import LEVELS, Level
from gis_service.hierarchy.schemas import Area, AreaPage, Located, Places, Versions

router = APIRouter(
    prefix="/api",
    tags=["hierarchy"],
    dependencies=[Depends(public()), Depends(refuse_unknown_parameters)],
)
# its model refuses unknown parameters itself
locate_router = APIRouter(prefix="/api", tags=["hierarchy"], dependencies=[Depends(public())])


class LocateQuery(BaseModel):
    """The parameters of ``/api/locate``: one model, checked at once."""

    model_config = ConfigDict(extra="forbid")

    lon: float | None = Field(None, description="longitude, or easting in crs")
    lat: float | None = Field(None, description="latitude, or northing in crs")
    crs: str = Field("wgs84", description="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")
    accuracy_m: float | None = Field(
        None, ge=0, le=10_000, description="every area within it is a candidate"
    )
    address: str | None = Field(None, max_length=200, description="address, name or code to rank")
    limit: int = Field(10, ge=1, le=50)
    lang: str | None = Field(None, description="zh or en, for messages")


@locate_router.get(
    "/locate", response_model=Located | Places, openapi_extra=describe_query(LocateQuery)
)
async def locate(request: Request) -> Response:
    """The areas at a position, or the places that an address may mean, best first.

    Without ``crs`` the position is WGS84, and the answer says so.
    """
    asked = read_query(request, LocateQuery)
    locator = request.app.state.locator.current
    lon, lat = asked.lon, asked.lat
    if asked.address is not None:
        if lon is not None or lat is not None:
            raise InvalidInput(
                "give either address or lon and lat", "请只给 address 或 lon 与 lat",
                where="address",
            )  # fmt: skip
        # a position is answered from memory: only an address takes a connection
        async with request.app.state.sessions() as session:
            items = await queries.find_places(session, asked.address, asked.limit)
        for item in items:
            item.pop("area_id")
            found = locator.locate(item["lon"], item["lat"])
            item["path"] = {level: found[level] for level in LEVELS}
        return _json({"items": items, "next": None})
    if lon is None or lat is None:
        raise InvalidInput("lon and lat are both needed", "lon 与 lat 均须给出", where="lon")
    check_position(lon, lat, asked.crs)
    return _json(locator.locate(lon, lat, asked.crs, asked.accuracy_m))


@router.get("/areas/{level}", response_model=AreaPage)
async def list_areas(
    level: Level,
    session: SessionDependency,
    q: Annotated[str | None, Query(max_length=100, description="part of a name or code")] = None,
    parent: Annotated[str | None, Query(description="code of the area above")] = None,
    cursor: Annotated[str | None, Query(description="'next' of the page before")] = None,
    limit: Limit = 100,
) -> Response:
    """Areas of a level in force, by code."""
    rows = await queries.list_areas(
        session, level, q=q, parent=parent, after=cursor, limit=limit + 1
    )
    page = [_public(row) for row in rows[:limit]]
    return _json({"items": page, "next": page[-1]["code"] if len(rows) > limit else None})


@router.get("/areas/{level}/{code}", response_model=Area)
async def get_area(
    level: Level, code: str, session: SessionDependency, geometry: bool = False
) -> Response:
    """One area with its path, children and buildings."""
    area = await queries.get_area(session, level, code)
    below, count = await queries.children_of(session, level, area["area_id"])
    out = {
        "level": level,
        **_public(area),
        "path": await queries.path_of(session, level, area["area_id"]),
        "children": {"level": below, "count": count} if below else None,
        "buildings": await queries.buildings_within(session, level, area["area_id"])
        if level != "building"
        else None,
    }
    if geometry:
        out["geometry"] = orjson.Fragment(await queries.area_geometry(session, level, code))
    return _json(out)


@router.get("/areas/{level}/{code}/children", response_model=AreaPage)
async def list_children(
    level: Level,
    code: str,
    session: SessionDependency,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Response:
    """The areas directly below one."""
    area = await queries.get_area(session, level, code)
    below, _ = await queries.children_of(session, level, area["area_id"])
    if below is None:
        return _json({"items": [], "next": None})
    return await list_areas(
        level=below,  # type: ignore[arg-type]
        session=session, q=None, parent=code, cursor=cursor, limit=limit,
    )  # fmt: skip


@router.get("/areas/{level}/{code}/history", response_model=Versions)
async def area_history(level: Level, code: str, session: SessionDependency) -> Response:
    """Every version of an area, newest first."""
    return _json({"items": await queries.history_of(session, level, code), "next": None})


def check_position(lon: float, lat: float, crs: str) -> None:
    """Refuse what cannot be a position in ``crs``, and say when lon and lat look swapped."""
    name = parse_crs(crs)
    if not (abs(lon) < 1e9 and abs(lat) < 1e9):
        raise InvalidInput("no finite number", "不是有限数值", where="lon")
    if name.startswith("EPSG:"):
        return
    if abs(lat) > 90 or abs(lon) > 180:
        swapped = abs(lon) <= 90 and abs(lat) <= 180
        raise InvalidInput(
            f"lon {lon:g}, lat {lat:g} are no degrees"
            + (": longitude and latitude are swapped" if swapped else f" of {name}"),
            f"lon {lon:g}、lat {lat:g} 不是经纬度" + ("：经度与纬度颠倒" if swapped else ""),
            where="lat" if abs(lat) > 90 else "lon",
        )


def _public(row: dict[str, Any]) -> dict[str, Any]:
    hidden = ("area_id", "parent_id", "parent_level", "revision_id", "valid_to")
    out = {key: value for key, value in row.items() if key not in hidden}
    out["revision"] = row["revision_id"]
    return out


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
