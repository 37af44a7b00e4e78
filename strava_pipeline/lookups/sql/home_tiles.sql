-- The edges, in tiles of $zoom, of where the athlete went around the tile that most activities came through: in its square of $side
-- tiles, and the eight around that. From the Parquet files $files.
WITH seen AS (
    SELECT x, y, x // $side AS square_x, y // $side AS square_y, sum(activities) AS activities
    FROM read_parquet($files)
    WHERE zoom = $zoom AND athlete_id = $athlete_id
    GROUP BY ALL
), busiest AS (
    SELECT square_x, square_y
    FROM seen
    ORDER BY activities DESC, sum(activities) OVER (PARTITION BY square_x, square_y) DESC, x, y
    LIMIT 1
)
SELECT min(x) AS "left", max(x) AS "right", min(y) AS top, max(y) AS bottom
FROM seen
JOIN busiest ON abs(seen.square_x - busiest.square_x) <= 1 AND abs(seen.square_y - busiest.square_y) <= 1
HAVING count(*) > 0
