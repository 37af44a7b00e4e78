-- How long each zone of power and heart rate held in $sport_group, by month, from $first to $until; out of the Parquet files $files.
SELECT measure, strftime(on_day, '%Y-%m') AS month, zone, {total_in_zone} AS seconds
FROM time_in_zones($files)
WHERE athlete_id = $athlete_id AND on_day BETWEEN $first AND $until AND sport_group = $sport_group
GROUP BY ALL
ORDER BY ALL
