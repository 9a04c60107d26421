SELECT t.id, o.code AS officer, t.source,
       extract(epoch FROM t.started_at)::bigint AS started,
       extract(epoch FROM t.ended_at)::bigint AS ended, round(t.length_m)::int AS length_m,
       t.mercator AS geom
FROM track t
JOIN officer o ON o.id = t.officer_id
WHERE t.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
  AND t.ended_at >= coalesce(CAST(:since AS timestamptz), now() - interval '7 days')
  AND t.started_at < coalesce(CAST(:until AS timestamptz), 'infinity')
  AND (CAST(:everybody AS boolean) OR o.squad_id = ANY (CAST(:squads AS int[])))
