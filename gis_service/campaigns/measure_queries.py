"""What a measurement reads: the span of the data, the areas and their cases, patrols, and where
its result is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.campaigns.measuring import Cases, Ground, Windows, likeness_ends

# what was no case after all, or is counted as another one
NOT_COUNTED = ["not_accepted", "cancelled", "merged"]


def data_span(session: Session, zone: str, today: date) -> tuple[date, date] | None:
    """``[first, behind)`` days with reports, ``today`` not included as it has not passed; None
    where there are none."""
    row = session.execute(
        text("""
            SELECT (min(reported_at) AT TIME ZONE :zone)::date,
                   (max(reported_at) AT TIME ZONE :zone)::date FROM incident
        """),
        {"zone": zone},
    ).one()
    return None if row[0] is None else (row[0], min(row[1] + timedelta(days=1), today))


_GROUND = text("""
    WITH own AS (
        SELECT v.area_id, v.geom FROM campaign_grid g
        JOIN grid v ON v.area_id = g.area_id AND v.valid_to IS NULL
        WHERE g.campaign_id = :campaign AND g.kind = :kind
    ), shape AS (
        SELECT ST_Union(geom)::geography AS geom, ST_Expand(ST_Extent(geom), 0.02) AS box FROM own
    )
    SELECT v.area_id, v.code, v.area_m2, own.area_id IS NOT NULL AS treated,
           own.area_id IS NULL AND v.geom && shape.box
               AND ST_DWithin(v.geom::geography, shape.geom, :ring) AS near,
           v.area_id IN (SELECT area_id FROM campaign_grid WHERE campaign_id = ANY(:others))
               AS barred
    FROM grid v CROSS JOIN shape LEFT JOIN own ON own.area_id = v.area_id
    WHERE v.valid_to IS NULL AND v.kind = :kind ORDER BY v.area_id
""")
_OTHERS = text("""
    SELECT k.id, k.classes FROM campaign k
    WHERE k.id <> :campaign AND k.cancelled_at IS NULL
      AND k.ends_on >= :since AND k.starts_on < :until
""")
_CASES = """
    FROM incident i WHERE {classes} i.reported_at >= :since AND i.reported_at < :until
      AND i.state <> ALL(:not_counted)
"""


def other_campaigns(
    session: Session, campaign_id: int, since: date, until: date
) -> list[tuple[int, list[str]]]:
    """(id, codes of classes) of the other campaigns that met ``[since, until)``."""
    rows = session.execute(_OTHERS, {"campaign": campaign_id, "since": since, "until": until})
    return [(row.id, list(row.classes)) for row in rows]


def read_ground(
    session: Session, campaign_id: int, grid_kind: str, ring_m: float, others: Sequence[int]
) -> tuple[list[int], list[str], Ground]:
    """(area ids, codes, ground) of the grids in force, by id; ``every`` is still zero. ``ring_m``
    metres around the campaign (on the spheroid of WGS84) lie its neighbours; ``others`` are the
    campaigns whose grids serve for no comparison."""
    rows = session.execute(
        _GROUND,
        {"campaign": campaign_id, "kind": grid_kind, "ring": ring_m, "others": list(others)},
    ).all()

    def column(name: str, kind: Any) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=kind)

    treated = column("treated", bool)
    ground = Ground(
        column("area_m2", float), treated, column("near", bool),
        column("barred", bool) & ~treated, np.zeros(len(rows), dtype=np.int64),
    )  # fmt: skip
    return [row.area_id for row in rows], [row.code for row in rows], ground


def read_cases(
    session: Session, zone: str, windows: Windows, classes: Iterable[int], area_ids: Sequence[int]
) -> tuple[Cases, int]:
    """The cases of ``classes`` (ids) from the history to the end of the later window, and how many
    have no grid and are left out."""
    rows = session.execute(
        text(f"""
            SELECT i.grid_id, i.source, count(*) AS cases,
                   (i.reported_at AT TIME ZONE :zone)::date - CAST(:start AS date) AS day
            {_CASES.format(classes="i.class_id = ANY(:classes) AND")} GROUP BY 1, 2, 4
        """),
        {
            "zone": zone, "start": windows.start, "classes": list(classes),
            **counted_span(zone, windows.history, windows.behind),
        },
    ).all()  # fmt: skip
    place = {area: n for n, area in enumerate(area_ids)}
    known = [row for row in rows if row.grid_id in place]
    cases = Cases(
        np.array([place[row.grid_id] for row in known], dtype=np.int64),
        np.array([row.day for row in known], dtype=np.int64),
        np.array([row.source for row in known], dtype=object),
        np.array([row.cases for row in known], dtype=np.int64),
    )
    return cases, sum(row.cases for row in rows) - int(cases.count.sum())


def read_every(
    session: Session, zone: str, windows: Windows, area_ids: Sequence[int]
) -> np.ndarray:
    """Cases of all classes by area (a,), in the time that likeness is judged by."""
    rows = session.execute(
        text(f"SELECT i.grid_id, count(*) AS cases {_CASES.format(classes='')} GROUP BY 1"),
        counted_span(zone, windows.history, likeness_ends(windows)),
    )
    found = {row.grid_id: row.cases for row in rows}
    return np.array([found.get(area, 0) for area in area_ids], dtype=np.int64)


def counted_span(zone: str, first: date, behind: date) -> dict[str, Any]:
    """The parameters of ``_CASES`` for ``[first, behind)`` days."""

    def midnight(day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))

    return {"since": midnight(first), "until": midnight(behind), "not_counted": NOT_COUNTED}


def read_visits(
    session: Session, zone: str, windows: Windows, groups: Sequence[Sequence[int]]
) -> list[list[int]] | None:
    """Patrol visits of each group of areas before and after; None where no track was received for
    the whole of both windows, so that nothing can be said."""
    received = session.execute(
        text("SELECT min(day), max(day) FROM received_day"),
    ).one()
    if (
        received[0] is None
        or received[0] > windows.before
        or received[1] < windows.behind - (timedelta(days=1))
    ):
        return None
    counted = text("""
        SELECT count(*) FILTER (WHERE entered_at < :start),
               count(*) FILTER (WHERE entered_at >= :after)
        FROM visit WHERE area_id = ANY(:areas) AND entered_at >= :since AND entered_at < :until
    """)
    span = counted_span(zone, windows.before, windows.behind)
    middle = counted_span(zone, windows.start, windows.after)
    return [
        [
            int(value)
            for value in session.execute(
                counted,
                {
                    "areas": list(areas), "since": span["since"], "until": span["until"],
                    "start": middle["since"], "after": middle["until"],
                },
            ).one()
        ]
        for areas in groups
    ]  # fmt: skip


# another case, class, boundary or visit may make another answer of it
TOPICS = ["incidents", "classes", "hierarchy", "visits"]
_STALE = text("""
    SELECT k.code FROM campaign k LEFT JOIN campaign_effect e ON e.campaign_id = k.id
    WHERE k.cancelled_at IS NULL AND k.starts_on <= :today AND (
        e.campaign_id IS NULL OR e.measured_at < k.updated_at
        OR e.measured_at < (SELECT max(at) FROM event WHERE topic = ANY(:topics))
        -- each day that passes is one more to compare, until the windows are whole
        OR (e.measured_at < :midnight AND e.measured_at < k.ends_on + :growing))
    ORDER BY e.measured_at NULLS FIRST, k.id LIMIT :most
