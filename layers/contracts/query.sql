SELECT a.code, a.name, p.contract, p.contracts, p.promised_days, p.valid_to::text AS valid_to,
       CASE WHEN p.contracts = 0 THEN 'none' WHEN p.overlapping THEN 'overlapping'
            WHEN p.contracts > 1 THEN 'several' ELSE 'one' END AS kind,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM grid a
JOIN (
    SELECT v.area_id, string_agg(c.code, ',' ORDER BY c.code) AS contract,
           count(c.id) AS contracts,
           min(coalesce(c.promised_days, 7.0 / c.visits_per_week))::float8 AS promised_days,
           min(c.valid_to) AS valid_to, bool_or(v.overlapping) AS overlapping
    FROM grid_coverage v
    LEFT JOIN patrol_contract c ON c.id = v.contract_id AND v.state <> 'expired'
    GROUP BY v.area_id
) p ON p.area_id = a.area_id
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
