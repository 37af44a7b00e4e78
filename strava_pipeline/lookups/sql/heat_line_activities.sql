-- The activities of the athlete that came through a part of the map (cells in columns $left to $right, rows $top to $bottom), the newest
-- first. From the Parquet files $files, of one year. $sport_group NULL: of every sport.
SELECT activity_id
FROM counted_activities
WHERE athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
    AND activity_id IN (
        SELECT activity_id FROM read_parquet($files) WHERE y BETWEEN $top AND $bottom AND x BETWEEN $left AND $right
    )
ORDER BY start_date_local DESC, activity_id DESC
LIMIT $most
