SELECT t.code, t.name, t.closed_on IS NULL OR t.closed_on > d.today AS open,
       array_to_string(t.services, ',') AS services, ST_Transform(t.geom, 3857) AS geom
FROM station t
CROSS JOIN (SELECT (now() AT TIME ZONE :timezone)::date AS today) d
WHERE t.geom && ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 0.015625), 4326)
