"""HTTP: one position a request, from phones that show their own token."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from gis_service.accounts.dependencies import anyone
from gis_service.errors import NotSignedIn, TooLarge
from gis_service.interop.positions.intake import KnownDevice, PositionIntake
from gis_service.interop.positions.parsing import (
    Position,
    parse_osmand,
    parse_osmand_json,
    parse_owntracks,
)


class PlainRoute(APIRoute):
    """A route whose endpoint takes the request and nothing else: phones ask by the thousand a
    second, and resolving parameters costs more than the answer."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            known = [one for one in router.routes if isinstance(one, APIRoute)]
            allowed = {name for one in known if one.path == self.path for name in one.methods or ()}
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})
        response = await self.endpoint(Request(scope, receive))
        await response(scope, receive, send)


# the token is the device's own and no account's: the guard is in the intake
router = APIRouter(prefix="/api/positions", tags=["positions"], dependencies=[Depends(anyone())],
                   route_class=PlainRoute)  # fmt: skip

MOST_BYTES = 64 * 1024
_STATUS = "X-Position-Status"
_NO_MORE: dict[int | str, dict[str, Any]] = {
    401: {"description": "unknown token"},
    503: {"description": "not kept; send it again"},
}


@router.post("/owntracks", responses=_NO_MORE)
async def owntracks(request: Request) -> Response:
    """OwnTracks in HTTP mode. The device's token is the password of HTTP Basic (any user name), or
    a bearer token. Answers ``[]``, what the app expects, once the position is committed; the
    header X-Position-Status says what became of it."""
    intake: PositionIntake = request.app.state.positions
    device = await intake.device(_secret(request), ("owntracks",))
    statuses = await _take(intake, device, parse_owntracks(await _body(request)))
    return Response(b"[]", media_type="application/json", headers={_STATUS: ",".join(statuses)})


@router.get("/osmand", responses=_NO_MORE, operation_id="osmand_by_get")
@router.post("/osmand", responses=_NO_MORE, operation_id="osmand_by_post")
async def osmand(request: Request) -> Response:
    """Traccar Client, the OsmAnd protocol: ``id`` (the device's token), ``lat, lon, timestamp,
    accuracy`` in the query, as a form or as JSON. Answers ``{"status": …}`` once it is committed:
    stored, already, dropped_off_duty, on_leave, untimed, nowhere, future, too_old."""
    intake: PositionIntake = request.app.state.positions
    body = await _body(request) if request.method == "POST" else b""
    if body.lstrip()[:1] == b"{":
        token, positions = parse_osmand_json(body)
    else:
        query = request.scope["query_string"].decode("latin-1")
        values = dict(parse_qsl(query, keep_blank_values=True))
        values.update(parse_qsl(body.decode("utf-8", "replace")))
        token, positions = parse_osmand(values)
    device = await intake.device(token, ("osmand",))
    statuses = await _take(intake, device, positions)
    answer = {"status": statuses[0]} if len(statuses) == 1 else {"statuses": statuses}
    return Response(orjson.dumps(answer), media_type="application/json")


async def _take(
    intake: PositionIntake, device: KnownDevice, positions: list[Position]
) -> list[str]:
    if len(positions) == 1:
        return [await intake.take(device, positions[0])]
    return list(await asyncio.gather(*(intake.take(device, one) for one in positions)))


def _secret(request: Request) -> str:
    scheme, _, words = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return words.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(words.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            pass
    raise NotSignedIn("the device shows no token", "设备未出示令牌")


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise TooLarge("a position is smaller than that", "位置数据过大")
        parts.append(part)
    return b"".join(parts)
