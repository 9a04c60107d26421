"""Load what was planned for the demo's communities."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from geoalchemy2 import WKTElement
from PIL import Image, ImageDraw
from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from gis_service.attachments.storing import keep, store
from gis_service.communities.activities import new_codes
from gis_service.communities.changes import note
from gis_service.communities.models import (
    Activity,
    ActivityMember,
    ActivitySignup,
    CommunityMeeting,
    Mediation,
    MeetingItem,
    PartyBranch,
    PartyMember,
    ServicePost,
    Station,
    StationShift,
)
from gis_service.communities.people import keep_person
from gis_service.communities.questions import Question, check_set
from gis_service.communities.survey_models import Opinion, Survey, SurveyResponse, SurveyRound
from gis_service.demo.communities import CommunityPlan, life, plan_communities
from gis_service.demo.district import District
from gis_service.demo.noise import stream
from gis_service.settings import Settings

ACTOR = "demo"
METRES_A_DEGREE = 110_574.0
_PLACES = text("""
    SELECT code, area_id, name, ST_X(inner_point) AS lon, ST_Y(inner_point) AS lat
    FROM community WHERE valid_to IS NULL
""")
# orders are what residents asked for themselves; every n-th of their reports
_ORDERS = text("""
    UPDATE incident SET is_order = true
    WHERE source = 'resident' AND community_id IS NOT NULL AND id % 7 = 0
""")
_TABLED = text("""
    SELECT id, community_id, reported_at, state FROM incident
    WHERE is_order AND reported_at >= :since ORDER BY community_id, reported_at, id
