"""Activities from a sheet and as one: what was exported, edited and brought back shows the edits.

A sheet is applied as a whole or, where a row has a fault, not at all; every fault names its cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.activities import (
    PLAIN,
    STATES,
    check_own,
    check_times,
    checked,
    new_codes,
    write_parts,
)
from gis_service.communities.activity_queries import (
    COUNTS,
    ActivityFilter,
    list_activities,
    members_of,
)
from gis_service.communities.activity_schemas import ActivityFields
from gis_service.communities.changes import note
from gis_service.communities.models import Activity
from gis_service.communities.places import unmoved
from gis_service.communities.words import words
from gis_service.errors import Conflict, DomainError, Forbidden, InvalidInput
from gis_service.settings import Settings
from gis_service.sheet_reading import Column, Row, Sheet, known_names, narrow, read_sheet, table_of

COLUMNS = (
    Column("code", ("活动编号", "编号", "code")),
    Column("kind", ("活动类型", "类型", "类别", "kind"), required=True),
    Column("title", ("活动名称", "活动主题", "名称", "主题", "title"), required=True),
    Column("community", ("社区", "社区名称", "社区编码", "所在社区", "community"), required=True),
    Column("unit", ("责任单位", "牵头单位", "主办单位", "unit")),
    Column("units", ("协同单位", "参与单位", "units")),
    Column("date", ("活动日期", "日期", "时间", "活动时间", "date"), required=True),
    Column("start", ("开始时间", "开始", "start")),
    Column("end", ("结束时间", "结束", "end")),
    Column("place", ("活动地点", "地点", "place")),
    Column("lon", ("经度", "lon")),
    Column("lat", ("纬度", "lat")),
    Column("crs", ("坐标系", "crs")),
    Column("state", ("状态", "state")),
    Column("staff", ("工作人员数", "工作人员", "staff")),
    Column("volunteers", ("志愿者数", "志愿者", "volunteers")),
    Column("residents", ("参与居民数", "参与居民", "参与群众", "参加人数", "residents")),
    Column("households", ("入户数", "入户户数", "households")),
    Column("pledges", ("承诺签名数", "承诺签名", "pledges")),
    Column("quizzed", ("答题人数", "quizzed")),
    Column("passed", ("答题合格人数", "合格人数", "passed")),
    Column("round", ("问卷轮次", "round")),
    Column("materials", ("发放物资", "宣传品发放", "materials")),
    Column("media", ("媒体报道", "media")),
    Column("results", ("活动成效", "成效", "results")),
    Column("description", ("活动简介", "简介", "description")),
)  # fmt: skip
_STATES = {name: code for code, names in STATES.items() for name in (code, *names)}
_PARTS = re.compile(r"[;；\n]+")
_LIST = re.compile(r"[;；,，、\s]+")
_MATERIAL = re.compile(r"(.*?)\s*[:：×xX*]?\s*(\d+)\s*[份个套册本张块]?")
MEDIA = ("outlet", "title", "url", "on")
NO_TIME = time(9)  # of an activity of which only the day is known
MARGIN = timedelta(days=2)  # whatever the zone
COMPARED = (
    *PLAIN,
    "community_id",
    "unit_id",
    "round_id",
    "starts_at",
    "ends_at",
    "materials",
    "media",
)


def as_lines(rows: Iterable[Mapping[str, Any]], settings: Settings, locale: str) -> Any:
    """Headings and lines of ``list_activities`` rows, in the columns that :func:`load_sheet`
    reads."""
    zone = ZoneInfo(settings.timezone)
    kinds = words(settings)["activity_kind"]
    place = 0 if locale == "zh" else 1
    told = []
    for row in rows:
        starts = row["starts_at"].astimezone(zone)
        ends = row["ends_at"].astimezone(zone) if row["ends_at"] else None
        kind = kinds.get(row["kind"])
        shown = {
            **row, "kind": kind.called(locale) if kind else row["kind"],
            "community": row["community_code"], "unit": row["unit_code"],
            "round": row["round_code"],
            "units": ";".join(one["code"] for one in row["units"]),
            "date": f"{starts:%Y-%m-%d}", "start": f"{starts:%H:%M}",
            # an end on another day says so
            "end": None if ends is None
            else f"{ends:%H:%M}" if ends.date() == starts.date() else f"{ends:%Y-%m-%d %H:%M}",
            "crs": "wgs84" if row["lon"] is not None else None,
            "state": STATES[row["state"]][place],
            "materials": "；".join(map(_told, row["materials"])),
            "media": "；".join(
                "|".join(one.get(name) or "" for name in MEDIA).rstrip("|") for one in row["media"]
            ),
        }  # fmt: skip
        told.append(shown)
    return table_of(COLUMNS, told, locale)


def _told(material: Mapping[str, Any]) -> str:
    """A thing and its number; a thing without one keeps its own digits apart from a number."""
    item, count = material["item"], material.get("count")
    if count is not None:
        return f"{item}×{count}"
    return f"{item}×" if _MATERIAL.fullmatch(narrow(item)) else item


def load_sheet(
    session: Session,
    settings: Settings,
    identity: Identity,
    data: bytes,
    file_name: str,
    *,
    locale: str = "zh",
    dry_run: bool = False,
) -> dict[str, Any]:
    """Read a sheet of activities and apply it; ``{read, loaded, already, rejected, changed,
    applied, faults, notes, unknown_columns}``. The caller commits.

    A row with a number that is there changes that activity (columns that the sheet lacks stay),
    others are new; one that says what is there already is counted as such. With a fault in any
    row, or with ``dry_run``, nothing is applied.
    """
    sheet = read_sheet(data, file_name, COLUMNS)
    names = _Names(session, settings)
    there = _Known(session, sheet)
    drafts: list[tuple[Row, Activity | None, dict[str, Any], dict[str, list[int]]]] = []
    already = 0
    for row in sheet.rows:
        faults = len(sheet.faults)
        old = there.of(row)
        fields = _fields(session, row, names, settings, old)
        if fields is None or len(sheet.faults) > faults:
            continue
        activity = there.activity(old)
        try:
            if activity is not None:
                check_own(session, identity, activity.community_id, activity.unit_id)
            columns, parts = checked(session, settings, identity, fields)
            columns |= {"starts_at": fields.starts_at, "ends_at": fields.ends_at}
            check_times(columns, settings)
        except (InvalidInput, Forbidden, Conflict) as problem:
            _fault(row, problem)
            continue
        if not there.claim(row, columns, old):
            continue
        if old is not None and not _differs(old, columns, parts, sheet, there):
            already += 1
            continue
        drafts.append((row, activity, columns, parts))
    bad = {fault.row for fault in sheet.faults}
    applied = not bad and not dry_run
    loaded = [draft for draft in drafts if draft[0].number not in bad]
    if applied:
        _write(session, settings, identity, drafts, file_name)
    return {
        "read": len(sheet.rows), "loaded": len(loaded), "already": already,
        "rejected": len(bad & {row.number for row in sheet.rows}),
        "changed": sum(activity is not None for _, activity, _, _ in loaded),
        "applied": applied, "faults": sheet.told(locale), "faults_in_all": len(sheet.faults),
        "notes": [one.told(locale) for one in sheet.notes[:200]],
        "unknown_columns": sheet.unknown,
    }  # fmt: skip


def _write(
    session: Session, settings: Settings, identity: Identity, drafts: Any, file_name: str
) -> None:
    fresh = [columns["starts_at"] for _, activity, columns, _ in drafts if activity is None]
    codes = iter(new_codes(session, fresh, ZoneInfo(settings.timezone)))
    given = iter([row.code("code") for row, activity, _, _ in drafts if activity is None])
    communities = set()
    for _, activity, columns, parts in drafts:
        if activity is None:
            counted = next(codes)
            activity = Activity(
                code=next(given) or counted, created_by=identity.name, source=file_name, **columns
            )
            session.add(activity)
        else:
            for name, value in columns.items():
                setattr(activity, name, value)
            activity.version += 1
            activity.updated_at = datetime.now(UTC)
        session.flush()
        write_parts(session, activity.id, parts)
        communities.add(columns["community_id"])
    for community in sorted(communities):
        note(session, identity.name, "activity", file_name, "import", community,
             {"rows": sum(one[2]["community_id"] == community for one in drafts)})  # fmt: skip


class _Names:
    """What the words of a sheet can mean."""

    def __init__(self, session: Session, settings: Settings) -> None:
        def rows(query: str) -> list[tuple[str, str]]:
            return [(row.code, row.name) for row in session.execute(text(query))]

        self.communities = known_names(
            rows("SELECT code, name FROM community WHERE valid_to IS NULL")
        )
        self.units = known_names(rows("SELECT code, name FROM unit"))
        kinds = words(settings)["activity_kind"].values()
        self.kinds = known_names([(one.code, one.name) for one in kinds]) | {
            one.name_en: one.code for one in kinds
        }


class _Known:
    """The activities that the rows of a sheet may be, and which rows are each other."""

    def __init__(self, session: Session, sheet: Sheet) -> None:
        self.session = session
        wanted = tuple({row.code("code") for row in sheet.rows if row.has("code")})
        days = [day for row in sheet.rows if (day := _quiet_day(row))]
        found = list_activities(session, ActivityFilter(codes=wanted)) if wanted else []
        if days:
            first, last = (datetime.combine(one, time(), UTC) for one in (min(days), max(days)))
            span = ActivityFilter(since=first - MARGIN, until=last + MARGIN)
            found += list_activities(session, span, limit=10**6)
        self.rows = {row["code"]: row for row in found}
        self.by_key = {_key(row): row["code"] for row in self.rows.values()}
        self.codes: dict[str, int] = {}
        self.keys: dict[Any, int] = {}

    def of(self, row: Row) -> dict[str, Any] | None:
        """The activity whose number the row gives."""
        code = row.code("code")
        if not code:
            return None
        first = self.codes.setdefault(code, row.number)
        if first != row.number:
            row.fault(
                "code", f"{code} stands in row {first} already", f"{code} 与第 {first} 行重复"
            )
        return self.rows.get(code)

    def claim(self, row: Row, columns: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
        """False, and a fault, where another row or another activity is the same."""
        key = _key(columns)
        first = self.keys.setdefault(key, row.number)
        if first != row.number:
            row.fault("title", f"the same activity as in row {first}", f"与第 {first} 行为同一活动")
            return False
        code = self.by_key.get(key)
        if code is not None and (old is None or old["code"] != code):
            row.fault(
                "title",
                f"the same activity is there already as {code}; give its number to change it",
                f"该活动已登记为 {code}；如需修改请填写活动编号",
            )
            return False
        return True

    def activity(self, old: Mapping[str, Any] | None) -> Activity | None:
        """The row to change."""
        return self.session.get(Activity, old["id"]) if old is not None else None


def _quiet_day(row: Row) -> date | None:
    """The day of a row, whose faults are somebody else's to tell."""
    faults, notes = len(row.sheet.faults), len(row.sheet.notes)
    day = row.day("date")
    del row.sheet.faults[faults:], row.sheet.notes[notes:]
    return day


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["community_id"], row["kind"], row["starts_at"], row["title"])


