"""Activities, opinions and sign-ups as lists. An async session runs these by ``run_sync``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.communities.queries import PLACE_COLUMNS, PLACES, Rows, in_places

COUNTS = ("staff", "volunteers", "residents", "households", "pledges", "quizzed", "passed")


@dataclass(frozen=True)
class ActivityFilter:
    """Which activities: in the communities of ``scope`` (area ids, None for all), beginning within
    ``[since, until)``. ``kinds`` and ``codes`` are codes, ``counted`` is one of ``COUNTS`` that
    they say, ``branch`` the party branch of a member who took part; None and empty mean no
    restriction."""

    scope: list[int] | None = None
    street: str | None = None
    community: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    kinds: tuple[str, ...] = ()
    unit: str | None = None
    state: str | None = None
    series: str | None = None
    codes: tuple[str, ...] = ()
    q: str | None = None
    public: bool | None = None
    counted: str | None = None
    branch: str | None = None


_WHERE = f"""
    WHERE {" AND ".join(in_places("a"))}
      AND (CAST(:since AS timestamptz) IS NULL OR a.starts_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR a.starts_at < :until)
      AND (CAST(:kinds AS text[]) = '{{}}' OR a.kind = ANY(CAST(:kinds AS text[])))
      AND (CAST(:unit AS text) IS NULL OR u.code = :unit OR EXISTS (
           SELECT 1 FROM activity_unit x JOIN unit o ON o.id = x.unit_id
           WHERE x.activity_id = a.id AND o.code = :unit))
      AND (CAST(:state AS text) IS NULL OR a.state = :state)
      AND (CAST(:series AS text) IS NULL OR a.series = :series)
      AND (CAST(:codes AS text[]) = '{{}}' OR a.code = ANY(CAST(:codes AS text[])))
      AND (CAST(:public AS bool) IS NULL OR a.public = :public)
      AND (CAST(:branch AS text) IS NULL OR EXISTS (
           SELECT 1 FROM activity_member x JOIN party_member m ON m.id = x.member_id
           JOIN party_branch b ON b.id = m.branch_id
           WHERE x.activity_id = a.id AND b.code = :branch))
      AND (CAST(:counted AS text) IS NULL OR
           CASE :counted {" ".join(f"WHEN '{one}' THEN a.{one}" for one in COUNTS)} END IS NOT NULL)
      AND (CAST(:q AS text) IS NULL OR a.title ILIKE '%' || :q || '%'
           OR a.place ILIKE '%' || :q || '%')
"""
_FROM = f"""
    FROM activity a {PLACES.format(alias="a")}
    LEFT JOIN unit u ON u.id = a.unit_id
    LEFT JOIN survey_round asked ON asked.id = a.round_id
"""
_COLUMNS = f"""
    a.id, a.code, a.kind, a.title, a.state, a.community_id, {PLACE_COLUMNS}, u.code AS unit_code,
    u.name AS unit_name, u.name_en AS unit_name_en, a.starts_at, a.ends_at, a.series, a.place,
    ST_X(a.geom) AS lon,
    ST_Y(a.geom) AS lat, a.description, {", ".join(f"a.{name}" for name in COUNTS)}, a.materials,
    asked.code AS round_code, asked.name AS round_name, a.media, a.results, a.public,
    a.signup_limit, a.version, a.created_by, a.updated_at,
    coalesce((SELECT jsonb_agg(jsonb_build_object('code', o.code, 'name', o.name) ORDER BY o.code)
      FROM activity_unit x JOIN unit o ON o.id = x.unit_id WHERE x.activity_id = a.id), '[]')
      AS units,
    array(SELECT p.attachment_id FROM activity_photo p WHERE p.activity_id = a.id
          ORDER BY p.attachment_id) AS photos,
    (SELECT coalesce(sum(g.people), 0) FROM activity_signup g
     WHERE g.activity_id = a.id AND g.cancelled_at IS NULL) AS signed_up,
    (SELECT count(*) FROM opinion n WHERE n.activity_id = a.id) AS opinions,
    (SELECT count(*) FROM activity_member b WHERE b.activity_id = a.id) AS member_count
"""


def list_activities(
    session: Session,
    wanted: ActivityFilter,
    *,
    ascending: bool = False,
    after: tuple[datetime, int] | None = None,
    limit: int = 20_000,
) -> Rows:
    """Activities by their beginning, the latest first unless ``ascending``; ``after`` is beginning
    and id of the last row of the page before."""
    sign, order = (">", "ASC") if ascending else ("<", "DESC")
    rows = session.execute(
        text(f"""
            SELECT {_COLUMNS} {_FROM} {_WHERE}
              AND (CAST(:after_at AS timestamptz) IS NULL
                   OR (a.starts_at, a.id) {sign} (:after_at, :after_id))
            ORDER BY a.starts_at {order}, a.id {order} LIMIT :limit
        """),
        {
            **_values(wanted), "after_at": after[0] if after else None,
            "after_id": after[1] if after else None, "limit": limit,
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def _values(wanted: ActivityFilter) -> dict[str, Any]:
    q = wanted.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") if wanted.q else None
    return {**asdict(wanted), "kinds": list(wanted.kinds), "codes": list(wanted.codes), "q": q}


def count_activities(session: Session, wanted: ActivityFilter, by: str = "kind") -> Rows:
    """Per kind, or with ``by`` per ``community`` (and kind): how many activities, how many of them
    done, and sums with how many said the number (``households`` of ``households_of``)."""
    groups = {"kind": "a.kind", "community": "a.community_id, ka.code, a.kind"}[by]
    names = "a.kind" if by == "kind" else "a.community_id, ka.code AS community, a.kind"
    sums = ", ".join(
        f"sum(a.{name}) FILTER (WHERE a.state = 'done') AS {name}, "
        f"count(a.{name}) FILTER (WHERE a.state = 'done') AS {name}_of"
        for name in COUNTS
    )
    rows = session.execute(
        text(f"""
            SELECT {names}, count(*) AS activities,
                   count(*) FILTER (WHERE a.state = 'done') AS done, {sums}
            {_FROM} {_WHERE} GROUP BY {groups} ORDER BY {groups}
        """),
        _values(wanted),
    )
    return [dict(row) for row in rows.mappings()]


def members_of(session: Session, activity_id: int) -> list[str]:
    """Numbers of the party members who took part."""
    query = text("""
        SELECT m.code FROM activity_member a JOIN party_member m ON m.id = a.member_id
        WHERE a.activity_id = :id ORDER BY m.code
    """)
    return list(session.scalars(query, {"id": activity_id}))


_SIGNUPS = text("""
    SELECT id, people, created_at, cancelled_at, attended, person_id FROM activity_signup
    WHERE activity_id = :id ORDER BY id
