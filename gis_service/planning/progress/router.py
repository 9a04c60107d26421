"""HTTP: how far the plan is, what is missing, and who puts it right until when."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Response

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.communities.changes import log_of
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.planning.progress import queries, service
from gis_service.planning.progress.schemas import (
    Item,
    ItemPage,
    Progress,
    RecordFields,
    RectificationChange,
    RectificationClosing,
    RectificationFields,
    RectificationPage,
    RectificationRow,
    RectificationState,
    State,
)
from gis_service.settings import Settings

router = APIRouter(
    prefix="/api", tags=["progress"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("progress.read"))
Records = Depends(allow("progress.record"))
Manages = Depends(allow("progress.manage"))
Number = Annotated[int, Path(ge=1, lt=2**31)]
Text = Annotated[str | None, Query(max_length=100)]
AsOf = Annotated[date | None, Query(description="as of this day; today")]


@router.get("/progress", response_model=Progress, dependencies=[Reads])
async def progress(
    session: SessionDependency, settings: SettingsDependency, community: Text = None,
    unit: Text = None, part: Text = None, stage: Text = None, as_of: AsOf = None,
) -> dict[str, Any]:  # fmt: skip
    """What is done, missing, soon due and not yet owed: in all, by task, unit and community."""
    return await session.run_sync(
        lambda sync: service.overview(
            sync,
            settings.timezone,
            as_of or _today(settings),
            community=community,
            unit=unit,
            part=part,
            stage=stage,
        )
    )


@router.get("/progress/items", response_model=ItemPage, dependencies=[Reads])
async def items(
    session: SessionDependency, settings: SettingsDependency, task: Text = None,
    community: Text = None, unit: Text = None, part: Text = None, stage: Text = None,
    state: Annotated[State | None, Query()] = None, as_of: AsOf = None,
) -> dict[str, Any]:  # fmt: skip
    """Every task at every place that owes it: the list behind each figure."""
    found = await session.run_sync(
        lambda sync: queries.list_items(
            sync, settings.timezone, as_of or _today(settings), task=task, community=community,
            unit=unit, part=part, stage=stage, state=state,
        )
    )  # fmt: skip
    return {"items": found, "next": None}


@router.put("/progress/records", response_model=Item, dependencies=[Records])
async def record(
    fields: RecordFields, session: SessionDependency, settings: SettingsDependency,
    identity: SignedIn,
) -> dict[str, Any]:  # fmt: skip
    """Record that a task was done."""
    row = await session.run_sync(
        service.record, identity, fields, settings.timezone, _today(settings)
    )
    await session.commit()
    return row


@router.delete("/progress/records/{number}", status_code=204, dependencies=[Records])
async def take_back(number: Number, session: SessionDependency, identity: SignedIn) -> Response:
    """Take a record away."""
    await session.run_sync(service.take_back, identity, number)
    await session.commit()
    return Response(status_code=204)


@router.get("/progress/rectifications", response_model=RectificationPage, dependencies=[Reads])
async def rectifications(
    session: SessionDependency, settings: SettingsDependency,
    state: Annotated[RectificationState | None, Query(description="late is open, too")] = None,
    as_of: AsOf = None,
) -> dict[str, Any]:  # fmt: skip
    """The rectification list, the most pressing first."""
    day = as_of or _today(settings)
    found = await session.run_sync(
        lambda sync: queries.list_rectifications(sync, day, behind=_end(day, settings), state=state)
    )
    return {"items": found, "next": None}


@router.post(
    "/progress/rectifications", response_model=RectificationRow, status_code=201,
    dependencies=[Manages],
)  # fmt: skip
async def open_rectification(
    fields: RectificationFields, session: SessionDependency, settings: SettingsDependency,
    identity: SignedIn,
) -> dict[str, Any]:  # fmt: skip
    """Put a shortfall on the list, with who puts it right and until when."""
    row = await session.run_sync(
        service.open_rectification, identity.name, fields, settings.timezone, _today(settings)
    )
    await session.commit()
    return row


@router.put(
    "/progress/rectifications/{number}", response_model=RectificationRow, dependencies=[Manages]
)
async def close_rectification(
    number: Number, fields: RectificationClosing, session: SessionDependency,
    settings: SettingsDependency, identity: SignedIn,
) -> dict[str, Any]:  # fmt: skip
    """Say that a shortfall was put right, and how."""
    row = await session.run_sync(
        service.close_rectification, identity.name, number, fields, _today(settings)
    )
    await session.commit()
    return row


@router.patch(
    "/progress/rectifications/{number}", response_model=RectificationRow, dependencies=[Manages]
)
async def change_rectification(
    number: Number, fields: RectificationChange, session: SessionDependency,
    settings: SettingsDependency, identity: SignedIn,
) -> dict[str, Any]:  # fmt: skip
    """Give an open shortfall another owner, deadline or wording."""
    row = await session.run_sync(
        service.change_rectification, identity.name, number, fields, _today(settings)
    )
    await session.commit()
    return row


@router.get("/progress/rectifications/{number}/log", dependencies=[Reads])
async def rectification_log(number: Number, session: SessionDependency) -> dict[str, Any]:
    """Who opened, changed and closed a rectification, the latest first."""
    items = await session.run_sync(log_of, "rectification", str(number))
    return {"items": items, "next": None}


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.timezone)).date()


def _end(day: date, settings: Settings) -> datetime | None:
    """The midnight that ends a day; None on the last day there is."""
    if day == date.max:
        return None
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(settings.timezone))
