"""HTTP: upload a photo."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Request, UploadFile

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.attachments.storing import keep, store
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import TooLarge
from gis_service.settings import Settings

router = APIRouter(prefix="/api", tags=["attachments"])


async def read_photo(photo: UploadFile, settings: Settings) -> bytes:
    """The bytes of an upload. Raises TooLarge before they are all read."""
    data = await photo.read(settings.photo_bytes + 1)
    if len(data) > settings.photo_bytes:
        limit = settings.photo_bytes / 2**20
        raise TooLarge(
            f"a photo may have {limit:.0f} MiB", f"照片上限 {limit:.0f} MiB", where="photo"
        )
    return data


@router.post(
    "/attachments",
    status_code=201,
    dependencies=[Depends(allow("attachment.add")), Depends(refuse_unknown_parameters)],
)
async def upload(
    request: Request,
    photo: Annotated[UploadFile, File(description="JPEG, PNG or WebP")],
    identity: SignedIn,
    session: SessionDependency,
    settings: SettingsDependency,
) -> dict[str, Any]:
    """Keep a photo; its id goes into ``photos`` of a report or an action."""
    stored = await asyncio.to_thread(store, await read_photo(photo, settings), settings)
    number = await session.run_sync(keep, stored, photo.filename or "", identity.name)
    await session.commit()
    return {"id": number, "sha256": stored.sha256, "width": stored.width, "height": stored.height}
