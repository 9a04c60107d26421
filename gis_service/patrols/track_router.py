"""HTTP: upload a walk; the phones of officers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.datastructures import UploadFile

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.identity import Identity
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
    service_address,
)
from gis_service.errors import InvalidInput, TooLarge
from gis_service.patrols.devices import (
    UPLOAD,
    add_device,
    device_row,
    officer_for,
    own_officer,
    phone_settings,
    switch_off,
)
from gis_service.patrols.models import Device
from gis_service.patrols.uploading import take_tracks
from gis_service.reference.models import Squad
from gis_service.responsibility.models import Officer
from gis_service.settings import Settings

router = APIRouter(prefix="/api", tags=["patrols"])


class NewDevice(BaseModel):
    """A phone to give a token to."""

    model_config = ConfigDict(extra="forbid")

    officer: str | None = Field(None, description="code of the officer; unset: one's own")
    kind: str = Field(description="owntracks or osmand")
    label: str = Field("phone", description="what it is called")
    keep_off_duty: bool = Field(False, description="keep positions outside duty hours too")


@router.post(
    "/tracks",
    status_code=201,
    max_body_size=2**32,  # the setting track_bytes says how much of it, see _read_body
    dependencies=[Depends(allow("track.upload")), Depends(refuse_unknown_parameters)],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object", "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
                "application/gpx+xml": {"schema": {"type": "string"}},
                "application/geo+json": {"schema": {"type": "object"}},
            },
        }
    },
)  # fmt: skip
async def upload_tracks(
    request: Request,
    identity: SignedIn,
    settings: SettingsDependency,
    locale: LocaleDependency,
    officer: Annotated[str | None, Query(description="code; unset: one's own")] = None,
    crs: Annotated[
        str | None, Query(description="wgs84 (default), cgcs2000, gcj02, bd09 or EPSG:n")
    ] = None,
    device: Annotated[str, Query(max_length=100, description="what recorded it")] = UPLOAD,
    keep_off_duty: Annotated[
        bool, Query(description="the officer keeps positions outside duty hours")
    ] = False,
) -> dict[str, Any]:
    """Keep a walk, as a form's ``file`` or as the body; its visits are there with the answer."""
    data, name = await _read_body(request, settings.track_bytes)
    return await asyncio.to_thread(
        _take, request.app, identity, data, name, officer, crs, device.strip() or UPLOAD,
        keep_off_duty, locale,
    )  # fmt: skip


@router.get(
    "/devices", dependencies=[Depends(allow("device.manage")), Depends(refuse_unknown_parameters)]
)
async def list_devices(identity: SignedIn, session: SessionDependency) -> dict[str, Any]:
    """The phones of oneself, or of the squads in one's scope."""
    query = (
        select(Device, Officer.code)
        .join(Officer, Officer.id == Device.officer_id)
        .order_by(Device.id)
    )
    if identity.role == "officer":
        query = query.where(Officer.account_id == identity.account_id)
    elif identity.scopes:
        squads = select(Squad.id).where(Squad.code.in_(identity.codes("squad")))
        query = query.where(Officer.squad_id.in_(squads))
    rows = (await session.execute(query)).all()
    return {"items": [device_row(device, code) for device, code in rows], "next": None}


@router.post(
    "/devices",
    status_code=201,
    dependencies=[Depends(allow("device.manage")), Depends(refuse_unknown_parameters)],
)
async def create_device(
    request: Request, asked: NewDevice, identity: SignedIn, session: SessionDependency
) -> dict[str, Any]:
    """Give a phone a token. It is shown this once, with ``setup``: the address to type into the
    app, a link that sets the app up, and that link as a QR code."""
    service = service_address(request)

    def make(sync: Any) -> dict[str, Any]:
        officer = officer_for(sync, identity, asked.officer)
        _own_wish(sync, identity, officer, asked.keep_off_duty)
        device, token = add_device(
            sync, officer, asked.kind, asked.label, keep_off_duty=asked.keep_off_duty
        )
        setup = phone_settings(asked.kind, service, officer.code, token)
        return {**device_row(device, officer.code), "token": token, "setup": setup}

    answer = await session.run_sync(make)
    await session.commit()
    return answer


@router.delete(
    "/devices/{device_id}",
    dependencies=[Depends(allow("device.manage")), Depends(refuse_unknown_parameters)],
)
async def delete_device(
    device_id: int, identity: SignedIn, session: SessionDependency
) -> dict[str, Any]:
    """Switch a phone's token off; what it sent stays."""

    def off(sync: Any) -> dict[str, Any]:
        device = switch_off(sync, device_id)
        officer = sync.get_one(Officer, device.officer_id)
        officer_for(sync, identity, officer.code)
        return device_row(device, officer.code)

    answer = await session.run_sync(off)
    await session.commit()
    return answer


def _own_wish(session: Any, identity: Identity, officer: Officer, keep: bool) -> None:
    """Raise InvalidInput where somebody else decides what is kept of an officer's own time."""
    own = own_officer(session, identity)
    if keep and (own is None or own.id != officer.id):
        raise InvalidInput(
            "only officers themselves may ask to keep positions outside duty hours",
            "只有队员本人可以要求保存上班时间之外的位置",
            where="keep_off_duty",
        )


def _take(
    app: Any, identity: Identity, data: bytes, name: str, officer: str | None, crs: str | None,
    device: str, keep_off_duty: bool, locale: str,
) -> dict[str, Any]:  # fmt: skip
    settings: Settings = app.state.settings
    with app.state.blocking_sessions.begin() as session:
        who = officer_for(session, identity, officer)
        _own_wish(session, identity, who, keep_off_duty)
        return take_tracks(
            session, settings, app.state.locator.current, data, who, where=name,
            now=datetime.now(UTC), crs=crs, label=device, keep_off_duty=keep_off_duty,
            locale=locale,
        )  # fmt: skip


async def _read_body(request: Request, limit: int) -> tuple[bytes, str]:
    """(bytes, name) of a form's file or the body itself. Raises TooLarge before all is read."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise InvalidInput("the form has no file", "表单中没有文件", where="file")
            data = await file.read(limit + 1)
            _check_size(len(data), limit)
            return data, file.filename or "file"
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        _check_size(size, limit)
        parts.append(part)
    return b"".join(parts), "body"


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        words = f"{limit / 2**20:.0f} MiB"
        raise TooLarge(f"a track may have {words}", f"轨迹文件上限 {words}", where="file")
