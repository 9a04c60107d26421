"""Posts, stations and party members as lists. An async session runs these by ``run_sync``.

Every list takes the communities (area ids) that the asker sees, None for all, and answers with the
community and street of each row by code and name.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

Rows = list[dict[str, Any]]

# community and street of a row with a community_id, by their names of today or else their code
PLACES = """
    LEFT JOIN area ka ON ka.id = {alias}.community_id
    LEFT JOIN community k ON k.area_id = ka.id AND k.valid_to IS NULL
    LEFT JOIN street s ON s.area_id = k.parent_id AND s.valid_to IS NULL
"""
PLACE_COLUMNS = """ka.code AS community_code, k.name AS community_name, s.code AS street_code,
    s.name AS street_name"""


def in_places(alias: str = "") -> list[str]:
    """Conditions on the joined places: ``:scope``, ``:street`` and ``:community`` where given."""
    column = f"{alias}.community_id" if alias else "k.area_id"
    return [
        f"(CAST(:scope AS int[]) IS NULL OR {column} = ANY(CAST(:scope AS int[])))",
        "(CAST(:street AS text) IS NULL OR s.code = :street)",
        f"(CAST(:community AS text) IS NULL OR {'ka' if alias else 'k'}.code = :community)",
    ]


_POSTS = f"""
    SELECT k.area_id, k.code AS community_code, k.name AS community_name, s.code AS street_code,
           s.name AS street_name, p.id, p.contact, p.title, p.phone, p.photo_id, p.duties,
           p.opening, p."window", p.address, ST_X(p.geom) AS lon, ST_Y(p.geom) AS lat,
           p.established_on, p.since, p.note, p.version, p.updated_at
    FROM community k
    LEFT JOIN street s ON s.area_id = k.parent_id AND s.valid_to IS NULL
    LEFT JOIN service_post p ON p.community_id = k.area_id
    WHERE k.valid_to IS NULL AND {" AND ".join(in_places())}
      AND (CAST(:after AS text) IS NULL OR k.code > :after)
      AND (CAST(:state AS text) IS NULL OR :state = CASE WHEN p.id IS NULL THEN 'none'
           WHEN p.contact IS NULL THEN 'vacant' ELSE 'staffed' END)
      AND (CAST(:gridded AS bool) IS NULL OR :gridded = EXISTS (
           SELECT 1 FROM grid g WHERE g.parent_id = k.area_id AND g.valid_to IS NULL))
    ORDER BY k.code LIMIT :limit
"""


def list_posts(
    session: Session,
    scope: list[int] | None,
    *,
    street: str | None = None,
    community: str | None = None,
    state: str | None = None,
    gridded: bool | None = None,
    after: str | None = None,
    limit: int = 10_000,
) -> Rows:
    """The communities in force by code, each with its post; ``id`` None where it has none.
    ``gridded``: those with grids, as the plan counts communities."""
    rows = session.execute(
        text(_POSTS),
        {"scope": scope, "street": street, "community": community, "state": state,
         "gridded": gridded, "after": after, "limit": limit},
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


_STATIONS = f"""
    SELECT t.id, t.code, t.name, {PLACE_COLUMNS}, t.community_id, t.address, t.phone, t.services,
           t.opening, ST_X(t.geom) AS lon, ST_Y(t.geom) AS lat, t.opened_on, t.closed_on, t.note,
           t.version, t.updated_at,
           t.closed_on IS NULL OR t.closed_on > :today AS is_open
    FROM station t {PLACES.format(alias="t")}
    WHERE {" AND ".join(in_places("t"))}
      AND (CAST(:code AS text) IS NULL OR t.code = :code)
      AND (CAST(:after AS text) IS NULL OR t.code > :after)
      AND (CAST(:open AS bool) IS NULL OR :open = (t.closed_on IS NULL OR t.closed_on > :today))
    ORDER BY t.code LIMIT :limit
"""


def list_stations(
    session: Session,
    today: Any,
    *,
    scope: list[int] | None = None,
    street: str | None = None,
    community: str | None = None,
    code: str | None = None,
    open_: bool | None = None,
    after: str | None = None,
    limit: int = 10_000,
) -> Rows:
    """Stations by code; ``is_open`` as of the day ``today``."""
    rows = session.execute(
        text(_STATIONS),
        {"today": today, "scope": scope, "street": street, "community": community, "code": code,
         "open": open_, "after": after, "limit": limit},
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


_BUILDINGS = text("""
    SELECT k.code AS community_code, k.name AS community_name, ST_X(b.inner_point) AS lon,
           ST_Y(b.inner_point) AS lat
    FROM building b
    LEFT JOIN grid g ON g.area_id = b.parent_id AND g.valid_to IS NULL
    LEFT JOIN community k ON k.area_id = g.parent_id AND k.valid_to IS NULL
    WHERE b.valid_to IS NULL
""")


def building_points(session: Session) -> Rows:
    """The buildings in force: a point inside each (WGS84) and the community it lies in."""
    return [dict(row) for row in session.execute(_BUILDINGS).mappings()]


_SHIFTS = text("""
    SELECT h.id, h.starts_at, h.ends_at, h.person, u.code AS unit, h.note
    FROM station_shift h LEFT JOIN unit u ON u.id = h.unit_id
    WHERE h.station_id = :station AND h.ends_at > :since AND h.starts_at < :until
    ORDER BY h.starts_at, h.id
