"""Surveys: versions, rounds, and answers taken in. Nothing that was asked changes afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities import opinions
from gis_service.communities.changes import moment_of, note, today_of
from gis_service.communities.people import keep_person
from gis_service.communities.posts import told_word
from gis_service.communities.questions import check_set, checked_answers
from gis_service.communities.scope import community_of, own_community
from gis_service.communities.survey_models import Survey, SurveyResponse, SurveyRound
from gis_service.communities.survey_schemas import Answers, NewSurvey, RoundFields, SurveyFields
from gis_service.communities.words import known, words
from gis_service.errors import Conflict, InvalidInput, NotFound
from gis_service.settings import Settings

_PLAIN = ("kind", "title", "title_en", "intro", "intro_en", "state", "named")


def present_survey(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A row of ``list_surveys`` as it is told."""
    kind = words(settings)["survey_kind"].get(row["kind"])
    told = {name: value for name, value in row.items() if name != "id"}
    return {**told, "kind": told_word(kind, row["kind"])}


def present_round(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A row of ``list_rounds`` as it is told; ``state``: coming, open or closed."""
    today = today_of(settings)
    state = (
        "coming" if today < row["opens_on"] else "closed" if today > row["closes_on"] else "open"
    )
    hidden = ("id", "survey_id")
    told = {name: value for name, value in row.items() if name not in hidden}
    kind = words(settings)["survey_kind"].get(row["kind"])
    return {**told, "kind": told_word(kind, row["kind"]), "state": state}


def add_survey(session: Session, settings: Settings, identity: Identity, body: NewSurvey) -> None:
    """The first version of a survey. The caller commits. Raises Conflict, InvalidInput."""
    if last_version(session, body.code):
        raise Conflict(f"survey {body.code!r} is there already", f"问卷 {body.code!r} 已存在",
                       where="code")  # fmt: skip
    _write(session, settings, identity, Survey(code=body.code, version=1), body)


def change_survey(
    session: Session,
    settings: Settings,
    identity: Identity,
    code: str,
    body: SurveyFields,
    seen: int,
) -> None:
    """Change a draft, or add a version to what was released. The caller commits.

    Raises NotFound, and Conflict where another version came since ``seen``.
    """
    last = last_version(session, code)
    if last is None:
        raise NotFound(f"no survey {code!r}", f"没有问卷 {code!r}", where="code")
    if seen != last.version:
        raise Conflict(
            f"the survey is at version {last.version}, you read {seen}",
            f"问卷已是第 {last.version} 版，您读取的是第 {seen} 版",
            where="version",
        )
    if last.state == "draft":
        _write(session, settings, identity, last, body)
        return
    same = [one.model_dump(mode="json") for one in body.questions] == last.questions
    if same and body.named == last.named:
        # words around the questions and the state are no other questionnaire
        _write(session, settings, identity, last, body)
    else:
        _write(session, settings, identity, Survey(code=code, version=last.version + 1), body)


def remove_survey(session: Session, identity: Identity, code: str) -> None:
    """Take a survey away that never had a round. The caller commits. Raises NotFound, Conflict."""
    versions = list(session.scalars(select(Survey).where(Survey.code == code)))
    if not versions:
        raise NotFound(f"no survey {code!r}", f"没有问卷 {code!r}", where="code")
    ids = [one.id for one in versions]
    if session.scalar(select(SurveyRound.id).where(SurveyRound.survey_id.in_(ids)).limit(1)):
        raise Conflict("it has rounds; withdraw it instead", "已有调查轮次，请改为停用",
                       where="state")  # fmt: skip
    for one in versions:
        session.delete(one)
    session.flush()
    note(session, identity.name, "survey", code, "remove", None)


def _write(
    session: Session, settings: Settings, identity: Identity, row: Survey, body: SurveyFields
) -> None:
    known(settings, "survey_kind", body.kind, "kind")
    check_set(body.questions)
    for name in _PLAIN:
        setattr(row, name, getattr(body, name))
    row.questions = [one.model_dump(mode="json") for one in body.questions]
    row.created_by = identity.name
    session.add(row)
    session.flush()
    note(session, identity.name, "survey", row.code, "change" if row.version > 1 else "add", None,
         {"version": row.version, "state": row.state})  # fmt: skip


def last_version(session: Session, code: str) -> Survey | None:
    """The last version of a survey, locked."""
    query = select(Survey).where(Survey.code == code).order_by(Survey.version.desc()).limit(1)
    return session.scalar(query.with_for_update())


# -- rounds --------------------------------------------------------------------------------------


def add_round(
    session: Session, identity: Identity, survey: str, code: str, body: RoundFields
) -> None:
    """Ask the last released version once more. The caller commits. Raises NotFound, Conflict."""
    row = session.scalar(
        select(Survey)
        .where(Survey.code == survey, Survey.state == "released")
        .order_by(Survey.version.desc())
        .limit(1)
    )
    if row is None:
        raise NotFound(
            f"survey {survey!r} has no released version",
            f"问卷 {survey!r} 没有已发布的版本",
            where="survey",
        )
    if session.scalar(select(SurveyRound.id).where(SurveyRound.code == code)):
        raise Conflict(f"round {code!r} is there already", f"轮次 {code!r} 已存在", where="code")
    check_days(body.opens_on, body.closes_on)
    session.add(SurveyRound(code=code, survey_id=row.id, **body.model_dump(exclude={"code"})))
    session.flush()
    note(session, identity.name, "round", code, "add", None, {"survey": survey})


def change_round(session: Session, identity: Identity, code: str, body: RoundFields) -> None:
    """Change the days and names of a round. The caller commits. Raises NotFound, InvalidInput."""
    row = round_of(session, code)
    check_days(body.opens_on, body.closes_on)
    for name, value in body.model_dump().items():
        setattr(row, name, value)
    session.flush()
    note(session, identity.name, "round", code, "change", None)


def check_days(opens_on: date, closes_on: date) -> None:
    """Raise InvalidInput for a round that ends before it begins."""
    if closes_on < opens_on:
        raise InvalidInput("it closes no earlier than it opens", "截止日期不得早于开始日期",
                           where="closes_on")  # fmt: skip


def round_of(session: Session, code: str) -> SurveyRound:
    """A round by its code. Raises NotFound."""
    row = session.scalar(select(SurveyRound).where(SurveyRound.code == code))
    if row is None:
        raise NotFound(f"no round {code!r}", f"没有调查轮次 {code!r}", where="code")
    return row


# -- answers -------------------------------------------------------------------------------------


def take_answers(
    session: Session,
    settings: Settings,
    identity: Identity | None,
    code: str,
    body: Answers,
    answered_at: datetime | None = None,
) -> dict[str, Any]:
    """Keep a filled-in questionnaire; ``{id, created, right, of}`` with how many questions of a
    quiz were right. The caller commits.

    Without an ``identity`` it is a resident's, by QR code. Raises NotFound, Conflict for a round
    that is not open (to the public), InvalidInput naming the question, Forbidden.
    """
    found = round_of(session, code)
    survey = session.get(Survey, found.survey_id)
    assert survey is not None  # noqa: S101 - a round refers to one
    if identity is None and not found.public:
        raise NotFound(f"no round {code!r}", f"没有调查轮次 {code!r}", where="code")
    place = (
        own_community(session, identity, body.community, where="community")
        if identity
        else community_of(session, body.community, where="community")
    )
    now = datetime.now(UTC)
    at = moment_of(answered_at, settings, "answered_at") if answered_at else now
    if at > now + timedelta(minutes=10):
        raise InvalidInput("it lies in the future", "时间晚于当前", where="answered_at")
    if body.key:
        # the same submission sent twice takes turns: the second one finds the first
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 2))"), {"key": body.key}
        )
        known_id = session.scalar(
            select(SurveyResponse.id).where(
                SurveyResponse.round_id == found.id, SurveyResponse.key == body.key
            )
        )
        if known_id:
            return {"id": known_id, "created": False}
    day = at.astimezone(ZoneInfo(settings.timezone)).date()
    if not found.opens_on <= day <= found.closes_on:
        raise Conflict(
            f"the round is open from {found.opens_on} to {found.closes_on}",
            f"本轮调查时间为 {found.opens_on} 至 {found.closes_on}",
            where="answered_at",
        )
    if survey.named and not body.name:
        raise InvalidInput(
            "this survey asks for the name", "本问卷为实名问卷，请填写姓名", where="name"
        )
    answers = checked_answers(survey.questions, body.answers)
    person = keep_person(session, "survey", name=body.name, phone=body.phone)
    response = SurveyResponse(
        round_id=found.id, community_id=place.area_id, answered_at=at,
        channel="staff" if identity else "qr", entered_by=identity.name if identity else None,
        answers=answers, key=body.key, person_id=person,
    )  # fmt: skip
    session.add(response)
    session.flush()
    for question in survey.questions:
        if question["type"] == "text" and question["key"] in answers:
            opinions.keep(
                session, place.area_id, answers[question["key"]], at,
                response_id=response.id, person_id=person,
            )  # fmt: skip
    note(session, identity.name if identity else "public", "round", code, "answer", place.area_id)
    quiz = [one for one in survey.questions if one["type"] == "quiz"]
    return {
        "id": response.id, "created": True,
        "right": sum(answers.get(one["key"]) == one["right"] for one in quiz), "of": len(quiz),
    }  # fmt: skip
