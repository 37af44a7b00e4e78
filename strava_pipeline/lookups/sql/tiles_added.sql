-- What each activity added: how many tiles of $zoom were first visited by it, the newest activities first. $moment and $activity_id: of the last row
-- of the page before it; NULL: the first page. $sport_group NULL: of every sport.
WITH tile AS (
    SELECT arg_min(activity_id, {'start': start_date_local, 'activity_id': activity_id}) AS activity_id
    FROM visited_tiles
    WHERE zoom = $zoom AND athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
    GROUP BY x, y
)
SELECT
    counted.activity_id, counted.name, counted.on_day, counted.sport_group, counted.distance_m,
    coalesce(epoch_us(counted.start_date_local), 0) AS moment, count(*) AS tiles
FROM tile
JOIN counted_activities AS counted USING (activity_id)
GROUP BY ALL
HAVING $moment::BIGINT IS NULL OR moment < $moment OR (moment = $moment AND counted.activity_id < $activity_id)
ORDER BY moment DESC, counted.activity_id DESC
LIMIT $most
