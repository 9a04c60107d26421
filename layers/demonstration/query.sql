SELECT c.code, c.name, r.name AS round, h.rank,
       to_char(r.decided_at, 'YYYY-MM-DD') AS decided_on,
       CASE WHEN :z < 14 THEN c.mercator_low ELSE c.mercator END AS geom
FROM (SELECT * FROM selection_round WHERE state = 'decided' ORDER BY decided_at DESC LIMIT 1) r
JOIN round_choice h ON h.round_id = r.id
JOIN community c ON c.area_id = h.area_id AND c.valid_to IS NULL
WHERE c.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
