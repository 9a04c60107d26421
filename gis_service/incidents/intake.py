"""Take a report in: check it, place it, find who answers, keep it. Nothing that came in is lost:
a report without a usable place waits in the unplaced queue."""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.accounts.personal import seal
from gis_service.db.rows import run
from gis_service.errors import Conflict, InvalidInput
from gis_service.events.feed import publish
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84
from gis_service.hierarchy.gazetteer import places_of_exact_names
from gis_service.incidents import records
from gis_service.incidents.changing import locked, log, write
from gis_service.incidents.desk import Desk
from gis_service.incidents.rows import LEVEL_COLUMNS, placement_of

KEY_DAYS = 90  # how long a phone may wait before it sends the same report again
SKEW = timedelta(minutes=5)  # how far a sender's clock may be ahead
FOLLOW_ALPHABET = "".join(c for c in string.ascii_uppercase + string.digits if c not in "0O1IL")
FOLLOW_LENGTH = 10
SYSTEM = "system"

# One statement. The key is taken first: of two submissions at once the second one waits for the
# first here and then keeps nothing.
_KEEP = """
    WITH key AS (
        INSERT INTO idempotency_key (owner, key, request_hash, incident_id)
        SELECT :owner, CAST(:key AS text), CAST(:hash AS bytea), nextval('incident_id_seq')
        WHERE CAST(:key AS text) IS NOT NULL
        ON CONFLICT (owner, key) DO NOTHING RETURNING incident_id AS id
    ), new AS (
        SELECT id FROM key
        UNION ALL SELECT nextval('incident_id_seq') WHERE CAST(:key AS text) IS NULL
    ), kept AS (
        INSERT INTO incident (id, code, external_id, state, class_id, class_name, source, origin,
            reported_at, their_due_at, address, description, lon, lat, crs, accuracy_m, geom,
            street_id, community_id, grid_id, building_id, placement_method,
            placement_distance_m, candidates, revision_id, filed_path, is_order, quick, urgent,
            squad_id, reported_by, updated_at)
        SELECT id, :day || '-' || id, :day || '-' || id, 'reported', :class_id, :class_name,
            :source, 'own', :reported_at, :their_due_at, :address, :description, :lon, :lat, :crs,
            :accuracy_m, ST_SetSRID(ST_MakePoint(:x, :y), 4326), :street_id, :community_id,
            :grid_id, :building_id, :placement_method, :placement_distance_m,
            CAST(:candidates AS jsonb), :revision_id, CAST(:filed_path AS jsonb), :is_order,
            :quick, :urgent, :squad_id, :reported_by, :now
        FROM new
    ), person AS (
        INSERT INTO reporter (sealed) SELECT CAST(:sealed AS bytea) FROM new
        WHERE CAST(:sealed AS bytea) IS NOT NULL RETURNING id
    ), said AS (
        INSERT INTO report (incident_id, first_incident_id, source, external_id, reported_at,
            description, reporter_id, follow_code)
        SELECT id, id, :source, :external_id, :reported_at, :description,
            (SELECT id FROM person), :follow
        FROM new
    )
    SELECT id FROM new
"""
_KNOWN_KEY = """
    SELECT k.request_hash, k.incident_id, r.follow_code FROM idempotency_key k
    LEFT JOIN report r ON r.first_incident_id = k.incident_id
    WHERE k.owner = :owner AND k.key = :key ORDER BY r.id LIMIT 1
"""


@dataclass(frozen=True)
class Taken:
    """What became of a report; ``created`` is False where it had been taken in before."""

    incident_id: int
    created: bool
    follow_code: str | None


