"""What people said: kept, answered, followed up, or made an incident."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.activities import own_activity
from gis_service.communities.activity_queries import list_opinions
from gis_service.communities.activity_schemas import NewOpinion, OpinionAnswer
from gis_service.communities.changes import note
from gis_service.communities.class_proposal import Proposals
from gis_service.communities.people import keep_person, read_people
from gis_service.communities.scope import named, own_community, scope_of
from gis_service.communities.survey_models import Opinion
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.incidents.desk import Desk
from gis_service.incidents.intake import take_in

STATES = {
    "open": ("待答复", "open"), "following": ("跟进中", "being followed up"),
    "answered": ("已答复", "answered"),
}  # fmt: skip


def present(row: dict[str, Any], proposals: Proposals | None = None) -> dict[str, Any]:
    """A row of ``list_opinions`` as it is told, with the class that it would be made an incident
    of; who said it is asked for by itself."""
    out = dict(row)
    incident = None
    if row["incident_id"]:
        incident = {"id": row["incident_id"], "code": row["incident_code"],
                    "state": row["incident_state"]}  # fmt: skip
    told = {
        name: row[name]
        for name in (
            "id", "said_at", "words", "answer", "answered_at", "answered_by", "adopted",
            "follow_up", "follow_up_by", "follow_up_due", "followed_up_on", "has_person",
        )
    }  # fmt: skip
    return {
        **told, "state": state_of(row), "community": named(out, "community"),
        "street": named(out, "street"), "activity": named(out, "activity"),
        "round": named(out, "round"), "incident": incident,
        "origin": row["origin"], "has_place": row["has_place"],
        "proposed_class": proposals.of(row["words"]) if proposals and not incident else None,
    }  # fmt: skip


def state_of(row: dict[str, Any]) -> str:
    """``open``, ``following`` or ``answered``, as the lists filter them."""
    if row["answer"] is None and row["incident_id"] is None and row["follow_up"] is None:
        return "open"
    return "following" if row["follow_up"] and not row["followed_up_on"] else "answered"


def add_opinion(session: Session, identity: Identity, body: NewOpinion) -> int:
    """Keep what somebody said; its id. The caller commits. Raises InvalidInput, Forbidden."""
    if (body.community is None) == (body.activity is None):
        raise InvalidInput("name either the community or the activity",
                           "社区与活动须且只能填一个", where="community")  # fmt: skip
    activity_id = None
    if body.activity is not None:
        activity = own_activity(session, identity, body.activity)
        activity_id, community_id = activity.id, activity.community_id
    else:
        code = body.community or ""
        community_id = own_community(session, identity, code, where="community").area_id
    person_id = keep_person(session, "opinion", name=body.name, phone=body.phone)
    now, answered = datetime.now(UTC), bool(body.answer)
    made = keep(
        session, community_id, body.words, now, activity_id=activity_id, person_id=person_id,
        answer=body.answer or None, answered_at=now if answered else None,
        answered_by=identity.name if answered else None, adopted=body.adopted,
    )  # fmt: skip
    note(session, identity.name, "opinion", str(made.id), "add", community_id)
    return made.id


def keep(session: Session, community_id: int, words: str, at: datetime, **columns: Any) -> Opinion:
    """A new row."""
    row = Opinion(community_id=community_id, words=words, said_at=at, **columns)
    session.add(row)
    session.flush()
    return row


def own_opinion(session: Session, identity: Identity, opinion_id: int) -> Opinion:
    """An opinion that the account may answer, locked. Raises NotFound, Forbidden."""
    row = session.scalar(select(Opinion).where(Opinion.id == opinion_id).with_for_update())
    if row is None:
        raise NotFound(f"no opinion {opinion_id}", f"没有意见 {opinion_id}")
    if not scope_of(session, identity).sees(row.community_id):
        raise Forbidden("the community is not within your scope", "该社区不在您的管辖范围内")
    return row


def answer_opinion(
    session: Session, identity: Identity, opinion_id: int, body: OpinionAnswer
) -> None:
    """Note an answer, whether it was adopted, and what follows. The caller commits."""
    row = own_opinion(session, identity, opinion_id)
    said = body.model_dump(exclude_unset=True)
    if "answer" in said:
        row.answer = said.pop("answer") or None
        row.answered_at = datetime.now(UTC) if row.answer else None
        row.answered_by = identity.name if row.answer else None
    for name, value in said.items():
        setattr(row, name, value if value != "" else None)
    if row.followed_up_on and not row.follow_up:
        raise InvalidInput("say what was followed up", "请填写跟进事项", where="follow_up")
    session.flush()
    note(session, identity.name, "opinion", str(row.id), "answer", row.community_id)


def make_incident(
    session: Session, desk: Desk, identity: Identity, opinion_id: int, class_code: str | None
) -> int:
    """Make an opinion an incident, a resident's order, at the activity's place where it has one,
    else by the community's middle, which is said; the incident's id. Without a class it is the
    proposed one. The caller commits.

    Raises Conflict for one that is an incident already, InvalidInput where no class is given and
    none can be proposed.
    """
    row = own_opinion(session, identity, opinion_id)
    identity.require("incident.report")
    if row.incident_id:
        raise Conflict(f"it is incident {row.incident_id} already", "该意见已转为案件",
                       where="incident")  # fmt: skip
    if class_code is None:
        proposed = Proposals(desk.reference.classes.values()).of(row.words)
        if proposed is None:
            raise InvalidInput("no class can be told from the words: choose one",
                               "从意见内容看不出类别，请选择类别", where="class")  # fmt: skip
        class_code = proposed["code"]
    told = list_opinions(session, id_=opinion_id)[0]
    place = told["activity_name"] or told["community_name"] or told["community_code"]
    approximate = "" if told["has_place"] else "（位置为社区中心，待核实）"
    description = f"{row.words}\n（意见 {row.id}，{place}）{approximate}"
    taken = take_in(
        session, desk, identity,
        {
            "class": class_code, "description": description,
            "source": "resident", "is_order": True, "lon": told["lon"], "lat": told["lat"],
            "crs": "wgs84" if told["lon"] is not None else None,
            # so that nobody takes the middle of the community for the place
            "accuracy_m": None if told["has_place"] else told["radius_m"],
        },
    )  # fmt: skip
    row.incident_id = taken.incident_id
    session.flush()
    note(session, identity.name, "opinion", str(row.id), "incident", row.community_id,
         {"incident": taken.incident_id})  # fmt: skip
    return taken.incident_id


def person_of(
    session: Session, identity: Identity, opinion_id: int, address: str
) -> dict[str, Any]:
    """Who said it; writes the audit log."""
    row = own_opinion(session, identity, opinion_id)
    return read_people(session, identity, [row.person_id], f"opinion {opinion_id}", address)[0]
