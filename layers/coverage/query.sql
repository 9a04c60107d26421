SELECT a.code, a.name, w.state, c.code AS contract, w.contracts, w.overdue_days, w.overlapping,
       w.out_of_hours, w.outside_area, w.last_visit_at::text AS last_visit,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM grid a
JOIN (
    SELECT DISTINCT ON (area_id) area_id, contract_id, state, overdue_days, last_visit_at,
           bool_or(overlapping) OVER grid AS overlapping,
           bool_or(out_of_hours) OVER grid AS out_of_hours,
           bool_or(outside_area) OVER grid AS outside_area,
           count(contract_id) OVER grid AS contracts
    FROM grid_coverage
    WINDOW grid AS (PARTITION BY area_id)
    ORDER BY area_id, array_position(ARRAY['no_contract', 'expired', 'no_track', 'never_visited',
                                           'overdue', 'due', 'on_time'], state), contract_id
) w ON w.area_id = a.area_id
LEFT JOIN patrol_contract c ON c.id = w.contract_id
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
