WITH asked AS (
    SELECT a.community_id, count(*) AS answers, count(*) FILTER (WHERE a.satisfied) AS satisfied
    FROM satisfaction_answer a
    WHERE a.answered_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
      AND a.answered_at < coalesce(CAST(:until AS timestamptz), 'infinity')
      AND (CAST(:since AS timestamptz) IS NOT NULL OR a.round_id = (
          SELECT b.round_id FROM satisfaction_answer b
          WHERE b.answered_at < coalesce(CAST(:until AS timestamptz), 'infinity')
          ORDER BY b.opens_on DESC, b.round_id DESC LIMIT 1))
    GROUP BY a.community_id
), told AS (
    SELECT k.code, k.name, coalesce(s.answers, 0) AS answers, s.satisfied,
           coalesce(s.answers, 0) >= :minimum_sample AS enough,
           CASE WHEN :z < 14 THEN k.mercator_low ELSE k.mercator END AS geom
    FROM community k LEFT JOIN asked s ON s.community_id = k.area_id
    WHERE k.valid_to IS NULL AND k.mercator && ST_TileEnvelope(:z, :x, :y, margin => 0.015625)
)
SELECT code, name, answers::int AS answers, enough,
       CASE WHEN enough THEN round(100.0 * satisfied / answers, 1)::float8 END AS percent,
       CASE WHEN enough THEN round((100 * wilson(satisfied, answers, false))::numeric, 1)::float8 END
       AS low,
       CASE WHEN enough THEN round((100 * wilson(satisfied, answers, true))::numeric, 1)::float8 END
       AS high,
       geom
FROM told
