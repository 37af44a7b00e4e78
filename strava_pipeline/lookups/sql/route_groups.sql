-- The groups of sports with routes that were taken twice or more.
SELECT DISTINCT sport_group FROM routes WHERE athlete_id = $athlete_id AND activities > 1 ORDER BY sport_group
