-- The greatest number E so that on E days at least E kilometres (miles) were covered; of each year, and of all (local_year NULL).
-- A millimetre is given for what sums of doubles lack.
WITH days AS (
    SELECT athlete_id, sport_group, on_day, local_year, sum(distance_m) AS distance_m
    FROM (
        SELECT athlete_id, sport_group, on_day, local_year, distance_m FROM counted_activities
        UNION ALL
        SELECT athlete_id, 'all', on_day, local_year, distance_m FROM counted_activities
    )
    WHERE on_day IS NOT NULL AND distance_m > 0
    GROUP BY ALL
),
covered AS (
    SELECT athlete_id, sport_group, local_year, unit, floor((distance_m + 0.001) / metres)::BIGINT AS whole
    FROM days
    CROSS JOIN (VALUES ('km', 1000.0), ('mile', 1609.344)) AS lengths (unit, metres)
),
numbered AS (
    SELECT athlete_id, sport_group, local_year, unit, list(whole) AS of_days, {total_eddington} AS eddington
    FROM covered
    GROUP BY GROUPING SETS ((athlete_id, sport_group, local_year, unit), (athlete_id, sport_group, unit))
)
SELECT
    * EXCLUDE (of_days),
    eddington + 1 - len(list_filter(of_days, lambda whole: whole > eddington)) AS days_to_next
FROM numbered
