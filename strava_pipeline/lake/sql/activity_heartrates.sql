-- The seconds at each heart rate of each activity, and those with a power, out of a year's file of `value_seconds`.
SELECT
    activity_id,
    athlete_id,
    list(value::DOUBLE ORDER BY value) FILTER (measure = 'heartrate') AS heartrates,
    list(seconds ORDER BY value) FILTER (measure = 'heartrate') AS seconds,
    sum(seconds) FILTER (measure = 'watts') AS powered_seconds
FROM read_parquet($path, hive_partitioning = false)
GROUP BY activity_id, athlete_id
