-- The best of each window in $sport_group, of $year and of all years, with the activities that hold them; from the Parquet files $files.
-- Power that was estimated does not count. Watts per kilogram are by the weight that held then.
WITH best AS (
    SELECT
        curves.measure,
        curves.width,
        counted.local_year = $year AS is_of_year,
        curves.activity_id,
        counted.on_day,
        curves.value,
        CASE curves.measure WHEN 'watts' THEN curves.value / athlete_by_date.weight_kg END AS watts_per_kg,
        CASE curves.measure WHEN 'watts' THEN -curves.value ELSE curves.value END AS rank
    FROM read_parquet($files) AS curves
    JOIN counted_activities AS counted USING (activity_id)
    JOIN activities ON activities.id = curves.activity_id
    LEFT JOIN athlete_by_date
        ON counted.on_day >= athlete_by_date.since
        AND (athlete_by_date.until IS NULL OR counted.on_day < athlete_by_date.until)
    WHERE counted.athlete_id = $athlete_id
      AND counted.sport_group = $sport_group AND (curves.measure <> 'watts' OR activities.device_watts IS NOT false)
)
SELECT
    measure,
    width,
    arg_min(
        {'value': value, 'activity_id': activity_id, 'on_day': on_day, 'watts_per_kg': watts_per_kg}, (rank, on_day, activity_id)
    ) FILTER (is_of_year) AS of_year,
    arg_min(
        {'value': value, 'activity_id': activity_id, 'on_day': on_day, 'watts_per_kg': watts_per_kg}, (rank, on_day, activity_id)
    ) AS of_all
FROM best
GROUP BY measure, width
ORDER BY measure, width
