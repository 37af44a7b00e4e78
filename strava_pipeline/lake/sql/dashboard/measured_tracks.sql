-- How many activities of each local year and group have a track that was measured; from the Parquet files $files of curves.
SELECT counted.local_year AS year, counted.sport_group, count(DISTINCT curves.activity_id) AS activities
FROM read_parquet($files) AS curves
JOIN counted_activities AS counted USING (activity_id)
WHERE counted.athlete_id = $athlete_id
GROUP BY ALL
ORDER BY ALL
