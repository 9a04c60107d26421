"""HTTP: surveys, their rounds, answers that staff enter, and results."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.communities import survey_queries, surveys
from gis_service.communities.asking import (
    AskedPlaces,
    AskedSpan,
    Format,
    Sheet,
    json_of,
)
from gis_service.communities.changes import log_of, today_of
from gis_service.communities.results import round_results, satisfaction_told
from gis_service.communities.schemas import Page
from gis_service.communities.survey_schemas import (
    NewRound,
    NewSurvey,
    RoundFields,
    StaffAnswers,
    SurveyChange,
)
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.errors import NotFound

router = APIRouter(prefix="/api", tags=["communities"])
Strict = Depends(refuse_unknown_parameters)
Reads = Depends(allow("community.read"))
Manages = Depends(allow("survey.manage"))
CodePath = Annotated[str, Path(max_length=64)]

RESULT_SHEET = Sheet(
    "survey-results",
    ("调查结果", "results"),
    {
        "community_code": ("社区编码", "community_code"),
        "community": ("社区", "community"),
        "responses": ("问卷数", "responses"),
        "question": ("题目", "question"),
        "answers": ("回答数", "answers"),
        "option": ("选项", "option"),
        "count": ("人数", "count"),
        "share": ("比例", "share"),
        "low": ("95% 下限", "95% low"),
        "high": ("95% 上限", "95% high"),
        "note": ("说明", "note"),
    },
)


@router.get("/surveys", response_model=Page, dependencies=[Reads, Strict])
async def list_surveys(
    session: SessionDependency,
    settings: SettingsDependency,
    kind: Annotated[str | None, Query(max_length=64, description="code")] = None,
) -> Response:
    """The last version of each survey."""
    rows = await session.run_sync(lambda sync: survey_queries.list_surveys(sync, kind=kind))
    items = [surveys.present_survey(row, settings) for row in rows]
    return json_of({"items": items, "next": None})


@router.post("/surveys", status_code=201, dependencies=[Manages, Strict])
async def add_survey(
    body: NewSurvey, session: SessionDependency, settings: SettingsDependency, identity: SignedIn
) -> Response:
    """Make a survey."""
    await session.run_sync(surveys.add_survey, settings, identity, body)
    await session.commit()
    return json_of((await _versions(session, settings, body.code))[0], 201)


@router.get("/surveys/satisfaction", dependencies=[Reads, Strict])
async def get_satisfaction(
    session: SessionDependency,
    settings: SettingsDependency,
    span: AskedSpan,
    places: AskedPlaces,
) -> Response:
    """Per community what share is satisfied, with interval and number of answers: within the span,
    or without ``from`` in the last round that asked. ``share`` null: too few answers."""

    def read(sync: Session) -> list[dict[str, Any]]:
        return survey_queries.satisfaction(sync, span.since, span.until, places.community)

    rows = await session.run_sync(read)
    items = [
        {"community": row["community"], **satisfaction_told(row, settings.survey_minimum)}
        for row in rows
        if places.scope.sees(row["community_id"])
    ]
    return json_of({"items": items, "next": None, "minimum": settings.survey_minimum})


@router.get("/surveys/{code}", response_model=Page, dependencies=[Reads, Strict])
async def get_survey(
    code: CodePath, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """Every version of a survey, the latest first."""
    return json_of({"items": await _versions(session, settings, code), "next": None})


@router.put("/surveys/{code}", dependencies=[Manages, Strict])
async def change_survey(
    code: CodePath,
    body: SurveyChange,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Change a draft; other questions than those released become another version."""
    await session.run_sync(
        surveys.change_survey, settings, identity, code, body, body.version
    )  # fmt: skip
    await session.commit()
    return json_of((await _versions(session, settings, code))[0])


@router.delete("/surveys/{code}", status_code=204, dependencies=[Manages, Strict])
async def remove_survey(code: CodePath, session: SessionDependency, identity: SignedIn) -> Response:
    """Take a survey away that was never asked."""
    await session.run_sync(surveys.remove_survey, identity, code)
    await session.commit()
    return Response(status_code=204)


@router.get("/surveys/{code}/log", dependencies=[Reads, Strict])
async def survey_log(code: CodePath, session: SessionDependency) -> Response:
    """What happened to a survey, the latest first."""
    return json_of({"items": await session.run_sync(log_of, "survey", code), "next": None})


