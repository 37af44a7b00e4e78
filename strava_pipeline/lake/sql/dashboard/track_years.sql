-- The local years with an activity whose track was measured; from the Parquet files $files of curves.
SELECT DISTINCT counted.local_year AS year
FROM read_parquet($files) AS curves
JOIN counted_activities AS counted USING (activity_id)
WHERE counted.athlete_id = $athlete_id
ORDER BY year
