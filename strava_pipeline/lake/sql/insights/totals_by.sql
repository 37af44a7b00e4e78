-- Sums by {period} and sport, of what has a local day. A sum of nothing is NULL, not 0; in one order, since sums of doubles depend on theirs.
SELECT
    athlete_id,
    {columns},
    sport_group,
    sport_type,
    count(*) AS activities,
    count(DISTINCT on_day) AS active_days,
    sum(distance_m ORDER BY activity_id) AS distance_m,
    sum(moving_time_seconds)::BIGINT AS moving_time_seconds,
    sum(elapsed_time_seconds)::BIGINT AS elapsed_time_seconds,
    sum(elevation_gain_m ORDER BY activity_id) AS elevation_gain_m,
    sum(relative_effort ORDER BY activity_id) AS relative_effort,
    sum(training_stress ORDER BY activity_id) AS training_stress,
    sum(load ORDER BY activity_id) AS load
FROM counted_activities
LEFT JOIN (SELECT activity_id, load FROM activity_load) USING (activity_id)
WHERE on_day IS NOT NULL
GROUP BY ALL
