-- The columns and rows of the visited tiles of $zoom. $sport_group NULL: of every sport.
SELECT DISTINCT x, y
FROM visited_tiles
WHERE zoom = $zoom AND athlete_id = $athlete_id AND ($sport_group::VARCHAR IS NULL OR sport_group = $sport_group)
