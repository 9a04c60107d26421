"""HTTP: the duty roster, who answers for a place, and what nobody answers for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime
from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.identity import Identity
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import Forbidden, InvalidInput
from gis_service.hierarchy.coordinates import parse_crs
from gis_service.hierarchy.models import Area
from gis_service.hierarchy.router import check_position
from gis_service.reference.working_time import FIRST_DAY, LAST_DAY
from gis_service.responsibility import queries, roster
from gis_service.responsibility.schemas import (
    Gaps,
    Responsible,
    ShiftFields,
    ShiftPage,
    ShiftRow,
)

router = APIRouter(
    prefix="/api", tags=["responsibility"], dependencies=[Depends(refuse_unknown_parameters)]
)
Reads = Depends(allow("roster.read"))
Manages = Depends(allow("roster.manage"))
Asks = Depends(allow("incident.read"))
ShiftId = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/roster", response_model=ShiftPage, dependencies=[Reads])
async def list_roster(
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    from_: Annotated[str | None, Query(alias="from", description="ISO date or time")] = None,
    to: Annotated[str | None, Query(description="ISO date or time, exclusive")] = None,
    street: Annotated[str | None, Query(max_length=50, description="code")] = None,
    limit: Limit = 200,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """Shifts that touch the period, by their start: the account's own and the district's."""
    zone = ZoneInfo(settings.timezone)
    after = None
    if cursor is not None:
        moment, _, number = cursor.partition("~")
        if not number.isdecimal() or len(number) > 10:
            raise InvalidInput("no cursor of this list", "游标无效", where="cursor")
        after = (_moment(moment, zone, "cursor"), int(number))
    since, until = (
        _moment(words, zone, name) if words else None
        for words, name in ((from_, "from"), (to, "to"))
    )

    def read(sync: Session) -> list[dict[str, Any]]:
        scope = queries.roster_scope(sync, identity)
        return queries.list_shifts(
            sync, scope, since=since, until=until, street=street, after=after, limit=limit + 1
        )

    rows = await session.run_sync(read)
    more = None
    if len(rows) > limit:
        last = rows[limit - 1]
        more = (
            f"{last['starts_at'].astimezone(UTC).isoformat().replace('+00:00', 'Z')}~{last['id']}"
        )
    return {"items": rows[:limit], "next": more}


@router.post("/roster", response_model=ShiftRow, status_code=201, dependencies=[Manages])
async def add_shift(
    fields: ShiftFields, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Add a shift."""
    return await _write(session, identity, fields, None)


@router.put("/roster/{shift_id}", response_model=ShiftRow, dependencies=[Manages])
async def change_shift(
    shift_id: ShiftId, fields: ShiftFields, session: SessionDependency, identity: SignedIn
) -> dict[str, Any]:
    """Replace a shift."""
    return await _write(session, identity, fields, shift_id)


@router.delete("/roster/{shift_id}", status_code=204, dependencies=[Manages])
async def delete_shift(
    shift_id: ShiftId, session: SessionDependency, identity: SignedIn
) -> Response:
    """Take a shift away."""

    def remove(sync: Session) -> None:
        _covered(sync, identity, queries.get_shift(sync, shift_id))
        roster.delete_shift(sync, shift_id)

    await session.run_sync(remove)
    await session.commit()
    return Response(status_code=204)


@router.get("/responsibility", response_model=Responsible, dependencies=[Asks])
async def responsibility(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    lon: Annotated[float, Query(description="longitude, or easting in crs")],
    lat: Annotated[float, Query(description="latitude, or northing in crs")],
    class_: Annotated[str, Query(alias="class", max_length=50, description="code")],
    crs: Annotated[str, Query(description="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")] = "wgs84",
    condition: Annotated[int | None, Query(ge=1, le=1000, description="number")] = None,
    at: Annotated[AwareDatetime | None, Query(description="ISO time with zone; now")] = None,
) -> dict[str, Any]:
    """Who answers for a class at a place and a time, step by step."""
    check_position(lon, lat, crs)
    located = request.app.state.locator.current.locate(lon, lat, parse_crs(crs))
    reference = request.app.state.reference.current
    moment = at or datetime.now(UTC)
    if not FIRST_DAY.year < moment.year <= LAST_DAY.year:
        raise InvalidInput(
            f"the year {moment.year} is too far", f"{moment.year} 年超出范围", where="at"
        )
    found = reference.find_class(class_)
    condition_id = None
    if condition is not None:
        rows = reference.class_conditions.get(found.id, [])
        condition_id = next((row["id"] for row in rows if row["number"] == condition), None)
        if condition_id is None:
            raise InvalidInput(
                f"{class_} has no condition {condition}", f"{class_} 没有第 {condition} 条立案条件",
                where="condition",
            )  # fmt: skip
    component = await session.run_sync(queries.component_near, found.id, lon, lat, parse_crs(crs))
    street = located["street"]
    grid = located["grid"]
    grid_id = (
        await session.scalar(select(Area.id).where(Area.level == "grid", Area.code == grid["code"]))
        if grid
        else None
    )
    answer = reference.who_answers(
        {"street_code": street["code"] if street else None, "class_id": found.id,
         "condition_id": condition_id, "grid_id": grid_id},
        moment, component["unit_id"] if component else None,
    )  # fmt: skip
    return {
        **reference.told(answer, locale, identity.may("roster.read")),
        "street": {"code": street["code"], "name": street["name"]} if street else None,
        "at": moment,
        "working": reference.calendar.is_working(moment),
        "component": {name: component[name] for name in ("code", "name", "distance_m")}
        if component
        else None,
    }


@router.get("/responsibility/gaps", response_model=Gaps, dependencies=[Asks])
async def list_gaps(session: SessionDependency) -> dict[str, Any]:
    """Classes without a unit, streets without a squad, streets with several."""
    return await session.run_sync(queries.gaps)


async def _write(
    session: Any, identity: Identity, fields: ShiftFields, shift_id: int | None
) -> dict[str, Any]:
    def write(sync: Session) -> dict[str, Any]:
        if shift_id is not None:
            _covered(sync, identity, queries.get_shift(sync, shift_id))
        values = roster.checked(sync, **fields.model_dump())
        _covered(sync, identity, {**values, "street": values["street_code"]})
        return queries.get_shift(sync, roster.write_shift(sync, values, shift_id))

    row: dict[str, Any] = await session.run_sync(write)
    await session.commit()
    return row


def _covered(session: Session, identity: Identity, shift: dict[str, Any]) -> None:
    """Raise Forbidden for a shift that does not lie in the account's part of the roster."""
    scope = queries.roster_scope(session, identity)
    if scope and not scope.covers(shift["street"], shift["unit_id"], shift["squad_id"]):
        raise Forbidden(
            "the shift is not within your streets, squads and units",
            "该班次不在您负责的街道、中队或单位范围内",
        )


def _moment(words: str, zone: ZoneInfo, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        raise InvalidInput(f"{words!r} is no ISO date or time", f"{words!r} 不是 ISO 日期或时间",
                           where=where) from None  # fmt: skip
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
