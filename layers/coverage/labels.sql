SELECT a.code, w.state, w.overdue_days, ST_Transform(a.inner_point, 3857) AS geom
FROM grid a
JOIN (
    SELECT DISTINCT ON (area_id) area_id, state, overdue_days
    FROM grid_coverage
    ORDER BY area_id, array_position(ARRAY['no_contract', 'expired', 'no_track', 'never_visited',
                                           'overdue', 'due', 'on_time'], state), contract_id
) w ON w.area_id = a.area_id
WHERE :z >= 12 AND a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y)
  AND a.inner_point && ST_Transform(ST_TileEnvelope(:z, :x, :y), 4326)
