"""Frontage contracts from a sheet and as one: what was exported, edited and brought back shows the
edits. A sheet is applied as a whole or, where a row has a fault, not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from geoalchemy2.shape import to_shape
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities.frontage_models import FrontageContract
from gis_service.communities.frontage_schemas import FrontageFields
from gis_service.communities.frontages import PLAIN, checked, put
from gis_service.communities.places import unmoved
from gis_service.communities.scope import scope_of
from gis_service.communities.words import words
from gis_service.errors import DomainError
from gis_service.settings import Settings
from gis_service.sheet_reading import Column, Row, known_names, read_sheet, table_of

COLUMNS = (
    Column("code", ("责任书编号", "编号", "code"), required=True),
    Column("shop", ("店名", "单位名称", "商户", "shop"), required=True),
    Column("address", ("地址", "address")),
    Column("lon", ("经度", "lon"), required=True),
    Column("lat", ("纬度", "lat"), required=True),
    Column("crs", ("坐标系", "crs"), required=True),
    Column("length_m", ("门前长度（米）", "门前长度", "长度", "length_m"), required=True),
    Column("items", ("责任项", "三包内容", "items"), required=True),
    Column("valid_from", ("有效期起", "签订日期", "valid_from"), required=True),
    Column("valid_to", ("有效期止", "到期日期", "valid_to"), required=True),
    Column("ended_on", ("终止日期", "ended_on")),
    Column("signatory", ("责任人", "负责人", "signatory")),
    Column("phone", ("电话", "联系电话", "phone")),
    Column("note", ("备注", "note")),
)
_LIST = re.compile(r"[;；,，、\s]+")


def as_lines(rows: Iterable[Mapping[str, Any]], settings: Settings, locale: str) -> Any:
    """Headings and lines of ``list_frontages`` rows, in the columns that :func:`load_frontages`
    reads; who signed is not told, and an empty cell changes nobody."""
    names = words(settings)["frontage_item"]
    told = []
    for row in rows:
        items = [names[code].called(locale) if code in names else code for code in row["items"]]
        shown = {**row, "items": "、".join(items), "crs": "wgs84", "signatory": "", "phone": ""}
        told.append(shown)
    return table_of(COLUMNS, told, locale)


def load_frontages(
    session: Session, settings: Settings, identity: Identity | None, data: bytes, file_name: str,
    *, metric_crs: str, locale: str = "zh", dry_run: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Read a sheet and apply it; ``{read, loaded, already, rejected, applied, faults, …}``. The
    caller commits. ``identity`` None: the command line. Raises as ``read_sheet``."""
    who = identity or Identity(0, "command line", "", "admin", (), frozenset())
    sheet = read_sheet(data, file_name, COLUMNS)
    items = known_names([(one.code, one.name) for one in words(settings)["frontage_item"].values()])
    items |= {one.name_en: one.code for one in words(settings)["frontage_item"].values()}
    codes = [row.code("code") for row in sheet.rows]
    query = select(FrontageContract).where(FrontageContract.code.in_(codes))
    there = {one.code: one for one in session.scalars(query)}
    scope = scope_of(session, who)
    first: dict[str, int] = {}
    drafts: list[tuple[str, dict[str, Any], FrontageFields]] = []
    already = 0
    for row in sheet.rows:
        code = row.code("code")
        number = first.setdefault(code, row.number)
        if number != row.number:
            row.fault("code", f"stands in row {number} already", f"与第 {number} 行重复")
        found = there.get(code)
        if found is not None and not scope.sees(found.community_id):
            row.fault("code", "not within your scope", "不在您的管辖范围内")
        fields = _fields(row, items, found)
        if fields is None:
            continue
        try:
            columns = checked(session, settings, who, fields)
        except DomainError as problem:
            row.fault(problem.where, problem.message, problem.message_zh)
            continue
        if found is not None and _same(session, found, columns, fields):
            already += 1
        else:
            drafts.append((code, columns, fields))
    bad = {fault.row for fault in sheet.faults}
    applied = not bad and not dry_run
    if applied:
        for code, columns, fields in drafts:
            put(session, settings, who, metric_crs, code, columns, fields, there.get(code))
    rejected = len(bad & {row.number for row in sheet.rows})
    return {
        "read": len(sheet.rows), "loaded": len(sheet.rows) - already - rejected,
        "already": already, "rejected": rejected, "unplaced": 0, "applied": applied,
        "faults": sheet.told(locale), "faults_in_all": len(sheet.faults),
        "notes": [one.told(locale) for one in sheet.notes[:200]],
        "unknown_columns": sheet.unknown,
    }  # fmt: skip


def _fields(
    row: Row, items: Mapping[str, str], found: FrontageContract | None
) -> FrontageFields | None:
    faults = len(row.sheet.faults)
    lon, lat, crs = row.number_of("lon"), row.number_of("lat"), row.code("crs")
    if found:
        (before,) = to_shape(found.position).coords
        lon, lat = unmoved(lon, lat, crs, (before[0], before[1]))
    said: dict[str, Any] = {
        "shop": row.text("shop", 200), "address": row.text("address", 200),
        "lon": lon, "lat": lat, "crs": crs,
        "length_m": row.number_of("length_m"), "items": _items(row, items),
        "valid_from": row.day("valid_from"), "valid_to": row.day("valid_to"),
        "ended_on": row.day("ended_on"), "signatory": row.text("signatory", 200) or None,
        "phone": row.code("phone") or None, "note": row.text("note"),
        "attachment_id": found.attachment_id if found else None,
    }  # fmt: skip
    if len(row.sheet.faults) > faults:
        return None
    try:
        return FrontageFields.model_validate(said)
    except ValidationError as problem:
        one = problem.errors()[0]
        where = str(one["loc"][0]) if one["loc"] else None
        row.fault(where, one["msg"], f"内容无效（{one['msg']}）")
        return None


def _items(row: Row, items: Mapping[str, str]) -> list[str]:
    out = []
    for part in _LIST.split(row.text("items")):
        if part and part not in items:
            known = "、".join(items)
            row.fault(
                "items", f"unknown {part!r}; known: {known}", f"未知责任项“{part}”，可用：{known}"
            )
        elif part:
            out.append(items[part])
    return out


def _same(
    session: Session, found: FrontageContract, columns: Mapping[str, Any], fields: FrontageFields
) -> bool:
    """Whether a row says what is there; a signatory who is named anew is a change."""
    if fields.signatory or fields.phone:
        return False
    if any(getattr(found, name) != columns[name] for name in PLAIN):
        return False
    x, y = session.execute(
        select(FrontageContract.position.ST_X(), FrontageContract.position.ST_Y()).where(
            FrontageContract.id == found.id
        )
    ).one()
    return str(columns["position"].data) == f"POINT({x!r} {y!r})"
