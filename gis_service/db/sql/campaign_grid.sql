-- The grids in force of each campaign: those it names, those of its communities and streets, and
-- those that what was drawn covers by more than half.
CREATE OR REPLACE VIEW campaign_grid AS
SELECT a.campaign_id, g.area_id, g.kind
FROM campaign_area a JOIN grid g ON g.area_id = a.area_id AND g.valid_to IS NULL
UNION
SELECT a.campaign_id, g.area_id, g.kind
FROM campaign_area a JOIN grid g ON g.parent_id = a.area_id AND g.valid_to IS NULL
UNION
SELECT a.campaign_id, g.area_id, g.kind
FROM campaign_area a
JOIN community c ON c.parent_id = a.area_id AND c.valid_to IS NULL
JOIN grid g ON g.parent_id = c.area_id AND g.valid_to IS NULL
UNION
SELECT k.id, g.area_id, g.kind
FROM campaign k
JOIN grid g ON g.geom && k.geom AND g.valid_to IS NULL
    AND ST_Area(ST_Intersection(g.geom, k.geom)) > ST_Area(g.geom) / 2;
