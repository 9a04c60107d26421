"""HTTP: campaigns, their tasks, photos, effect, and where one would be worth while."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, File, Form, Path, Query, Response, UploadFile
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.attachments.router import read_photo
from gis_service.attachments.storing import file_of, keep, store
from gis_service.campaigns import measurement, queries, service
from gis_service.campaigns.schemas import (
    CampaignChange,
    CampaignDetail,
    CampaignPage,
    EffectAnswer,
    NewCampaign,
    PhotoRow,
    State,
    TaskFields,
    TaskRow,
    WeakSpotPage,
)
from gis_service.campaigns.weak_spots import find_weak_spots
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput, NotFound
from gis_service.settings import Settings

WEAK_SPOT_DAYS = 90

router = APIRouter(
    prefix="/api", tags=["campaigns"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("campaign.read"))
Manages = Depends(allow("campaign.manage"))
Works = Depends(allow("campaign.work"))
CampaignCode = Annotated[str, Path(max_length=50)]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/campaigns", response_model=CampaignPage, dependencies=[Reads])
async def list_campaigns(
    session: SessionDependency,
    settings: SettingsDependency,
    state: Annotated[State | None, Query()] = None,
    unit: Annotated[str | None, Query(max_length=50, description="leads or assists")] = None,
    community: Annotated[str | None, Query(max_length=50, description="code")] = None,
    street: Annotated[str | None, Query(max_length=50, description="code")] = None,
    from_: Annotated[date | None, Query(alias="from", description="runs on or after")] = None,
    to: Annotated[date | None, Query(description="begins before")] = None,
    effect: Annotated[bool | None, Query(description="it can be said to have worked")] = None,
    cancelled: Annotated[bool | None, Query()] = None,
    limit: Limit = 200,
    cursor: Annotated[str | None, Query(max_length=50)] = None,
) -> dict[str, Any]:
    """Campaigns by code."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return queries.list_campaigns(
            sync, _today(settings), settings.grid_kind, state=state, unit=unit,
            place=community or street, since=from_, until=to, effect=effect,
            cancelled=cancelled, after=cursor, limit=limit + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    return {"items": rows[:limit], "next": rows[limit - 1]["code"] if len(rows) > limit else None}


@router.get("/campaigns/weak-spots", response_model=WeakSpotPage, dependencies=[Reads])
async def weak_spots(
    session: SessionDependency,
    settings: SettingsDependency,
    from_: Annotated[date | None, Query(alias="from")] = None,
    to: Annotated[date | None, Query()] = None,
    limit: Limit = 20,
) -> dict[str, Any]:
    """薄弱环节: groups of classes in communities that are hot spots, often overdue and reworked, in
    ``[from, to)``; without them the last 90 days."""
    until = to or _today(settings) + timedelta(days=1)
    since = from_ or until - timedelta(days=WEAK_SPOT_DAYS)
    if since >= until:
        raise InvalidInput("'from' must lie before 'to'", "from 须早于 to", where="from")
    items, district = await session.run_sync(
        lambda sync: find_weak_spots(sync, settings, since, until, datetime.now(UTC), limit)
    )
    return {"items": items, "next": None, "from": since, "to": until, "district": district}


@router.get("/campaigns/{campaign}", response_model=CampaignDetail, dependencies=[Reads])
async def get_campaign(
    campaign: CampaignCode, session: SessionDependency, settings: SettingsDependency
) -> dict[str, Any]:
    """A campaign with its tasks and photos."""
    return await session.run_sync(
        queries.get_campaign, campaign, _today(settings), settings.grid_kind
    )


@router.get("/campaigns/{campaign}/effect", response_model=EffectAnswer, dependencies=[Reads])
async def campaign_effect(
    campaign: CampaignCode,
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
) -> dict[str, Any]:
    """What a campaign changed, against comparable areas, as the data stand now."""
    now = datetime.now(UTC)

    def read(sync: Session) -> measurement.Measurement:
        found = measurement.measure_campaign(sync, settings, campaign, now)
        measurement.keep(sync, found, now)
        return found

    found = await session.run_sync(read)
    await session.commit()
    return measurement.tell(found, locale)


@router.post(
    "/campaigns", response_model=CampaignDetail, status_code=201, dependencies=[Manages]
)  # fmt: skip
async def add_campaign(
    fields: NewCampaign, session: SessionDependency, settings: SettingsDependency,
    identity: SignedIn,
) -> dict[str, Any]:  # fmt: skip
    """Set up a campaign."""

    def write(sync: Session) -> dict[str, Any]:
        service.add_campaign(sync, fields, identity.name, settings.grid_kind)
        return queries.get_campaign(sync, fields.code, _today(settings), settings.grid_kind)

    row = await session.run_sync(write)
    await session.commit()
    return row


