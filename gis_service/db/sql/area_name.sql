-- Areas in force as named places, for address search. ``search`` folds as the gazetteer's does.
CREATE OR REPLACE VIEW area_name AS
SELECT level, code, name, area_id, ST_X(inner_point) AS lon, ST_Y(inner_point) AS lat,
       lower(regexp_replace(normalize(name, NFKC), '[\s,，.。、]', '', 'g')) AS search
FROM (
    SELECT 'street' AS level, code, name, area_id, ST_PointOnSurface(geom) AS inner_point
    FROM street WHERE valid_to IS NULL
    UNION ALL
    SELECT 'community', code, name, area_id, ST_PointOnSurface(geom)
    FROM community WHERE valid_to IS NULL
    UNION ALL
    SELECT 'grid', code, name, area_id, ST_PointOnSurface(geom)
    FROM grid WHERE valid_to IS NULL
    UNION ALL
    SELECT 'building', code, name, area_id, ST_PointOnSurface(geom)
    FROM building WHERE valid_to IS NULL
) areas;