""")


def stale_campaigns(session: Session, midnight: datetime, growing: int, most: int) -> list[str]:
    """The codes of campaigns that something has happened to since they were measured, the longest
    ago first; ``midnight`` is when today began, ``growing`` how many days after its end a campaign
    has windows that are not whole yet."""
    rows = session.scalars(
        _STALE,
        {"today": midnight.date(), "midnight": midnight, "growing": growing, "most": most,
         "topics": TOPICS},
    )  # fmt: skip
    return list(rows)


def note_measured(session: Session, code: str, now: datetime) -> None:
    """Say that what is kept of a campaign still holds."""
    session.execute(
        text("""
            UPDATE campaign_effect SET measured_at = :now
            WHERE campaign_id = (SELECT id FROM campaign WHERE code = :code)
        """),
        {"code": code, "now": now},
    )


def keep_result(
    session: Session, campaign_id: int, now: datetime, facts: dict[str, Any],
    areas: Sequence[tuple[int, str, int, int]],
) -> bool:  # fmt: skip
    """Keep what was measured, in place of what was kept before; whether anything differs.
    ``areas``: (area id, part, cases before, cases after)."""
    kept = session.execute(
        text("""
            SELECT verdict, effect, estimate, low, high, warnings FROM campaign_effect
            WHERE campaign_id = :id
        """),
        {"id": campaign_id},
    ).mappings().one_or_none()  # fmt: skip
    before = session.execute(
        text("""
            SELECT area_id, part, before, after FROM campaign_effect_area
            WHERE campaign_id = :id ORDER BY area_id
        """),
        {"id": campaign_id},
    ).all()
    if kept is not None and dict(kept) == facts and [tuple(row) for row in before] == sorted(areas):
        return False
    # two requests may find the same at once: the second waits here and writes the same again
    session.execute(text("SELECT id FROM campaign WHERE id = :id FOR UPDATE"), {"id": campaign_id})
    session.execute(
        text("DELETE FROM campaign_effect_area WHERE campaign_id = :id"), {"id": campaign_id}
    )
    session.execute(
        text("DELETE FROM campaign_effect WHERE campaign_id = :id"), {"id": campaign_id}
    )
    session.execute(
        text("""
            INSERT INTO campaign_effect
                (campaign_id, measured_at, verdict, effect, estimate, low, high, warnings)
            VALUES (:id, :now, :verdict, :effect, :estimate, :low, :high, CAST(:told AS jsonb))
        """),
        {"id": campaign_id, "now": now, **facts, "told": json.dumps(facts["warnings"])},
    )
    if areas:
        session.execute(
            text("""
                INSERT INTO campaign_effect_area (campaign_id, area_id, part, before, after)
                VALUES (:id, :area, :part, :before, :after)
            """),
            [
                {"id": campaign_id, "area": area, "part": part, "before": b, "after": a}
                for area, part, b, a in areas
            ],
        )
    return True
