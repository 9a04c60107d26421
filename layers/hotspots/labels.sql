SELECT a.code, a.name, c.count, c.z, c.p, c.significance,
       ST_Transform(a.inner_point, 3857) AS geom
FROM grid a
JOIN unnest(CAST(:area_ids AS int[]), CAST(:counts AS int[]), CAST(:z_scores AS float8[]),
            CAST(:p_values AS float8[]), CAST(:significances AS text[]))
     AS c (area_id, count, z, p, significance) ON c.area_id = a.area_id
WHERE a.valid_to IS NULL AND a.kind = :grid_kind
  AND a.mercator && ST_TileEnvelope(:z, :x, :y)
  AND a.inner_point && ST_Transform(ST_TileEnvelope(:z, :x, :y), 4326)