""")


def load_demo_communities(
    session: Session, settings: Settings, district: District, as_of: datetime
) -> CommunityPlan | None:
    """Posts, stations, members, activities, surveys and meetings on orders; None where they are
    there. The caller commits."""
    if session.scalar(select(func.count()).select_from(ServicePost)):
        return None
    places = {row.code: row for row in session.execute(_PLACES)}
    units = {row.code: row.id for row in session.execute(text(
        "SELECT code, id FROM unit WHERE active AND NOT outside ORDER BY id"))}  # fmt: skip
    names = {code: row.name for code, row in places.items()}
    plan = plan_communities(district.seed, district.scale, names, list(units), as_of)
    areas = {code: row.area_id for code, row in places.items()}
    _load_posts(session, settings, plan, places)
    _load_stations(session, plan, places)
    members = _load_members(session, plan, areas, units)
    _load_activities(session, settings, plan, places, units, members)
    _load_surveys(session, plan, areas)
    _load_meetings(session, district.seed, as_of)
    note(session, ACTOR, "communities", "demo", "load", None)
    return plan


def _point(lon: float, lat: float, metres: Iterable[float] = (0.0, 0.0)) -> Any:
    east, north = metres
    return WKTElement(
        f"POINT({lon + east / METRES_A_DEGREE} {lat + north / METRES_A_DEGREE})", srid=4326
    )


def _portrait() -> bytes:
    """A picture of nobody."""
    image = Image.new("RGB", (300, 400), "#dfe7f1")
    draw = ImageDraw.Draw(image)
    draw.ellipse((95, 70, 205, 195), fill="#8fa3bd")
    draw.pieslice((30, 215, 270, 590), 180, 360, fill="#8fa3bd")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _load_posts(
    session: Session, settings: Settings, plan: CommunityPlan, places: dict[str, Any]
) -> None:
    photo = keep(session, store(_portrait(), settings), "示意照片.png", ACTOR)
    for one in plan.posts:
        place = places[one["community"]]
        facts = {name: value for name, value in one.items() if name not in ("community", "photo")}
        session.add(
            ServicePost(
                community_id=place.area_id, photo_id=photo if one["photo"] else None,
                geom=_point(place.lon, place.lat, (-70.0, -50.0)), **facts,
            )
        )  # fmt: skip
    session.flush()


def _load_stations(session: Session, plan: CommunityPlan, places: dict[str, Any]) -> None:
    plain = ("code", "name", "phone", "services", "opening", "opened_on")
    for one in plan.stations:
        place = places[one["community"]]
        row = Station(
            community_id=place.area_id, geom=_point(place.lon, place.lat, (90.0, 60.0)),
            address=f"{place.name}内", **{name: one[name] for name in plain},
        )  # fmt: skip
        session.add(row)
        session.flush()
        for shift in one["shifts"]:
            ends = shift["starts_at"] + timedelta(hours=shift["hours"])
            session.add(StationShift(station_id=row.id, starts_at=shift["starts_at"], ends_at=ends,
                                     person=shift["person"]))  # fmt: skip
        for held in one["mediations"]:
            person = keep_person(session, "mediation", parties=held.pop("parties"))
            session.add(Mediation(station_id=row.id, community_id=place.area_id, person_id=person,
                                  **held))  # fmt: skip
    session.flush()


def _load_members(
    session: Session, plan: CommunityPlan, areas: dict[str, int], units: dict[str, int]
) -> dict[str, int]:
    """The ids of the members by their number."""
    branches: dict[str, PartyBranch] = {}
    found: dict[str, int] = {}
    for one in plan.members:
        unit = one["unit"]
        if unit not in branches:
            community = areas.get(one["community"] or "")
            branches[unit] = PartyBranch(
                code=f"ZB-{unit}", name=f"{len(branches) + 1}支部", unit_id=units[unit],
                community_id=community, registered_on=one["registered_on"],
            )  # fmt: skip
            session.add(branches[unit])
            session.flush()
        row = PartyMember(
            code=one["code"], branch_id=branches[unit].id,
            community_id=areas.get(one["community"] or ""), registered_on=one["registered_on"],
            person_id=keep_person(session, "member", name=one["name"]),
        )  # fmt: skip
        session.add(row)
        session.flush()
        found[one["code"]] = row.id
    return found


def _load_activities(
    session: Session,
    settings: Settings,
    plan: CommunityPlan,
    places: dict[str, Any],
    units: dict[str, int],
    members: dict[str, int],
) -> None:
    zone = ZoneInfo(settings.timezone)
    codes = new_codes(session, [one["starts_at"] for one in plan.activities], zone)
    taken = ("community", "unit", "offset", "opinions", "signups", "members")
    for code, one in zip(codes, plan.activities, strict=True):
        place = places[one["community"]]
        row = Activity(
            code=code, community_id=place.area_id, unit_id=units[one["unit"]],
            geom=_point(place.lon, place.lat, one["offset"]), created_by=ACTOR, source=ACTOR,
            **{name: value for name, value in one.items() if name not in taken},
        )  # fmt: skip
        session.add(row)
        session.flush()
        for number in one["members"]:
            session.add(ActivityMember(activity_id=row.id, member_id=members[number]))
        for said in one["opinions"]:
            answered = one["starts_at"] + timedelta(days=2) if said["answer"] else None
            session.add(
                Opinion(
                    community_id=place.area_id, activity_id=row.id, said_at=one["starts_at"],
                    words=said["words"], answer=said["answer"], adopted=said["adopted"],
                    answered_at=answered, answered_by=ACTOR if answered else None,
                    person_id=keep_person(session, "opinion", name=said["name"],
                                          phone=said["phone"]),
                )
            )  # fmt: skip
        for who in one["signups"]:
            person = keep_person(session, "signup", name=who["name"], phone=who["phone"])
            session.add(ActivitySignup(activity_id=row.id, people=who["people"], person_id=person,
                                       code=secrets.token_hex(5).upper()))  # fmt: skip
    session.flush()


def _load_surveys(session: Session, plan: CommunityPlan, areas: dict[str, int]) -> None:
    surveys: dict[str, int] = {}
    for one in life()["survey"]:
        questions = [Question.model_validate(question) for question in one["questions"]]
        check_set(questions)
        row = Survey(
            **{name: value for name, value in one.items() if name != "questions"}, version=1,
            state="released", created_by=ACTOR,
            questions=[question.model_dump(mode="json") for question in questions],
        )  # fmt: skip
        session.add(row)
        session.flush()
        surveys[one["code"]] = row.id
    rounds: dict[str, int] = {}
    for one in plan.rounds:
        facts = {name: value for name, value in one.items() if name != "survey"}
        asked = SurveyRound(survey_id=surveys[one["survey"]], public=one["survey"] == "MYD",
                            **facts)  # fmt: skip
        session.add(asked)
        session.flush()
        rounds[one["code"]] = asked.id
    person = partial(keep_person, session, "survey")
    made = session.execute(
        insert(SurveyResponse).returning(SurveyResponse.id, sort_by_parameter_order=True),
        [
            {
                "round_id": rounds[one["round"]], "community_id": areas[one["community"]],
                "answered_at": one["at"], "channel": one["channel"], "answers": one["answers"],
                "entered_by": ACTOR if one["channel"] == "staff" else None, "key": None,
                "person_id": person(name=one["name"]) if one["name"] else None,
            }
            for one in plan.responses
        ],
    ).scalars()  # fmt: skip
    said = [
        {"community_id": areas[one["community"]], "response_id": number, "said_at": one["at"],
         "words": one["answers"]["wish"]}
        for number, one in zip(made, plan.responses, strict=True) if "wish" in one["answers"]
    ]  # fmt: skip
    if said:
        session.execute(insert(Opinion), said)


def _load_meetings(session: Session, seed: int, as_of: datetime) -> None:
    """Some of the residents' reports are orders; a meeting each month had the latest on its
    table."""
    session.execute(_ORDERS)
    rng = stream(seed, "meetings")
    words = life()["decisions"]
    by_community: dict[int, list[Any]] = {}
    for row in session.execute(_TABLED, {"since": as_of - timedelta(days=60)}):
        by_community.setdefault(row.community_id, []).append(row)
    for community, orders in sorted(by_community.items()):
        day = as_of.date() - timedelta(days=int(rng.integers(2, 12)))
        meeting = CommunityMeeting(
            community_id=community, held_on=day, title=f"{day.month}月党建工作协调委员会会议",
            created_by=ACTOR,
        )  # fmt: skip
        session.add(meeting)
        session.flush()
        for one in [o for o in orders if o.reported_at.date() < day][-3:]:
            decided = rng.random() < 0.8
            session.add(
                MeetingItem(
                    meeting_id=meeting.id, incident_id=one.id,
                    decision=str(rng.choice(words["words"])) if decided else None,
                    follower=str(rng.choice(words["followers"])) if decided else "",
                    due_on=day + timedelta(days=14) if decided else None,
                    done_on=day + timedelta(days=1) if decided and one.state == "closed" else None,
                )
            )  # fmt: skip
    session.flush()
