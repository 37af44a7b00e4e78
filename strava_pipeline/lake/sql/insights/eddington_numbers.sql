-- The greatest number E so that on E days at least E kilometres (miles) were covered; of each year, and of all (local_year NULL).
-- A millimetre is given for what sums of doubles lack. With c days of at least w, E is the greatest of the lesser of w and c.
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
    SELECT athlete_id, sport_group, local_year, unit, floor((distance_m + 0.001) / metres)::BIGINT AS whole, count(*) AS days
    FROM days
    CROSS JOIN (VALUES ('km', 1000.0), ('mile', 1609.344)) AS lengths (unit, metres)
    GROUP BY GROUPING SETS ((athlete_id, sport_group, local_year, unit, whole), (athlete_id, sport_group, unit, whole))
),
reached AS (
    SELECT *, sum(days) OVER (PARTITION BY athlete_id, sport_group, local_year, unit ORDER BY whole DESC) AS of_at_least
    FROM covered
),
numbered AS (
    SELECT *, max(least(whole, of_at_least)) OVER (PARTITION BY athlete_id, sport_group, local_year, unit)::BIGINT AS number
    FROM reached
)
SELECT
    athlete_id,
    sport_group,
    local_year,
    unit,
    number AS eddington,
    number + 1 - coalesce(sum(days) FILTER (whole > number), 0)::BIGINT AS days_to_next
FROM numbered
GROUP BY athlete_id, sport_group, local_year, unit, number
