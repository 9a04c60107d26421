SELECT f.code, f.shop AS name,
       CASE WHEN i.rectify_by < d.today THEN 'rectify_overdue'
            WHEN i.rectify_by IS NOT NULL THEN 'rectify'
            WHEN f.valid_to < d.today THEN 'expired'
            WHEN f.valid_to < d.today + 30 THEN 'expiring'
            WHEN coalesce(i.last_on, f.valid_from) < d.today - CAST(:frontage_days AS int)
                THEN 'inspection_overdue'
            ELSE 'kept' END AS state,
       f.length_m, f.measured, f.valid_to::text AS valid_to, i.last_on::text AS last_inspection,
       -- a shop's length is nothing from afar
       ST_Transform(CASE WHEN :z < 14 THEN ST_Centroid(f.geom) ELSE f.geom END, 3857) AS geom
FROM frontage_contract f
CROSS JOIN (SELECT (now() AT TIME ZONE :timezone)::date AS today) d
LEFT JOIN LATERAL (
    SELECT max(inspected_on) AS last_on,
           min(rectify_by) FILTER (WHERE rectified_on IS NULL) AS rectify_by
    FROM frontage_inspection WHERE contract_id = f.id
) i ON true
WHERE f.valid_from <= d.today AND (f.ended_on IS NULL OR f.ended_on > d.today)
  AND (CAST(:everywhere AS boolean) OR f.community_id IN (SELECT own_communities(
      CAST(:streets AS int[]), CAST(:communities AS int[]), CAST(:squads AS int[]))))
  AND f.geom && ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 0.015625), 4326)
