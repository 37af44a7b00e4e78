-- What each group of sports did on each local day of some years, up to `until`: `ids` in the order of their starts.
SELECT
    on_day,
    sport_group,
    list(activity_id ORDER BY start_date_local, activity_id) AS ids,
    sum(distance_m ORDER BY start_date_local, activity_id) AS distance_m,
    sum(moving_time_seconds)::BIGINT AS moving_time_seconds,
    sum(elevation_gain_m ORDER BY start_date_local, activity_id) AS elevation_gain_m
FROM counted_activities
WHERE athlete_id = $athlete_id AND list_contains($years::INTEGER[], local_year) AND on_day <= $until
GROUP BY on_day, sport_group
ORDER BY on_day, sport_group
