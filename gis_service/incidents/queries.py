"""Incidents: async session and arguments to rows."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import cos, radians
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.db.rows import fetch_rows
from gis_service.errors import InvalidInput, NotFound
from gis_service.events.feed import Published
from gis_service.hierarchy.models import LEVELS
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter, micros, to_sql
from gis_service.incidents.models import SOURCES
from gis_service.incidents.ordered import LAST, Ordered, Place
from gis_service.incidents.visibility import Visible
from gis_service.incidents.workflow import OPEN_STATES

COLUMNS = """
    i.id, i.code, i.state, i.version, i.class_id, c.code AS class_code, i.class_name, i.source,
    i.external_id, i.reported_at, i.due_at, i.due_basis, i.their_due_at, i.closed_at, i.updated_at,
    i.verified_at, i.filed_at, i.dispatched_at, i.accepted_at, i.resolved_at, i.resolved_by,
    i.address, i.description, ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat, i.lon AS reported_lon,
    i.lat AS reported_lat, i.crs, i.accuracy_m, i.placement_method, i.placement_distance_m,
    i.candidates, i.revision_id, i.filed_path, i.street_id, i.community_id, i.grid_id,
    i.building_id, i.unit_id, i.squad_id, i.reported_by, i.is_order, i.urgent, i.supervised,
    i.quick, i.rework_count, i.merged_into, i.case_number, n.number AS condition_number,
    n.name AS condition_name, u.code AS unit_code, u.name AS unit_name, q.code AS squad_code,
    q.name AS squad_name,
    greatest(1, (SELECT count(*) FROM report r WHERE r.incident_id = i.id)) AS report_count
"""
FROM = """
    FROM incident i
    JOIN incident_class c ON c.id = i.class_id
    LEFT JOIN class_condition n ON n.id = i.condition_id
    LEFT JOIN unit u ON u.id = i.unit_id
    LEFT JOIN squad q ON q.id = i.squad_id
"""
# order -> (expression, direction, its column in the arrays)
_DUE = "coalesce(i.due_at, 'infinity'::timestamptz)"
SORTS = {
    "-reported_at": ("i.reported_at", "DESC", "reported_at"),
    "reported_at": ("i.reported_at", "ASC", "reported_at"),
    "due_at": (_DUE, "ASC", "due_order"),
    "-updated_at": ("i.updated_at", "DESC", "updated_at"),
}


# our numbers end with the id; of each origin, which are few, the index is asked for theirs
_NUMBERED = """
    WITH RECURSIVE known AS (
        (SELECT origin FROM incident ORDER BY origin LIMIT 1)
        UNION ALL
        SELECT (SELECT origin FROM incident WHERE origin > known.origin ORDER BY origin LIMIT 1)
        FROM known WHERE known.origin IS NOT NULL
    )
    SELECT id FROM incident WHERE id = :id AND code = :number
    UNION
    SELECT i.id FROM known JOIN incident i
        ON i.origin = known.origin AND i.external_id = :number
    UNION
    SELECT incident_id FROM report WHERE source = ANY(:sources) AND external_id = :number
"""
SHORTEST_NUMBER = 6  # a shorter text is looked for in all that cases say
_OUR_NUMBER = re.compile(r"\d{8}-(\d{1,18})")
_BY_ID = f"SELECT {COLUMNS} {FROM} WHERE i.id = ANY(:ids)"
_NAMES = text(
    " UNION ALL ".join(
        f"(SELECT DISTINCT ON (area_id) area_id, code, name FROM {level} "
        "WHERE area_id = ANY(:ids) ORDER BY area_id, valid_from DESC)"
        for level in LEVELS
    )
)


# what was changed behind the last change that a snapshot knows of, numbered or not
_UNHEARD = """
    SELECT payload FROM event WHERE seq > :version AND topic = 'incidents'
    UNION ALL
    SELECT payload FROM event WHERE seq IS NULL AND topic = 'incidents'
