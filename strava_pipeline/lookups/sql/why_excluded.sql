-- The athlete's activities of a period that contribute nothing to a number, each with the first reason that holds. {{near}}: those of
-- the period in `activity_list`; {{said}}: what a row says of the number; {{period}}: of rows of `activities_all`; {{other}}: which filter a row
-- does not pass; {{counted}}: the rows of why_counted.sql; {{lacks}}: why it has no value; {{way}}: how those that a better one outdoes are sorted.
WITH counted AS (
{counted}
),
near AS (
    SELECT id, name, sport_type, start_date_local::DATE AS on_day, {said} AS value, counts, {other} AS other, false AS is_gone
    FROM (
{near}
    )
    UNION ALL
    SELECT id, name, coalesce(sport_type, type), start_date_local::DATE, {said}, false, NULL, true
    FROM (SELECT * REPLACE (coalesce(start_date_local, timezone('UTC', start_date)) AS start_date_local) FROM activities_all)
    WHERE (deleted_at IS NOT NULL OR id IN (SELECT activity_id FROM own_values WHERE deleted))
      AND id NOT IN (SELECT id FROM activity_members WHERE place > 0)
      AND {period}
)
SELECT
    near.id AS activity_id,
    near.on_day,
    near.name,
    near.sport_type,
    coalesce(counted.near, near.value) AS value,
    CASE
        WHEN is_gone AND word.deleted THEN 'deleted'
        WHEN is_gone THEN 'gone'
        WHEN near.counts THEN coalesce(other, CASE WHEN counted.near IS NOT NULL THEN 'less' END, {lacks}, 'lacking')
        WHEN near.id IN (SELECT activity_id FROM corrections WHERE NOT counts) THEN 'left_out'
        WHEN NOT coalesce(word.counts, true) THEN 'rule'
        WHEN near.id IN (SELECT part_id FROM activity_matches) THEN 'part'
        WHEN near.id IN (SELECT waiting_id FROM activity_matches) AND NOT coalesce(word.counts, false) THEN 'waiting'
        WHEN (head.extra ->> '$.not_counted') IS NOT NULL OR lower(coalesce(near.sport_type, '')) IN ({drives}) THEN 'drive'
        WHEN near.sport_type = '{unspecified}' AND near.id IN (
            SELECT activity_id FROM activity_sources WHERE lower(coalesce(sport_type, type, extra ->> '$.sport')) IN ({drives})
        ) THEN 'drive'
        ELSE 'impossible'
    END AS reason
FROM near
JOIN activities_all AS head ON head.id = near.id
LEFT JOIN counted ON counted.activity_id = near.id
LEFT JOIN own_values AS word ON word.activity_id = near.id
WHERE coalesce(head.athlete_id, $athlete_id) = $athlete_id AND counted.value IS NULL
ORDER BY reason, {way}counted.near, near.on_day DESC NULLS LAST, near.id