def _differs(
    old: Mapping[str, Any],
    columns: Mapping[str, Any],
    parts: Mapping[str, list[int]],
    sheet: Sheet,
    there: _Known,
) -> bool:
    activity = there.activity(old)
    if any(getattr(activity, name) != columns[name] for name in COMPARED):
        return True
    if "lon" in sheet.columns:
        x, y = (old["lon"], old["lat"])
        point = columns["geom"]
        if (point is None) != (x is None) or (
            point is not None and str(point.data) != f"POINT({x!r} {y!r})"
        ):
            return True
    query = text("SELECT unit_id FROM activity_unit WHERE activity_id = :id ORDER BY unit_id")
    return list(there.session.scalars(query, {"id": old["id"]})) != parts["units"]


def _fields(
    session: Session, row: Row, names: _Names, settings: Settings, old: Mapping[str, Any] | None
) -> ActivityFields | None:
    """The fields of a row; of what the sheet has no column, those of the activity as it is."""
    said: dict[str, Any] = {}
    if old is not None:
        said = {name: old[name] for name in (*PLAIN, "materials", "media", "photos")}
        said |= {
            "units": [one["code"] for one in old["units"]], "unit": old["unit_code"],
            "members": members_of(session, old["id"]), "round": old["round_code"],
            "lon": old["lon"], "lat": old["lat"],
            "crs": "wgs84" if old["lon"] is not None else None,
        }  # fmt: skip
    here = row.sheet.columns
    said |= {
        "kind": row.choice("kind", names.kinds), "title": row.text("title", 200),
        "community": row.choice("community", names.communities),
    }  # fmt: skip
    for name in ("place", "results", "description"):
        if name in here:
            said[name] = row.text(name, 200 if name == "place" else 4000)
    for name in COUNTS:
        if name in here:
            said[name] = row.count(name)
    if "round" in here:
        said["round"] = row.code("round") or None
    if "unit" in here:
        said["unit"] = row.choice("unit", names.units)
    if "units" in here:
        said["units"] = _units(row, names)
    if "materials" in here:
        said["materials"] = [_material(one) for one in _pieces(row, "materials")]
    if "media" in here:
        said["media"] = [_medium(one) for one in _pieces(row, "media")]
    if {"lon", "lat"} <= set(here):
        lon, lat, crs = row.number_of("lon"), row.number_of("lat"), row.code("crs") or None
        if old is not None:
            lon, lat = unmoved(lon, lat, crs, (old["lon"], old["lat"]))
        said |= {"lon": lon, "lat": lat, "crs": crs}
    times = _times(row, ZoneInfo(settings.timezone))
    if times is None:
        return None
    said["starts_at"], said["ends_at"] = times
    state = row.choice("state", _STATES) if row.has("state") else None
    # of what lies behind us and of which nobody says otherwise, a sheet tells that it was done
    done = "done" if times[0] <= datetime.now(UTC) else "planned"
    said["state"] = state or (old["state"] if old is not None else done)
    if said["kind"] is None or said["community"] is None or not said["title"]:
        return None
    try:
        return ActivityFields.model_validate(said)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else None
        row.fault(where, first["msg"], f"内容无效（{first['msg']}）")
        return None


