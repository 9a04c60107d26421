-- What OGC clients may read: no personal data in any view, neither words nor addresses of reports.
-- A view is served where gis_service/interop/ogc/collections.py describes it.
CREATE SCHEMA ogc;
CREATE VIEW ogc.street AS
SELECT s.area_id AS id, s.code, s.name, s.area_m2, s.valid_from, s.geom
FROM street s WHERE s.valid_to IS NULL;
CREATE VIEW ogc.community AS
SELECT c.area_id AS id, c.code, c.name, p.code AS street_code, c.area_m2, c.valid_from, c.geom
FROM community c LEFT JOIN area p ON p.id = c.parent_id WHERE c.valid_to IS NULL;
CREATE VIEW ogc.grid AS
SELECT g.area_id AS id, g.code, g.name, g.kind, p.code AS community_code, g.area_m2, g.valid_from,
       g.geom
FROM grid g LEFT JOIN area p ON p.id = g.parent_id WHERE g.valid_to IS NULL;
CREATE VIEW ogc.building AS
SELECT b.area_id AS id, b.code, b.name, p.code AS grid_code, b.area_m2, b.valid_from, b.geom
FROM building b LEFT JOIN area p ON p.id = b.parent_id WHERE b.valid_to IS NULL;
CREATE VIEW ogc.incident AS
SELECT i.id, i.code, i.state, k.code AS class_code, i.class_name, i.source,
       s.code AS street_code, c.code AS community_code, g.code AS grid_code,
       u.code AS unit_code, i.reported_at, i.due_at, i.closed_at, i.geom
FROM incident i
JOIN incident_class k ON k.id = i.class_id
LEFT JOIN area s ON s.id = i.street_id
LEFT JOIN area c ON c.id = i.community_id
LEFT JOIN area g ON g.id = i.grid_id
LEFT JOIN unit u ON u.id = i.unit_id;
