-- How long each zone of power and heart rate held in $sport_group, by month of $year; from the Parquet files $files.
SELECT measure, strftime(on_day, '%Y-%m') AS month, zone, sum(seconds) AS seconds
FROM time_in_zones($files)
WHERE athlete_id = $athlete_id AND local_year = $year AND sport_group = $sport_group
GROUP BY ALL
ORDER BY ALL
