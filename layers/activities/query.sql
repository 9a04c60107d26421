SELECT a.code, a.title AS name, a.kind, coalesce(w.part, '') AS part, a.state,
       extract(epoch FROM a.starts_at)::float8 AS starts_at,
       ST_Transform(coalesce(a.geom, k.inner_point), 3857) AS geom
FROM activity a
LEFT JOIN unnest(CAST(:kinds AS text[]), CAST(:kind_parts AS text[])) AS w(kind, part)
    ON w.kind = a.kind
LEFT JOIN community k ON k.area_id = a.community_id AND k.valid_to IS NULL
WHERE a.state <> 'cancelled'
  AND a.starts_at >= coalesce(CAST(:since AS timestamptz), now() - interval '90 days')
  AND a.starts_at < coalesce(CAST(:until AS timestamptz), now() + interval '30 days')
  AND coalesce(a.geom, k.inner_point)
      && ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 0.015625), 4326)
