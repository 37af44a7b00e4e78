-- Which years and groups of sports of the athlete are on the map. From the Parquet files $files, each in the folder of its year; $zoom: of
-- the largest tiles, which are the fewest rows.
SELECT DISTINCT regexp_extract(filename, 'year=(\d+)', 1)::INTEGER AS year, sport_group
FROM read_parquet($files, filename = true, hive_partitioning = false)
WHERE athlete_id = $athlete_id AND zoom = $zoom
