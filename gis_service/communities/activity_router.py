"""HTTP: activities, and who signed up for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.router import address_of
from gis_service.attachments.models import Attachment
from gis_service.attachments.storing import file_of
from gis_service.communities import activities, activity_sheet, signups
from gis_service.communities.activity_queries import (
    ActivityFilter,
    count_activities,
    list_activities,
    members_of,
)
from gis_service.communities.activity_schemas import (
    ActivityChange,
    Attendance,
    NewActivity,
)
from gis_service.communities.asking import (
    MOST_EXPORTED,
    AskedPlaces,
    AskedSheet,
    AskedSpan,
    Cursor,
    Format,
    json_of,
    page_of,
    sheet_file,
    whole,
)
from gis_service.communities.changes import log_of
from gis_service.communities.schemas import Page
from gis_service.communities.scope import scope_of
from gis_service.communities.words import known
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    check_parameters,
    refuse_unknown_parameters,
)
from gis_service.errors import InvalidInput, NotFound

router = APIRouter(prefix="/api", tags=["communities"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("community.read"))
Manages = Depends(allow("activity.manage"))
Answers = Depends(allow("opinion.manage"))
CodePath = Annotated[str, Path(max_length=64)]
IdPath = Annotated[int, Path(ge=1, lt=2**31)]
TITLE = ("活动台账", "activities")


async def _wanted(
    settings: SettingsDependency,
    places: AskedPlaces,
    span: AskedSpan,
    kind: Annotated[list[str] | None, Query(description="codes of kinds")] = None,
    unit: Annotated[
        str | None, Query(max_length=64, description="code: holds or takes part")
    ] = None,
    state: Annotated[Literal["planned", "done", "cancelled"] | None, Query()] = None,
    series: Annotated[str | None, Query(max_length=64)] = None,
    counted: Annotated[
        Literal["staff", "volunteers", "residents", "households", "pledges", "quizzed", "passed"]
        | None,
        Query(description="only those that say this number"),
    ] = None,
    branch: Annotated[
        str | None, Query(max_length=64, description="party branch whose members took part")
    ] = None,
    q: Annotated[str | None, Query(max_length=100, description="in title and place")] = None,
) -> ActivityFilter:
    kinds = tuple(part for one in kind or () for part in one.split(",") if part)
    for one in kinds:
        known(settings, "activity_kind", one, "kind")
    return ActivityFilter(
        **places.conditions, since=span.since, until=span.until, kinds=kinds, unit=unit,
        state=state, series=series, counted=counted,
        branch=branch, q=q,
    )  # fmt: skip


Wanted = Annotated[ActivityFilter, Depends(_wanted)]


def _position(cursor: str | None) -> tuple[datetime, int] | None:
    if cursor is None:
        return None
    moment, _, number = cursor.rpartition("~")
    try:
        return datetime.fromisoformat(moment), int(number)
    except ValueError:
        raise InvalidInput("no cursor of this list", "游标无效", where="cursor") from None


@router.get("/activities", response_model=Page, dependencies=[Reads, Strict])
async def get_activities(
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
    wanted: Wanted,
    order: Annotated[
        Literal["starts_at", "-starts_at"], Query(description="the latest first, or the first")
    ] = "-starts_at",
    limit: Limit = 100,
    cursor: Cursor = None,
    format_: Annotated[Format, Query(alias="format")] = "json",
) -> Response:
    """Activities in the asker's scope by their beginning; the csv and xlsx are what
    ``/api/activities/import`` reads."""
    exported = format_ != "json"
    after = _position(cursor)

    def read(sync: Session) -> list[dict[str, Any]]:
        return list_activities(
            sync, wanted, ascending=order == "starts_at", after=None if exported else after,
            limit=MOST_EXPORTED + 1 if exported else limit + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    if exported:
        table = activity_sheet.as_lines(whole(rows), settings, locale)
        return sheet_file(format_, "activities", TITLE, table, locale)
    page, following = page_of(
        rows, limit, lambda row: f"{row['starts_at'].isoformat()}~{row['id']}"
    )
    now = datetime.now(UTC)
    items = [activities.present(row, settings, now, internal=True) for row in page]
    return json_of({"items": items, "next": following})


@router.get("/activities/counts", dependencies=[Reads, Strict])
async def get_counts(
    session: SessionDependency,
    wanted: Wanted,
    by: Annotated[Literal["kind", "community"], Query()] = "kind",
) -> Response:
    """How many activities per kind (and community), and sums of the done ones, each with how many
    of them said the number: what nobody counted is not zero."""
    rows = await session.run_sync(count_activities, wanted, by)
    drop = {"community_id"}
    items = [{name: row[name] for name in row if name not in drop} for row in rows]
    return json_of({"items": items, "next": None})


@router.get("/activities/template", dependencies=[Manages, Strict])
async def get_template(settings: SettingsDependency, locale: LocaleDependency) -> Response:
    """An empty sheet with the headings that the import knows."""
    table = activity_sheet.as_lines([], settings, locale)
    return sheet_file("xlsx", "activities", TITLE, table, locale)


@router.post("/activities", status_code=201, dependencies=[Manages, Strict])
async def add_activity(
    body: NewActivity, session: SessionDependency, settings: SettingsDependency, identity: SignedIn
) -> Response:
    """Enter an activity, or with ``repeat`` a series of them."""
    codes = await session.run_sync(activities.add_activities, settings, identity, body)
    await session.commit()
    items = [await _told(session, settings, code) for code in codes]
    return json_of(items[0] if not body.repeat else {"items": items, "next": None}, 201)


@router.post("/activities/import", dependencies=[Manages, Strict])
async def import_activities(sheet: AskedSheet) -> Response:
    """Take a sheet of activities in, as a whole or, where a row has a fault, not at all: 400 with
    every fault and its cell."""
    return await sheet.taken_by(activity_sheet.load_sheet)


@router.get("/activities/{code}", dependencies=[Reads, Strict])
async def get_activity(
    code: CodePath, session: SessionDependency, settings: SettingsDependency, identity: SignedIn
) -> Response:
    """One activity."""
    scope = await session.run_sync(scope_of, identity)
    return json_of(await _told(session, settings, code, scope.ids))


@router.put("/activities/{code}", dependencies=[Manages, Strict])
async def change_activity(
    code: CodePath,
    body: ActivityChange,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Change an activity: what it is to be, and how it went."""
    await session.run_sync(activities.change_activity, settings, identity, code, body)
    await session.commit()
    return json_of(await _told(session, settings, code))


