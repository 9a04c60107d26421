-- What the district's own records show of the plan's tasks: a row per event, by the measure that a
-- task names, the community (NULL: the bureau) and the day in the time zone of the district.
DROP FUNCTION IF EXISTS plan_item(text);
DROP FUNCTION IF EXISTS plan_evidence(text);
CREATE FUNCTION plan_evidence(zone text) RETURNS TABLE (measure text, area_id int, day date)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH local AS (SELECT (now() AT TIME ZONE zone)::date AS today)
SELECT 'post' AS measure, community_id AS area_id,
       coalesce(established_on, since, (updated_at AT TIME ZONE zone)::date) AS day
FROM service_post WHERE contact IS NOT NULL
UNION ALL
SELECT 'activity:' || kind, community_id, (starts_at AT TIME ZONE zone)::date FROM activity
WHERE state = 'done'
UNION ALL
SELECT 'households', community_id, (starts_at AT TIME ZONE zone)::date FROM activity
WHERE state = 'done' AND households > 0
UNION ALL
SELECT 'media', NULL, (starts_at AT TIME ZONE zone)::date FROM activity
WHERE state = 'done' AND media <> '[]'
UNION ALL
SELECT 'registration', community_id, registered_on FROM party_branch
WHERE community_id IS NOT NULL AND registered_on IS NOT NULL
UNION ALL
SELECT 'station', NULL, opened_on FROM station WHERE opened_on IS NOT NULL AND closed_on IS NULL
UNION ALL
SELECT 'survey:' || s.kind, r.community_id, (r.answered_at AT TIME ZONE zone)::date
FROM survey_response r JOIN survey_round o ON o.id = r.round_id JOIN survey s ON s.id = o.survey_id
UNION ALL
SELECT 'opinion', community_id, (answered_at AT TIME ZONE zone)::date FROM opinion
WHERE answered_at IS NOT NULL
UNION ALL
SELECT 'order', community_id, (closed_at AT TIME ZONE zone)::date FROM incident
WHERE is_order AND closed_at IS NOT NULL AND community_id IS NOT NULL
UNION ALL
SELECT 'meeting', community_id, held_on FROM community_meeting
UNION ALL
SELECT DISTINCT 'campaign', v.parent_id, k.starts_on
FROM campaign_grid g JOIN campaign k ON k.id = g.campaign_id AND k.cancelled_at IS NULL
JOIN grid v ON v.area_id = g.area_id AND v.valid_to IS NULL
WHERE k.starts_on <= (SELECT today FROM local)
UNION ALL
-- every grid of the community is promised
SELECT 'contracts', area_id, max(first) FROM (
    SELECT g.parent_id AS area_id, g.area_id AS grid, min(c.valid_from) AS first
    FROM grid g CROSS JOIN local
    LEFT JOIN patrol_contract_grid p ON p.area_id = g.area_id
    LEFT JOIN patrol_contract c ON c.id = p.contract_id
        AND today BETWEEN c.valid_from AND c.valid_to AND (c.closed_from IS NULL OR c.closed_from > today)
    WHERE g.valid_to IS NULL GROUP BY g.parent_id, g.area_id
) promised GROUP BY area_id HAVING count(*) = count(first)
UNION ALL
SELECT 'frontage', community_id, valid_from FROM frontage_contract CROSS JOIN local
WHERE community_id IS NOT NULL AND (ended_on IS NULL OR ended_on > today) AND valid_to >= today
UNION ALL
SELECT 'round', NULL, (decided_at AT TIME ZONE zone)::date FROM selection_round
WHERE state = 'decided'
UNION ALL
SELECT 'ledger', e.community_id, e.day FROM ledger_entry e WHERE e.community_id IS NOT NULL
$$;

-- Every task at every place that owes it, with the day it was fulfilled: as recorded by people, or
-- as the evidence shows. Demonstration communities are those of the round decided last.
CREATE FUNCTION plan_item(zone text) RETURNS TABLE (task_id int, area_id int, done_on date,
    record_id int, note text, recorded_by text, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH place AS (
    SELECT id AS task_id, NULL::int AS area_id FROM plan_task WHERE scope = 'bureau'
    UNION ALL
    SELECT t.id, c.area_id FROM plan_task t
    JOIN community c ON c.valid_to IS NULL AND EXISTS (
        SELECT 1 FROM grid g WHERE g.parent_id = c.area_id AND g.valid_to IS NULL)
    WHERE t.scope = 'all'
    UNION ALL
    SELECT t.id, r.area_id FROM plan_task t
    JOIN round_choice r ON r.round_id = (
        SELECT id FROM selection_round WHERE state = 'decided' ORDER BY decided_at DESC LIMIT 1)
    WHERE t.scope = 'demonstration'
), ordered AS (
    SELECT measure, area_id, day, row_number() OVER own AS place, count(*) OVER (
        PARTITION BY measure, area_id) AS events
    FROM plan_evidence(zone) WHERE measure IN (SELECT measure FROM plan_task)
    WINDOW own AS (PARTITION BY measure, area_id ORDER BY day)
)
SELECT t.id AS task_id, p.area_id, coalesce(r.done_on, o.day) AS done_on, r.id AS record_id,
       r.note, r.recorded_by, coalesce(f.events, 0) AS events
FROM place p
JOIN plan_task t ON t.id = p.task_id
LEFT JOIN plan_record r ON r.task_id = t.id AND coalesce(r.area_id, 0) = coalesce(p.area_id, 0)
LEFT JOIN ordered o ON o.measure = t.measure AND o.place = t.target
    AND coalesce(o.area_id, 0) = coalesce(p.area_id, 0)
LEFT JOIN ordered f ON f.measure = t.measure AND f.place = 1
    AND coalesce(f.area_id, 0) = coalesce(p.area_id, 0)
$$;