"""
_MOST_UNHEARD = 5_000
_MOST_NAMES = 50_000
# candidates asked at a time, and how many in all before the database is left to find the rest
_FIRST_CHUNK, _MOST_ASKED = 6, 20_000


async def list_incidents(
    session: AsyncSession,
    wanted: IncidentFilter,
    *,
    sort: str,
    cursor: str | None,
    limit: int,
    snapshot: Snapshot | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page in one of the orders ``SORTS`` (keyset paging) and the cursor of the next one.

    ``snapshot``, where it is in step, names what comes into question and in which order; each is
    asked again, and so is what changed since. The rows are those the database would find alone.
    A whole case number as ``q`` finds that case. Raises InvalidInput for a cursor or an order that
    is none of ours.
    """
    if sort not in SORTS:
        raise InvalidInput(
            f"unknown order; one of {', '.join(SORTS)}", f"未知排序；可用：{'、'.join(SORTS)}",
            where="sort",
        )  # fmt: skip
    after = _read_cursor(cursor, sort) if cursor else None
    page = _Page(session, sort, limit + 1, after)
    if wanted.q and (numbered := await _of_number(session, wanted.q)):
        await page.read(replace(wanted, q=None), numbered)
    else:
        await _fill(page, wanted, snapshot)
    rows = page.rows[:limit]
    following = _write_cursor(rows[-1], sort) if len(page.rows) > limit else None
    return rows, following


@dataclass
class _Page:
    """``rows`` read so far, all up to ``after``, which moves on with them."""

    session: AsyncSession
    sort: str
    wanted: int
    after: tuple[str, int] | None
    rows: list[dict[str, Any]] = field(default_factory=list)

    async def read(
        self,
        wanted: IncidentFilter,
        among: list[int] | None = None,
        upto: tuple[str, int] | None = None,
    ) -> None:
        """Add what passes the filter and lies behind ``after``, not behind ``upto``; of ``among``
        only, where it is given."""
        key, direction, _ = SORTS[self.sort]
        condition, values = to_sql(wanted)
        values["limit"] = self.wanted - len(self.rows)
        source = "FROM incident i"
        if among is not None:
            # a list of its own, so that each is looked up rather than met along the order
            source = (
                "FROM unnest(CAST(:among AS bigint[])) AS known JOIN incident i ON i.id = known"
            )
            values["among"] = among
        behind, before = ("<", ">=") if direction == "DESC" else (">", "<=")
        for name, sign, place in (("after", behind, self.after), ("upto", before, upto)):
            if place is not None:
                values[name], values[f"{name}_id"] = place
                condition += f" AND ({key}, i.id) {sign} (CAST(:{name} AS timestamptz), :{name}_id)"
        found = await fetch_rows(
            self.session,
            f"SELECT i.id, CAST({key} AS text) AS position {source} "
            f"WHERE {condition} ORDER BY {key} {direction}, i.id {direction} LIMIT :limit",
            values,
        )
        positions = {row["id"]: row["position"] for row in found}
        # by a statement that is always the same: to plan all its joins anew takes longer than it
        rows = {row["id"]: row for row in await incidents_by_id(self.session, list(positions))}
        self.rows += [{**rows[one], "position": at} for one, at in positions.items() if one in rows]
        if upto is not None:
            self.after = upto


async def _fill(page: _Page, wanted: IncidentFilter, snapshot: Snapshot | None) -> None:
    unheard = await _changed_since(page.session, snapshot.version) if snapshot else None
    if snapshot is None or unheard is None:
        return await page.read(wanted)
    _, direction, column = SORTS[page.sort]
    after = Place(_key_of(page.after[0]), page.after[1]) if page.after else None
    chunk, asked = page.wanted * (_FIRST_CHUNK if wanted.q else 1), 0

    def begin() -> tuple[Ordered, tuple[list[int], Place | None]] | None:
        known = snapshot.in_order(wanted, column, direction == "DESC")
        return None if known is None else (known, known.first(chunk, after))

    begun = await asyncio.to_thread(begin)
    if begun is None:
        return await page.read(wanted)
    known, (ids, after) = begun
    while True:
        upto = (_position_of(after.key), after.id) if after else None
        await page.read(wanted, list({*ids, *unheard}), upto)
        if after is None or len(page.rows) >= page.wanted:
            return None
        asked += chunk
        if asked >= _MOST_ASKED:
            return await page.read(wanted)
        # as many as should hold the rest, by the share that passed so far
        share = (len(page.rows) + 1) / asked
        chunk = min(16 * chunk, int(1.3 * (page.wanted - len(page.rows)) / share) + page.wanted)
        ids, after = await asyncio.to_thread(known.first, chunk, after)


