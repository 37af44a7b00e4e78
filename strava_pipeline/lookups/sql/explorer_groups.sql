-- The groups of sports with visited tiles.
SELECT DISTINCT sport_group FROM visited_tiles WHERE athlete_id = $athlete_id ORDER BY sport_group
