SELECT a.code, a.name, k.code AS campaign, p.part, e.verdict, e.effect, e.estimate,
       p.before, p.after,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM grid a
JOIN campaign_effect_area p ON p.area_id = a.area_id
JOIN campaign_effect e ON e.campaign_id = p.campaign_id
JOIN campaign k ON k.id = p.campaign_id AND k.cancelled_at IS NULL
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
