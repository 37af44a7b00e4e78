-- What each group of sports did on each local day of some years, up to `until`: `ids` in the order of their starts.
SELECT
    on_day,
    sport_group,
    list(activity_id ORDER BY start_date_local, activity_id) AS ids,
    {total_distance} AS distance_m,
    {total_time} AS moving_time_seconds,
    {total_climb} AS elevation_gain_m
FROM counted_activities
WHERE athlete_id = $athlete_id AND list_contains($years::INTEGER[], local_year) AND on_day <= $until
GROUP BY on_day, sport_group
ORDER BY on_day, sport_group
