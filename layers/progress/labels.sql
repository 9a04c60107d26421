SELECT a.code, p.missing, ST_Transform(a.inner_point, 3857) AS geom
FROM community a
JOIN (
    SELECT i.area_id, count(*) AS missing
    FROM plan_item(:timezone) i JOIN plan_task t ON t.id = i.task_id
    CROSS JOIN (SELECT (now() AT TIME ZONE :timezone)::date AS today) d
    WHERE t.due_on < d.today AND coalesce(i.done_on > d.today, true)
      AND i.area_id IS NOT NULL
    GROUP BY i.area_id
) p ON p.area_id = a.area_id
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y)
  AND a.inner_point && ST_Transform(ST_TileEnvelope(:z, :x, :y), 4326)
