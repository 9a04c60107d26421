SELECT k.code, k.name,
       CASE WHEN p.id IS NULL THEN 'none' WHEN p.contact IS NULL THEN 'vacant' ELSE 'staffed' END
       AS state,
       CASE WHEN p.id IS NOT NULL THEN
           (p.phone IS NULL)::int + (p.photo_id IS NULL)::int + (p.duties = '{}')::int
           + (p.opening = '[]')::int + (p."window" = '')::int END AS gaps,
       p.since::text AS since,
       ST_Transform(coalesce(p.geom, k.inner_point), 3857) AS geom
FROM community k
LEFT JOIN service_post p ON p.community_id = k.area_id
WHERE k.valid_to IS NULL
  AND coalesce(p.geom, k.inner_point)
      && ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 0.015625), 4326)
