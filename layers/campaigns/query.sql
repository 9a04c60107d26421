SELECT a.code, a.name, k.code AS campaign, k.name AS title, k.starts_on::text AS starts_on,
       k.ends_on::text AS ends_on,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM grid a
JOIN campaign_grid g ON g.area_id = a.area_id
JOIN campaign k ON k.id = g.campaign_id AND k.cancelled_at IS NULL
WHERE a.valid_to IS NULL AND a.kind = :grid_kind
  AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