def take_in(
    session: Session,
    desk: Desk,
    identity: Identity | None,
    report: dict[str, Any],
    *,
    key: str | None = None,
    owner: str = "public",
) -> Taken:
    """Keep ``report`` (the fields of ``schemas.NewIncident``); the caller commits.

    ``key`` is the sender's Idempotency-Key: the same submission again answers with the first one.
    Raises InvalidInput naming the field; Conflict for a key used for another report or an
    external number that is known.
    """
    source = report.get("source") or ("patrol" if identity else "resident")
    key = key or None
    hashed = _hash(session, report) if key else None
    if key and (known := _known_key(session, owner, key, hashed)):
        return known
    moment = _moment(report.get("reported_at"), desk)
    found = desk.reference.find_class(report["class"])
    position = _position(report)
    _refuse_known_number(session, source, report.get("external_id"))
    placed = _place(session, desk, report, position)
    local = moment.astimezone(ZoneInfo(desk.settings.timezone))
    street = desk.locator.code_of("street", placed["street_id"]) if placed["street_id"] else None
    person = {name: value for name, value in (report.get("reporter") or {}).items() if value}
    follow = None if source == "patrol" else _follow_code()
    incident_id = run(
        session,
        _KEEP,
        {
            **placed, "day": f"{local:%Y%m%d}", "class_id": found.id, "class_name": found.name,
            "source": source, "reported_at": moment, "their_due_at": report.get("their_due_at"),
            "address": report.get("address"), "description": report.get("description"),
            "is_order": bool(report.get("is_order")), "quick": bool(report.get("quick")),
            "urgent": bool(report.get("urgent")), "squad_id": desk.reference.squad_of(street),
            "reported_by": identity.account_id if identity else None, "now": desk.now,
            "external_id": report.get("external_id"), "follow": follow,
            "sealed": seal(person) if person else None,
            "owner": owner, "key": key, "hash": hashed,
        },
    ).scalar()  # fmt: skip
    if incident_id is None:
        assert key is not None  # noqa: S101 - nothing else keeps a report from being kept
        return _known_key(session, owner, key, hashed) or _refuse_key()
    log(session, incident_id, action="report", actor=identity.name if identity else source,
        at=desk.now, state="reported", version=1, detail=None)  # fmt: skip
    if report.get("photos"):
        records.attach(session, incident_id, report["photos"], "report")
    if report.get("quick"):
        _quick(session, desk, identity, incident_id, report["quick"], moment)
    publish(session, "incidents", ids=[incident_id])
    return Taken(incident_id, True, follow)


# -- sent twice ------------------------------------------------------------------------------


def _hash(session: Session, report: dict[str, Any]) -> bytes:
    """What was said. Photos count by what they show: a sender whose answer got lost uploads them
    again, and they get other numbers."""
    said = {**report, "photos": _shown(session, report.get("photos") or [])}
    if report.get("quick"):
        said["quick"] = {
            **report["quick"], "photos": _shown(session, report["quick"].get("photos") or [])
        }  # fmt: skip
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS, default=str)).digest()


def _shown(session: Session, photos: list[int]) -> list[str]:
    if not photos:
        return []
    query = text("SELECT sha256 FROM attachment WHERE id = ANY(:ids) ORDER BY sha256")
    return list(session.execute(query, {"ids": photos}).scalars())


def _known_key(session: Session, owner: str, key: str, hashed: bytes | None) -> Taken | None:
    row = run(session, _KNOWN_KEY, {"owner": owner, "key": key}).one_or_none()
    if row is None:
        return None
    if bytes(row.request_hash) != hashed:
        _refuse_key()
    return Taken(row.incident_id, False, row.follow_code)


def _refuse_key() -> NoReturn:
    raise Conflict(
        "this Idempotency-Key was used for another report; use a new one",
        "该 Idempotency-Key 已用于另一条上报，请更换",
        where="Idempotency-Key",
    )


def _refuse_known_number(session: Session, source: str, number: str | None) -> None:
    if not number:
        return
    known = session.execute(
        text(
            "SELECT i.code FROM report r JOIN incident i ON i.id = r.incident_id "
            "WHERE r.source = :source AND r.external_id = :number"
        ),
        {"source": source, "number": number},
    ).scalar()
    if known:
        raise Conflict(
            f"{source} {number} is known as incident {known}",
            f"来源 {source} 的编号 {number} 已登记为案件 {known}",
            where="external_id",
        )


# -- what it says ----------------------------------------------------------------------------


def _moment(value: datetime | None, desk: Desk) -> datetime:
    if value is None:
        return desk.now
    zone = ZoneInfo(desk.settings.timezone)
    moment = value if value.tzinfo else value.replace(tzinfo=zone)
    if moment > desk.now + SKEW:
        raise InvalidInput(
            f"{moment.isoformat()} lies in the future; is the clock right?",
            f"{moment.isoformat()} 晚于当前时间，请检查时钟",
            where="reported_at",
        )
    if moment < datetime.fromisoformat(desk.settings.earliest_report).replace(tzinfo=zone):
        raise InvalidInput(
            f"{moment.isoformat()} is too long ago",
            f"{moment.isoformat()} 过早",
            where="reported_at",
        )
    return min(moment, desk.now)


