-- The visited tiles of $zoom in a part of the map (columns $left to $right, rows $top to $bottom), each with its first visit, the latest
-- ones first. $sport_group NULL: of every sport. $moment and $place: of the last
-- one of the page before it; NULL: the first page. `place`: column and row in one number.
WITH tile AS (
    SELECT
        x, y, (x::BIGINT << 24) + y AS place,
        arg_min(activity_id, {'start': start_date_local, 'activity_id': activity_id}) AS activity_id,
        min(start_date_local) AS start_date_local,
        coalesce(epoch_us(min(start_date_local)), 0) AS moment,
        sum(activities)::BIGINT AS activities
    FROM visited_tiles
    WHERE zoom = $zoom AND athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
        AND y BETWEEN $top AND $bottom AND x BETWEEN $left AND $right
    GROUP BY x, y
)
SELECT *
FROM tile
WHERE $moment::BIGINT IS NULL OR moment < $moment OR (moment = $moment AND place > $place)
ORDER BY moment DESC, place
LIMIT $most
