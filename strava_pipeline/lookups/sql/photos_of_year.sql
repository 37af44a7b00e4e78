-- The newest $most pictures on disk that archives name for activities of a local year, each once, and how many there are in all.
WITH named AS (
    SELECT
        activities.id,
        activities.name AS title,
        activities.start_date_local AS start_date_local,
        unnest(from_json(sources.extra -> '$.archive.media', '["VARCHAR"]')) AS name
    FROM activities
    JOIN activity_sources AS sources ON sources.activity_id = activities.id
    WHERE
        activities.athlete_id = $athlete_id
        AND year(activities.start_date_local) = $year
        AND (sources.extra -> '$.archive.media') IS NOT NULL
),
stored AS (
    SELECT sha256, unnest(names) AS name
    FROM files
    WHERE role = 'media'
)
SELECT
    stored.sha256,
    arg_max(named.id, start_date_local) AS activity_id,
    arg_max(title, start_date_local) AS title,
    max(named.start_date_local) AS start_date_local,
    count(*) OVER () AS all_of_them
FROM stored
JOIN named  -- what follows the last slash alone is compared first: of many pairs, that is quick
    ON parse_filename(stored.name) = parse_filename(named.name)
    AND (stored.name = named.name OR ends_with(stored.name, '/' || named.name))
GROUP BY stored.sha256
ORDER BY max(named.start_date_local) DESC, stored.sha256
LIMIT $most
