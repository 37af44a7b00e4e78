-- The cells of the map with most activities of the athlete: tiles of zoom 21 joined to those $levels zooms above, each with the most that
-- one of them had. From the Parquet files $files, which are of the years that are asked for. $sport_group NULL: of every sport.
SELECT x >> $levels AS tile_x, y >> $levels AS tile_y, max(activities)::INTEGER AS most
FROM (
    SELECT x, y, sum(activities) AS activities
    FROM read_parquet($files)
    WHERE athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
    GROUP BY x, y
)
GROUP BY tile_x, tile_y
ORDER BY most DESC, tile_x, tile_y
LIMIT $limit
