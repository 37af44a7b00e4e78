-- The seconds at each heart rate of each activity, out of a year's file of `value_seconds`.
SELECT activity_id, athlete_id, list(value::DOUBLE ORDER BY value) AS heartrates, list(seconds ORDER BY value) AS seconds
FROM read_parquet($path, hive_partitioning = false)
WHERE measure = 'heartrate'
GROUP BY activity_id, athlete_id
