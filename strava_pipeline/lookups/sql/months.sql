-- The totals of each local month that has an activity, the newest first.
SELECT
    strftime(on_day, '%Y-%m') AS month,
    {total_activities} AS activities,
    {total_distance} AS distance_m,
    {total_time} AS moving_time_seconds
FROM counted_activities
WHERE athlete_id = $athlete_id AND on_day IS NOT NULL
GROUP BY month
ORDER BY month DESC