def _times(row: Row, zone: ZoneInfo) -> tuple[datetime, datetime | None] | None:
    """Beginning and end, UTC; the time of day may stand beside the day or in a column of its
    own. A faulty end is none."""
    found = row.moment("date")
    start = row.time("start")
    if found is None:
        return None
    day, clock = found
    if start is None and clock is None:
        row.note("date", "no time of day, 09:00 taken", "未填时间，按 09:00 登记")
    starts = datetime.combine(day, start or clock or NO_TIME, zone)
    ends = None
    if isinstance(row.values.get("end"), str) and len(row.code("end")) > len("上午10时30分"):
        other = row.moment("end")  # on another day
        ends = datetime.combine(other[0], other[1] or NO_TIME, zone) if other else None
    elif (end := row.time("end")) is not None:
        ends = datetime.combine(day, end, zone)
    return starts.astimezone(UTC), ends.astimezone(UTC) if ends else None


def _pieces(row: Row, name: str) -> list[str]:
    return [part.strip() for part in _PARTS.split(row.text(name)) if part.strip()]


def _units(row: Row, names: _Names) -> list[str]:
    out = []
    for part in _LIST.split(row.text("units")):
        if part and part not in names.units:
            row.fault("units", f"unknown {part!r}", f"未知单位“{part}”")
        elif part:
            out.append(names.units[part])
    return out


def _material(words_: str) -> dict[str, Any]:
    """``图册×120``, ``图册120份``, or a thing that nobody counted."""
    found = _MATERIAL.fullmatch(narrow(words_))
    if found and found[1]:
        return {"item": found[1], "count": int(found[2])}
    return {"item": words_.removesuffix("×"), "count": None}


def _medium(words_: str) -> dict[str, Any]:
    """``outlet|title|url|day``, the later parts where they are known."""
    parts = [*(part.strip() for part in words_.split("|")), "", "", ""]
    said: dict[str, Any] = dict(zip(MEDIA, parts, strict=False))
    return {**said, "on": said["on"] or None}


def _fault(row: Row, problem: DomainError) -> None:
    where = {"starts_at": "date", "ends_at": "end"}.get(problem.where or "", problem.where)
    row.fault(where, problem.message, problem.message_zh)
