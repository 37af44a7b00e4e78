-- What a person's words, cuts and rules changed of a number: rows that count, `told` as the leading source says; NULL: it would not count.
-- {{counted}}: the rows of why_counted.sql; {{said}}: what a source's row says; {{word}}: the person's word for it; {{other}}: whether the source's
-- own sport is another.
WITH told AS (
    SELECT
        counted.*,
        arg_min({said}, coalesce(member.place, 0)) FILTER (({said}) IS NOT NULL) AS source_value,
        arg_min({other}, coalesce(member.place, 0)) AS was_other
    FROM (
{counted}
    ) AS counted
    SEMI JOIN own_values ON own_values.activity_id = counted.activity_id
    LEFT JOIN activity_members AS member USING (activity_id)
    JOIN activities_all AS said ON said.id = coalesce(member.id, counted.activity_id)
    LEFT JOIN sport_groups ON sport_groups.sport_type = coalesce(said.sport_type, said.type)
    WHERE said.deleted_at IS NULL
    GROUP BY ALL
),
reasons AS (
    SELECT
        told.*,
        CASE
            WHEN own.counts AND (NOT ruled.counts OR activity_id IN (SELECT waiting_id FROM activity_matches)) THEN 'counts'
            WHEN was_other AND own.sport_type IS NOT NULL THEN 'own_sport'
            WHEN was_other AND ruled.sport_type IS NOT NULL THEN 'ruled_sport'
            WHEN {word} IS NOT NULL THEN 'corrected'
            WHEN own.cuts IS NOT NULL THEN 'cut'
        END AS reason
    FROM told
    LEFT JOIN corrections AS own USING (activity_id)
    LEFT JOIN ruled USING (activity_id)
)
SELECT activity_id, on_day, name, sport_type, value, CASE WHEN reason IN ('corrected', 'cut') THEN source_value END AS told, reason
FROM reasons
WHERE reason IS NOT NULL AND value IS DISTINCT FROM told
ORDER BY abs(coalesce(value, 0) - coalesce(told, 0)) DESC, activity_id
