-- What was used in the year, and what it has done in all.
WITH of_year AS (
    SELECT gear_source, gear_id, count(*) AS activities, sum(distance_m) AS distance_m
    FROM counted_activities
    WHERE athlete_id = $athlete_id AND local_year = $year AND on_day <= $until AND gear_id IS NOT NULL
    GROUP BY gear_source, gear_id
)
SELECT gear_id, name, retired, of_year.activities, of_year.distance_m, gear_mileage.distance_m
FROM of_year
JOIN gear_mileage USING (gear_source, gear_id)
WHERE gear_mileage.athlete_id = $athlete_id
ORDER BY of_year.distance_m DESC NULLS LAST, gear_source, gear_id
