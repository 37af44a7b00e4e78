-- A number as each service would have it, by its own rows, and where the difference comes from: a row for each part of it, of which each has
-- one reason. {{counted}}: the rows of why_counted.sql; {{said}}: what a source's row says; {{is_of}}: whether that is of the sport.
WITH ours AS (
{counted}
),
said AS (
    SELECT
        said.id,
        said.activity_id,
        said.source,
        said.name,
        coalesce(said.sport_type, said.type) AS sport_type,
        coalesce(said.start_date_local, timezone('UTC', said.start_date))::DATE AS on_day,
        coalesce({said}, 0) AS value,
        coalesce(on_day BETWEEN coalesce($first_on, on_day) AND coalesce($last_on, on_day), $first_on IS NULL AND $last_on IS NULL) AS is_then,
        {is_of} AS is_of,
        row_number() OVER (PARTITION BY said.source, said.activity_id ORDER BY NOT (is_then AND is_of), place, said.id) = 1 AS is_first
    FROM activity_sources AS said
    LEFT JOIN activity_members AS member ON member.id = said.id
    LEFT JOIN sport_groups ON sport_groups.sport_type = coalesce(said.sport_type, said.type)
    WHERE said.deleted_at IS NULL AND said.source <> '{file}' AND {among} AND coalesce(said.athlete_id, $athlete_id) = $athlete_id
),
services AS (
    SELECT DISTINCT source FROM said
),
parts AS (
    SELECT source, coalesce(said.id, ours.activity_id) AS id, ours.activity_id, ours.on_day, ours.name, ours.sport_type, ours.value AS here, said.value AS there,
        CASE
            WHEN said.activity_id IS NULL THEN 'only_here'
            WHEN NOT said.is_then THEN 'another_day'
            WHEN NOT said.is_of THEN 'another_sport'
            ELSE 'field'
        END AS reason,
        CASE WHEN said.is_then AND said.is_of THEN said.value ELSE 0 END AS counted_there
    FROM ours
    CROSS JOIN services
    LEFT JOIN (FROM said WHERE is_first) AS said USING (activity_id, source)
    UNION ALL
    SELECT said.source, said.id, said.activity_id, said.on_day, said.name, said.sport_type, NULL, said.value,
        CASE
            WHEN NOT is_first OR said.activity_id IN (SELECT waiting_id FROM activity_matches) THEN 'twice'
            WHEN here.id IS NULL OR NOT here.counts THEN 'only_there'
            WHEN NOT coalesce(here.start_date_local::DATE BETWEEN coalesce($first_on, DATE '0001-01-01') AND coalesce($last_on, DATE '9999-12-31'), false) THEN 'another_day'
            ELSE 'another_sport'
        END,
        said.value
    FROM said
    LEFT JOIN activity_list AS here ON here.id = said.activity_id
    WHERE is_then AND is_of AND NOT (is_first AND said.activity_id IN (SELECT activity_id FROM ours))
)
SELECT
    source,
    reason,
    sum(counted_there ORDER BY activity_id) AS there,
    count(*) FILTER (difference <> 0) AS activities,
    sum(difference ORDER BY activity_id) AS difference,
    arg_max({{
        'id': id, 'activity_id': activity_id, 'on_day': on_day, 'name': name, 'sport_type': sport_type,
        'here': here, 'there': there, 'difference': difference
    }}, abs(difference), $most) FILTER (difference <> 0) AS rows
FROM (SELECT *, coalesce(here, 0) - counted_there AS difference FROM parts)
GROUP BY source, reason
ORDER BY source, abs(sum(difference)) DESC, reason
