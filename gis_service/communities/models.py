"""Service posts and stations, party members registered with communities, activities, and the
meetings that decide on orders; surveys and what people said are next door in ``survey_models``.

Communities are identities (``area.id``). What names a resident or a party member stands in
``community_person`` only, sealed; other tables point there. The contact of a post is published on
purpose and therefore stands open.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.communities import frontage_models, survey_models  # noqa: F401 - this domain too
from gis_service.db.engine import Base

ACTIVITY_STATES = ("planned", "done", "cancelled")


class CommunityPerson(Base):
    """Who signed up, answered, said something, took part in a mediation (``purpose`` says which)
    or is a party member: personal data, encrypted. All but members are deleted after the retention
    setting."""

    __tablename__ = "community_person"
    __table_args__ = (Index("community_person_created", "purpose", "created_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)  # signup, survey, opinion, mediation, member
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # name, phone, ... as encrypted JSON
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CommunityLog(Base):
    """One row per change of what a community has: what, when, by whom."""

    __tablename__ = "community_log"
    __table_args__ = (
        Index("community_log_subject", "subject", "code", "id"),
        Index("community_log_community", "community_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    actor: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)  # post, station, activity, survey, meeting, ...
    code: Mapped[str] = mapped_column(Text)
    community_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    action: Mapped[str] = mapped_column(Text)  # add, change, remove, and the subject's own
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class ServicePost(Base):
    """服务岗: one community, one window, one post. ``contact`` NULL: vacant, since ``since``.

    ``duties`` are codes of the word list; ``opening`` is a list of ``{"weekdays": [1, …, 7],
    "from": "08:30", "to": "17:30"}``.
    """

    __tablename__ = "service_post"
    __table_args__ = (Index("service_post_geom", "geom", postgresql_using="gist"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("area.id"), unique=True)
    contact: Mapped[str | None] = mapped_column(Text)  # published
    title: Mapped[str] = mapped_column(Text, server_default="")
    phone: Mapped[str | None] = mapped_column(Text)  # published
    photo_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"))
    duties: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    opening: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    window: Mapped[str] = mapped_column(Text, server_default="")  # where in the house
    address: Mapped[str] = mapped_column(Text, server_default="")
    geom: Mapped[WKBElement | None] = mapped_column(
        Geometry("POINT", srid=4326, spatial_index=False)
    )
    established_on: Mapped[date | None] = mapped_column(Date)
    since: Mapped[date | None] = mapped_column(Date)  # of this contact, or of the vacancy
    note: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Station(Base):
    """城管驿站 of the bureau, in a community. ``services`` are codes of the word list, ``opening``
    is as of a post."""

    __tablename__ = "station"
    __table_args__ = (
        Index("station_community", "community_id"),
        Index("station_geom", "geom", postgresql_using="gist"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    community_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    address: Mapped[str] = mapped_column(Text, server_default="")
    phone: Mapped[str | None] = mapped_column(Text)
    services: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    opening: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    geom: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    opened_on: Mapped[date | None] = mapped_column(Date)
    closed_on: Mapped[date | None] = mapped_column(Date)  # the first day it is no longer open
    note: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class StationShift(Base):
    """Who is on duty at a station, and when."""

    __tablename__ = "station_shift"
    __table_args__ = (
        Index("station_shift_times", "station_id", "starts_at"),
        CheckConstraint("starts_at < ends_at", name="station_shift_order"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    person: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    note: Mapped[str] = mapped_column(Text, server_default="")


class Mediation(Base):
    """矛盾调解 at a station: what it was about and how it ended; the parties are personal data."""

    __tablename__ = "mediation"
    __table_args__ = (
        Index("mediation_station", "station_id", "held_at"),
        Index("mediation_community", "community_id", "held_at"),
        Index("mediation_person", "person_id"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"))
    community_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    held_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    subject: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)  # code of the word list: agreed, failed, ...
    mediator: Mapped[str] = mapped_column(Text, server_default="")
    summary: Mapped[str] = mapped_column(Text, server_default="")
    incident_id: Mapped[int | None] = mapped_column(BigInteger)
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("community_person.id", ondelete="SET NULL")
    )


class PartyBranch(Base):
    """党支部 of a unit, and the community it registered with (双报到); none: not yet."""

    __tablename__ = "party_branch"
    __table_args__ = (Index("party_branch_community", "community_id"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    community_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    registered_on: Mapped[date | None] = mapped_column(Date)
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class PartyMember(Base):
    """A serving party member of the roster, by number; the name is personal data. ``community_id``
    NULL: not yet registered with one (双报到)."""

    __tablename__ = "party_member"
    __table_args__ = (
        Index("party_member_branch", "branch_id"),
        Index("party_member_community", "community_id"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("party_branch.id"))
    community_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    registered_on: Mapped[date | None] = mapped_column(Date)
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("community_person.id", ondelete="SET NULL")
    )


class Activity(Base):
    """活动 of a kind of the word list, in one community. What was not counted is NULL, not zero.

    ``materials`` is a list of ``{"item", "count"}``, ``media`` one of ``{"outlet", "title", "url",
    "on"}``. ``series`` names the recurring activity it is one of.
    """

    __tablename__ = "activity"
    __table_args__ = (
        UniqueConstraint("community_id", "kind", "starts_at", "title", name="activity_once"),
        Index("activity_times", "starts_at", "id"),
        Index("activity_community", "community_id", "starts_at"),
        Index("activity_kind", "kind", "starts_at"),
        Index("activity_unit_time", "unit_id", "starts_at"),
        Index("activity_series", "series", postgresql_where=text("series IS NOT NULL")),
        Index("activity_geom", "geom", postgresql_using="gist"),
        CheckConstraint("ends_at IS NULL OR starts_at < ends_at", name="activity_order"),
        CheckConstraint(
            "passed IS NULL OR (quizzed IS NOT NULL AND passed <= quizzed)", name="activity_passed"
        ),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)  # of ACTIVITY_STATES
    community_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))  # who holds it
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    series: Mapped[str | None] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text, server_default="")
    geom: Mapped[WKBElement | None] = mapped_column(
        Geometry("POINT", srid=4326, spatial_index=False)
    )
    description: Mapped[str] = mapped_column(Text, server_default="")  # shown to everybody
    staff: Mapped[int | None] = mapped_column(Integer)  # of the bureau
    volunteers: Mapped[int | None] = mapped_column(Integer)
    residents: Mapped[int | None] = mapped_column(Integer)  # who took part
    households: Mapped[int | None] = mapped_column(Integer)  # visited (入户)
    pledges: Mapped[int | None] = mapped_column(Integer)  # signed
    quizzed: Mapped[int | None] = mapped_column(Integer)  # who took a quiz
    passed: Mapped[int | None] = mapped_column(Integer)  # of those quizzed
    round_id: Mapped[int | None] = mapped_column(ForeignKey("survey_round.id"))  # asked there
    materials: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    media: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    results: Mapped[str] = mapped_column(Text, server_default="")
    public: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    signup_limit: Mapped[int | None] = mapped_column(Integer)  # NULL: nobody signs up
    source: Mapped[str] = mapped_column(Text, server_default="")  # the file it came from
    created_by: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ActivityUnit(Base):
    """A unit that takes part besides the one that holds an activity (联合执法)."""

    __tablename__ = "activity_unit"
    __table_args__ = (Index("activity_unit_unit", "unit_id"),)

    activity_id: Mapped[int] = mapped_column(
        ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True
    )
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)


class ActivityMember(Base):
    """A party member who took part in an activity."""

    __tablename__ = "activity_member"
    __table_args__ = (Index("activity_member_member", "member_id"),)

    activity_id: Mapped[int] = mapped_column(
        ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True
    )
    member_id: Mapped[int] = mapped_column(ForeignKey("party_member.id"), primary_key=True)


class ActivityPhoto(Base):
    """A photo of an activity."""

    __tablename__ = "activity_photo"
    __table_args__ = (Index("activity_photo_attachment", "attachment_id"),)

    activity_id: Mapped[int] = mapped_column(
        ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True
    )
    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachment.id"), primary_key=True)


class ActivitySignup(Base):
    """Somebody who wants to help; name and phone are personal data."""

    __tablename__ = "activity_signup"
    __table_args__ = (
        Index("activity_signup_activity", "activity_id"),
        Index("activity_signup_person", "person_id"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))
    people: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    code: Mapped[str] = mapped_column(Text, unique=True)  # takes it back on the public page
    cancelled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attended: Mapped[bool | None] = mapped_column(Boolean)
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("community_person.id", ondelete="SET NULL")
    )
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CommunityMeeting(Base):
    """A meeting of a community's 党建工作协调委员会."""

    __tablename__ = "community_meeting"
    __table_args__ = (Index("community_meeting_community", "community_id", "held_on"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    held_on: Mapped[date] = mapped_column(Date)
    title: Mapped[str] = mapped_column(Text)
    minutes: Mapped[str] = mapped_column(Text, server_default="")
    created_by: Mapped[str] = mapped_column(Text, server_default="")


class MeetingItem(Base):
    """A resident's order that a meeting has on its table, what it decided and who follows it."""

    __tablename__ = "meeting_item"
    __table_args__ = (
        UniqueConstraint("meeting_id", "incident_id"),
        Index("meeting_item_incident", "incident_id"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("community_meeting.id", ondelete="CASCADE"))
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    decision: Mapped[str | None] = mapped_column(Text)  # NULL: not decided yet
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))  # who follows it
    follower: Mapped[str] = mapped_column(Text, server_default="")
    due_on: Mapped[date | None] = mapped_column(Date)
    done_on: Mapped[date | None] = mapped_column(Date)