def _position(report: dict[str, Any]) -> tuple[float, float, str] | None:
    lon, lat = report.get("lon"), report.get("lat")
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        missing = "lon" if lon is None else "lat"
        raise InvalidInput("both lon and lat, or neither", "经纬度须同时提供", where=missing)
    crs = report.get("crs")
    if not crs:
        raise InvalidInput(
            "name the position's system: wgs84, cgcs2000, gcj02, bd09 or EPSG:n",
            "请说明坐标系：wgs84、cgcs2000、gcj02、bd09 或 EPSG:n",
            where="crs",
        )
    return float(lon), float(lat), parse_crs(crs)


def _place(
    session: Session,
    desk: Desk,
    report: dict[str, Any],
    position: tuple[float, float, str] | None,
) -> dict[str, Any]:
    """The columns that say where it is: by its position, else by an address known exactly."""
    x = y = np.nan
    method = "inside"
    accuracy = report.get("accuracy_m")
    if position:
        x, y = to_wgs84(*position)
    elif report.get("address"):
        known = places_of_exact_names(session, [report["address"]])
        if report["address"] in known:
            x, y = known[report["address"]]
            method, accuracy = "address", None
    answer = desk.locator.place_one(
        float(x), float(y), None if accuracy is None else float(accuracy)
    )
    path = {level: answer[level]["code"] for level in LEVEL_COLUMNS if answer[level]}
    known_point = bool(np.isfinite(x) and np.isfinite(y))
    return {
        **placement_of(answer, method, desk.locator),
        "filed_path": orjson.dumps(path).decode(),
        "lon": position[0] if position else None,
        "lat": position[1] if position else None,
        "crs": position[2] if position else "wgs84",
        "accuracy_m": report.get("accuracy_m"),
        "x": float(x) if known_point else None,
        "y": float(y) if known_point else None,
    }


def _follow_code() -> str:
    return "".join(secrets.choice(FOLLOW_ALPHABET) for _ in range(FOLLOW_LENGTH))


# -- 快处: reported, fixed and shown in one step ----------------------------------------------


def _quick(
    session: Session,
    desk: Desk,
    identity: Identity | None,
    incident_id: int,
    fix: dict[str, Any],
    reported: datetime,
) -> None:
    if identity is None:
        raise InvalidInput("a quick fix takes an account", "快处须登录", where="quick")
    identity.require("incident.quick")
    fixed = _moment(fix.get("at"), desk)
    if fixed < reported:
        raise InvalidInput("fixed before it was reported", "处置时间早于发现时间", where="quick.at")
    row = locked(session, incident_id)
    if fix.get("photos"):
        records.attach(session, incident_id, fix["photos"], "resolve")
    checked = _is_drawn(incident_id, desk.settings.quick_check_share)
    columns = {
        "state": "resolved", "verified_at": reported, "filed_at": reported,
        "dispatched_at": reported, "accepted_at": reported, "resolved_at": fixed,
        "resolved_by": identity.name,
    }  # fmt: skip
    write(session, row, action="quick", actor=identity.name, at=desk.now, columns=columns,
          detail={"note": fix.get("note"), "at": fixed, "spot_check": checked})  # fmt: skip
    if not checked:
        # not drawn for a check on site: the evidence closes it
        columns = {"state": "closed", "closed_at": fixed}
        write(session, row, action="close", actor=SYSTEM, at=desk.now, columns=columns,
              detail={"spot_check": False})  # fmt: skip


def _is_drawn(incident_id: int, share: float) -> bool:
    """Whether this one is among the share that somebody checks: by a hash, so that nobody can
    know beforehand and everybody can verify afterwards."""
    digest = hashlib.sha256(f"quick {incident_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def forget_keys(session: Session) -> int:
    """Remove Idempotency-Keys that nobody will send again, how many. The caller commits."""
    gone = session.execute(
        text(
            "DELETE FROM idempotency_key WHERE at < now() - make_interval(days => :days) "
            "RETURNING incident_id"
        ),
        {"days": KEY_DAYS},
    )
    return len(gone.all())
