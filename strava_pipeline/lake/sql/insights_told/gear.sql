-- What was used in the year, and what it has done in all.
WITH of_year AS (
    SELECT gear_item AS item, {total_activities} AS activities, {total_distance} AS distance_m
    FROM counted_activities
    WHERE athlete_id = $athlete_id AND local_year = $year AND on_day <= $until AND gear_item IS NOT NULL
    GROUP BY gear_item
)
SELECT item, name, retired, of_year.activities, of_year.distance_m, gear_mileage.distance_m
FROM of_year
JOIN gear_mileage USING (item)
WHERE gear_mileage.athlete_id = $athlete_id
ORDER BY of_year.distance_m DESC NULLS LAST, item
