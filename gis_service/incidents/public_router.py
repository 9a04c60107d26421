"""HTTP for residents: report without an account, follow by code, rate, see one's community."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import orjson
from fastapi import (
    APIRouter,
    Depends,
    File,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import FileResponse
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from pydantic import BaseModel, ConfigDict, Field

from gis_service.accounts.attempts import PerAddress
from gis_service.accounts.dependencies import public
from gis_service.accounts.router import address_of
from gis_service.attachments.router import read_photo
from gis_service.attachments.storing import file_of, keep, store
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    check_parameters,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput, NotFound
from gis_service.incidents import public as residents
from gis_service.incidents.intake import take_in
from gis_service.incidents.queries import names_of
from gis_service.incidents.router import desk_of
from gis_service.incidents.schemas import Code, Degrees, Line, Words
from gis_service.settings import Settings

router = APIRouter(
    prefix="/api/public",
    tags=["public"],
    dependencies=[Depends(public())],
)

FollowCode = Annotated[str, Path(min_length=4, max_length=20, pattern=r"^[A-Za-z0-9]+$")]
NEVER_KEPT = {"Cache-Control": "private, no-store"}


class PublicLimits:
    """How much one address may ask without an account."""

    def __init__(self, settings: Settings) -> None:
        self.reports = PerAddress(
            RateLimitItemPerHour(settings.public_reports_per_hour),
            "该地址上报过于频繁，请稍后再试；紧急情况请拨打热线",
            "too many reports from this address; try again later, in an emergency call the hotline",
        )
        self.lookups = PerAddress(
            RateLimitItemPerMinute(settings.public_lookups_per_minute),
            "查询过于频繁，请一分钟后再试",
            "too many look-ups from this address; try again in a minute",
        )


class Received(BaseModel):
    follow_code: str
    code: str = Field(description="number of the case")
    placed: bool = Field(description="False: somebody will look for the place by hand")


class Rating(BaseModel):
    """What the reporter thinks of the result."""

    model_config = ConfigDict(extra="forbid")

    rating: Annotated[int, Field(ge=1, le=5)]
    words: Annotated[str, Field(max_length=500)] | None = None


@router.post(
    "/reports",
    status_code=201,
    response_model=Received,
    dependencies=[Depends(refuse_unknown_parameters)],
)
async def report(
    request: Request,
    session: SessionDependency,
    settings: SettingsDependency,
    class_: Annotated[Code, Form(alias="class", description="code of the class")],
    description: Annotated[Words, Form()] = "",
    address: Annotated[Line, Form()] = "",
    lon: Annotated[Degrees | None, Form()] = None,
    lat: Annotated[Degrees | None, Form()] = None,
    crs: Annotated[Line, Form(description="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")] = "",
    accuracy_m: Annotated[float | None, Form(ge=0, le=100_000, allow_inf_nan=False)] = None,
    name: Annotated[Line, Form()] = "",
    phone: Annotated[Line, Form()] = "",
    photos: Annotated[list[UploadFile] | None, File(description="JPEG, PNG or WebP")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Take a resident's report in, photos included, all or nothing. 201 with the code to follow it
    by; 200 where the same key brought it before."""
    request.app.state.public_limits.reports.count(address_of(request))
    if not description and not photos:
        raise InvalidInput(
            "say what it is, or show it on a photo", "请描述情况，或附上照片", where="description"
        )
    if lon is None and not address:
        raise InvalidInput(
            "say where it is: a position or an address", "请提供位置或地址", where="address"
        )
    files = photos or []
    if len(files) > settings.public_photos:
        raise InvalidInput(
            f"{len(files)} photos; a report may have {settings.public_photos}",
            f"照片 {len(files)} 张，最多 {settings.public_photos} 张",
            where="photos",
        )
    ids = []
    for file in files:
        stored = await asyncio.to_thread(store, await read_photo(file, settings), settings)
        ids.append(await session.run_sync(keep, stored, file.filename or "", "public"))
    said: dict[str, Any] = {
        "class": class_, "description": description or None, "address": address or None,
        "lon": lon, "lat": lat, "crs": crs or None, "accuracy_m": accuracy_m,
        "source": "resident", "photos": ids, "reporter": {"name": name, "phone": phone},
    }  # fmt: skip
    taken = await session.run_sync(take_in, desk_of(request), None, said, key=idempotency_key)
    assert taken.follow_code is not None  # noqa: S101 - every report of a resident has one
    row = await residents.progress(session, taken.follow_code)
    await session.commit()
    return _json(
        {
            "follow_code": taken.follow_code,
            "code": row["code"],
            "placed": row["community_id"] is not None,
        },
        201 if taken.created else 200,
    )


@router.get("/reports/{code}", dependencies=[Depends(refuse_unknown_parameters)])
async def follow(request: Request, code: FollowCode, session: SessionDependency) -> Response:
    """How far a report is: steps with their times, the responsible unit, the reply, photos of the
    result."""
    request.app.state.public_limits.lookups.count(address_of(request))
    return _json(await _told(session, code))


@router.post("/reports/{code}/rating", dependencies=[Depends(refuse_unknown_parameters)])
async def rate(
    request: Request, code: FollowCode, body: Rating, session: SessionDependency
) -> Response:
    """Rate the result of a closed report, once."""
    request.app.state.public_limits.lookups.count(address_of(request))
    row = await residents.progress(session, code)
    words = (body.words or "").strip() or None
    await session.run_sync(residents.rate, row, body.rating, words, desk_of(request).now)
    await session.commit()
    return _json(await _told(session, code))


@router.get("/reports/{code}/photos/{photo_id}")
async def photo(
    request: Request,
    code: FollowCode,
    photo_id: Annotated[int, Path(ge=1, lt=2**63)],
    session: SessionDependency,
    settings: SettingsDependency,
    size: Annotated[Literal["full", "thumb"], Query()] = "full",
) -> FileResponse:
    """A photo of what was done, without metadata."""
    check_parameters(request, {"size"})
    row = await residents.progress(session, code)
    photos = await residents.result_photos(session, row["incident_id"])
    found = next((one for one in photos if one["id"] == photo_id), None)
    if found is None:
        raise NotFound(f"no photo {photo_id}", f"没有照片 {photo_id}")
    return FileResponse(
        file_of(settings, found["sha256"], size), media_type="image/jpeg", headers=NEVER_KEPT
    )


@router.get("/communities/{code}", dependencies=[Depends(refuse_unknown_parameters)])
async def community(
    request: Request, code: Annotated[str, Path(max_length=64)], session: SessionDependency
) -> Response:
    """What a community has in hand: filed cases of the last 90 days."""
    return _json(await residents.community_cases(session, code, desk_of(request).now))


async def _told(session: Any, code: str) -> dict[str, Any]:
    row = await residents.progress(session, code)
    photos = await residents.result_photos(session, row["incident_id"])
    areas = await names_of(session, {row["street_id"], row["community_id"]} - {None})
    return residents.told(row, photos, areas)


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers=NEVER_KEPT)
