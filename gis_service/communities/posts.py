"""Service posts: one community, one window, one post; what each lacks, and what is published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.attachments.models import Attachment
from gis_service.communities.changes import changed, note, today_of
from gis_service.communities.models import ServicePost
from gis_service.communities.places import check_near, position_of
from gis_service.communities.schemas import PostFields
from gis_service.communities.scope import named, own_community
from gis_service.communities.words import Word, known, words
from gis_service.errors import Conflict, InvalidInput, NotFound
from gis_service.settings import Settings

STATES = {
    "staffed": ("在岗", "staffed"), "vacant": ("空岗", "vacant"), "none": ("未设岗", "no post"),
}  # fmt: skip
GAPS = {
    "no_post": ("未设岗", "no post"),
    "vacant": ("空岗", "vacant"),
    "no_phone": ("缺电话", "no phone"),
    "no_photo": ("缺照片", "no photo"),
    "no_duties": ("缺职责", "no duties"),
    "no_opening": ("缺服务时间", "no opening times"),
    "no_window": ("缺窗口位置", "no window"),
}
_KEPT = (
    "contact", "title", "phone", "photo_id", "duties", "window", "address", "established_on",
    "note",
)  # fmt: skip


def state_of(row: Mapping[str, Any]) -> str:
    """``staffed``, ``vacant`` or ``none``."""
    if row["id"] is None:
        return "none"
    return "staffed" if row["contact"] else "vacant"


def gaps_of(row: Mapping[str, Any]) -> list[str]:
    """What the notice of a post lacks, codes of ``GAPS``; what hides behind no post is not said."""
    if row["id"] is None:
        return ["no_post"]
    missing = [
        ("vacant", row["contact"]), ("no_phone", row["phone"]), ("no_photo", row["photo_id"]),
        ("no_duties", row["duties"]), ("no_opening", row["opening"]), ("no_window", row["window"]),
    ]  # fmt: skip
    return [gap for gap, value in missing if not value]


def present(row: dict[str, Any], settings: Settings, *, internal: bool) -> dict[str, Any]:
    """A row of ``queries.list_posts`` as it is told; the note only to those who are signed in."""
    out = dict(row)
    lists = words(settings)
    place = {"community": named(out, "community"), "street": named(out, "street")}
    there = row["id"] is not None
    told = {
        **place, "state": state_of(row), "gaps": gaps_of(row), "contact": row["contact"],
        "title": row["title"], "phone": row["phone"],
        "photo": f"/api/posts/{row['community_code']}/photo?v={row['photo_id']}"
        if row["photo_id"] else None,
        "duties": [told_word(lists["post_duty"].get(code), code) for code in row["duties"] or ()],
        "opening": row["opening"] or [], "window": row["window"], "address": row["address"],
        "lon": row["lon"], "lat": row["lat"], "established_on": row["established_on"],
        "since": row["since"],
    }  # fmt: skip
    if internal:
        told |= {"photo_id": row["photo_id"], "note": row["note"], "version": row["version"],
                 "updated_at": row["updated_at"] if there else None}  # fmt: skip
    return told


def told_word(word: Word | None, code: str) -> dict[str, str]:
    """A word as pages get it; one that left its list is called by its code."""
    return {
        "code": code,
        "name": word.name if word else code,
        "name_en": word.name_en if word else code,
    }


def write_post(
    session: Session,
    settings: Settings,
    identity: Identity,
    code: str,
    fields: PostFields,
    *,
    new: bool,
    seen: int | None = None,
) -> None:
    """Make (``new``) or change the post of the community ``code``. The caller commits.

    Raises Conflict for a post that is there already, or that somebody changed since the version
    ``seen``; NotFound where there is none to change; Forbidden outside the scope; InvalidInput.
    """
    place = own_community(session, identity, code)
    for duty in fields.duties:
        known(settings, "post_duty", duty, "duties")
    if fields.photo_id is not None and session.get(Attachment, fields.photo_id) is None:
        raise InvalidInput(
            f"no photo {fields.photo_id}; upload it to /api/attachments first",
            f"没有照片 {fields.photo_id}，请先上传到 /api/attachments",
            where="photo_id",
        )
    point = position_of(fields.lon, fields.lat, fields.crs)
    check_near(session, point, place.area_id)
    found = session.scalar(
        select(ServicePost).where(ServicePost.community_id == place.area_id).with_for_update()
    )
    if new and found:
        raise Conflict(f"community {code} has a post", f"社区 {code} 已设服务岗", where="community")
    if not new and not found:
        raise NotFound(f"community {code} has no post", f"社区 {code} 未设服务岗", where="code")
    if found and seen is not None and seen != found.version:
        raise Conflict(
            f"somebody changed the post: it is at version {found.version}, you read {seen}",
            f"该服务岗已被他人修改：当前第 {found.version} 版，您读取的是第 {seen} 版",
            where="version",
        )
    row = found or ServicePost(community_id=place.area_id, version=0)
    today = today_of(settings)
    before = {name: getattr(row, name) for name in _KEPT} if found else {}
    moved = not found or found.contact != (fields.contact or None)
    for name in _KEPT:
        value = getattr(fields, name)
        setattr(row, name, value or None if name in ("contact", "phone") else value)
    if not row.contact:
        row.photo_id, row.title = None, ""  # of somebody who left
    row.opening = [one.model_dump(mode="json", by_alias=True) for one in fields.opening]
    row.geom = point  # type: ignore[assignment]
    row.since = fields.since or (today if moved else row.since)
    row.version += 1
    row.updated_at = datetime.now(UTC)
    session.add(row)
    session.flush()
    # who holds the post is on the notice; that it changed is what the log keeps
    detail = changed(before, {name: getattr(row, name) for name in _KEPT})
    note(
        session, identity.name, "post", code, "change" if found else "add", place.area_id,
        {"fields": sorted(detail), "state": "staffed" if row.contact else "vacant"},
    )  # fmt: skip


def remove_post(session: Session, identity: Identity, code: str) -> None:
    """Take the post of a community away. The caller commits. Raises NotFound, Forbidden."""
    place = own_community(session, identity, code)
    found = session.scalar(select(ServicePost).where(ServicePost.community_id == place.area_id))
    if not found:
        raise NotFound(f"community {code} has no post", f"社区 {code} 未设服务岗", where="code")
    session.delete(found)
    session.flush()
    note(session, identity.name, "post", code, "remove", place.area_id)
