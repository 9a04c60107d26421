"""HTTP: all communities at a glance, and their meetings."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.communities import meetings
from gis_service.communities.asking import AskedPlaces, Format, Sheet, json_of
from gis_service.communities.overview import DAYS, overview
from gis_service.communities.posts import GAPS, STATES
from gis_service.communities.queries import list_meetings, roster
from gis_service.communities.schemas import (
    Code,
    ItemFields,
    MeetingFields,
    Page,
)
from gis_service.communities.scope import own_community
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)

router = APIRouter(prefix="/api", tags=["communities"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("community.read"))
Meets = Depends(allow("meeting.manage"))
CodePath = Annotated[str, Path(max_length=64, pattern=r"^[^/\s]+$")]
IdPath = Annotated[int, Path(ge=1, lt=2**31)]

OVERVIEW_SHEET = Sheet(
    "communities",
    ("社区一览", "communities"),
    {
        "code": ("社区编码", "community_code"),
        "community": ("社区", "community"),
        "street": ("街道", "street"),
        "post": ("服务岗", "post"),
        "gaps": ("缺项", "gaps"),
        "stations": ("驿站数", "stations"),
        "done": (f"近{DAYS}天活动", f"activities_{DAYS}_days"),
        "households": ("入户数", "households"),
        "households_of": ("其中有入户记录的活动", "activities_with_households"),
        "orders": (f"近{DAYS}天点单", f"orders_{DAYS}_days"),
        "orders_open": ("未结点单", "orders_open"),
        "opinions": (f"近{DAYS}天意见", f"opinions_{DAYS}_days"),
        "answered": ("已答复", "answered"),
        "branches": ("报到党支部", "branches"),
        "members": ("报到党员", "members"),
        "satisfied": ("满意率", "satisfied"),
        "answers": ("满意度样本数", "satisfaction_answers"),
        "buildings": ("楼栋数", "buildings"),
        "covered": ("驿站步行可达楼栋（直线）", "buildings_within_walk"),
    },
)


@router.get("/communities", response_model=Page, dependencies=[Reads, Strict])
async def list_communities(
    request: Request,
    settings: SettingsDependency,
    locale: LocaleDependency,
    places: AskedPlaces,
    format_: Annotated[Format, Query(alias="format")] = "json",
) -> Response:
    """Every community in the asker's scope: post and what it lacks, stations, activities, orders,
    opinions, members, satisfaction, walking distance; and how many of the party roster are
    registered."""
    state = request.app.state

    def work() -> tuple[list[dict[str, Any]], dict[str, int]]:
        with state.blocking_sessions() as session:
            metric = state.locator.current.metric_crs
            found = overview(session, settings, places.scope.ids, places.street, metric)
            return found, roster(session)

    found, enrolled = await asyncio.to_thread(work)
    items = [
        one for one in found
        if places.community in (None, one["community"]["code"])
    ]  # fmt: skip
    if format_ == "json":
        return json_of({"items": items, "next": None, "days": DAYS, "walking_m": settings.walking_m,
                        "minimum": settings.survey_minimum, "roster": enrolled})  # fmt: skip
    place = 0 if locale == "zh" else 1
    return OVERVIEW_SHEET.response(format_, [_line(one, place) for one in items], locale)


def _line(one: dict[str, Any], place: int) -> dict[str, Any]:
    told, reach = one["satisfaction"] or {}, one["reach"] or {}
    share = told.get("share")
    return {
        **one, "code": one["community"]["code"], "post": STATES[one["post"]["state"]][place],
        "gaps": [GAPS[gap][place] for gap in one["post"]["gaps"]],
        "done": one["activities"]["done"], "households": one["activities"]["households"],
        "households_of": one["activities"]["households_of"],
        "orders": one["orders"]["count"], "orders_open": one["orders"]["open"],
        "opinions": one["opinions"]["count"], "answered": one["opinions"]["answered"],
        "satisfied": round(share["value"], 4) if share else None,
        "answers": told.get("answers"), "buildings": reach.get("buildings"),
        "covered": reach.get("covered"),
    }  # fmt: skip


# -- meetings ------------------------------------------------------------------------------------


@router.get("/communities/{code}/meetings", response_model=Page, dependencies=[Reads, Strict])
async def get_meetings(code: CodePath, session: SessionDependency, identity: SignedIn) -> Response:
    """Meetings of a community, the latest first: orders on the table, decisions, who follows."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return list_meetings(sync, own_community(sync, identity, code).area_id)

    return json_of({"items": await session.run_sync(read), "next": None})


@router.post("/communities/{code}/meetings", status_code=201, dependencies=[Meets, Strict])
async def add_meeting(
    code: CodePath, body: MeetingFields, session: SessionDependency, identity: SignedIn
) -> Response:
    """Note a meeting of a community."""
    told = await session.run_sync(
        lambda sync: meetings.write_meeting(sync, identity, body, community=code)
    )
    await session.commit()
    return json_of(told, 201)


@router.put("/meetings/{meeting_id}", dependencies=[Meets, Strict])
async def change_meeting(
    meeting_id: IdPath, body: MeetingFields, session: SessionDependency, identity: SignedIn
) -> Response:
    """Change a meeting."""
    told = await session.run_sync(
        lambda sync: meetings.write_meeting(sync, identity, body, meeting_id=meeting_id)
    )
    await session.commit()
    return json_of(told)


@router.post("/meetings/{meeting_id}/items", status_code=201, dependencies=[Meets, Strict])
async def table_order(
    meeting_id: IdPath,
    session: SessionDependency,
    identity: SignedIn,
    incident: Annotated[Code, Query(description="id or code")],
) -> Response:
    """Put a resident's order on a meeting's table."""
    told = await session.run_sync(meetings.table_order, identity, meeting_id, incident)
    await session.commit()
    return json_of(told, 201)


@router.put("/meetings/{meeting_id}/items/{item_id}", dependencies=[Meets, Strict])
async def decide(
    meeting_id: IdPath,
    item_id: IdPath,
    body: ItemFields,
    session: SessionDependency,
    identity: SignedIn,
) -> Response:
    """Note what was decided about an order, and who follows it."""
    told = await session.run_sync(meetings.decide, identity, meeting_id, item_id, body)
    await session.commit()
    return json_of(told)
