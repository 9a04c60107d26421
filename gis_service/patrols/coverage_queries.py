"""What coverage is computed from, as the session sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.copy import literal
from gis_service.db.engine import driver_connection
from gis_service.patrols.arrays import day_number, make_visits
from gis_service.patrols.coverage import Visits
from gis_service.patrols.promises import DAY_MINUTES, Absence, Contract, Hours, Ints
from gis_service.settings import Settings

_EPOCH_2000_US = 946_684_800_000_000  # PostgreSQL counts from 2000-01-01
_HEADER_BYTES, _TRAILER_BYTES = 19, 2


@dataclass(frozen=True)
class GridRow:
    """A grid of the working kind that is in force."""

    area_id: int
    code: str
    name: str
    community: str | None
    street: str | None
    area_m2: float = 0.0
    buildings: int = 0


@dataclass(frozen=True)
class OfficerRow:
    """An officer as coverage tells of one."""

    id: int
    code: str
    name: str
    squad: str | None
    active: bool


_GRIDS = text("""
    SELECT g.area_id, g.code, g.name, ca.code AS community, sa.code AS street, g.area_m2,
           coalesce(b.buildings, 0) AS buildings
    FROM grid g
    LEFT JOIN (SELECT parent_id, count(*) AS buildings FROM building
               WHERE valid_to IS NULL GROUP BY parent_id) b ON b.parent_id = g.area_id
    LEFT JOIN community c ON c.area_id = g.parent_id AND c.valid_to IS NULL
    LEFT JOIN area ca ON ca.id = g.parent_id
    LEFT JOIN area sa ON sa.id = c.parent_id
    WHERE g.valid_to IS NULL AND g.kind = :kind
    ORDER BY g.code
""")
_CONTRACTS = text("""
    SELECT c.*,
        array(SELECT g.area_id FROM patrol_contract_grid g
              WHERE g.contract_id = c.id ORDER BY g.area_id) AS grids,
        array(SELECT d.duty FROM patrol_contract_duty d WHERE d.contract_id = c.id) AS duties,
        array(SELECT m.officer_id FROM patrol_contract_member m
              WHERE m.contract_id = c.id ORDER BY m.officer_id) AS members
    FROM patrol_contract c ORDER BY c.code, c.version
""")
_OFFICERS = text("""
    SELECT o.id, o.code, o.name, q.code AS squad, o.active
    FROM officer o LEFT JOIN squad q ON q.id = o.squad_id ORDER BY o.code
""")
_VISITS = """
    COPY (SELECT officer_id, area_id, entered_at, left_at, length_m FROM visit WHERE {})
    TO STDOUT (FORMAT BINARY)
"""
_VISIT = np.dtype(
    [("count", ">i2")]
    + [
        part
        for name, kind in (
            ("officer", ">i4"), ("area", ">i4"), ("entered", ">i8"), ("left", ">i8"),
            ("length", ">f8"),
        )
        for part in ((f"{name}_length", ">i4"), (name, kind))
    ]
)  # fmt: skip


def read_grids(session: Session, settings: Settings) -> list[GridRow]:
    """The grids of the working kind in force, by code."""
    return [GridRow(*row) for row in session.execute(_GRIDS, {"kind": settings.grid_kind})]


def read_contracts(session: Session) -> list[Contract]:
    """Every version of every contract."""
    return [as_contract(dict(row)) for row in session.execute(_CONTRACTS).mappings()]


def as_contract(row: dict[str, Any]) -> Contract:
    """A contract from its columns, its ``grids`` (area ids), ``duties`` and ``members`` (ids)."""
    return Contract(
        id=row["id"], code=row["code"], version=row["version"], officer_id=row["officer_id"],
        people=tuple(dict.fromkeys([row["officer_id"], *row["members"]])),
        grids=tuple(row["grids"]), duties=frozenset(row["duties"]),
        starts=day_number(row["valid_from"]), ends=day_number(row["valid_to"]) + 1,
        closed=day_number(row["closed_from"]) if row["closed_from"] else None,
        period=row["promised_days"] or 7, visits=row["visits_per_week"] or 1,
        hours=Hours(
            tuple(sorted(row["weekdays"])), _minute(row["hours_from"]), _minute(row["hours_to"])
        ),
        min_stay_s=row["min_stay_s"] or 0, min_length_m=row["min_length_m"] or 0.0,
        weekly=row["visits_per_week"] is not None,
    )  # fmt: skip


def read_officers(session: Session) -> dict[int, OfficerRow]:
    """All officers by id."""
    return {row.id: OfficerRow(*row) for row in session.execute(_OFFICERS)}


def read_absences(session: Session) -> list[Absence]:
    """All absences."""
    rows = session.execute(
        text("SELECT officer_id, from_day, to_day, stand_in_id FROM officer_absence ORDER BY id")
    )
    return [
        Absence(row.officer_id, day_number(row.from_day), day_number(row.to_day) + 1,
                row.stand_in_id)
        for row in rows
    ]  # fmt: skip


def read_squads(session: Session) -> dict[str, tuple[str, ...]]:
    """The streets (codes) of each squad, by its code."""
    rows = session.execute(text("SELECT code, street_codes FROM squad ORDER BY code"))
    return {row.code: tuple(row.street_codes) for row in rows}


_NAMES = text("""
    SELECT 'community' AS level, code, name FROM community WHERE valid_to IS NULL
    UNION ALL SELECT 'street', code, name FROM street WHERE valid_to IS NULL
    UNION ALL SELECT 'squad', code, name FROM squad