async def _changed_since(session: AsyncSession, version: int) -> set[int] | None:
    """The incidents that changed behind a version of the data; None where they are many."""
    changed: set[int] = set()
    for row in await fetch_rows(session, _UNHEARD, {"version": version}):
        payload = row["payload"]
        if "first" in payload and payload["last"] - payload["first"] < _MOST_UNHEARD:
            changed.update(range(payload["first"], payload["last"] + 1))
        elif "ids" in payload:
            changed.update(payload["ids"])
        else:
            return None
    return changed if len(changed) <= _MOST_UNHEARD else None


async def _of_number(session: AsyncSession, q: str) -> list[int]:
    """The incidents with this very number, ours or that of where they came from."""
    if len(q.strip()) < SHORTEST_NUMBER:
        return []
    ours = _OUR_NUMBER.fullmatch(q.strip())
    known = {"number": q.strip(), "id": int(ours[1]) if ours else -1, "sources": list(SOURCES)}
    return [row["id"] for row in await fetch_rows(session, _NUMBERED, known)]


async def incidents_by_id(session: AsyncSession, ids: list[int]) -> list[dict[str, Any]]:
    """The incidents of these ids, in no particular order."""
    return await fetch_rows(session, _BY_ID, {"ids": ids})


async def get_incident(
    session: AsyncSession, incident_id: int, visible: Visible | None = None
) -> dict[str, Any]:
    """One incident inside the scope ``visible``. Raises NotFound."""
    condition, values = to_sql(IncidentFilter(visible=visible))
    statement = f"SELECT {COLUMNS} {FROM} WHERE i.id = :id AND {condition}"
    rows = await fetch_rows(session, statement, {"id": incident_id, **values})
    if not rows:
        raise NotFound(f"no incident {incident_id}", f"没有案件 {incident_id}")
    return rows[0]


async def whistles_of(session: AsyncSession, incident_id: int) -> list[dict[str, Any]]:
    """The whistles of an incident with each called unit and when it reported in, oldest first."""
    rows = await session.execute(
        text(
            """
            SELECT w.id, w.called_at, w.called_by, w.reason, w.report_in_by,
                   jsonb_agg(jsonb_build_object(
                       'unit', jsonb_build_object('code', u.code, 'name', u.name),
                       'lead', c.lead, 'reported_in_at', c.reported_in_at,
                       'reported_in_by', c.reported_in_by,
                       'delay_s', extract(epoch FROM c.reported_in_at - w.called_at))
                       ORDER BY c.lead DESC, u.code) AS units
            FROM whistle w
            JOIN whistle_unit c ON c.whistle_id = w.id
            JOIN unit u ON u.id = c.unit_id
            WHERE w.incident_id = :id GROUP BY w.id ORDER BY w.id
            """
        ),
        {"id": incident_id},
    )
    return [dict(row) for row in rows.mappings()]


async def photos_of(session: AsyncSession, incident_id: int) -> list[dict[str, Any]]:
    """The photos of an incident with what they show, oldest first."""
    rows = await session.execute(
        text(
            "SELECT a.id, p.purpose, a.width, a.height, a.sha256, a.media_type, a.file_name, "
            "a.uploaded_by, a.created_at FROM incident_attachment p "
            "JOIN attachment a ON a.id = p.attachment_id WHERE p.incident_id = :id ORDER BY a.id"
        ),
        {"id": incident_id},
    )
    return [dict(row) for row in rows.mappings()]


async def reports_of(session: AsyncSession, incident_id: int) -> list[dict[str, Any]]:
    """The reports of an incident, without who made them, oldest first."""
    rows = await session.execute(
        text(
            "SELECT id, first_incident_id, source, external_id, reported_at, description, reply, "
            "returned_at, called_back_at, rating, rating_text, reporter_id IS NOT NULL AS "
            "has_reporter FROM report WHERE incident_id = :id ORDER BY id"
        ),
        {"id": incident_id},
    )
    return [dict(row) for row in rows.mappings()]


