SELECT b.theme, b.kind, b.name, b.rank, b.mercator AS geom
FROM basemap_feature b
WHERE b.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
  AND b.rank <= CASE WHEN :z >= 15 THEN 3 WHEN :z >= 13 THEN 2 WHEN :z >= 11 THEN 1 ELSE 0 END
