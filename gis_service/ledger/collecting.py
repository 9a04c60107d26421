"""What the ledger takes from other records, each once (``source``); nothing personal: neither who
said something nor what a resident's report describes."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.settings import Settings

# opinions and orders once they are answered and closed: before, there is nothing to record
_RECORDS = """
    SELECT 'activity:' || a.code AS source, 'activity' AS kind,
           (a.starts_at AT TIME ZONE :zone)::date AS day, a.title, a.description AS content,
           a.results AS result, a.residents AS people, a.community_id, a.unit_id,
           NULL::int AS campaign_id
    FROM activity a WHERE a.state = 'done'
    UNION ALL
    SELECT 'meeting:' || m.id, 'meeting', m.held_on, m.title, m.minutes, '', NULL,
           m.community_id, NULL, NULL
    FROM community_meeting m
    UNION ALL
    SELECT DISTINCT 'campaign:' || k.code || ':' || c.code, 'campaign', k.starts_on, k.name,
           k.goal, '', NULL::int, v.parent_id, k.lead_unit_id, k.id
    FROM campaign k JOIN campaign_grid g ON g.campaign_id = k.id
    JOIN grid v ON v.area_id = g.area_id AND v.valid_to IS NULL
    JOIN area c ON c.id = v.parent_id
    WHERE k.cancelled_at IS NULL
    UNION ALL
    SELECT 'rectification:' || r.id, 'rectification', r.closed_on, r.problem, '', r.result,
           NULL, r.area_id, r.unit_id, NULL
    FROM rectification r WHERE r.closed_on IS NOT NULL
    UNION ALL
    SELECT 'opinion:' || n.id, 'opinion',
           (coalesce(n.answered_at, n.said_at) AT TIME ZONE :zone)::date, left(n.words, 300),
           CASE WHEN length(n.words) > 300 THEN left(n.words, 4000) ELSE '' END,
           left(concat_ws('；', n.answer, CASE WHEN n.adopted THEN '已采纳' WHEN NOT n.adopted
                THEN '未采纳' END, '转为案件 ' || i.code), 4000),
           NULL, n.community_id, NULL, NULL
    FROM opinion n LEFT JOIN incident i ON i.id = n.incident_id
    WHERE n.answer IS NOT NULL OR n.incident_id IS NOT NULL
    UNION ALL
    SELECT 'order:' || i.code, 'order', (i.closed_at AT TIME ZONE :zone)::date,
           left('居民点单：' || i.class_name, 300),
           left(concat_ws('；', '案件 ' || i.code, (
               SELECT string_agg('会议决定：' || t.decision, '；' ORDER BY t.id)
               FROM meeting_item t WHERE t.incident_id = i.id AND t.decision IS NOT NULL)), 4000),
           '已结案', NULL, i.community_id, i.unit_id, NULL
    FROM incident i
    WHERE i.is_order AND i.state = 'closed' AND i.closed_at IS NOT NULL
      AND i.community_id IS NOT NULL
"""
# per community and whole month, grid by grid: on how many days somebody came, of how many were
# promised; of two contracts for a grid the one that promises more counts
_PATROLS = """
    WITH month AS (
        SELECT m::date AS first, (m + interval '1 month')::date AS behind
        FROM generate_series(date_trunc('month', CAST(:since AS timestamp)),
                             CAST(:until AS timestamp), interval '1 month') m
        WHERE m >= :since AND m + interval '1 month' <= least(CAST(:until AS date), :today)
    ), kept AS (
        SELECT m.first, v.area_id, count(DISTINCT (v.entered_at AT TIME ZONE :zone)::date) AS days
        FROM month m JOIN visit v ON v.entered_at >= m.first::timestamp AT TIME ZONE :zone
            AND v.entered_at < m.behind::timestamp AT TIME ZONE :zone
        GROUP BY m.first, v.area_id
    ), promise AS (
        SELECT m.first, p.area_id, c.code,
               sum(coalesce(h.days / c.promised_days, h.days * c.visits_per_week / 7)) AS days
        FROM month m
        JOIN patrol_contract c ON c.valid_from < m.behind AND c.valid_to >= m.first
        CROSS JOIN LATERAL (
            SELECT (least(m.behind, c.valid_to + 1, c.closed_from)
                    - greatest(m.first, c.valid_from))::numeric AS days) h
        JOIN patrol_contract_grid p ON p.contract_id = c.id
        WHERE h.days > 0
        GROUP BY m.first, p.area_id, c.code
    ), promised AS (
        SELECT first, area_id, floor(max(days))::int AS days FROM promise GROUP BY first, area_id
    ), told AS (
        SELECT m.first, m.behind, g.parent_id, g.code, coalesce(k.days, 0) AS kept, p.days AS owed
        FROM month m
        JOIN grid g ON g.valid_to IS NULL AND g.kind = :grid_kind AND g.parent_id IS NOT NULL
        LEFT JOIN kept k ON k.first = m.first AND k.area_id = g.area_id
        LEFT JOIN promised p ON p.first = m.first AND p.area_id = g.area_id
    )
    SELECT 'patrol:' || c.code || ':' || to_char(t.first, 'YYYY-MM') AS source, 'patrol' AS kind,
           t.behind - 1 AS day,
           format('%s日常巡查：%s / %s 个网格有到访', to_char(t.first, 'YYYY"年"FMMM"月"'),
                  count(*) FILTER (WHERE t.kept > 0), count(*)) AS title,
           left(string_agg(
               format('%s %s 天／%s', t.code, t.kept, coalesce('应 ' || t.owed || ' 天', '未包干')),
               '；' ORDER BY t.code), 4000) AS content,
           format('到访 %s 天次；包干网格 %s 个应到访 %s 天次，其中到访 %s 天次', sum(t.kept),
                  count(t.owed), coalesce(sum(t.owed), 0),
                  coalesce(sum(t.kept) FILTER (WHERE t.owed IS NOT NULL), 0)) AS result,
           NULL::int AS people, t.parent_id AS community_id, NULL::int AS unit_id,
           NULL::int AS campaign_id
    FROM told t JOIN area c ON c.id = t.parent_id
    GROUP BY t.first, t.behind, t.parent_id, c.code
    -- where nobody was seen there is nothing that was done
    HAVING sum(t.kept) > 0
"""
_NEW = text(f"""
    SELECT * FROM ({_RECORDS} UNION ALL SELECT * FROM ({_PATROLS}) patrols) found
    WHERE day >= :since AND day < :until
      AND NOT EXISTS (SELECT 1 FROM ledger_entry e WHERE e.source = found.source)
      AND (CAST(:own AS int[]) IS NULL OR community_id = ANY(:own))
    ORDER BY day, source
""")


def new_records(
    session: Session, settings: Settings, since: date, until: date, today: date,
    own: list[int] | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """What other records hold of ``[since, until)`` and the ledger has not taken yet, by day, in
    the communities ``own`` (area ids; None: all). Patrols are told of whole months before
    ``today``."""
    rows = session.execute(
        _NEW,
        {
            "zone": settings.timezone, "grid_kind": settings.grid_kind, "since": since,
            "until": until, "today": today, "own": own,
        },
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]
