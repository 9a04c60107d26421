-- Areas in force as named places, for address search; refreshed by every boundary revision.
-- ``search`` folds text as the gazetteer's does.
DROP MATERIALIZED VIEW IF EXISTS area_name;
CREATE MATERIALIZED VIEW area_name AS
SELECT level, code, name, area_id, ST_X(inner_point) AS lon, ST_Y(inner_point) AS lat,
       ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] AS bbox,
       lower(regexp_replace(normalize(name, NFKC), '[\s,，.。、]', '', 'g')) AS search
FROM (
    SELECT 'street' AS level, code, name, area_id, inner_point, geom FROM street WHERE valid_to IS NULL
    UNION ALL
    SELECT 'community', code, name, area_id, inner_point, geom FROM community WHERE valid_to IS NULL
    UNION ALL
    SELECT 'grid', code, name, area_id, inner_point, geom FROM grid WHERE valid_to IS NULL
    UNION ALL
    SELECT 'building', code, name, area_id, inner_point, geom FROM building WHERE valid_to IS NULL
) areas;
CREATE INDEX area_name_trgm ON area_name USING gin (search gin_trgm_ops);
CREATE INDEX area_name_code ON area_name (upper(code));
