-- Each answer to the question of a survey that measures satisfaction. Satisfied: yes, or the upper
-- quarter of the scale (4 and 5 of 1 to 5).
CREATE OR REPLACE VIEW satisfaction_answer AS
SELECT e.id AS response_id, e.round_id, e.community_id, e.answered_at, r.opens_on,
       CASE q.type
           WHEN 'scale' THEN (e.answers ->> q.key)::numeric >= q.high - (q.high - q.low) / 4.0
           ELSE (e.answers ->> q.key)::boolean
       END AS satisfied
FROM survey_response e
JOIN survey_round r ON r.id = e.round_id
JOIN survey s ON s.id = r.survey_id
CROSS JOIN LATERAL jsonb_to_recordset(s.questions)
    AS q(key text, type text, low int, high int, measure text)
WHERE q.measure = 'satisfaction' AND e.answers -> q.key IS NOT NULL;
-- Wilson's score interval of a share (of 95 in 100), as analysis/intervals.py has it.
CREATE OR REPLACE FUNCTION wilson(count bigint, total bigint, upper_end boolean) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN total > 0 THEN least(1.0, greatest(0.0,
        (p + z * z / (2 * total) + CASE WHEN upper_end THEN 1 ELSE -1 END
         * z * sqrt(p * (1 - p) / total + z * z / (4.0 * total * total)))
        / (1 + z * z / total))) END
    FROM (SELECT 1.959963984540054::float8 AS z, count::float8 / nullif(total, 0) AS p) facts
$$;