""")


def read_group_names(session: Session) -> dict[str, dict[str, str]]:
    """The names of communities, streets and squads by level and code."""
    found: dict[str, dict[str, str]] = {"community": {}, "street": {}, "squad": {}}
    for level, code, name in session.execute(_NAMES):
        found[level][code] = name
    return found


def read_visits(session: Session, zone: ZoneInfo, officers: Sequence[int] | None = None) -> Visits:
    """All visits, or those of some officers (ids)."""
    condition = "true" if officers is None else "officer_id = ANY(%s)"
    connection = driver_connection(session)
    with (
        connection.cursor() as cursor,
        cursor.copy(
            literal(_VISITS.format(condition)), () if officers is None else (list(officers),)
        ) as copy,
    ):
        raw = b"".join(bytes(block) for block in copy)
    rows = np.frombuffer(raw[_HEADER_BYTES : len(raw) - _TRAILER_BYTES], dtype=_VISIT)
    return make_visits(
        rows["officer"].astype(np.int64), rows["area"].astype(np.int64),
        rows["entered"].astype(np.int64) + _EPOCH_2000_US,
        rows["left"].astype(np.int64) + _EPOCH_2000_US,
        rows["length"].astype(np.float64), zone,
    )  # fmt: skip


def read_received(session: Session, officers: Sequence[int] | None = None) -> tuple[Ints, Ints]:
    """(officers, days) with a track, of all or of some officers. A day all of whose fixes were
    dropped, off duty or on leave, has none."""
    wanted = "" if officers is None else "AND officer_id = ANY(:officers)"
    rows = session.execute(
        text(
            f"SELECT officer_id, day - DATE '1970-01-01' FROM received_day WHERE fixes > 0 {wanted}"
        ),
        {} if officers is None else {"officers": list(officers)},
    ).all()
    table = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


_VISITS_TO = text("""
    SELECT o.code AS officer, o.name AS officer_name, v.entered_at, v.left_at, v.stay_s,
           round(v.length_m) AS length_m
    FROM visit v JOIN officer o ON o.id = v.officer_id
    WHERE v.area_id = :area AND v.entered_at >= :since AND v.entered_at < :until
      AND (CAST(:officer AS text) IS NULL OR o.code = :officer)
    ORDER BY v.entered_at DESC, v.id LIMIT :limit
""")


def visits_to(
    session: Session,
    area_id: int,
    since: datetime,
    until: datetime,
    officer: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The visits to a grid in ``[since, until)``, the latest first."""
    rows = session.execute(
        _VISITS_TO,
        {"area": area_id, "since": since, "until": until, "officer": officer, "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


def _minute(moment: time) -> int:
    return (moment.hour * 60 + moment.minute) % DAY_MINUTES
