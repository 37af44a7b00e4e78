-- The greatest number E so that on E days at least E kilometres (miles) were covered; of each year, and of all (local_year NULL).
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
    SELECT athlete_id, sport_group, unit, metres, span, floor(distance_m / metres)::INTEGER AS whole
    FROM (SELECT *, local_year AS span FROM days UNION ALL SELECT *, NULL AS span FROM days)
    CROSS JOIN (VALUES ('km', 1000.0), ('mile', 1609.344)) AS lengths (unit, metres)
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY athlete_id, sport_group, unit, span ORDER BY whole DESC) AS place FROM covered
),
numbered AS (
    SELECT *, count(*) FILTER (whole >= place) OVER (PARTITION BY athlete_id, sport_group, unit, span) AS number FROM placed
)
SELECT
    athlete_id,
    sport_group,
    span AS local_year,
    unit,
    number AS eddington,
    number + 1 - count(*) FILTER (whole > number) AS days_to_next
FROM numbered
GROUP BY athlete_id, sport_group, span, unit, number
