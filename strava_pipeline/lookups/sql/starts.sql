-- When the activities of a local year begin: by day of the week (`part` weekday, 0 for Monday), and by hour of the day (`part` hour).
-- `number` NULL: of these the day alone is known.
WITH started AS (
    SELECT
        isodow(on_day) - 1 AS weekday,
        CASE WHEN has_time THEN hour(start_date_local) END AS hour,
        activity_id,
        distance_m,
        moving_time_seconds
    FROM counted_activities
    WHERE athlete_id = $athlete_id AND local_year = $year
)
SELECT
    CASE WHEN grouping(weekday) = 0 THEN 'weekday' ELSE 'hour' END AS part,
    CASE WHEN grouping(weekday) = 0 THEN weekday ELSE hour END AS number,
    {total_activities} AS activities,
    coalesce({total_distance}, 0) AS distance_m,
    coalesce({total_time}, 0) AS moving_time_seconds
FROM started
GROUP BY GROUPING SETS ((weekday), (hour))
ORDER BY part, number
