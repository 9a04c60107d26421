"""Meetings of a community's 党建工作协调委员会: which orders were on the table, what was decided,
and who follows it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.changes import note
from gis_service.communities.models import CommunityMeeting, MeetingItem
from gis_service.communities.queries import list_meetings
from gis_service.communities.schemas import ItemFields, MeetingFields
from gis_service.communities.scope import find_id, own_community, scope_of
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.incidents.records import find as find_incident


def write_meeting(
    session: Session,
    identity: Identity,
    body: MeetingFields,
    *,
    community: str | None = None,
    meeting_id: int | None = None,
) -> dict[str, Any]:
    """Add a meeting to a ``community``, or change one by its id. The caller commits."""
    if meeting_id is None:
        place = own_community(session, identity, community or "")
        row = CommunityMeeting(community_id=place.area_id, created_by=identity.name)
    else:
        row = own_meeting(session, identity, meeting_id)
    for name, value in body.model_dump().items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    note(session, identity.name, "meeting", str(row.id), "change" if meeting_id else "add",
         row.community_id)  # fmt: skip
    return list_meetings(session, row.community_id, row.id)[0]


def own_meeting(session: Session, identity: Identity, meeting_id: int) -> CommunityMeeting:
    """A meeting of the account's scope, locked. Raises NotFound, Forbidden."""
    row = session.scalar(
        select(CommunityMeeting).where(CommunityMeeting.id == meeting_id).with_for_update()
    )
    if row is None:
        raise NotFound(f"no meeting {meeting_id}", f"没有会议 {meeting_id}")
    if not scope_of(session, identity).sees(row.community_id):
        raise Forbidden("the community is not within your scope", "该社区不在您的管辖范围内")
    return row


def table_order(
    session: Session, identity: Identity, meeting_id: int, incident: str
) -> dict[str, Any]:
    """Put a resident's order on a meeting's table. The caller commits.

    Raises InvalidInput for what is no order of the meeting's community, Conflict for one that is on
    the table already.
    """
    row = own_meeting(session, identity, meeting_id)
    incident_id = find_incident(session, incident)
    facts = session.execute(
        text("SELECT is_order, community_id FROM incident WHERE id = :id"), {"id": incident_id}
    ).one()
    if not facts.is_order or facts.community_id != row.community_id:
        raise InvalidInput("no order of this community", "不是本社区的点单", where="incident")
    there = select(MeetingItem.id).where(
        MeetingItem.meeting_id == row.id, MeetingItem.incident_id == incident_id
    )
    if session.scalar(there):
        raise Conflict("it is on the table already", "该点单已列入本次会议", where="incident")
    session.add(MeetingItem(meeting_id=row.id, incident_id=incident_id))
    session.flush()
    note(session, identity.name, "meeting", str(row.id), "table", row.community_id,
         {"incident": incident_id})  # fmt: skip
    return list_meetings(session, row.community_id, row.id)[0]


def decide(
    session: Session, identity: Identity, meeting_id: int, item_id: int, body: ItemFields
) -> dict[str, Any]:
    """Note what was decided about an order and who follows it. The caller commits."""
    row = own_meeting(session, identity, meeting_id)
    item = session.get(MeetingItem, item_id)
    if item is None or item.meeting_id != row.id:
        raise NotFound(f"no item {item_id}", f"没有议题 {item_id}")
    if body.decision and not (body.unit or body.follower):
        raise InvalidInput("say who follows the decision", "请填写跟进单位或跟进人",
                           where="follower")  # fmt: skip
    if body.done_on and not body.decision:
        raise InvalidInput("nothing was decided", "尚未作出决定", where="decision")
    item.decision, item.follower = body.decision or None, body.follower
    item.unit_id = find_id(session, "unit", body.unit, "unit")
    item.due_on, item.done_on = body.due_on, body.done_on
    session.flush()
    note(session, identity.name, "meeting", str(row.id), "decide", row.community_id,
         {"incident": item.incident_id})  # fmt: skip
    return list_meetings(session, row.community_id, row.id)[0]
