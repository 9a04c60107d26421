SELECT a.code, a.name, v.visits, v.officers, v.stay_min, v.last_visit::text AS last_visit,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM grid a
JOIN LATERAL (
    SELECT count(*)::int AS visits, count(DISTINCT v.officer_id)::int AS officers,
           round(sum(v.stay_s) / 60.0)::int AS stay_min, max(v.entered_at) AS last_visit
    FROM visit v
    JOIN officer o ON o.id = v.officer_id
    WHERE v.area_id = a.area_id
      AND v.entered_at >= coalesce(CAST(:since AS timestamptz), now() - interval '30 days')
      AND v.entered_at < coalesce(CAST(:until AS timestamptz), 'infinity')
      AND (CAST(:everybody AS boolean) OR o.squad_id = ANY (CAST(:squads AS int[])))
) v ON v.visits > 0
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
