SELECT s.place, s.covered, c.code, c.name, (r.question->>'reach_m')::float AS reach_m,
       ST_Transform(s.geom, 3857) AS geom
FROM siting_site s
JOIN siting_run r ON r.id = s.run_id
LEFT JOIN community c ON c.area_id = s.area_id AND c.valid_to IS NULL
WHERE r.id = (SELECT max(id) FROM siting_run)
  AND s.geom && ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 0.015625), 4326)
