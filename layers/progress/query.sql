SELECT a.code, a.name, coalesce(p.owed, 0) AS owed, coalesce(p.done, 0) AS done,
       coalesce(p.owed - p.done, 0) AS missing,
       p.done::float8 / nullif(p.owed, 0) AS share,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM community a
LEFT JOIN (
    SELECT i.area_id, count(*) AS owed, count(*) FILTER (WHERE i.done_on <= d.today) AS done
    FROM plan_item(:timezone) i JOIN plan_task t ON t.id = i.task_id
    CROSS JOIN (SELECT (now() AT TIME ZONE :timezone)::date AS today) d
    WHERE t.due_on < d.today AND i.area_id IS NOT NULL GROUP BY i.area_id
) p ON p.area_id = a.area_id
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