@router.delete("/activities/{code}", status_code=204, dependencies=[Manages, Strict])
async def remove_activity(
    code: CodePath,
    session: SessionDependency,
    identity: SignedIn,
    following: Annotated[
        bool, Query(description="also the planned ones of its series that come after it")
    ] = False,
) -> Response:
    """Take away an activity that was entered by mistake."""

    def write(sync: Session) -> int:
        return activities.remove_activity(sync, identity, code, following=following)

    await session.run_sync(write)
    await session.commit()
    return Response(status_code=204)


@router.get("/activities/{code}/log", dependencies=[Reads, Strict])
async def activity_log(code: CodePath, session: SessionDependency, identity: SignedIn) -> Response:
    """What happened to an activity, the latest first."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return log_of(sync, "activity", code, scope_of(sync, identity).ids)

    return json_of({"items": await session.run_sync(read), "next": None})


@router.get("/activities/{code}/photos/{photo_id}", dependencies=[Reads])
async def activity_photo(
    request: Request,
    code: CodePath,
    photo_id: Annotated[int, Path(ge=1, lt=2**63)],
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    size: Annotated[Literal["full", "thumb"], Query()] = "full",
) -> FileResponse:
    """A photo of an activity, without metadata."""
    check_parameters(request, {"size"})

    def read(sync: Session) -> Attachment | None:
        row = activities.get_activity(sync, code, scope_of(sync, identity).ids)
        return sync.get(Attachment, photo_id) if photo_id in row["photos"] else None

    found = await session.run_sync(read)
    if found is None:
        raise NotFound(f"no photo {photo_id}", f"没有照片 {photo_id}")
    return FileResponse(
        file_of(settings, found.sha256, size), media_type="image/jpeg",
        headers={"Cache-Control": "private, max-age=86400, immutable"},
    )  # fmt: skip


@router.get(
    "/activities/{code}/signups", dependencies=[Depends(allow("personal.read")), Strict]
)  # fmt: skip
async def get_signups(
    request: Request, code: CodePath, session: SessionDependency, identity: SignedIn
) -> Response:
    """Who signed up, with name and phone; the read is logged."""
    found = await session.run_sync(signups.people_of, identity, code, address_of(request))
    await session.commit()
    return json_of({"items": found, "next": None})


@router.put(
    "/activities/{code}/signups/{signup_id}", status_code=204, dependencies=[Manages, Strict]
)
async def note_attendance(
    code: CodePath,
    signup_id: IdPath,
    body: Attendance,
    session: SessionDependency,
    identity: SignedIn,
) -> Response:
    """Note whether who signed up came."""
    await session.run_sync(signups.attend, identity, code, signup_id, body.attended)
    await session.commit()
    return Response(status_code=204)


async def _told(
    session: Any, settings: Any, code: str, scope: list[int] | None = None
) -> dict[str, Any]:
    def read(sync: Session) -> dict[str, Any]:
        row = activities.get_activity(sync, code, scope)
        told = activities.present(row, settings, datetime.now(UTC), internal=True)
        return {**told, "members": members_of(sync, row["id"])}

    row: dict[str, Any] = await session.run_sync(read)
    return row