""")


def list_shifts(session: Session, station_id: int, since: Any, until: Any) -> Rows:
    """Who is on duty at a station within ``[since, until)``."""
    rows = session.execute(_SHIFTS, {"station": station_id, "since": since, "until": until})
    return [dict(row) for row in rows.mappings()]


_MEDIATIONS = text("""
    SELECT m.id, m.held_at, m.subject, m.outcome, m.mediator, m.summary, i.code AS incident,
           m.person_id IS NOT NULL AS has_parties
    FROM mediation m LEFT JOIN incident i ON i.id = m.incident_id
    WHERE m.station_id = :station
      AND (CAST(:since AS timestamptz) IS NULL OR m.held_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR m.held_at < :until)
    ORDER BY m.held_at DESC, m.id DESC LIMIT 5000
""")


def list_mediations(session: Session, station_id: int, since: Any, until: Any) -> Rows:
    """Mediations at a station within ``[since, until)``, the latest first; no names of parties."""
    rows = session.execute(_MEDIATIONS, {"station": station_id, "since": since, "until": until})
    return [dict(row) for row in rows.mappings()]


_MEMBERS = f"""
    SELECT m.code, b.code AS branch_code, b.name AS branch_name, m.community_id, {PLACE_COLUMNS},
           m.registered_on, m.active, m.person_id,
           (SELECT count(*) FROM activity_member x JOIN activity a ON a.id = x.activity_id
            WHERE x.member_id = m.id AND a.state = 'done') AS activities
    FROM party_member m JOIN party_branch b ON b.id = m.branch_id {PLACES.format(alias="m")}
    WHERE {" AND ".join(in_places("m"))}
      AND (CAST(:after AS text) IS NULL OR m.code > :after)
    ORDER BY m.code LIMIT :limit
"""


def list_members(
    session: Session,
    scope: list[int] | None,
    *,
    street: str | None = None,
    community: str | None = None,
    after: str | None = None,
    limit: int = 10_000,
) -> Rows:
    """Party members by number, with the activities they took part in; their names are sealed."""
    rows = session.execute(
        text(_MEMBERS),
        {"scope": scope, "street": street, "community": community, "after": after, "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


_BRANCHES = text("""
    SELECT b.code, b.name, u.code AS unit_code, u.name AS unit_name,
           u.name_en AS unit_name_en, ka.code AS community_code,
           k.name AS community_name, b.registered_on, b.active,
           count(m.id) FILTER (WHERE m.active) AS members,
           count(m.id) FILTER (WHERE m.active AND m.community_id IS NOT NULL) AS registered,
           (SELECT count(DISTINCT a.id) FROM activity a
            JOIN activity_member x ON x.activity_id = a.id
            JOIN party_member p ON p.id = x.member_id
            WHERE p.branch_id = b.id AND a.state = 'done'
              AND (CAST(:since AS timestamptz) IS NULL OR a.starts_at >= :since)
              AND (CAST(:until AS timestamptz) IS NULL OR a.starts_at < :until)) AS activities
    FROM party_branch b
    LEFT JOIN unit u ON u.id = b.unit_id
    LEFT JOIN area ka ON ka.id = b.community_id
    LEFT JOIN community k ON k.area_id = ka.id AND k.valid_to IS NULL
    LEFT JOIN party_member m ON m.branch_id = b.id
    WHERE (CAST(:registered AS bool) IS NULL
           OR b.active AND :registered = (b.community_id IS NOT NULL))
    GROUP BY b.id, u.id, ka.id, k.name ORDER BY b.code
""")


def list_branches(
    session: Session, since: Any = None, until: Any = None, *, registered: bool | None = None
) -> Rows:
    """Party branches: members on the roster, how many of them are registered, and in how many
    activities held in ``[since, until)`` any of them took part. ``registered``: of the active
    ones those with a community, or those without."""
    rows = session.execute(
        _BRANCHES, {"since": since, "until": until, "registered": registered}
    ).mappings()
    return [dict(row) for row in rows]


_ROSTER = text("""
    SELECT count(*) FILTER (WHERE active) AS branches,
           count(*) FILTER (WHERE active AND community_id IS NOT NULL) AS branches_registered,
           (SELECT count(*) FROM party_member WHERE active) AS members,
           (SELECT count(*) FROM party_member WHERE active AND community_id IS NOT NULL)
               AS members_registered
    FROM party_branch
""")


def roster(session: Session) -> dict[str, int]:
    """How many active branches and members stand on the roster, and how many of them are registered
    with a community."""
    return dict(session.execute(_ROSTER).mappings().one())


_MEETINGS = text("""
    SELECT m.id, m.held_on, m.title, m.minutes,
           coalesce((SELECT jsonb_agg(jsonb_build_object(
               'id', t.id, 'incident', jsonb_build_object('id', i.id, 'code', i.code,
               'class', i.class_name, 'state', i.state, 'description', i.description),
               'decision', t.decision, 'unit', u.code, 'unit_name', u.name, 'follower', t.follower,
               'due_on', t.due_on, 'done_on', t.done_on) ORDER BY t.id)
             FROM meeting_item t JOIN incident i ON i.id = t.incident_id
             LEFT JOIN unit u ON u.id = t.unit_id WHERE t.meeting_id = m.id), '[]') AS items
    FROM community_meeting m WHERE m.community_id = :community
      AND (CAST(:id AS int) IS NULL OR m.id = :id)
    ORDER BY m.held_on DESC, m.id DESC LIMIT 5000
""")


def list_meetings(session: Session, community_id: int, meeting_id: int | None = None) -> Rows:
    """Meetings of a community, the latest first, with the orders each had on its table."""
    rows = session.execute(_MEETINGS, {"community": community_id, "id": meeting_id})
    return [dict(row) for row in rows.mappings()]
