-- The groups of sports of each local day of $year that has an activity, the one with the most time first.
SELECT on_day, list(sport_group ORDER BY seconds DESC, sport_group) AS sport_groups
FROM (
    SELECT on_day, sport_group, sum(coalesce(moving_time_seconds, 0)) AS seconds
    FROM counted_activities
    WHERE athlete_id = $athlete_id AND local_year = $year
    GROUP BY on_day, sport_group
)
GROUP BY on_day
