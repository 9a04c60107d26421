-- Buildings in force per grid; NULL for every grid while no building is loaded at all.
CREATE OR REPLACE VIEW building_count AS
SELECT g.area_id,
       CASE WHEN EXISTS (SELECT 1 FROM building WHERE valid_to IS NULL)
            THEN count(b.id) END AS buildings
FROM grid g LEFT JOIN building b ON b.parent_id = g.area_id AND b.valid_to IS NULL
WHERE g.valid_to IS NULL
GROUP BY g.area_id;
