-- How long each zone of power and heart rate held, by month of $year, with the zones that held then; from the Parquet files $files.
SELECT
    held.measure,
    strftime(counted.on_day, '%Y-%m') AS month,
    zones.zone,
    sum(held.seconds) AS seconds
FROM read_parquet($files) AS held
JOIN counted_activities AS counted USING (activity_id)
JOIN training_zones AS zones ON zones.measure = held.measure
WHERE counted.athlete_id = $athlete_id
  AND counted.local_year = $year
  AND counted.on_day >= zones.since
  AND (zones.until IS NULL OR counted.on_day < zones.until)
  AND held.value >= zones.from_value
  AND (zones.below_value IS NULL OR held.value < zones.below_value)
GROUP BY ALL
ORDER BY ALL
