WITH promised AS (
    SELECT o.id, o.code, v.area_id, coalesce(c.visits_per_week, 7.0 / c.promised_days) AS visits
    FROM grid_coverage v
    JOIN patrol_contract c ON c.id = v.contract_id JOIN officer o ON o.id = c.officer_id
    WHERE v.state <> 'expired'
), load AS (
    SELECT p.id, p.code, count(DISTINCT p.area_id) AS grids, sum(p.visits)::float8 AS visits,
           sum(g.area_m2) / 1e6 AS area_km2
    FROM promised p JOIN grid g ON g.area_id = p.area_id AND g.valid_to IS NULL
    GROUP BY p.id, p.code
)
SELECT a.code, a.name, b.code AS officer, b.grids, round(b.area_km2::numeric, 4)::float8 AS area_km2,
       round(b.visits::numeric, 1)::float8 AS visits_per_week,
       CASE WHEN :z < 14 THEN a.mercator_low ELSE a.mercator END AS geom
FROM grid a
JOIN (
    SELECT DISTINCT ON (p.area_id) p.area_id, l.code, l.grids, l.area_km2, l.visits
    FROM promised p JOIN load l ON l.id = p.id ORDER BY p.area_id, l.visits DESC, l.code
) b ON b.area_id = a.area_id
WHERE a.valid_to IS NULL AND a.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
