"""HTTP: units, squads, the conditions of a class, the working calendar."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.accounts.dependencies import CurrentIdentity, SignedIn, allow, public
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput
from gis_service.reference import queries
from gis_service.reference.calendar import set_calendar
from gis_service.reference.schemas import (
    CalendarFields,
    ConditionPage,
    SquadPage,
    UnitPage,
    YearOfDays,
)
from gis_service.reference.working_time import FIRST_DAY, LAST_DAY, parse_periods

router = APIRouter(
    prefix="/api", tags=["reference"], dependencies=[Depends(refuse_unknown_parameters)]
)
Open = Depends(public())
Manages = Depends(allow("reference.manage"))
Year = Annotated[
    int | None, Query(ge=FIRST_DAY.year, le=LAST_DAY.year, description="the current one if absent")
]


@router.get("/units", response_model=UnitPage, dependencies=[Open])
async def list_units(session: SessionDependency) -> dict[str, Any]:
    """The units that are active, by code."""
    return {"items": await session.run_sync(queries.units), "next": None}


@router.get("/squads", response_model=SquadPage, dependencies=[Open])
async def list_squads(session: SessionDependency) -> dict[str, Any]:
    """The squads that are active, by code."""
    return {"items": await session.run_sync(queries.squads), "next": None}


@router.get(
    "/classes/{code}/conditions",
    response_model=ConditionPage,
    response_model_exclude_none=True,
    dependencies=[Open],
)
async def list_conditions(
    code: str,
    session: SessionDependency,
    identity: CurrentIdentity,
    scheme: Annotated[str | None, Query(max_length=100, description="of the code")] = None,
) -> dict[str, Any]:
    """The conditions of a class: names for everybody, limits for who is signed in."""
    rows = await session.run_sync(queries.conditions, code, scheme)
    if identity is None:
        rows = [{name: row[name] for name in ("number", "name", "name_en")} for row in rows]
    return {"items": rows, "next": None}


@router.get("/calendar", response_model=YearOfDays, dependencies=[Manages])
async def get_calendar(
    session: SessionDependency, settings: SettingsDependency, year: Year = None
) -> dict[str, Any]:
    """The days of a year that do not follow the weekday, and the working hours."""
    return await _year(session, year or datetime.now(ZoneInfo(settings.timezone)).year)


@router.put("/calendar", response_model=YearOfDays, dependencies=[Manages])
async def put_calendar(
    request: Request,
    fields: CalendarFields,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    year: Year = None,
) -> dict[str, Any]:
    """Set days and hours; open deadlines are computed again. Answers with the year asked for."""
    named = {"days": [one.day for one in fields.days],
             "hours": [one.valid_from for one in fields.hours]}  # fmt: skip
    for where, days in named.items():
        for day in days:
            if not FIRST_DAY <= day <= LAST_DAY:
                raise InvalidInput(
                    f"{day} lies outside {FIRST_DAY} to {LAST_DAY}",
                    f"{day} 超出 {FIRST_DAY} 至 {LAST_DAY}",
                    where=where,
                )
        if len(set(days)) < len(days):
            raise InvalidInput("a day stands twice", "日期重复", where=where)
    for hours in fields.hours:
        if hours.periods is not None:
            parse_periods(hours.periods)
    changed = await session.run_sync(
        set_calendar,
        [{**one.model_dump(), "source": identity.name} for one in fields.days],
        [one.model_dump() for one in fields.hours],
    )
    for follow in request.app.state.calendar_followers if changed else ():
        await session.run_sync(follow, settings)
    await session.commit()
    return await _year(session, year or datetime.now(ZoneInfo(settings.timezone)).year)


async def _year(session: AsyncSession, year: int) -> dict[str, Any]:
    return await session.run_sync(queries.calendar_year, year)
