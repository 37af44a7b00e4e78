-- A year's sums: of everything (both NULL), by month, by sport.
SELECT
    month(on_day) AS local_month,
    sport_type,
    any_value(sport_group) AS sport_group,
    {total_activities} AS activities,
    {total_days} AS active_days,
    {total_distance} AS distance_m,
    {total_time} AS moving_time_seconds,
    {total_climb} AS elevation_gain_m,
    grouping(month(on_day)) AS of_all_months,
    grouping(sport_type) AS of_all_sports,
    count(*) - count(moving_time_seconds) AS without_moving_time,
    count(*) FILTER (elevation_gain_m IS NULL AND NOT list_contains($lifted::VARCHAR[], coalesce(sport_type, ''))) AS without_climb
FROM counted_activities
WHERE athlete_id = $athlete_id AND local_year = $year AND on_day <= $until
GROUP BY GROUPING SETS ((), (month(on_day)), (sport_type))
ORDER BY local_month, activities DESC, sport_type
