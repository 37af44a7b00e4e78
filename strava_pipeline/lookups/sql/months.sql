-- The totals of each local month that has an activity, the newest first.
SELECT
    strftime(on_day, '%Y-%m') AS month,
    count(*)::BIGINT AS activities,
    sum(distance_m) AS distance_m,
    sum(moving_time_seconds)::BIGINT AS moving_time_seconds
FROM counted_activities
WHERE athlete_id = $athlete_id AND on_day IS NOT NULL
GROUP BY month
ORDER BY month DESC