async def nearby(
    session: AsyncSession, row: dict[str, Any], distance_m: float, visible: Visible | None
) -> list[dict[str, Any]]:
    """Open incidents within ``distance_m`` of an incident, nearest first, with ``away_m``."""
    if row["lon"] is None:
        return []
    condition, values = to_sql(IncidentFilter(states=OPEN_STATES, visible=visible))
    return await fetch_rows(
        session,
        f"SELECT {COLUMNS}, ST_Distance(i.geom::geography, here.g) AS away_m {FROM}, "
        "(SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography AS g) here "
        "WHERE i.geom && ST_Expand(here.g::geometry, :degrees) AND i.id <> :id "
        f"AND ST_DWithin(i.geom::geography, here.g, :m) AND {condition} "
        "ORDER BY away_m, i.id LIMIT 50",
        {
            "lon": row["lon"], "lat": row["lat"], "id": row["id"], "m": distance_m, **values,
            # a box that holds the circle; a degree of longitude shrinks with the latitude
            "degrees": distance_m / (111_320 * max(0.1, cos(radians(row["lat"])))),
        },
    )  # fmt: skip


async def log_of(session: AsyncSession, incident_id: int) -> list[dict[str, Any]]:
    """The log of an incident, oldest first."""
    rows = await session.execute(
        text(
            "SELECT id, at, actor, action, state, version, detail FROM incident_log "
            "WHERE incident_id = :id ORDER BY id"
        ),
        {"id": incident_id},
    )
    return [dict(row) for row in rows.mappings()]


async def names_of(session: AsyncSession, ids: set[int]) -> dict[int, dict[str, str]]:
    """``{code, name}`` in force, else as last known, of area identities."""
    if not ids:
        return {}
    rows = await session.execute(_NAMES, {"ids": list(ids)})
    return {row.area_id: {"code": row.code, "name": row.name} for row in rows}


class AreaNames:
    """:func:`names_of`, kept by a serving process until the boundaries change."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, str]] = {}

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed."""
        if any(event.topic == "hierarchy" for event in events):
            self._known = {}

    async def of(self, session: AsyncSession, ids: set[int]) -> dict[int, dict[str, str]]:
        """``{code, name}`` of area identities."""
        known = self._known
        # not ids - known.keys(): that goes through all that is known
        if missing := {one for one in ids if one not in known}:
            if len(known) > _MOST_NAMES:
                self._known = known = {}
                missing = ids
            # what is read while the boundaries change goes where nobody looks any more
            known.update(await names_of(session, missing))
        return {one: known[one] for one in ids if one in known}


async def list_classes(session: AsyncSession, counts: dict[int, int]) -> list[dict[str, Any]]:
    """Classes that incidents use or the newest scheme offers, with how many incidents each has:
    ``counts`` by id, from memory."""
    rows = await session.execute(
        text(
            """
            SELECT id, code, name, name_en, major, major_name, major_name_en, kind, scheme
            FROM incident_class ORDER BY scheme, major, code
            """
        )
    )
    return [
        {**{key: value for key, value in row.items() if key != "id"},
         "count": counts.get(row["id"], 0)}
        for row in rows.mappings()
    ]  # fmt: skip


def _key_of(position: str) -> int:
    return LAST if position == "infinity" else micros(datetime.fromisoformat(position))


def _position_of(key: int) -> str:
    if key == LAST:
        return "infinity"
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=key)).isoformat()


def _write_cursor(row: dict[str, Any], sort: str) -> str:
    raw = orjson.dumps([sort, row["position"], row["id"]])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read_cursor(cursor: str, sort: str) -> tuple[str, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, position, last = orjson.loads(base64.urlsafe_b64decode(padded))
        if position != "infinity":
            datetime.fromisoformat(position)
        if made_for != sort:
            raise ValueError
        return str(position), int(last)
    except (ValueError, TypeError, binascii.Error, orjson.JSONDecodeError):
        raise InvalidInput(
            "not a cursor of this list and order; start without one",
            "无效的翻页游标（或排序已变），请从头开始",
            where="cursor",
        ) from None
