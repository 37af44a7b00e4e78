-- How much is done on which day of the week.
SELECT
    sport_group,
    isodow(on_day) AS weekday,
    count(*) AS activities,
    avg(distance_m) / 1000 AS mean_km,
    sum(moving_time_seconds) / 3600 AS hours
FROM {{ source('strava', 'counted_activities') }}
WHERE on_day IS NOT NULL
GROUP BY sport_group, weekday
