SELECT a.code, a.name, parent.code AS parent_code, {kind} AS kind, a.area_m2, a.valid_from,
       a.attributes::text AS attributes, a.geom
FROM {level} a
LEFT JOIN area parent ON parent.id = a.parent_id
WHERE a.valid_to IS NULL
ORDER BY a.code
