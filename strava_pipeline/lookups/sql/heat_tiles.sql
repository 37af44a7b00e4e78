-- The tiles of one size in a part of the map (columns $left to $right, rows $top to $bottom) with most activities of the athlete. From the
-- Parquet files $files, which are of the years that are asked for. $sport_group NULL: of every sport. {{of_zoom}}: of a file of several sizes.
-- $activities and $place: of the last one of the page before it, or NULL. `place`: column and row in one number.
SELECT x, y, (x::BIGINT << 24) + y AS place, sum(activities)::INTEGER AS activities
FROM read_parquet($files)
WHERE {of_zoom} AND athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
    AND y BETWEEN $top AND $bottom AND x BETWEEN $left AND $right
GROUP BY x, y
HAVING $activities::BIGINT IS NULL OR sum(activities) < $activities
    OR (sum(activities) = $activities AND place > $place)
ORDER BY activities DESC, place
LIMIT $most
