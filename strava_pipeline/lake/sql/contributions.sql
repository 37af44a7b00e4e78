-- What each activity is from this publish on, where that differs from the one before: rows for data/contributions. {{known}}: its rows so far. A
-- `reason` says why its numbers differ; `unmoved`: they don't, and only what later reasons are told by does. What the rows don't tell
-- is `measured`: another recording came, or a track was read. A new $version has a row without an activity.
WITH known AS (
    {known}
),
last AS (
    SELECT * FROM known QUALIFY row_number() OVER (PARTITION BY activity_id ORDER BY publish DESC) = 1
),
rows AS (
    SELECT coalesce(member.activity_id, said.id) AS activity_id, max(said.edited_at) AS edited_at, count(*) AS members
    FROM activities_all AS said
    LEFT JOIN activity_members AS member ON member.id = said.id
    WHERE said.deleted_at IS NULL
    GROUP BY ALL
),
now AS (
    SELECT
        here.id AS activity_id,
        coalesce(counted.athlete_id, here.athlete_id) AS athlete_id,
        counted.activity_id IS NOT NULL AS counts,
        counted.on_day,
        counted.start_date_local,
        counted.sport_type,
        counted.sport_group,
        counted.distance_m,
        counted.moving_time_seconds,
        counted.elevation_gain_m,
        rows.members,
        rows.edited_at,
        md5(row(word.sport_type, word.distance, word.moving_time, word.cuts, word.counts)::VARCHAR) AS said
    FROM activities_all AS here
    LEFT JOIN counted_activities AS counted ON counted.activity_id = here.id
    LEFT JOIN rows ON rows.activity_id = here.id
    LEFT JOIN own_values AS word ON word.activity_id = here.id
    WHERE here.deleted_at IS NULL AND NOT coalesce(word.deleted, false)
),
publishes AS (
    SELECT coalesce(max(publish), 0) + 1 AS publish, arg_max(version, publish) AS version FROM known
)
SELECT
    publishes.publish,
    $at::TIMESTAMPTZ AS published_at,
    $version AS version,
    activity_id,
    coalesce(now.athlete_id, last.athlete_id) AS athlete_id,
    now.activity_id IS NOT NULL AS is_here,
    coalesce(now.counts, false) AS counts,
    now.* EXCLUDE (activity_id, athlete_id, counts),
    CASE
        WHEN publishes.publish = 1 THEN 'known'
        WHEN now.activity_id IS NULL AND head.id IS NULL THEN 'undone'
        WHEN now.activity_id IS NULL AND head.deleted_at IS NULL THEN 'deleted'
        WHEN now.activity_id IS NULL THEN 'gone'
        WHEN NOT coalesce(last.is_here, false) THEN 'came'
        WHEN now.counts AND NOT last.counts THEN 'counts_now'
        WHEN last.counts AND NOT now.counts AND activity_id IN (SELECT id FROM activity_members WHERE place > 0) THEN 'joined'
        WHEN last.counts AND NOT now.counts THEN 'counts_no_more'
        WHEN row(now.on_day, now.start_date_local, now.sport_type, now.distance_m, now.moving_time_seconds, now.elevation_gain_m)
            IS NOT DISTINCT FROM row(last.on_day, last.start_date_local, last.sport_type, last.distance_m, last.moving_time_seconds, last.elevation_gain_m)
            THEN 'unmoved'
        WHEN now.said IS DISTINCT FROM last.said THEN 'said'
        WHEN now.members <> last.members THEN 'measured'
        WHEN now.edited_at > last.edited_at THEN 'edited'
        WHEN publishes.version <> $version THEN 'version'
        ELSE 'measured'
    END AS reason
FROM now
FULL JOIN (SELECT * FROM last WHERE activity_id IS NOT NULL) AS last USING (activity_id)
CROSS JOIN publishes
LEFT JOIN activities_all AS head ON head.id = activity_id
WHERE row(coalesce(now.counts, false), now.on_day, now.start_date_local, now.sport_type, now.distance_m, now.moving_time_seconds, now.elevation_gain_m, now.members, now.edited_at, now.said)
    IS DISTINCT FROM row(coalesce(last.counts, false), last.on_day, last.start_date_local, last.sport_type, last.distance_m, last.moving_time_seconds, last.elevation_gain_m, last.members, last.edited_at, last.said)
UNION ALL BY NAME
SELECT publish, $at::TIMESTAMPTZ AS published_at, $version AS version, false AS is_here, false AS counts, 'version' AS reason
FROM publishes
WHERE publishes.version <> $version
ORDER BY activity_id
