SELECT t.code, t.name, t.closed_on IS NULL OR t.closed_on > current_date AS open,
       array_to_string(t.services, ',') AS services, ST_Transform(t.geom, 3857) AS geom
FROM station t
WHERE t.geom && ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 0.015625), 4326)
