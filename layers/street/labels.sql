SELECT a.code, a.name, ST_Transform(a.inner_point, 3857) AS geom
FROM street a
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y)
  AND a.inner_point && ST_Transform(ST_TileEnvelope(:z, :x, :y), 4326)
