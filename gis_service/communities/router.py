"""HTTP: the words of communities, and service posts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow, public
from gis_service.attachments.models import Attachment
from gis_service.attachments.storing import file_of
from gis_service.communities import post_sheet, posts, queries
from gis_service.communities.asking import (
    AskedPlaces,
    AskedSheet,
    Cursor,
    Format,
    json_of,
    page_of,
    sheet_file,
)
from gis_service.communities.changes import log_of
from gis_service.communities.schemas import (
    NewPost,
    Page,
    PostChange,
    PostFields,
)
from gis_service.communities.scope import community_of
from gis_service.communities.words import words
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    check_parameters,
    refuse_unknown_parameters,
)
from gis_service.errors import NotFound

router = APIRouter(prefix="/api", tags=["communities"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("community.read"))
CodePath = Annotated[str, Path(max_length=64)]
IdPath = Annotated[int, Path(ge=1, lt=2**31)]

TITLE = ("服务岗", "posts")


@router.get("/community-words", dependencies=[Depends(public()), Strict])
async def list_words(settings: SettingsDependency) -> Response:
    """The word lists: kinds of activities, duties, services, outcomes, kinds of surveys, parts of
    the plan."""
    return json_of(
        {
            name: [
                {"code": w.code, "name": w.name, "name_en": w.name_en, "part": w.part}
                for w in found.values()
            ]
            for name, found in words(settings).items()
        }
    )


# -- posts -------------------------------------------------------------------------------------


@router.get("/posts", response_model=Page, dependencies=[Reads, Strict])
async def list_posts(
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
    places: AskedPlaces,
    state: Annotated[Literal["staffed", "vacant", "none"] | None, Query()] = None,
    gridded: Annotated[
        bool | None, Query(description="those with grids, as the plan counts communities")
    ] = None,
    limit: Limit = 200,
    cursor: Cursor = None,
    format_: Annotated[Format, Query(alias="format")] = "json",
) -> Response:
    """Every community in force with its service post, vacancies and missing posts included; the
    csv and xlsx are what ``/api/posts/import`` reads."""
    whole = format_ != "json"

    def read(sync: Session) -> list[dict[str, Any]]:
        return queries.list_posts(
            sync, **places.conditions, state=state, gridded=gridded,
            after=None if whole else cursor, limit=10_000 if whole else limit + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    if whole:
        return sheet_file(
            format_, "posts", TITLE, post_sheet.as_lines(rows, settings, locale), locale
        )
    page, following = page_of(rows, limit, lambda row: row["community_code"])
    items = [posts.present(row, settings, internal=True) for row in page]
    return json_of({"items": items, "next": following})


@router.post("/posts", status_code=201, dependencies=[Depends(allow("post.manage")), Strict])
async def add_post(
    body: NewPost, session: SessionDependency, settings: SettingsDependency, identity: SignedIn
) -> Response:
    """Give a community its post."""
    fields = PostFields.model_validate(body.model_dump(exclude={"community"}, by_alias=True))
    await session.run_sync(posts.write_post, settings, identity, body.community, fields, new=True)
    await session.commit()
    return json_of(await _post(session, settings, body.community), 201)


@router.post("/posts/import", dependencies=[Depends(allow("post.manage")), Strict])
async def import_posts(sheet: AskedSheet) -> Response:
    """Take a sheet of posts in, as a whole or, where a row has a fault, not at all: 400 with every
    fault and its cell."""
    return await sheet.taken_by(post_sheet.load_posts)


@router.get("/posts/{code}", dependencies=[Reads, Strict])
async def get_post(
    code: CodePath, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """The post of a community, by the community's code."""
    return json_of(await _post(session, settings, code))


@router.put("/posts/{code}", dependencies=[Depends(allow("post.manage")), Strict])
async def change_post(
    code: CodePath,
    body: PostChange,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Change the post of a community."""
    await session.run_sync(
        posts.write_post, settings, identity, code, body, new=False, seen=body.version
    )
    await session.commit()
    return json_of(await _post(session, settings, code))


@router.delete(
    "/posts/{code}", status_code=204, dependencies=[Depends(allow("post.manage")), Strict]
)
async def remove_post(code: CodePath, session: SessionDependency, identity: SignedIn) -> Response:
    """Take the post of a community away."""
    await session.run_sync(posts.remove_post, identity, code)
    await session.commit()
    return Response(status_code=204)


@router.get("/posts/{code}/log", dependencies=[Reads, Strict])
async def post_log(code: CodePath, session: SessionDependency) -> Response:
    """What happened to a post, the latest first."""
    return json_of({"items": await session.run_sync(log_of, "post", code), "next": None})


@router.get("/posts/{code}/photo", dependencies=[Depends(public())])
async def post_photo(
    request: Request,
    code: CodePath,
    session: SessionDependency,
    settings: SettingsDependency,
    size: Annotated[Literal["full", "thumb"], Query()] = "full",
) -> FileResponse:
    """The photo on the notice of a post, without metadata."""
    check_parameters(request, {"size", "v"})

    def read(sync: Session) -> str | None:
        found = queries.list_posts(sync, None, community=code)
        photo = (
            sync.get(Attachment, found[0]["photo_id"]) if found and found[0]["photo_id"] else None
        )
        return photo.sha256 if photo else None

    sha256 = await session.run_sync(read)
    if sha256 is None:
        raise NotFound("the post has no photo", "该服务岗没有照片")
    return FileResponse(
        file_of(settings, sha256, size), media_type="image/jpeg",
        headers={"Cache-Control": "private, max-age=3600"},
    )  # fmt: skip


async def _post(session: Any, settings: Any, code: str) -> dict[str, Any]:
    def read(sync: Session) -> dict[str, Any]:
        found = queries.list_posts(sync, None, community=code)
        if not found:
            community_of(sync, code)  # raises: there is no such community
        return posts.present(found[0], settings, internal=True)

    row: dict[str, Any] = await session.run_sync(read)
    return row
