-- What Strava itself shows of a number ({key} of the totals {span} of the athlete $athlete_id), and what it told, in parts: what not everyone may
-- see, and what began later. {{said}}: what a row says.
WITH shown AS (
    SELECT TRY_CAST(stats ->> '$.{span}.{key}' AS DOUBLE) AS value, stats_at FROM athlete WHERE athlete_id = $athlete_id
),
parts AS (
    SELECT
        coalesce({said}, 0) AS value,
        coalesce(said.visibility, CASE WHEN said.private THEN 'only_me' END, 'everyone') <> 'everyone' AS is_hidden,
        said.start_date > shown.stats_at AS is_later
    FROM activity_sources AS said
    CROSS JOIN shown
    JOIN sport_groups ON sport_groups.sport_type = coalesce(said.sport_type, said.type)
    WHERE said.source = '{strava}' AND said.deleted_at IS NULL AND coalesce(said.athlete_id, $athlete_id) = $athlete_id
      AND sport_group = $sport
      AND said.start_date_local >= coalesce($first_on, TIMESTAMP '0001-01-01')
)
SELECT
    any_value(shown.value) AS value,
    any_value(shown.stats_at) AS received_at,
    coalesce(sum(parts.value), 0) AS told,
    coalesce(sum(parts.value) FILTER (is_hidden), 0) AS hidden,
    count(*) FILTER (is_hidden) AS hidden_activities,
    coalesce(sum(parts.value) FILTER (is_later AND NOT is_hidden), 0) AS later,
    any_value(shown.value) - (told - hidden - later) AS unexplained
FROM shown
LEFT JOIN parts ON true
HAVING isfinite(any_value(shown.value))
