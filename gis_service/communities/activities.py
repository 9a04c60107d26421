"""Activities: entered, repeated, changed, taken back; what is told of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.attachments.models import Attachment
from gis_service.communities.activity_queries import COUNTS, ActivityFilter, list_activities
from gis_service.communities.activity_schemas import ActivityChange, ActivityFields, NewActivity
from gis_service.communities.changes import changed, moment_of, note
from gis_service.communities.models import (
    Activity,
    ActivityMember,
    ActivityPhoto,
    ActivityUnit,
    PartyMember,
)
from gis_service.communities.places import check_near, position_of
from gis_service.communities.posts import told_word
from gis_service.communities.recurring import occurrences
from gis_service.communities.scope import community_of, find_id, named, scope_of
from gis_service.communities.words import known, words
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.settings import Settings

STATES = {
    "planned": ("计划中", "planned"),
    "done": ("已开展", "done"),
    "cancelled": ("已取消", "cancelled"),
}
LONGEST = timedelta(days=31)
_CODES = 4_711_010
PLAIN = (
    "kind", "title", "state", "place", "description", *COUNTS, "results", "public",
    "signup_limit",
)  # fmt: skip


def present(
    row: dict[str, Any], settings: Settings, now: datetime, *, internal: bool
) -> dict[str, Any]:
    """A row of ``list_activities`` as it is told. ``unrecorded``: it is past, and nobody has said
    how it went."""
    out = dict(row)
    kind = words(settings)["activity_kind"].get(row["kind"])
    begun = row["starts_at"] <= now
    told = {
        "code": row["code"],
        "kind": {**told_word(kind, row["kind"]), "part": kind.part if kind else ""},
        "title": row["title"], "state": row["state"],
        "community": named(out, "community"), "street": named(out, "street"),
        "unit": named(out, "unit"), "starts_at": row["starts_at"], "ends_at": row["ends_at"],
        "place": row["place"], "lon": row["lon"], "lat": row["lat"],
        "description": row["description"],
        "signup": {
            "limit": row["signup_limit"],
            "left": max(0, row["signup_limit"] - row["signed_up"]) if row["signup_limit"] else 0,
            "open": bool(row["signup_limit"]) and row["state"] == "planned" and not begun
            and row["signed_up"] < (row["signup_limit"] or 0),
        },
    }  # fmt: skip
    if internal:
        told |= {name: row[name] for name in (
            *COUNTS, "units", "materials", "media", "results", "photos", "public", "series",
            "signed_up", "opinions", "member_count", "version", "created_by", "updated_at",
        )}  # fmt: skip
        told["round"] = named(out, "round")
        told["unrecorded"] = row["state"] == "planned" and begun
    return told


def add_activities(
    session: Session, settings: Settings, identity: Identity, body: NewActivity
) -> list[str]:
    """Enter an activity, or a series; the codes in order of time. The caller commits.

    Raises Conflict for one that is there already (community, kind, beginning and title),
    InvalidInput, and Forbidden outside the scope.
    """
    zone = ZoneInfo(settings.timezone)
    first = moment_of(body.starts_at, settings, "starts_at")
    lasts = moment_of(body.ends_at, settings, "ends_at") - first if body.ends_at else None
    starts, series = [first], None
    if body.repeat:
        local = first.astimezone(zone).replace(tzinfo=None)
        starts = [
            one.replace(tzinfo=zone).astimezone(UTC) for one in occurrences(local, body.repeat)
        ]
        series = secrets.token_hex(6)
    columns, parts = checked(session, settings, identity, body)
    codes = new_codes(session, starts, zone)
    for code, moment in zip(codes, starts, strict=True):
        values = {**columns, "starts_at": moment, "ends_at": moment + lasts if lasts else None}
        check_times(values, settings)
        refuse_twice(session, values)
        row = Activity(code=code, series=series, created_by=identity.name, **values)
        session.add(row)
        session.flush()
        write_parts(session, row.id, parts)
    note(
        session, identity.name, "activity", codes[0], "add", columns["community_id"],
        {"times": len(codes)} if series else None,
    )  # fmt: skip
    return codes


def change_activity(
    session: Session, settings: Settings, identity: Identity, code: str, body: ActivityChange
) -> None:
    """Change an activity. The caller commits. Raises as :func:`add_activities`, NotFound, and
    Conflict where somebody changed it since."""
    row = own_activity(session, identity, code)
    if body.version is not None and body.version != row.version:
        raise Conflict(
            f"somebody changed it: it is at version {row.version}, you read {body.version}",
            f"该活动已被他人修改：当前第 {row.version} 版，您读取的是第 {body.version} 版",
            where="version",
        )
    columns, parts = checked(session, settings, identity, body)
    columns["starts_at"] = moment_of(body.starts_at, settings, "starts_at")
    columns["ends_at"] = moment_of(body.ends_at, settings, "ends_at") if body.ends_at else None
    check_times(columns, settings)
    refuse_twice(session, columns, row.id)
    before = {name: getattr(row, name) for name in (*PLAIN, "starts_at")}
    for name, value in columns.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = datetime.now(UTC)
    session.flush()
    write_parts(session, row.id, parts)
    fields = sorted(changed(before, {name: columns[name] for name in before}))
    note(session, identity.name, "activity", code, "change", row.community_id,
         {"fields": fields, "state": row.state})  # fmt: skip


def remove_activity(
    session: Session, identity: Identity, code: str, *, following: bool = False
) -> int:
    """Take away an activity entered by mistake, or with ``following`` the planned ones of its
    series from it on; how many went. The caller commits.

    Raises Conflict for one at which people said something or for which they signed up: it is
    cancelled instead.
    """
    row = own_activity(session, identity, code)
    wanted = Activity.id == row.id
    if following and row.series:
        wanted = (
            (Activity.series == row.series)
            & (Activity.starts_at >= row.starts_at)
            & (Activity.state == "planned")
        )
    ids = list(session.scalars(select(Activity.id).where(wanted)))
    used = session.execute(
        text("SELECT EXISTS (SELECT 1 FROM opinion WHERE activity_id = ANY(:ids)) OR EXISTS "
             "(SELECT 1 FROM activity_signup WHERE activity_id = ANY(:ids))"),
        {"ids": ids},
    ).scalar()  # fmt: skip
    if used:
        raise Conflict("people signed up or said something; cancel it instead",
                       "已有报名或意见，请改为取消活动", where="state")  # fmt: skip
    session.execute(delete(Activity).where(Activity.id.in_(ids)))
    note(session, identity.name, "activity", code, "remove", row.community_id, {"times": len(ids)})
    return len(ids)


def own_activity(session: Session, identity: Identity, code: str) -> Activity:
    """An activity that the account may change, locked. Raises NotFound, Forbidden."""
    row = session.scalar(select(Activity).where(Activity.code == code).with_for_update())
    if row is None:
        raise NotFound(f"no activity {code!r}", f"没有活动 {code!r}", where="code")
    check_own(session, identity, row.community_id, row.unit_id)
    return row


def check_own(session: Session, identity: Identity, community_id: int, unit_id: int | None) -> None:
    """Raise Forbidden for what lies outside the account's scope, or is not its unit's."""
    scope = scope_of(session, identity)
    if not scope.sees(community_id):
        raise Forbidden("the community is not within your scope", "该社区不在您的管辖范围内")
    if identity.role == "unit_handler" and scope.units:
        unit = session.execute(
            text("SELECT code FROM unit WHERE id = :id"), {"id": unit_id}
        ).scalar()
        if unit not in scope.units:
            raise Forbidden("the activity is not one of your unit's", "该活动不是您所在单位举办的")


Parts = dict[str, list[int]]


def checked(
    session: Session, settings: Settings, identity: Identity, body: ActivityFields
) -> tuple[dict[str, Any], Parts]:
    """The columns of an activity but for its times, and the ids of units, members and photos."""
    known(settings, "activity_kind", body.kind, "kind")
    place = community_of(session, body.community, where="community")
    unit_id = find_id(session, "unit", body.unit, "unit")
    if body.passed is not None and (body.quizzed is None or body.passed > body.quizzed):
        raise InvalidInput("more passed than were asked", "合格人数多于答题人数", where="passed")
    check_own(session, identity, place.area_id, unit_id)
    point = position_of(body.lon, body.lat, body.crs)
    check_near(session, point, place.area_id)
    members = {
        row.code: row.id
        for row in session.execute(
            select(PartyMember.code, PartyMember.id).where(PartyMember.code.in_(body.members))
        )
    }
    for code in body.members:
        if code not in members:
            raise InvalidInput(f"no party member {code!r}", f"没有党员 {code!r}", where="members")
    photos = set(session.scalars(select(Attachment.id).where(Attachment.id.in_(body.photos))))
    for photo in body.photos:
        if photo not in photos:
            raise InvalidInput(
                f"no photo {photo}; upload it to /api/attachments first",
                f"没有照片 {photo}，请先上传到 /api/attachments", where="photos",
            )  # fmt: skip
    columns = {
        **{name: getattr(body, name) for name in PLAIN},
        "community_id": place.area_id, "unit_id": unit_id, "geom": point,
        "round_id": find_id(session, "survey_round", body.round, "round"),
        "materials": [one.model_dump(mode="json") for one in body.materials],
        "media": [one.model_dump(mode="json") for one in body.media],
    }  # fmt: skip
    others = {find_id(session, "unit", code, "units") for code in body.units}
    return columns, {
        "units": sorted(one for one in others if one is not None and one != unit_id),
        "members": sorted(set(members.values())),
        "photos": sorted(photos),
    }


def check_times(values: dict[str, Any], settings: Settings) -> None:
    """Raise InvalidInput for an activity that ends before it begins or lasts longer than a month,
    and for one that is done before it began."""
    starts, ends = values["starts_at"], values["ends_at"]
    if ends is not None and not starts < ends <= starts + LONGEST:
        raise InvalidInput("it ends after it begins, within a month",
                           "结束时间须晚于开始时间，且不超过一个月", where="ends_at")  # fmt: skip
    if values["state"] == "done" and starts > datetime.now(UTC):
        raise InvalidInput("it has not begun: it cannot be done", "活动尚未开始，不能登记为已开展",
                           where="state")  # fmt: skip


def refuse_twice(session: Session, values: dict[str, Any], own: int | None = None) -> None:
    """Raise Conflict where the same activity is there."""
    code = session.scalar(
        select(Activity.code).where(
            Activity.community_id == values["community_id"], Activity.kind == values["kind"],
            Activity.starts_at == values["starts_at"], Activity.title == values["title"],
            Activity.id != (own or 0),
        )
    )  # fmt: skip
    if code:
        raise Conflict(
            f"the same activity is there already: {code}", f"该活动已登记：{code}", where="title"
        )


def write_parts(session: Session, activity_id: int, parts: Parts) -> None:
    """Set who takes part in an activity and what its photos are."""
    for name, model, column in (
        ("units", ActivityUnit, "unit_id"), ("members", ActivityMember, "member_id"),
        ("photos", ActivityPhoto, "attachment_id"),
    ):  # fmt: skip
        session.execute(delete(model).where(model.activity_id == activity_id))
        if parts[name]:
            session.execute(
                insert(model),
                [{"activity_id": activity_id, column: one} for one in parts[name]],
            )


def new_codes(session: Session, starts: Iterable[datetime], zone: ZoneInfo) -> list[str]:
    """Numbers for new activities, such as ``HD20260401-02``: counted within their day."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CODES})
    days = [f"HD{one.astimezone(zone):%Y%m%d}" for one in starts]
    rows = session.execute(
        text("SELECT left(code, 10) AS day, max(CAST(substr(code, 12) AS int)) AS last "
             "FROM activity WHERE left(code, 10) = ANY(:days) "
             r"AND code ~ '^HD\d{8}-\d{2,6}$' GROUP BY 1"),
        {"days": sorted(set(days))},
    )  # fmt: skip
    last = {row.day: row.last for row in rows}
    out = []
    for day in days:
        last[day] = last.get(day, 0) + 1
        out.append(f"{day}-{last[day]:02d}")
    return out


def get_activity(session: Session, code: str, scope: list[int] | None = None) -> dict[str, Any]:
    """One activity's row, of the communities in ``scope``. Raises NotFound."""
    found = list_activities(session, ActivityFilter(codes=(code,), scope=scope), limit=1)
    if not found:
        raise NotFound(f"no activity {code!r}", f"没有活动 {code!r}", where="code")
    return found[0]
