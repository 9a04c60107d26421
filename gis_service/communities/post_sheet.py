"""Service posts from a sheet and as one: what was exported, edited and brought back shows the
edits. A row is a community; photos stay where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities import queries
from gis_service.communities.hours import hours_in_words
from gis_service.communities.posts import GAPS, STATES, gaps_of, state_of, write_post
from gis_service.communities.schemas import PostFields
from gis_service.communities.sheet_taking import (
    Written,
    as_fields,
    hours_of,
    known_communities,
    once,
    phone_of,
    place_said,
    take_in,
    words_of,
)
from gis_service.communities.words import words
from gis_service.settings import Settings
from gis_service.sheet_reading import Column, Row, known_names, read_sheet, table_of

COLUMNS = (
    Column("community", ("社区编码", "社区代码", "community_code"), required=True),
    Column("name", ("社区", "社区名称", "community")),
    Column("street", ("街道", "street")),  # for readers; an import passes it over
    Column("state", ("状态", "state")),
    Column("gaps", ("缺项", "gaps")),  # the same
    Column("contact", ("联系人", "姓名", "contact")),
    Column("title", ("职务", "title")),
    Column("phone", ("电话", "联系电话", "phone")),
    Column("window", ("窗口", "窗口位置", "window")),
    Column("address", ("地址", "address")),
    Column("opening", ("服务时间", "hours")),
    Column("duties", ("职责", "岗位职责", "duties")),
    Column("lon", ("经度", "lon")),
    Column("lat", ("纬度", "lat")),
    Column("crs", ("坐标系", "crs")),
    Column("established_on", ("设立日期", "established_on")),
    Column("since", ("自", "到岗日期", "since")),
    Column("note", ("备注", "note")),
)
_STATES = {name: code for code, names in STATES.items() for name in (code, *names)}
_NOT_OF_A_POST = ("community", "name", "street", "state", "gaps")
_LINES = {"title": 200, "window": 200, "address": 200, "note": 4000}


def as_lines(rows: Iterable[Mapping[str, Any]], settings: Settings, locale: str) -> Any:
    """Headings and lines of ``queries.list_posts`` rows, in the columns that :func:`load_posts`
    reads; a community without a post is one line, too."""
    names = words(settings)["post_duty"]
    place = 0 if locale == "zh" else 1
    told = []
    for row in rows:
        duties = [names[code].called(locale) if code in names else code
                  for code in row["duties"] or ()]  # fmt: skip
        shown = {
            **row, "community": row["community_code"], "name": row["community_name"],
            "street": row["street_name"], "state": STATES[state_of(row)][place],
            "gaps": "、".join(GAPS[gap][place] for gap in gaps_of(row)),
            "duties": "、".join(duties),
            "opening": hours_in_words(row["opening"] or [], locale),
            "crs": "wgs84" if row["lon"] is not None else None,
        }  # fmt: skip
        told.append(shown)
    return table_of(COLUMNS, told, locale)


def load_posts(
    session: Session, settings: Settings, identity: Identity, data: bytes, file_name: str,
    *, locale: str = "zh", dry_run: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Read a sheet of posts and take it in, as :func:`take_in` does. What the sheet has no column
    for stays; a contact who is another loses the photo of the one before, and that is noted."""
    sheet = read_sheet(data, file_name, COLUMNS)
    communities = known_communities(session)
    listed = words(settings)["post_duty"].values()
    duties = known_names([(one.code, one.name) for one in listed])
    duties |= {one.name_en: one.code for one in listed}
    there = {row["community_code"]: row for row in queries.list_posts(session, None, limit=10**6)}
    seen: dict[str, int] = {}

    def write(row: Row) -> Written:
        faults = len(sheet.faults)
        code = row.choice("community", communities)
        if code is None:
            return None
        once(row, "community", code, seen)
        old = there[code]
        name = row.text("name")
        if name and name not in (old["community_name"], code):
            row.fault("name", f"{code} is called {old['community_name']}",
                      f"{code} 的名称是“{old['community_name']}”")  # fmt: skip
        state = row.choice("state", _STATES)
        if state == "none":
            _check_none(row, old)
            return "already"
        fields = as_fields(row, PostFields, _said(row, old, duties), faults)
        if fields is None:
            return None
        if state and (state == "staffed") != bool(fields.contact):
            row.fault("state", "staffed has a contact, vacant has none",
                      "“在岗”须填联系人，“空岗”不得填联系人")  # fmt: skip
            return None
        new = old["id"] is None
        if not new and fields == _fields(old):
            return "already"
        if not new and old["photo_id"] and fields.photo_id is None and fields.contact:
            row.note("contact", "somebody else; the photo of the one before is taken off",
                     "联系人已更换，原照片不再使用")  # fmt: skip
        write_post(session, settings, identity, code, fields, new=new)
        return "added" if new else "changed"

    return take_in(session, sheet, write, locale=locale, dry_run=dry_run)


def _check_none(row: Row, old: Mapping[str, Any]) -> None:
    said = [one.name for one in COLUMNS if one.name not in _NOT_OF_A_POST and row.has(one.name)]
    if said:
        row.fault(said[0], "the state says that there is no post", "状态为“未设岗”，此处应为空")
    elif old["id"] is not None:
        row.fault("state", "there is a post; a sheet takes none away",
                  "该社区已设服务岗，不能通过表格撤销")  # fmt: skip


def _plain(old: Mapping[str, Any]) -> dict[str, Any]:
    """A post as a request would say it."""
    if old["id"] is None:
        return {}
    names = ("contact", "phone", "photo_id", "duties", "opening", "lon", "lat", "established_on",
             "since", *_LINES)  # fmt: skip
    return {name: old[name] for name in names} | {"crs": None if old["lon"] is None else "wgs84"}


def _fields(old: Mapping[str, Any]) -> PostFields:
    return PostFields.model_validate(_plain(old))


def _said(row: Row, old: Mapping[str, Any], duties: Mapping[str, str]) -> dict[str, Any]:
    said = _plain(old)
    here = row.sheet.columns
    if "contact" in here:
        said["contact"] = row.text("contact", 200) or None
    if "phone" in here:
        said["phone"] = phone_of(row, "phone", old["phone"])
    for name in ("established_on", "since"):
        if name in here:
            said[name] = row.day(name)
    for name, most in _LINES.items():
        if name in here:
            said[name] = row.text(name, most)
    if "opening" in here:
        said["opening"] = hours_of(row, "opening", said.get("opening") or [])
    if "duties" in here:
        kept = {code: code for code in said.get("duties") or ()}  # also what left the list
        said["duties"] = words_of(row, "duties", {**kept, **duties})
    said |= place_said(row, old)
    if said.get("contact") != old["contact"]:
        said["photo_id"] = None
        if said.get("since") == old["since"]:
            said["since"] = None  # since today
    elif said.get("since") is None:
        said["since"] = old["since"]
    return said
