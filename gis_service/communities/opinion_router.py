"""HTTP: what people said, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.router import address_of
from gis_service.communities import opinions
from gis_service.communities.activity_queries import (
    list_opinions,
)
from gis_service.communities.activity_schemas import (
    NewOpinion,
    OpinionAnswer,
)
from gis_service.communities.asking import (
    MOST_EXPORTED,
    AskedPlaces,
    AskedSpan,
    Format,
    Sheet,
    json_of,
    page_of,
    whole,
)
from gis_service.communities.class_proposal import Proposals
from gis_service.communities.schemas import Code, Page
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    refuse_unknown_parameters,
)
from gis_service.incidents.router import desk_of

router = APIRouter(prefix="/api", tags=["communities"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("community.read"))
Manages = Depends(allow("activity.manage"))
Answers = Depends(allow("opinion.manage"))
CodePath = Annotated[str, Path(max_length=64)]
IdPath = Annotated[int, Path(ge=1, lt=2**31)]


OPINION_SHEET = Sheet(
    "opinions",
    ("意见建议", "opinions"),
    {
        "id": ("编号", "id"),
        "said_at": ("时间", "said_at"),
        "community": ("社区", "community"),
        "activity": ("活动", "activity"),
        "round": ("问卷", "round"),
        "words": ("意见", "words"),
        "state_name": ("状态", "state"),
        "answer": ("答复", "answer"),
        "adopted": ("采纳", "adopted"),
        "follow_up": ("跟进事项", "follow_up"),
        "follow_up_by": ("跟进人", "follow_up_by"),
        "follow_up_due": ("期限", "follow_up_due"),
        "followed_up_on": ("完成日期", "followed_up_on"),
        "incident_code": ("案件", "incident"),
    },
)


@router.get("/opinions", response_model=Page, dependencies=[Reads, Strict])
async def get_opinions(
    request: Request,
    session: SessionDependency,
    locale: LocaleDependency,
    places: AskedPlaces,
    span: AskedSpan,
    activity: Annotated[str | None, Query(max_length=64)] = None,
    round_: Annotated[str | None, Query(alias="round", max_length=64)] = None,
    state: Annotated[Literal["open", "following", "answered"] | None, Query()] = None,
    heard: Annotated[bool | None, Query(description="answered or made an incident")] = None,
    adopted: Annotated[bool | None, Query()] = None,
    origin: Annotated[
        Literal["survey", "activity", "post"] | None, Query(description="where it was said")
    ] = None,
    limit: Limit = 100,
    cursor: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    format_: Annotated[Format, Query(alias="format")] = "json",
) -> Response:
    """What people said, the latest first; who said it is asked for one by one."""
    exported = format_ != "json"

    def read(sync: Session) -> list[dict[str, Any]]:
        return list_opinions(
            sync, **places.conditions, since=span.since, until=span.until, activity=activity,
            round_=round_, state=state, heard=heard, adopted=adopted, origin=origin,
            before=None if exported else cursor, limit=MOST_EXPORTED + 1 if exported else limit + 1,
        )  # fmt: skip

    rows = await session.run_sync(read)
    if exported:
        place = 0 if locale == "zh" else 1
        told = [opinions.present(row) for row in whole(rows)]
        return OPINION_SHEET.response(
            format_,
            [
                {
                    **one, "state_name": opinions.STATES[one["state"]][place],
                    "incident_code": (one["incident"] or {}).get("code"),
                }
                for one in told
            ],
            locale,
        )  # fmt: skip
    page, following = page_of(rows, limit, lambda row: row["id"])
    proposals = _proposals(request)
    return json_of({"items": [opinions.present(row, proposals) for row in page], "next": following})


@router.post("/opinions", status_code=201, dependencies=[Answers, Strict])
async def add_opinion(
    request: Request, body: NewOpinion, session: SessionDependency, identity: SignedIn
) -> Response:
    """Keep what somebody said in a community or at an activity."""
    made = await session.run_sync(opinions.add_opinion, identity, body)
    await session.commit()
    return json_of(await _opinion(request, session, made), 201)


@router.put("/opinions/{opinion_id}", dependencies=[Answers, Strict])
async def answer_opinion(
    request: Request,
    opinion_id: IdPath,
    body: OpinionAnswer,
    session: SessionDependency,
    identity: SignedIn,
) -> Response:
    """Answer an opinion, say whether it was adopted, and what is done about it."""
    await session.run_sync(opinions.answer_opinion, identity, opinion_id, body)
    await session.commit()
    return json_of(await _opinion(request, session, opinion_id))


@router.post("/opinions/{opinion_id}/incident", status_code=201, dependencies=[Answers, Strict])
async def opinion_incident(
    request: Request,
    opinion_id: IdPath,
    session: SessionDependency,
    identity: SignedIn,
    class_: Annotated[
        Code | None, Query(alias="class", description="code of the class; the proposed one")
    ] = None,
) -> Response:
    """Make an opinion an incident, as a resident's order: of the class proposed for its words
    (``proposed_class``) where none is named."""
    await session.run_sync(opinions.make_incident, desk_of(request), identity, opinion_id, class_)
    await session.commit()
    return json_of(await _opinion(request, session, opinion_id), 201)


@router.get(
    "/opinions/{opinion_id}/person", dependencies=[Depends(allow("personal.read")), Strict]
)  # fmt: skip
async def opinion_person(
    request: Request, opinion_id: IdPath, session: SessionDependency, identity: SignedIn
) -> Response:
    """Who said it; the read is logged."""
    found = await session.run_sync(opinions.person_of, identity, opinion_id, address_of(request))
    await session.commit()
    return json_of(found)


def _proposals(request: Request) -> Proposals:
    return Proposals(desk_of(request).reference.classes.values())


async def _opinion(request: Request, session: Any, opinion_id: int) -> dict[str, Any]:
    rows = await session.run_sync(lambda sync: list_opinions(sync, id_=opinion_id))
    return opinions.present(rows[0], _proposals(request))
