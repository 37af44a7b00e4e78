-- How many tiles of each zoom the activity $id was the first in, whatever the sport.
WITH visited AS (
    SELECT DISTINCT athlete_id, zoom, x, y FROM visited_tiles WHERE activity_id = $id
)
SELECT zoom, count(*) AS tiles
FROM (
    SELECT zoom, arg_min(activity_id, {'start': start_date_local, 'activity_id': activity_id}) AS activity_id
    FROM visited_tiles
    SEMI JOIN visited USING (athlete_id, zoom, x, y)
    GROUP BY zoom, x, y
)
WHERE activity_id = $id
GROUP BY zoom
ORDER BY zoom
