-- What the athlete did on each local day from $first_on to $last_on that has an activity.
SELECT
    on_day,
    {total_activities} AS activities,
    coalesce({total_distance}, 0) AS distance_m,
    coalesce({total_time}, 0) AS moving_time_seconds,
    coalesce({total_climb}, 0) AS elevation_gain_m,
    coalesce({total_load}, 0) AS load
FROM counted_activities
LEFT JOIN (SELECT activity_id, load FROM activity_load) USING (activity_id)
WHERE athlete_id = $athlete_id AND on_day BETWEEN $first_on AND $last_on
GROUP BY on_day
ORDER BY on_day
