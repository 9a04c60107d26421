"""HTTP: frontage contracts, their inspections, and sheets of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.router import address_of
from gis_service.attachments.storing import file_of
from gis_service.communities import frontage_sheet, frontages
from gis_service.communities.asking import (
    PRIVATE,
    AskedPlaces,
    AskedSheet,
    Cursor,
    Format,
    json_of,
    page_of,
    sheet_file,
)
from gis_service.communities.changes import log_of, today_of
from gis_service.communities.frontage_queries import (
    FrontageFilter,
    list_frontages,
    list_inspections,
)
from gis_service.communities.frontage_schemas import (
    FrontageChange,
    InspectionFields,
    NewFrontage,
    Rectified,
)
from gis_service.communities.schemas import Page
from gis_service.communities.scope import scope_of
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import NotFound

router = APIRouter(prefix="/api", tags=["frontages"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("frontage.read"))
Manages = Depends(allow("frontage.manage"))
Inspects = Depends(allow("frontage.inspect"))
CodePath = Annotated[str, Path(max_length=64)]
IdPath = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/frontages", response_model=Page, dependencies=[Reads, Strict])
async def list_all(
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
    places: AskedPlaces,
    state: Annotated[
        Literal["future", "in_force", "expiring", "expired", "ended"] | None, Query()
    ] = None,
    due: Annotated[
        Literal["inspection", "rectification", "rectification_overdue"] | None,
        Query(description="inspection overdue; something to be put right; overdue, too"),
    ] = None,
    q: Annotated[str | None, Query(max_length=100, description="shop, address or code")] = None,
    limit: Limit = 200,
    cursor: Cursor = None,
    format_: Annotated[Format, Query(alias="format")] = "json",
) -> Response:
    """Frontage contracts by code, as they stand today; the csv and xlsx are what
    ``/api/frontages/import`` reads."""
    whole = format_ != "json"
    wanted = FrontageFilter(**places.conditions, state=state, due=due, words=q)

    def read(sync: Session) -> list[dict[str, Any]]:
        return list_frontages(
            sync, today_of(settings), settings.frontage_days, settings.grid_kind, wanted,
            after=None if whole else cursor, limit=100_000 if whole else limit + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    if whole:
        table = frontage_sheet.as_lines(rows, settings, locale)
        return sheet_file(format_, "frontages", ("门前三包", "frontages"), table, locale)
    page, following = page_of(rows, limit, lambda row: row["code"])
    items = [frontages.present(row, settings, locale) for row in page]
    return json_of({"items": items, "next": following})


@router.post("/frontages", status_code=201, dependencies=[Manages, Strict])
async def add(
    request: Request, body: NewFrontage, session: SessionDependency, settings: SettingsDependency,
    locale: LocaleDependency, identity: SignedIn,
) -> Response:  # fmt: skip
    """Add a frontage contract; its line is taken from the building or street at its position, and
    ``measured`` says from which."""
    await session.run_sync(
        frontages.write_frontage, settings, identity, _metric(request), body.code, body, new=True
    )
    await session.commit()
    return json_of(await _one(session, settings, locale, identity, body.code), 201)


@router.post("/frontages/import", dependencies=[Manages, Strict])
async def import_sheet(sheet: AskedSheet) -> Response:
    """Take a sheet in, as a whole or, where a row has a fault, not at all: 400 with every fault
    and its cell."""
    return await sheet.taken_by(frontage_sheet.load_frontages, metric_crs=_metric(sheet.request))


@router.get("/frontages/measure", dependencies=[Manages, Strict])
async def measure_line(
    request: Request, session: SessionDependency, settings: SettingsDependency,
    lon: Annotated[float, Query(allow_inf_nan=False)],
    lat: Annotated[float, Query(allow_inf_nan=False)],
    crs: Annotated[str, Query(max_length=64)],
    length_m: Annotated[float, Query(gt=0, le=500, allow_inf_nan=False)],
) -> Response:  # fmt: skip
    """The line that a contract of that length would have at a position, in WGS84, and what gives
    it (building, road, or point where nothing does)."""

    def read(sync: Session) -> dict[str, Any]:
        return frontages.preview(sync, settings, _metric(request), lon, lat, crs, length_m)

    return json_of(await session.run_sync(read))


@router.get("/frontages/{code}", dependencies=[Reads, Strict])
async def get_one(
    code: CodePath, session: SessionDependency, settings: SettingsDependency,
    locale: LocaleDependency, identity: SignedIn,
) -> Response:  # fmt: skip
    """A contract with its inspections, the latest first."""
    return json_of(await _one(session, settings, locale, identity, code))


@router.put("/frontages/{code}", dependencies=[Manages, Strict])
async def change(
    request: Request, code: CodePath, body: FrontageChange, session: SessionDependency,
    settings: SettingsDependency, locale: LocaleDependency, identity: SignedIn,
) -> Response:  # fmt: skip
    """Change a contract."""
    await session.run_sync(
        frontages.write_frontage, settings, identity, _metric(request), code, body, new=False,
        seen=body.version,
    )  # fmt: skip
    await session.commit()
    return json_of(await _one(session, settings, locale, identity, code))


@router.delete("/frontages/{code}", status_code=204, dependencies=[Manages, Strict])
async def remove(code: CodePath, session: SessionDependency, identity: SignedIn) -> Response:
    """Take away a contract that was entered by mistake; one that was inspected is ended instead."""
    await session.run_sync(frontages.remove, identity, code)
    await session.commit()
    return Response(status_code=204)


@router.get("/frontages/{code}/log", dependencies=[Reads, Strict])
async def get_log(code: CodePath, session: SessionDependency, identity: SignedIn) -> Response:
    """What happened to a contract, the latest first."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return log_of(sync, "frontage", code, scope_of(sync, identity).ids)

    return json_of({"items": await session.run_sync(read), "next": None})


