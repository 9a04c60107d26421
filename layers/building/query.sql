SELECT a.code, a.name, CASE WHEN :z < 15 THEN a.mercator_low ELSE a.mercator END AS geom
FROM building a
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
