-- The communities in force (identities) that a scope names: by themselves, by their street, or by a
-- squad that works in their street.
CREATE OR REPLACE FUNCTION own_communities(streets int[], communities int[], squads int[])
RETURNS SETOF int LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT k.area_id FROM community k LEFT JOIN area s ON s.id = k.parent_id
    WHERE k.valid_to IS NULL AND (k.area_id = ANY(communities) OR k.parent_id = ANY(streets)
        OR s.code IN (SELECT unnest(q.street_codes) FROM squad q WHERE q.id = ANY(squads)))
$$;
