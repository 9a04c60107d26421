SELECT a.code, a.name, coalesce(c.count, 0) AS count, b.buildings,
       round((a.area_m2 / 1e6)::numeric, 6)::float8 AS area_km2,
       CASE WHEN c.count >= :minimum_count THEN c.count / (a.area_m2 / 1e6) END AS density,
       CASE WHEN c.count >= :minimum_count AND b.buildings > 0
            THEN c.count / b.buildings::float8 END AS per_building,
       coalesce(c.count, 0) >= :minimum_count AS enough,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM grid a
LEFT JOIN unnest(CAST(:area_ids AS int[]), CAST(:counts AS int[])) AS c (area_id, count)
       ON c.area_id = a.area_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN EXISTS (SELECT 1 FROM building WHERE valid_to IS NULL)
                THEN (SELECT count(*) FROM building
                      WHERE parent_id = a.area_id AND valid_to IS NULL) END AS buildings
    OFFSET 0  -- counted once a grid, however often it is named above
) b
WHERE a.valid_to IS NULL AND a.kind = :grid_kind
  AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
