"""Stations from a sheet and as one: what was exported, edited and brought back shows the edits.
Rosters and mediations are no part of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.communities import queries
from gis_service.communities.changes import today_of
from gis_service.communities.hours import hours_in_words
from gis_service.communities.schemas import NewStation
from gis_service.communities.sheet_taking import (
    Written,
    community_said,
    hours_of,
    keep,
    known_communities,
    once,
    phone_of,
    place_said,
    take_in,
    words_of,
)
from gis_service.communities.stations import write_station
from gis_service.communities.words import words
from gis_service.settings import Settings
from gis_service.sheet_reading import Column, Row, known_names, read_sheet, table_of

COLUMNS = (
    Column("code", ("编号", "驿站编号", "code"), required=True),
    Column("name", ("名称", "驿站名称", "name"), required=True),
    Column("community", ("社区编码", "社区", "所在社区", "community_code")),
    Column("street", ("街道", "street")),  # for readers; an import passes it over
    Column("address", ("地址", "address")),
    Column("phone", ("电话", "联系电话", "phone")),
    Column("services", ("服务", "服务项目", "services")),
    Column("opening", ("开放时间", "服务时间", "hours")),
    Column("lon", ("经度", "lon"), required=True),
    Column("lat", ("纬度", "lat"), required=True),
    Column("crs", ("坐标系", "crs"), required=True),
    Column("opened_on", ("启用日期", "opened_on")),
    Column("closed_on", ("停用日期", "closed_on")),
    Column("note", ("备注", "note")),
)
_LINES = {"address": 200, "note": 4000}


def as_lines(rows: Iterable[Mapping[str, Any]], settings: Settings, locale: str) -> Any:
    """Headings and lines of ``queries.list_stations`` rows, in the columns that
    :func:`load_stations` reads; positions in WGS84."""
    names = words(settings)["station_service"]
    told = []
    for row in rows:
        services = [names[code].called(locale) if code in names else code
                    for code in row["services"]]  # fmt: skip
        shown = {
            **row, "community": row["community_code"], "street": row["street_name"],
            "services": "、".join(services), "opening": hours_in_words(row["opening"], locale),
            "crs": "wgs84",
        }  # fmt: skip
        told.append(shown)
    return table_of(COLUMNS, told, locale)


def load_stations(
    session: Session, settings: Settings, identity: Identity, data: bytes, file_name: str,
    *, locale: str = "zh", dry_run: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Read a sheet of stations and take it in, as :func:`take_in` does. What the sheet has no
    column for stays."""
    sheet = read_sheet(data, file_name, COLUMNS)
    communities = known_communities(session)
    listed = words(settings)["station_service"].values()
    services = known_names([(one.code, one.name) for one in listed])
    services |= {one.name_en: one.code for one in listed}
    rows = queries.list_stations(session, today_of(settings), limit=10**6)
    there = {row["code"]: row for row in rows}
    seen: dict[str, int] = {}

    def write(row: Row) -> Written:
        faults = len(sheet.faults)
        code = row.code("code")
        if not code:
            return None
        once(row, "code", code, seen)
        old = there.get(code)
        said = _plain(old) if old else {"code": code}
        kept = {one: one for one in said.get("services", ())}
        said |= _said(row, said, communities, {**kept, **services})
        return keep(
            row, NewStation, said, faults, _plain(old) if old else {},
            lambda fields: write_station(session, settings, identity, code, fields, new=not old),
        )  # fmt: skip

    return take_in(session, sheet, write, locale=locale, dry_run=dry_run)


def _plain(old: Mapping[str, Any]) -> dict[str, Any]:
    """A station as a request would say it."""
    names = ("code", "name", "phone", "services", "opening", "lon", "lat", "opened_on", "closed_on",
             *_LINES)  # fmt: skip
    return {**{name: old[name] for name in names}, "community": old["community_code"],
            "crs": "wgs84"}  # fmt: skip


def _said(
    row: Row, before: Mapping[str, Any], communities: Mapping[str, str],
    services: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    here = row.sheet.columns
    said = {"name": row.text("name", 200), **place_said(row, before)}
    for name, most in _LINES.items():
        if name in here:
            said[name] = row.text(name, most)
    if "phone" in here:
        said["phone"] = phone_of(row, "phone", before.get("phone"))
    if "community" in here:
        said["community"] = community_said(row, communities, before.get("community"))
    if "services" in here:
        said["services"] = words_of(row, "services", services)
    if "opening" in here:
        said["opening"] = hours_of(row, "opening", before.get("opening", []))
    for name in ("opened_on", "closed_on"):
        if name in here:
            said[name] = row.day(name)
    return said
