SELECT campaign, title, ST_Transform(ST_PointOnSurface(whole), 3857) AS geom
FROM (
    SELECT k.code AS campaign, k.name AS title, ST_Union(a.geom) AS whole
    FROM grid a
    JOIN campaign_grid g ON g.area_id = a.area_id
    JOIN campaign k ON k.id = g.campaign_id AND k.cancelled_at IS NULL
    WHERE a.valid_to IS NULL AND a.kind = :grid_kind
    GROUP BY k.id
) found
WHERE ST_Transform(ST_PointOnSurface(whole), 3857) && ST_TileEnvelope(:z, :x, :y)
