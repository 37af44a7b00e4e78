-- The edges, in tiles of $zoom, of where the athlete went most: of the square of $side tiles with most visited ones, and the eight around
-- it. From the Parquet files $files.
WITH seen AS (
    SELECT DISTINCT x, y, x // $side AS square_x, y // $side AS square_y
    FROM read_parquet($files)
    WHERE zoom = $zoom AND athlete_id = $athlete_id
), busiest AS (
    SELECT square_x, square_y FROM seen GROUP BY ALL ORDER BY count(*) DESC, square_x, square_y LIMIT 1
)
SELECT min(x) AS "left", max(x) AS "right", min(y) AS top, max(y) AS bottom
FROM seen
JOIN busiest ON abs(seen.square_x - busiest.square_x) <= 1 AND abs(seen.square_y - busiest.square_y) <= 1
HAVING count(*) > 0
