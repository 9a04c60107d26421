SELECT i.id, i.code, i.state, CAST(:state_names AS jsonb) ->> i.state AS state_name,
       c.code AS class_code, i.class_name, i.source, i.external_id,
       street.code AS street_code, street.name AS street_name,
       community.code AS community_code, community.name AS community_name,
       grid.code AS grid_code, grid.name AS grid_name,
       building.code AS building_code, building.name AS building_name,
       i.placement_method, i.placement_distance_m, i.reported_at, i.due_at, i.verified_at,
       i.filed_at, i.dispatched_at, i.accepted_at, i.resolved_at, i.closed_at, i.updated_at,
       u.code AS unit_code, u.name AS unit_name, q.code AS squad_code, q.name AS squad_name,
       i.is_order, i.urgent, i.supervised, i.quick, i.rework_count, i.case_number,
       i.address, i.description, i.geom
FROM incident i
JOIN incident_class c ON c.id = i.class_id
LEFT JOIN unit u ON u.id = i.unit_id
LEFT JOIN squad q ON q.id = i.squad_id
LEFT JOIN last_area street ON street.area_id = i.street_id
LEFT JOIN last_area community ON community.area_id = i.community_id
LEFT JOIN last_area grid ON grid.area_id = i.grid_id
LEFT JOIN last_area building ON building.area_id = i.building_id
WHERE {condition}
ORDER BY i.id
