"""HTTP: what one follows, and what happened to it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    check_parameters,
    refuse_unknown_parameters,
)
from gis_service.incidents.queries import names_of
from gis_service.incidents.watches import queries
from gis_service.incidents.watches.running import try_out
from gis_service.incidents.watches.schemas import (
    NewWatch,
    NoticePage,
    Read,
    WatchPage,
    WatchRow,
)
from gis_service.incidents.watches.service import add_watch, remove_watch

router = APIRouter(prefix="/api", tags=["watches"], dependencies=[Depends(allow("self"))])
Strict = Depends(refuse_unknown_parameters)
Id = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/watches", response_model=WatchPage, dependencies=[Strict])
async def list_watches(session: SessionDependency, identity: SignedIn) -> Response:
    """One's own watches, each with its unread notices and how its webhook fares."""
    return _json(
        {"items": await queries.watches(session, identity.account_id), "next": None}
    )  # fmt: skip


@router.post("/watches", status_code=201, response_model=WatchRow, dependencies=[Strict])
async def new_watch(
    body: NewWatch, session: SessionDependency, settings: SettingsDependency, identity: SignedIn
) -> Response:
    """Follow an area, a class, a polygon, or what lies in all that are given."""
    asked = body.model_dump(by_alias=True)
    made = await session.run_sync(add_watch, settings, identity, asked)
    await session.commit()
    return _json((await queries.watches(session, identity.account_id, made))[0], 201)


@router.delete("/watches/{watch_id}", status_code=204, dependencies=[Strict])
async def drop_watch(watch_id: Id, session: SessionDependency, identity: SignedIn) -> Response:
    """Follow no more; its notices go with it."""
    await session.run_sync(remove_watch, identity, watch_id)
    await session.commit()
    return Response(status_code=204)


@router.post("/watches/{watch_id}/test", status_code=204, dependencies=[Strict])
async def try_webhook(watch_id: Id, request: Request, identity: SignedIn) -> Response:
    """Send a test message to a watch's webhook; 502 with the reason where it does not arrive."""
    state = request.app.state
    await asyncio.to_thread(try_out, state.blocking_sessions, state.settings, identity, watch_id)
    return Response(status_code=204)


@router.get("/notices", response_model=NoticePage)
async def list_notices(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    unread: Annotated[bool, Query(description="only those not read yet")] = False,
    watch: Annotated[int | None, Query(ge=1, lt=2**31, description="of one watch")] = None,
    cursor: Annotated[int | None, Query(ge=1, lt=2**63, description="'next' before")] = None,
    limit: Limit = 50,
) -> Response:
    """What happened to what one follows, newest first, and how much of it is unread."""
    check_parameters(request, {"unread", "watch", "cursor", "limit"})
    account = identity.account_id
    rows = await queries.notices(
        session, account, unread=unread, before=cursor, watch_id=watch, limit=limit + 1
    )
    page = rows[:limit]
    names = await names_of(session, {row["community_id"] for row in page} - {None})
    items = [_notice(row, names, locale) for row in page]
    return _json(
        {
            "items": items,
            "next": str(page[-1]["id"]) if len(rows) > limit else None,
            "unread": await queries.unread_count(session, account),
        }
    )


@router.post("/notices/read", status_code=204, dependencies=[Strict])
async def read_notices(body: Read, session: SessionDependency, identity: SignedIn) -> Response:
    """Mark notices as read, all up to one or some."""
    await queries.mark_read(session, identity.account_id, body.upto, body.ids)
    await session.commit()
    return Response(status_code=204)


def _notice(
    row: dict[str, Any], names: dict[int, dict[str, str]], locale: str
) -> dict[str, Any]:  # fmt: skip
    suffix = "" if locale == "zh" else "_en"
    return {
        **{name: row[name] for name in ("id", "kind", "action", "state", "at", "read_at")},
        "watch": {"id": row["watch_id"], "name": row["watch_name"]},
        "incident": {"id": row["incident_id"], "code": row["incident_code"]},
        "class": {"code": row["class_code"], "name": row[f"class_name{suffix}"]},
        "community": names.get(row["community_id"] or 0),
    }


def _json(body: Any, status: int = 200) -> Response:
    return Response(
        orjson.dumps(body), status, media_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )  # fmt: skip
