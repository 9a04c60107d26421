"""Volunteers who sign up for an activity on the public page; name and phone are sealed."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.activities import own_activity
from gis_service.communities.activity_queries import list_signups
from gis_service.communities.activity_schemas import SignUp
from gis_service.communities.changes import note
from gis_service.communities.models import Activity, ActivitySignup, CommunityPerson
from gis_service.communities.people import keep_person, read_people
from gis_service.errors import Conflict, NotFound

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 10


def sign_up(session: Session, code: str, body: SignUp) -> dict[str, Any]:
    """Take a sign-up; the code that takes it back. The caller commits.

    Raises NotFound for an activity that is not public, Conflict where nobody signs up (any more)
    or fewer places are left.
    """
    row = session.scalar(
        select(Activity).where(Activity.code == code, Activity.public).with_for_update()
    )
    if row is None:
        raise NotFound(f"no activity {code!r}", f"没有活动 {code!r}", where="code")
    if not row.signup_limit or row.state != "planned" or row.starts_at <= datetime.now(UTC):
        raise Conflict("nobody signs up for it (any more)", "该活动不接受报名或报名已结束",
                       where="code")  # fmt: skip
    taken = session.scalar(
        select(func.coalesce(func.sum(ActivitySignup.people), 0)).where(
            ActivitySignup.activity_id == row.id, ActivitySignup.cancelled_at.is_(None)
        )
    )
    left = row.signup_limit - int(taken or 0)
    if body.people > left:
        raise Conflict(f"{max(left, 0)} places are left", f"剩余名额 {max(left, 0)} 个",
                       where="people")  # fmt: skip
    back = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    session.add(
        ActivitySignup(
            activity_id=row.id, people=body.people, code=back,
            person_id=keep_person(session, "signup", name=body.name, phone=body.phone),
        )
    )  # fmt: skip
    session.flush()
    note(session, "public", "activity", code, "signup", row.community_id, {"people": body.people})
    return {"code": back, "activity": code, "title": row.title, "starts_at": row.starts_at,
            "people": body.people}  # fmt: skip


def take_back(session: Session, back: str) -> None:
    """Take a sign-up back by its code, and forget who it was. The caller commits. NotFound."""
    row = session.scalar(
        select(ActivitySignup).where(
            ActivitySignup.code == back.strip().upper(), ActivitySignup.cancelled_at.is_(None)
        )
    )
    if row is None:
        raise NotFound("no sign-up has this code", "没有这个报名码", where="code")
    row.cancelled_at = datetime.now(UTC)
    person = session.get(CommunityPerson, row.person_id) if row.person_id else None
    row.person_id = None
    session.flush()
    if person:
        session.delete(person)
    activity = session.get(Activity, row.activity_id)
    assert activity is not None  # noqa: S101 - it is referred to
    note(session, "public", "activity", activity.code, "signup", activity.community_id,
         {"people": -row.people})  # fmt: skip


def people_of(
    session: Session, identity: Identity, code: str, address: str
) -> list[dict[str, Any]]:
    """Who signed up for an activity, with name and phone; writes the audit log."""
    row = own_activity(session, identity, code)
    found = list_signups(session, row.id)
    people = read_people(
        session, identity, [one["person_id"] for one in found], f"activity {code}", address
    )
    return [
        {**{name: one[name] for name in ("id", "people", "created_at", "cancelled_at", "attended")},
         **who}
        for one, who in zip(found, people, strict=True)
    ]  # fmt: skip


def attend(
    session: Session, identity: Identity, code: str, signup_id: int, attended: bool | None
) -> None:
    """Note whether somebody came. The caller commits. Raises NotFound."""
    row = own_activity(session, identity, code)
    found = session.get(ActivitySignup, signup_id)
    if found is None or found.activity_id != row.id or found.cancelled_at:
        raise NotFound(f"no sign-up {signup_id}", f"没有报名记录 {signup_id}")
    found.attended = attended
    session.flush()