@router.put("/campaigns/{campaign}", response_model=CampaignDetail, dependencies=[Manages])
async def change_campaign(
    campaign: CampaignCode, fields: CampaignChange, session: SessionDependency,
    settings: SettingsDependency,
) -> dict[str, Any]:  # fmt: skip
    """Change a campaign as a whole."""

    def write(sync: Session) -> dict[str, Any]:
        service.change_campaign(sync, campaign, fields, settings.grid_kind)
        return queries.get_campaign(sync, campaign, _today(settings), settings.grid_kind)

    row = await session.run_sync(write)
    await session.commit()
    return row


@router.delete("/campaigns/{campaign}", status_code=204, dependencies=[Manages])
async def cancel_campaign(campaign: CampaignCode, session: SessionDependency) -> Response:
    """Cancel a campaign; it stays on record."""
    await session.run_sync(service.cancel_campaign, campaign)
    await session.commit()
    return Response(status_code=204)


@router.post(
    "/campaigns/{campaign}/tasks", response_model=TaskRow, status_code=201, dependencies=[Works]
)
async def add_task(
    campaign: CampaignCode, fields: TaskFields, session: SessionDependency,
    settings: SettingsDependency, identity: SignedIn,
) -> dict[str, Any]:  # fmt: skip
    """Add a task."""
    return await _put_task(session, settings, identity, campaign, fields, None)


@router.put("/campaigns/{campaign}/tasks/{task}", response_model=TaskRow, dependencies=[Works])
async def change_task(
    campaign: CampaignCode, task: Number, fields: TaskFields, session: SessionDependency,
    settings: SettingsDependency, identity: SignedIn,
) -> dict[str, Any]:  # fmt: skip
    """Change a task, or say that it is done."""
    return await _put_task(session, settings, identity, campaign, fields, task)


async def _put_task(
    session: Any, settings: Settings, identity: Any, campaign: str, fields: TaskFields,
    task: int | None,
) -> dict[str, Any]:  # fmt: skip
    def write(sync: Session) -> dict[str, Any]:
        row = service.find(sync, campaign)
        service.check_may_work(sync, identity, row)
        number = service.put_task(sync, row, fields, identity.name, task)
        tasks = queries.tasks_of(sync, row.id, _today(settings))
        return next(one for one in tasks if one["id"] == number)

    row: dict[str, Any] = await session.run_sync(write)
    await session.commit()
    return row


@router.delete("/campaigns/{campaign}/tasks/{task}", status_code=204, dependencies=[Manages])
async def delete_task(campaign: CampaignCode, task: Number, session: SessionDependency) -> Response:
    """Take a task away."""
    await session.run_sync(
        lambda sync: service.delete_task(sync, service.find(sync, campaign), task)
    )
    await session.commit()
    return Response(status_code=204)


@router.post(
    "/campaigns/{campaign}/photos", response_model=PhotoRow, status_code=201, dependencies=[Works]
)
async def add_photo(
    campaign: CampaignCode,
    photo: Annotated[UploadFile, File(description="JPEG, PNG or WebP")],
    moment: Annotated[Literal["before", "during", "after"], Form()],
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    note: Annotated[str, Form(max_length=500)] = "",
) -> dict[str, Any]:
    """Add a photo that shows the place before, during or after."""
    stored = await asyncio.to_thread(store, await read_photo(photo, settings), settings)

    def write(sync: Session) -> dict[str, Any]:
        row = service.find(sync, campaign)
        service.check_may_work(sync, identity, row)
        number = keep(sync, stored, photo.filename or "", identity.name)
        return service.add_photo(sync, row, number, moment, note)

    added = await session.run_sync(write)
    await session.commit()
    return added


@router.get("/campaigns/{campaign}/photos/{photo}", dependencies=[Reads])
async def get_photo(
    campaign: CampaignCode, photo: Number, session: SessionDependency,
    settings: SettingsDependency, size: Annotated[Literal["full", "thumb"], Query()] = "full",
) -> FileResponse:  # fmt: skip
    """A photo, upright and without metadata."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return queries.photos_of(sync, service.find(sync, campaign).id)

    found = next((one for one in await session.run_sync(read) if one["id"] == photo), None)
    if found is None:
        raise NotFound(f"no photo {photo}", f"没有照片 {photo}")
    return FileResponse(
        file_of(settings, found["sha256"], size), media_type="image/jpeg",
        headers={"Cache-Control": "private, max-age=86400, immutable"},
    )  # fmt: skip


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.timezone)).date()
