-- The activities on the route $id, the newest first, with what a heartbeat brought (m). $moment and $activity_id: of the last row of the page
-- before it, its start in microseconds; NULL: the first page.
WITH done AS (
    SELECT
        route.activity_id, counted.name, counted.on_day, coalesce(epoch_us(counted.start_date_local), 0) AS moment, counted.distance_m,
        counted.moving_time_seconds, counted.elapsed_time_seconds, route.length_m, route.similarity, route.direction,
        list.average_heartrate, list.average_speed,
        CASE WHEN list.average_heartrate > 0 THEN list.average_speed * 60 / list.average_heartrate END AS metres_per_beat
    FROM activity_routes AS route
    JOIN counted_activities AS counted USING (activity_id)
    LEFT JOIN activity_list AS list ON list.id = route.activity_id
    WHERE route.route_id = $id
)
SELECT *
FROM done
WHERE $moment::BIGINT IS NULL OR moment < $moment OR (moment = $moment AND activity_id < $activity_id)
ORDER BY moment DESC, activity_id DESC
LIMIT $most
