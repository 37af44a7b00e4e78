-- The activities of the busiest tile of $zoom, and the edges, in such tiles, of where the athlete went most and of everywhere. Most: around the busiest tile, at most $reach tiles from it,
-- those with at least a part $share of its activities. From the Parquet files $files. $sport_group NULL: of every sport.
WITH seen AS (
    SELECT x, y, sum(activities) AS activities
    FROM read_parquet($files)
    WHERE zoom = $zoom AND athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
    GROUP BY x, y
), busiest AS (
    SELECT x AS middle_x, y AS middle_y, activities AS most FROM seen ORDER BY activities DESC, y, x LIMIT 1
), areas AS (
    SELECT *, abs(x - middle_x) <= $reach AND abs(y - middle_y) <= $reach AND activities >= $share * most AS is_near
    FROM seen, busiest
)
SELECT
    max(activities)::INTEGER AS busiest,
    min(x) FILTER (is_near) AS "left", min(y) FILTER (is_near) AS top,
    max(x) FILTER (is_near) AS "right", max(y) FILTER (is_near) AS bottom,
    min(x) AS least_x, min(y) AS least_y, max(x) AS most_x, max(y) AS most_y
FROM areas
HAVING count(*) > 0