@router.get(
    "/frontages/{code}/signatory", dependencies=[Depends(allow("personal.read")), Strict]
)  # fmt: skip
async def get_signatory(
    request: Request, code: CodePath, session: SessionDependency, identity: SignedIn
) -> Response:
    """Who signed, with phone; the read is logged."""
    found = await session.run_sync(frontages.signatory, identity, code, address_of(request))
    await session.commit()
    return json_of(found)


@router.get("/frontages/{code}/scan", dependencies=[Depends(allow("personal.read")), Strict])
async def get_scan(
    request: Request, code: CodePath, session: SessionDependency, settings: SettingsDependency,
    identity: SignedIn,
) -> FileResponse:  # fmt: skip
    """The signed scan; the read is logged."""
    found = await session.run_sync(frontages.scan_of, identity, code, address_of(request))
    path = file_of(settings, found.sha256, "full")
    await session.commit()
    return FileResponse(path, media_type="image/jpeg", headers=PRIVATE)


@router.get("/frontages/{code}/photos/{photo_id}", dependencies=[Reads, Strict])
async def get_photo(
    code: CodePath, photo_id: Annotated[int, Path(ge=1, lt=2**63)], session: SessionDependency,
    settings: SettingsDependency, identity: SignedIn,
    size: Annotated[Literal["full", "thumb"], Query()] = "full",
) -> FileResponse:  # fmt: skip
    """A photo of an inspection, without metadata."""
    found = await session.run_sync(frontages.photo_of, identity, code, photo_id)
    return FileResponse(
        file_of(settings, found.sha256, size), media_type="image/jpeg", headers=PRIVATE
    )


@router.post("/frontages/{code}/inspections", status_code=201, dependencies=[Inspects, Strict])
async def add_inspection(
    code: CodePath, body: InspectionFields, session: SessionDependency,
    settings: SettingsDependency, identity: SignedIn,
) -> Response:  # fmt: skip
    """Record a look at a frontage; where items fail, until when they are to be put right."""
    made = await session.run_sync(frontages.inspect, settings, identity, code, body)
    await session.commit()
    return json_of({"id": made}, 201)


@router.post(
    "/frontages/{code}/inspections/{inspection_id}/rectified", dependencies=[Inspects, Strict]
)
async def set_rectified(
    code: CodePath, inspection_id: IdPath, body: Rectified, session: SessionDependency,
    settings: SettingsDependency, locale: LocaleDependency, identity: SignedIn,
) -> Response:  # fmt: skip
    """What failed was put right."""
    await session.run_sync(frontages.rectify, settings, identity, code, inspection_id, body)
    await session.commit()
    return json_of(await _one(session, settings, locale, identity, code))


def _metric(request: Request) -> str:
    metric: str | None = request.app.state.locator.current.metric_crs
    if metric is None:
        raise NotFound("no areas are loaded yet", "尚未载入区划")
    return metric


async def _one(session: Any, settings: Any, locale: str, identity: Any, code: str) -> Any:
    def read(sync: Session) -> dict[str, Any]:
        wanted = FrontageFilter(scope=scope_of(sync, identity).ids, code=code)
        found = list_frontages(
            sync, today_of(settings), settings.frontage_days, settings.grid_kind, wanted
        )
        if not found:
            raise NotFound(f"no frontage contract {code!r}", f"没有门前三包责任书 {code!r}",
                           where="code")  # fmt: skip
        told = frontages.present(found[0], settings, locale)
        return {**told, "history": list_inspections(sync, found[0]["id"])}

    return await session.run_sync(read)
