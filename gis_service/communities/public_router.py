"""HTTP for residents: what a community has, sign up for an activity, answer a survey."""

from __future__ import annotations

import io
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import segno
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from limits import RateLimitItemPerHour
from sqlalchemy.orm import Session

from gis_service.accounts.attempts import PerAddress
from gis_service.accounts.dependencies import public
from gis_service.accounts.router import address_of
from gis_service.communities import overview, signups, survey_queries, surveys
from gis_service.communities.activity_schemas import SignUp
from gis_service.communities.asking import PRIVATE, json_of
from gis_service.communities.scope import community_of
from gis_service.communities.survey_schemas import Answers
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
    service_address,
)
from gis_service.errors import NotFound
from gis_service.settings import Settings

router = APIRouter(
    prefix="/api/public",
    tags=["public"],
    dependencies=[Depends(public()), Depends(refuse_unknown_parameters)],
)
CodePath = Annotated[str, Path(max_length=64)]


def answer_limit(settings: Settings) -> PerAddress:
    """How often one address may answer a survey or sign up."""
    return PerAddress(
        RateLimitItemPerHour(settings.public_answers_per_hour),
        "该地址提交过于频繁，请稍后再试",
        "too many answers from this address; try again later",
    )


def count(request: Request) -> None:
    """Raise TooMany where the address has answered too often."""
    limit: PerAddress = request.app.state.public_answers
    limit.count(address_of(request))


@router.post("/activities/{code}/signups", status_code=201)
async def sign_up(
    request: Request, code: CodePath, body: SignUp, session: SessionDependency
) -> Response:
    """Sign up to help at an activity; the code in the answer takes it back."""
    count(request)
    told = await session.run_sync(signups.sign_up, code, body)
    await session.commit()
    return json_of(told, 201)


@router.delete("/signups/{code}", status_code=204)
async def take_back(request: Request, code: CodePath, session: SessionDependency) -> Response:
    """Take a sign-up back; who it was is forgotten."""
    count(request)
    await session.run_sync(signups.take_back, code)
    await session.commit()
    return Response(status_code=204)


@router.get("/surveys/{code}")
async def get_survey(
    code: CodePath, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """The questions of a round that residents answer; which answers of a quiz are right is not
    said."""
    rows = await session.run_sync(lambda sync: survey_queries.list_rounds(sync, code=code))
    if not rows or not rows[0]["public"]:
        raise NotFound(f"no round {code!r}", f"没有调查轮次 {code!r}", where="code")
    told = surveys.present_round(rows[0], settings)
    for name in ("responses", "communities"):
        del told[name]
    told["questions"] = [
        {name: value for name, value in one.items() if name not in ("right", "measure")}
        for one in told["questions"]
    ]
    return json_of(told)


@router.post("/surveys/{code}", status_code=201)
async def answer_survey(
    request: Request,
    code: CodePath,
    body: Answers,
    session: SessionDependency,
    settings: SettingsDependency,
) -> Response:
    """Answer a survey; a submission sent twice under one ``key`` counts once."""
    count(request)
    told = await session.run_sync(surveys.take_answers, settings, None, code, body)
    await session.commit()
    told.pop("id")
    return json_of(told, 201 if told["created"] else 200)


@router.get("/communities/{code}/notice")
async def get_notice(
    code: CodePath, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """What everybody may know of a community: the post as published, stations, coming activities,
    open surveys, and what was done, counted with its denominators."""

    def read(sync: Session) -> dict[str, Any]:
        return overview.notice(sync, settings, community_of(sync, code))

    return json_of(await session.run_sync(read))


@router.get("/communities/{code}/qr.svg")
async def get_qr(
    request: Request,
    code: CodePath,
    session: SessionDependency,
    round: Annotated[str | None, Query(max_length=64, description="code")] = None,
) -> Response:
    """The QR code of a community's page, or with ``round`` of the survey to answer there."""

    def read(sync: Session) -> str:
        place = community_of(sync, code)
        if round is None:
            return f"communities/{quote(place.code, safe='')}"
        return f"survey/{quote(surveys.round_of(sync, round).code, safe='')}?" + urlencode(
            {"community": place.code}
        )

    path = await session.run_sync(read)
    out = io.BytesIO()
    # redundancy for a sheet that hangs in the rain
    segno.make(f"{service_address(request)}/{path}", error="q", micro=False).save(
        out, kind="svg", border=2, xmldecl=False, svgclass=None, lineclass=None, omitsize=True
    )
    return Response(out.getvalue(), media_type="image/svg+xml", headers=PRIVATE)
