"""Stations (城管驿站): what they offer, who is on duty, what was mediated, and how many buildings
lie within walking distance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.analysis.reach import nearest_m
from gis_service.communities import queries
from gis_service.communities.changes import moment_of, note
from gis_service.communities.models import Mediation, Station, StationShift
from gis_service.communities.people import keep_person, read_people
from gis_service.communities.places import check_near, community_at, position_of
from gis_service.communities.posts import told_word
from gis_service.communities.schemas import MediationFields, ShiftFields, StationFields
from gis_service.communities.scope import community_of, find_id, named, scope_of
from gis_service.communities.words import known, words
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.incidents.records import find as find_incident
from gis_service.settings import Settings

LONGEST_SHIFT = timedelta(days=2)


def present(row: dict[str, Any], settings: Settings, *, internal: bool) -> dict[str, Any]:
    """A row of ``queries.list_stations`` as it is told."""
    out = dict(row)
    services = words(settings)["station_service"]
    told = {
        "code": row["code"], "name": row["name"], "community": named(out, "community"),
        "street": named(out, "street"), "address": row["address"], "phone": row["phone"],
        "services": [told_word(services.get(code), code) for code in row["services"]],
        "opening": row["opening"], "lon": row["lon"], "lat": row["lat"],
        "opened_on": row["opened_on"], "closed_on": row["closed_on"], "open": row["is_open"],
    }  # fmt: skip
    if internal:
        told |= {"note": row["note"], "version": row["version"], "updated_at": row["updated_at"]}
    return told


def write_station(
    session: Session,
    settings: Settings,
    identity: Identity,
    code: str,
    fields: StationFields,
    *,
    new: bool,
    seen: int | None = None,
) -> None:
    """Make (``new``) or change a station. The caller commits. Raises as ``posts.write_post``."""
    for service in fields.services:
        known(settings, "station_service", service, "services")
    point = position_of(fields.lon, fields.lat, fields.crs)
    if point is None:
        raise InvalidInput("a station has a position", "驿站须有位置", where="lon")
    found = session.scalar(select(Station).where(Station.code == code).with_for_update())
    if new and found:
        raise Conflict(f"station {code!r} is there already", f"驿站 {code!r} 已存在", where="code")
    if not new and not found:
        raise NotFound(f"no station {code!r}", f"没有驿站 {code!r}", where="code")
    if found and seen is not None and seen != found.version:
        raise Conflict(
            f"somebody changed the station: it is at version {found.version}, you read {seen}",
            f"该驿站已被他人修改：当前第 {found.version} 版，您读取的是第 {seen} 版",
            where="version",
        )
    if fields.opened_on and fields.closed_on and fields.closed_on <= fields.opened_on:
        raise InvalidInput("it closes after it opens", "停用日期须晚于启用日期", where="closed_on")
    community = (
        community_of(session, fields.community, where="community").area_id
        if fields.community
        else community_at(session, point)
    )
    if community is not None:
        check_near(session, point, community)
    for one in {community, found.community_id if found else community}:
        _own(session, identity, one)
    row = found or Station(code=code, version=0)
    for name in ("name", "address", "phone", "services", "opened_on", "closed_on", "note"):
        setattr(row, name, getattr(fields, name))
    row.community_id = community
    row.opening = [one.model_dump(mode="json", by_alias=True) for one in fields.opening]
    row.geom = point  # type: ignore[assignment]
    row.version += 1
    row.updated_at = datetime.now(UTC)
    session.add(row)
    session.flush()
    note(session, identity.name, "station", code, "change" if found else "add", community)


def remove_station(session: Session, identity: Identity, code: str) -> None:
    """Take away a station that was entered by mistake. The caller commits. Raises Conflict for one
    at which something was mediated: it is closed by its day."""
    row = station_of(session, identity, code)
    if session.scalar(select(Mediation.id).where(Mediation.station_id == row.id).limit(1)):
        raise Conflict(
            "it has mediation records; say from which day it is closed instead",
            "该驿站已有调解记录，请改为填写停用日期",
            where="closed_on",
        )
    session.delete(row)
    session.flush()
    note(session, identity.name, "station", code, "remove", row.community_id)


def station_of(session: Session, identity: Identity, code: str) -> Station:
    """A station that the account may change. Raises NotFound, Forbidden."""
    row = session.scalar(select(Station).where(Station.code == code))
    if row is None:
        raise NotFound(f"no station {code!r}", f"没有驿站 {code!r}", where="code")
    _own(session, identity, row.community_id)
    return row


def _own(session: Session, identity: Identity, community_id: int | None) -> None:
    if not scope_of(session, identity).sees(community_id):
        raise Forbidden("the station is not within your scope", "该驿站不在您的管辖范围内")


# -- on duty -----------------------------------------------------------------------------------


def add_shift(
    session: Session, settings: Settings, identity: Identity, code: str, fields: ShiftFields
) -> int:
    """Put somebody on a station's roster; the shift's id. The caller commits."""
    row = station_of(session, identity, code)
    starts, ends = (moment_of(value, settings) for value in (fields.starts_at, fields.ends_at))
    if not starts < ends <= starts + LONGEST_SHIFT:
        raise InvalidInput("a shift ends after it begins, within two days",
                           "班次结束须晚于开始，且不超过两天", where="ends_at")  # fmt: skip
    unit = find_id(session, "unit", fields.unit, "unit")
    shift = StationShift(station_id=row.id, starts_at=starts, ends_at=ends, person=fields.person,
                         unit_id=unit, note=fields.note)  # fmt: skip
    session.add(shift)
    session.flush()
    note(session, identity.name, "station", code, "shift", row.community_id)
    return shift.id


def remove_shift(session: Session, identity: Identity, code: str, shift_id: int) -> None:
    """Take somebody off a roster. The caller commits. Raises NotFound."""
    row = station_of(session, identity, code)
    gone = session.execute(
        delete(StationShift)
        .where(StationShift.id == shift_id, StationShift.station_id == row.id)
        .returning(StationShift.id)
    ).scalar()
    if gone is None:
        raise NotFound(f"no shift {shift_id}", f"没有班次 {shift_id}")
    note(session, identity.name, "station", code, "shift", row.community_id)


# -- mediation ---------------------------------------------------------------------------------


def add_mediation(
    session: Session, settings: Settings, identity: Identity, code: str, fields: MediationFields
) -> int:
    """Record a mediation, its parties sealed; its id. The caller commits."""
    row = station_of(session, identity, code)
    known(settings, "mediation_outcome", fields.outcome, "outcome")
    held = moment_of(fields.held_at, settings)
    if held > datetime.now(UTC) + timedelta(minutes=10):
        raise InvalidInput("it lies in the future", "时间晚于当前", where="held_at")
    incident = find_incident(session, fields.incident) if fields.incident else None
    made = Mediation(
        station_id=row.id, community_id=row.community_id, held_at=held, subject=fields.subject,
        outcome=fields.outcome, mediator=fields.mediator, summary=fields.summary,
        incident_id=incident, person_id=keep_person(session, "mediation", parties=fields.parties),
    )  # fmt: skip
    session.add(made)
    session.flush()
    note(session, identity.name, "station", code, "mediation", row.community_id)
    return made.id


def parties_of(
    session: Session, identity: Identity, code: str, mediation_id: int, address: str
) -> dict[str, Any]:
    """Who took part in a mediation; writes the audit log. Raises NotFound."""
    row = station_of(session, identity, code)
    found = session.scalar(
        select(Mediation).where(Mediation.id == mediation_id, Mediation.station_id == row.id)
    )
    if found is None:
        raise NotFound(f"no mediation {mediation_id}", f"没有调解记录 {mediation_id}")
    return read_people(session, identity, [found.person_id], f"mediation {mediation_id}", address)[
        0
    ]


# -- walking distance ----------------------------------------------------------------------------


def walking_coverage(
    session: Session, metric_crs: str | None, reach_m: float, today: date
) -> dict[str, Any]:
    """What share of buildings has an open station within ``reach_m`` metres, per community and in
    all: straight lines in ``metric_crs`` (None: nothing is loaded), so a walk is longer.

    ``share`` is None where no building is known.
    """
    buildings = queries.building_points(session)
    stations = queries.list_stations(session, today, open_=True)
    near = np.zeros(len(buildings), dtype=bool)
    if metric_crs and buildings and stations:
        away = nearest_m(*(_metric(rows, metric_crs) for rows in (buildings, stations)))
        near = away <= reach_m
    counted: dict[str | None, list[int]] = {}
    names: dict[str | None, str | None] = {}
    for row, covered in zip(buildings, near.tolist(), strict=True):
        tally = counted.setdefault(row["community_code"], [0, 0])
        tally[0] += 1
        tally[1] += covered
        names[row["community_code"]] = row["community_name"]
    items = [
        {
            "community": {"code": code, "name": names[code]} if code else None,
            "buildings": count, "covered": covered, "share": covered / count,
        }
        for code, (count, covered) in sorted(counted.items(), key=lambda one: one[0] or "")
    ]  # fmt: skip
    return {
        "items": items, "next": None, "within_m": reach_m, "measured": "straight_line",
        "metric_crs": metric_crs, "stations": len(stations), "buildings": len(buildings),
        "covered": int(near.sum()), "share": float(near.mean()) if len(buildings) else None,
    }  # fmt: skip


def _metric(rows: list[dict[str, Any]], metric_crs: str) -> npt.NDArray[np.float64]:
    lon, lat = ([row[name] for row in rows] for name in ("lon", "lat"))
    return np.column_stack(from_wgs84(lon, lat, metric_crs))
