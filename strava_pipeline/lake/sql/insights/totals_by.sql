-- Sums by {period} and sport, of what has a local day. A sum of nothing is NULL, not 0; in one order, since sums of doubles depend on theirs.
SELECT
    athlete_id,
    {columns},
    sport_group,
    sport_type,
    {total_activities} AS activities,
    {total_days} AS active_days,
    {total_distance} AS distance_m,
    {total_time} AS moving_time_seconds,
    sum(elapsed_time_seconds)::BIGINT AS elapsed_time_seconds,
    {total_climb} AS elevation_gain_m,
    sum(relative_effort ORDER BY activity_id) AS relative_effort,
    sum(training_stress ORDER BY activity_id) AS training_stress,
    {total_load} AS load
FROM counted_activities
LEFT JOIN (SELECT activity_id, load FROM activity_load) USING (activity_id)
WHERE on_day IS NOT NULL
GROUP BY ALL
