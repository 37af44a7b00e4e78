-- When the activities of $years were first and last seen in a listing of the provider $source. $shards: every file that may hold one of them.
CREATE OR REPLACE TEMP TABLE sightings AS
SELECT activity.id, activity.year, activity.athlete_id, activity.account,
    -- of an activity of which only the day is known, its midnight
    coalesce(epoch_us(activity.start_date), epoch_us(activity.start_date_local)) / 1e6 AS start,
    seen.first_at, seen.last_at
FROM activities_all AS activity
JOIN (
    SELECT id, min(ingestion_ts) AS first_at, max(ingestion_ts) AS last_at
    FROM read_parquet($shards, hive_partitioning = false)
    WHERE source = $source
    GROUP BY id
) AS seen ON seen.id = activity.id
WHERE activity.source = $source AND activity.year IN (SELECT unnest($years))
