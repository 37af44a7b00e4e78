-- What counts of each activity from $at on, where that differs from what was published last: rows for data/contributions. {{known}}: its
-- rows so far. A `reason` says why; what can't be told apart from the rows alone is `measured`: another recording came, or a
-- track was read.
WITH known AS (
    {known}
),
last AS (
    SELECT * FROM known QUALIFY row_number() OVER (PARTITION BY activity_id ORDER BY published_at DESC) = 1
),
now AS (
    SELECT activity_id, athlete_id, on_day, start_date_local, sport_type, sport_group, distance_m, moving_time_seconds, elevation_gain_m
    FROM counted_activities
),
edited AS (
    SELECT coalesce(member.activity_id, said.id) AS activity_id, max(said.edited_at) AS edited_at
    FROM activities_all AS said
    LEFT JOIN activity_members AS member ON member.id = said.id
    GROUP BY ALL
)
SELECT
    $at::TIMESTAMPTZ AS published_at,
    $version AS version,
    activity_id,
    coalesce(now.athlete_id, last.athlete_id) AS athlete_id,
    now.activity_id IS NOT NULL AS counts,
    now.* EXCLUDE (activity_id, athlete_id),
    edited.edited_at,
    md5(word::VARCHAR) AS said,
    CASE
        WHEN NOT EXISTS (FROM known) THEN 'known'
        WHEN now.activity_id IS NULL AND activity_id IN (SELECT id FROM activity_members WHERE place > 0) THEN 'joined'
        WHEN now.activity_id IS NULL AND word.deleted THEN 'deleted'
        WHEN now.activity_id IS NULL AND (head.id IS NULL OR head.deleted_at IS NOT NULL) THEN 'gone'
        WHEN now.activity_id IS NULL THEN 'counts_no_more'
        WHEN last.activity_id IS NULL AND coalesce(head.ingestion_ts > (SELECT max(edited_at) FROM known), true) THEN 'came'
        WHEN NOT coalesce(last.counts, false) THEN 'counts_now'
        WHEN last.version <> $version THEN 'version'
        WHEN md5(word::VARCHAR) IS DISTINCT FROM last.said THEN 'said'
        WHEN edited.edited_at > last.edited_at THEN 'edited'
        ELSE 'measured'
    END AS reason
FROM now
FULL JOIN last USING (activity_id)
LEFT JOIN activities_all AS head ON head.id = activity_id
LEFT JOIN own_values AS word USING (activity_id)
LEFT JOIN edited USING (activity_id)
WHERE (now.activity_id IS NOT NULL) <> coalesce(last.counts, false)
   OR row(now.on_day, now.start_date_local, now.sport_type, now.distance_m, now.moving_time_seconds, now.elevation_gain_m)
      IS DISTINCT FROM row(last.on_day, last.start_date_local, last.sport_type, last.distance_m, last.moving_time_seconds, last.elevation_gain_m)
ORDER BY activity_id