""")


def list_signups(session: Session, activity_id: int) -> Rows:
    """Who signed up for an activity, in order; names are sealed."""
    return [dict(row) for row in session.execute(_SIGNUPS, {"id": activity_id}).mappings()]


_ORIGIN = """CASE WHEN n.response_id IS NOT NULL THEN 'survey'
           WHEN n.activity_id IS NOT NULL THEN 'activity' ELSE 'post' END"""
_HEARD = "(n.answer IS NOT NULL OR n.incident_id IS NOT NULL)"
_OPINIONS = f"""
    SELECT n.id, n.said_at, n.words, n.answer, n.answered_at, n.answered_by, n.adopted,
           n.follow_up, n.follow_up_by, n.follow_up_due, n.followed_up_on, {PLACE_COLUMNS},
           n.community_id, a.code AS activity_code, a.title AS activity_name,
           r.code AS round_code, r.name AS round_name, n.incident_id, i.code AS incident_code,
           i.state AS incident_state, n.person_id IS NOT NULL AS has_person,
           coalesce(ST_X(a.geom), ST_X(k.inner_point)) AS lon,
           coalesce(ST_Y(a.geom), ST_Y(k.inner_point)) AS lat, a.geom IS NOT NULL AS has_place,
           {_ORIGIN} AS origin,
           sqrt(k.area_m2 / pi()) AS radius_m
    FROM opinion n {PLACES.format(alias="n")}
    LEFT JOIN activity a ON a.id = n.activity_id
    LEFT JOIN survey_response e ON e.id = n.response_id
    LEFT JOIN survey_round r ON r.id = e.round_id
    LEFT JOIN incident i ON i.id = n.incident_id
    WHERE {" AND ".join(in_places("n"))}
      AND (CAST(:since AS timestamptz) IS NULL OR n.said_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR n.said_at < :until)
      AND (CAST(:id AS int) IS NULL OR n.id = :id)
      AND (CAST(:activity AS text) IS NULL OR a.code = :activity)
      AND (CAST(:round AS text) IS NULL OR r.code = :round)
      AND (CAST(:state AS text) IS NULL OR :state = CASE
           WHEN n.answer IS NULL AND n.incident_id IS NULL AND n.follow_up IS NULL THEN 'open'
           WHEN n.follow_up IS NOT NULL AND n.followed_up_on IS NULL THEN 'following'
           ELSE 'answered' END)
      AND (CAST(:heard AS bool) IS NULL OR :heard = {_HEARD})
      AND (CAST(:adopted AS bool) IS NULL OR :adopted = coalesce(n.adopted, false))
      AND (CAST(:origin AS text) IS NULL OR :origin = {_ORIGIN})
      AND (CAST(:before AS int) IS NULL OR n.id < :before)
    ORDER BY n.id DESC LIMIT :limit
"""


def list_opinions(
    session: Session,
    scope: list[int] | None = None,
    *,
    street: str | None = None,
    community: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    id_: int | None = None,
    activity: str | None = None,
    round_: str | None = None,
    state: str | None = None,
    heard: bool | None = None,
    adopted: bool | None = None,
    origin: str | None = None,
    before: int | None = None,
    limit: int = 20_000,
) -> Rows:
    """Opinions, the latest first. ``state``: open (nobody answered), following (a follow-up is
    under way) or answered. ``heard``: whether it was answered or made an incident. ``origin``:
    said in a survey, at an activity or to the post."""
    rows = session.execute(
        text(_OPINIONS),
        {"scope": scope, "street": street, "community": community, "since": since, "until": until,
         "id": id_, "activity": activity, "round": round_, "state": state, "heard": heard,
         "adopted": adopted, "origin": origin, "before": before,
         "limit": limit},
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


_OPINION_COUNTS = text(f"""
    SELECT count(*) AS n, count(*) FILTER (WHERE adopted) AS adopted,
           count(*) FILTER (WHERE heard) AS heard,
           count(*) FILTER (WHERE origin = 'survey') AS survey,
           count(*) FILTER (WHERE origin = 'activity') AS activity,
           count(*) FILTER (WHERE origin = 'post') AS post
    FROM (SELECT n.adopted, {_HEARD} AS heard, {_ORIGIN} AS origin FROM opinion n
          WHERE n.said_at >= :since AND n.said_at < :until) said
""")


def count_opinions(session: Session, since: datetime, until: datetime) -> dict[str, int]:
    """Opinions in ``[since, until)``: ``n``, ``heard``, ``adopted``, and by ``origin``, each as
    :func:`list_opinions` tells them apart."""
    rows = session.execute(_OPINION_COUNTS, {"since": since, "until": until})
    return dict(rows.mappings().one())