@router.post("/surveys/{code}/rounds", status_code=201, dependencies=[Manages, Strict])
async def add_round(
    code: CodePath,
    body: NewRound,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Ask the last released version once more."""
    await session.run_sync(surveys.add_round, identity, code, body.code, body)
    await session.commit()
    return json_of(await _round(session, settings, body.code), 201)


@router.get("/survey-rounds", response_model=Page, dependencies=[Reads, Strict])
async def list_rounds(
    session: SessionDependency,
    settings: SettingsDependency,
    survey: Annotated[str | None, Query(max_length=64, description="code")] = None,
    open: Annotated[bool, Query(description="only those open today")] = False,
) -> Response:
    """Rounds of surveys, the latest first."""
    day = today_of(settings) if open else None
    rows = await session.run_sync(
        lambda sync: survey_queries.list_rounds(sync, survey=survey, open_=day)
    )
    items = [surveys.present_round(row, settings) for row in rows]
    return json_of({"items": items, "next": None})


@router.get("/survey-rounds/{code}", dependencies=[Reads, Strict])
async def get_round(
    code: CodePath, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """A round with its questions."""
    return json_of(await _round(session, settings, code))


@router.put("/survey-rounds/{code}", dependencies=[Manages, Strict])
async def change_round(
    code: CodePath,
    body: RoundFields,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Change the days and names of a round."""
    await session.run_sync(surveys.change_round, identity, code, body)
    await session.commit()
    return json_of(await _round(session, settings, code))


@router.post(
    "/survey-rounds/{code}/responses", status_code=201,
    dependencies=[Depends(allow("survey.enter")), Strict],
)  # fmt: skip
async def enter_answers(
    code: CodePath,
    body: StaffAnswers,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
) -> Response:
    """Enter what somebody answered."""
    told = await session.run_sync(
        surveys.take_answers, settings, identity, code, body, body.answered_at
    )
    await session.commit()
    return json_of(told, 201 if told["created"] else 200)


@router.get("/survey-rounds/{code}/results", dependencies=[Reads, Strict])
async def get_results(
    code: CodePath,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    places: AskedPlaces,
    format_: Annotated[Format, Query(alias="format")] = "json",
) -> Response:
    """What the answers say per community and in all of those asked for: counts, shares and means
    with 95 % intervals, nothing claimed below the minimum sample."""

    def read(sync: Session) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        found = _find(sync, code)
        answers = survey_queries.answers_of(sync, found["id"], **places.conditions)
        return found, answers

    found, answers = await session.run_sync(read)
    results = await asyncio.to_thread(
        round_results, found["questions"], answers, settings.survey_minimum
    )
    if format_ != "json":
        return RESULT_SHEET.response(format_, _lines(results, locale), locale)
    return json_of({"round": surveys.present_round(found, settings), **results})


def _lines(results: dict[str, Any], locale: str) -> list[dict[str, Any]]:
    suffix = "" if locale == "zh" else "_en"
    few = (
        f"样本不足 {results['minimum']} 份，不作推断" if locale == "zh"
        else f"fewer than {results['minimum']} answers: nothing is claimed"
    )  # fmt: skip
    whole = {"code": "", "name": "全部" if locale == "zh" else "all"}
    lines = []
    for part in [{"community": whole, **results["all"]}, *results["communities"]]:
        for question in part["questions"]:
            for option in question.get("counts", ()):
                share = option["share"] or {}
                lines.append(
                    {
                        "community_code": part["community"]["code"],
                        "community": part["community"]["name"], "responses": part["responses"],
                        "question": question[f"text{suffix}"], "answers": question["answers"],
                        "option": option[f"text{suffix}"], "count": option["count"],
                        "share": _rounded(share.get("value")), "low": _rounded(share.get("low")),
                        "high": _rounded(share.get("high")),
                        "note": "" if question["enough"] else few,
                    }
                )  # fmt: skip
    return lines


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _find(session: Session, code: str) -> dict[str, Any]:
    rows = survey_queries.list_rounds(session, code=code)
    if not rows:
        raise NotFound(f"no round {code!r}", f"没有调查轮次 {code!r}", where="code")
    return rows[0]


async def _round(session: Any, settings: Any, code: str) -> dict[str, Any]:
    return surveys.present_round(await session.run_sync(_find, code), settings)


async def _versions(session: Any, settings: Any, code: str) -> list[dict[str, Any]]:
    rows = await session.run_sync(
        lambda sync: survey_queries.list_surveys(sync, code=code, all_=True)
    )
    if not rows:
        raise NotFound(f"no survey {code!r}", f"没有问卷 {code!r}", where="code")
    return [surveys.present_survey(row, settings) for row in rows]
