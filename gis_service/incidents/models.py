"""Incidents and their append-only log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base

STATES = (
    "reported", "verified", "filed", "dispatched", "accepted", "in_progress", "resolved",
    "checked", "closed", "not_accepted", "returned", "deferred", "merged", "transferred",
    "cancelled",
)  # fmt: skip
# what a state is called where nobody chose other words (zh, en): messages and Open311
STATE_NAMES = {
    "reported": ("已上报", "reported"), "verified": ("已核实", "verified"),
    "filed": ("已立案", "filed"), "dispatched": ("已派遣", "dispatched"),
    "accepted": ("已接单", "accepted"), "in_progress": ("处置中", "in progress"),
    "resolved": ("已处置，待核查", "resolved, to be checked"),
    "checked": ("已核查", "result checked"), "closed": ("已结案", "closed"),
    "not_accepted": ("不予受理", "not accepted"), "returned": ("重新派遣中", "being reassigned"),
    "deferred": ("缓办", "deferred"), "merged": ("与另一案件合并办理", "handled with another one"),
    "transferred": ("已移送执法", "transferred to enforcement"),
    "cancelled": ("已作废", "cancelled"),
}  # fmt: skip
Source = Literal["patrol", "resident", "hotline", "city_platform", "media", "superior"]
SOURCES: tuple[Source, ...] = get_args(Source)
# what passes before an incident ends, in order: the columns that say when
STAGES = ("verified_at", "filed_at", "dispatched_at", "accepted_at", "resolved_at")
ENDED_STATES = frozenset({"closed", "not_accepted", "merged", "transferred", "cancelled"})
# of the few that are open among the many that have ended; SQL that says so in these very words can
# use the index of open ones
IS_OPEN = "state <> ALL ('{closed,not_accepted,merged,transferred,cancelled}'::text[])"


class Incident(Base):
    """案件. Its place as reported (``lon, lat`` in ``crs``) is kept beside the converted ``geom``.

    ``*_id`` are the identities of the areas it lies in on current boundaries, ``filed_path`` the
    codes as filed, which no boundary revision changes. ``geom`` NULL: the unplaced queue.
    """

    __tablename__ = "incident"
    __table_args__ = (
        Index("incident_external", "origin", "external_id", unique=True),
        Index("incident_reported", "reported_at", "id"),
        Index("incident_geom", "geom", postgresql_using="gist"),
        Index("incident_community", "community_id", "reported_at", "id"),
        Index("incident_grid", "grid_id", "reported_at", "id"),
        Index("incident_due", text("coalesce(due_at, 'infinity'::timestamptz)"), "id"),
        Index("incident_updated", "updated_at", "id"),
        Index("incident_unit", "unit_id", "reported_at", "id"),
        Index("incident_squad", "squad_id", "reported_at", "id"),
        Index("incident_merged", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        Index(
            "incident_unplaced", "reported_at", "id",
            postgresql_where=text("placement_method = 'none'"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    class_id: Mapped[int] = mapped_column(ForeignKey("incident_class.id"))
    class_name: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)  # patrol, resident, hotline, ...
    origin: Mapped[str] = mapped_column(Text)  # whose numbers external_id are
    external_id: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    address: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)

    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    crs: Mapped[str] = mapped_column(Text)
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    geom: Mapped[WKBElement | None] = mapped_column(
        Geometry("POINT", srid=4326, spatial_index=False)
    )
    street_id: Mapped[int | None] = mapped_column(Integer)
    community_id: Mapped[int | None] = mapped_column(Integer)
    grid_id: Mapped[int | None] = mapped_column(Integer)
    building_id: Mapped[int | None] = mapped_column(Integer)
    placement_method: Mapped[str] = mapped_column(Text)
    placement_distance_m: Mapped[float | None] = mapped_column(REAL)
    candidates: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    revision_id: Mapped[int | None] = mapped_column(Integer)
    filed_path: Mapped[dict[str, Any]] = mapped_column(JSONB)

    # rises with every change; who acts on an older one is told what changed
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    is_order: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))  # 点单
    urgent: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    supervised: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))  # 督办
    quick: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))  # 快处
    condition_id: Mapped[int | None] = mapped_column(ForeignKey("class_condition.id"))
    unit_id: Mapped[int | None] = mapped_column(Integer)
    squad_id: Mapped[int | None] = mapped_column(Integer)
    reported_by: Mapped[int | None] = mapped_column(Integer)  # the account that entered it
    # how the deadline came about: start, limit, pauses, extensions, words in zh and en
    due_basis: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    their_due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # when the latest pass reached each stage
    verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    filed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    dispatched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    resolved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    resolved_by: Mapped[str | None] = mapped_column(Text)  # who may not check the result
    rework_count: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    state_before: Mapped[str | None] = mapped_column(Text)  # of a deferred or merged incident
    merged_into: Mapped[int | None] = mapped_column(BigInteger)
    case_number: Mapped[str | None] = mapped_column(Text)  # of the enforcement case


class Report(Base):
    """One person's or source's word of an incident. Merging moves it, un-merging moves it back."""

    __tablename__ = "report"
    __table_args__ = (
        Index("report_incident", "incident_id"),
        Index("report_first_incident", "first_incident_id"),
        Index("report_follow", "follow_code", unique=True),
        Index("report_external", "source", "external_id", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    first_incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))  # before any merging
    source: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)  # the number it has where it came from
    reported_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    description: Mapped[str | None] = mapped_column(Text)
    reporter_id: Mapped[int | None] = mapped_column(ForeignKey("reporter.id"))
    follow_code: Mapped[str | None] = mapped_column(Text)  # opens the public progress page
    reply: Mapped[str | None] = mapped_column(Text)  # what is sent back to the source
    returned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))  # 退单
    called_back_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))  # 回访
    rating: Mapped[int | None] = mapped_column(SmallInteger)  # 1 to 5
    rating_text: Mapped[str | None] = mapped_column(Text)


class Reporter(Base):
    """Who reported: personal data, encrypted, deleted after the retention setting."""

    __tablename__ = "reporter"
    __table_args__ = (Index("reporter_created", "created_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # name, phone, e-mail as encrypted JSON
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class IncidentAttachment(Base):
    """A photo of an incident and what it shows: ``report``, ``resolve`` or ``check``."""

    __tablename__ = "incident_attachment"
    __table_args__ = (Index("incident_attachment_attachment", "attachment_id"),)

    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), primary_key=True)
    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachment.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)


class Whistle(Base):
    """吹哨: a street calls units to one incident."""

    __tablename__ = "whistle"
    __table_args__ = (Index("whistle_incident", "incident_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    called_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    called_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    report_in_by: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WhistleUnit(Base):
    """报到: a called unit and when it reported in."""

    __tablename__ = "whistle_unit"
    __table_args__ = (Index("whistle_unit_unit", "unit_id"),)

    whistle_id: Mapped[int] = mapped_column(ForeignKey("whistle.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    lead: Mapped[bool] = mapped_column(Boolean)
    reported_in_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reported_in_by: Mapped[str | None] = mapped_column(Text)


class IdempotencyKey(Base):
    """The answer that a repeated submission gets again."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("idempotency_key_at", "at"),)

    owner: Mapped[str] = mapped_column(Text, primary_key=True)  # account, or public
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    incident_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class IncidentLog(Base):
    """One row per change of an incident: what, when, by whom, why."""

    __tablename__ = "incident_log"
    __table_args__ = (Index("incident_log_incident", "incident_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    # the incident's version after the change
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class Watch(Base):
    """关注: what an account wants to hear of. An area is followed by level and code, its identity,
    so that a boundary revision changes nothing. What is set all has to hold."""

    __tablename__ = "watch"
    __table_args__ = (
        Index("watch_account", "account_id"),
        Index("watch_geom", "geom", postgresql_using="gist"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    level: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(Text)
    class_code: Mapped[str | None] = mapped_column(Text)
    geom: Mapped[WKBElement | None] = mapped_column(
        Geometry("MULTIPOLYGON", srid=4326, spatial_index=False)
    )
    on_new: Mapped[bool] = mapped_column(Boolean)
    on_change: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # where notices go besides: plain, wecom or dingtalk; address and secret as encrypted JSON
    webhook_kind: Mapped[str | None] = mapped_column(Text)
    webhook_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    language: Mapped[str] = mapped_column(Text, server_default="zh")
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    problem: Mapped[str | None] = mapped_column(Text)  # of the last delivery, while it fails


class Notice(Base):
    """That something happened to an incident somebody watches."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("notice_once", "watch_id", "incident_id", "version", unique=True),
        Index("notice_account", "account_id", "id"),
        Index("notice_unread", "account_id", postgresql_where=text("read_at IS NULL")),
        Index("notice_incident", "incident_id"),
        Index("notice_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    watch_id: Mapped[int] = mapped_column(ForeignKey("watch.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(Integer)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)  # of the incident
    kind: Mapped[str] = mapped_column(Text)  # new or changed
    action: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WatchCursor(Base):
    """Up to which event of the feed the watches have been asked; one row."""

    __tablename__ = "watch_cursor"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
