-- The activities of the athlete in each pixel of a square of the map. A pixel is $size tiles of $zoom wide; of its tiles the busiest counts.
-- `place`: of its byte, line after line, each with one byte before it. From the Parquet files $files. $sport_group NULL: of every sport.
WITH seen AS (
    SELECT x, y, sum(activities)::INTEGER AS activities
    FROM read_parquet($files)
    WHERE zoom = $zoom AND athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
        AND y >= $top AND y < $top + $across * $size AND x >= $left AND x < $left + $across * $size
    GROUP BY x, y
)
SELECT ((y - $top) // $size) * ($across + 1) + 1 + (x - $left) // $size AS place, max(activities) AS activities
FROM seen
GROUP BY place
