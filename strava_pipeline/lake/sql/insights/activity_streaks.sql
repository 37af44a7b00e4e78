-- Days, and ISO weeks, without a break, by group and of everything: each day (week) minus its place in the row is one and the same
-- number as long as none is missing.
WITH grouped AS (
    SELECT athlete_id, sport_group, on_day FROM counted_activities WHERE on_day IS NOT NULL
    UNION ALL
    SELECT athlete_id, 'all', on_day FROM counted_activities WHERE on_day IS NOT NULL
),
counted AS (
    SELECT
        athlete_id,
        sport_group,
        unit,
        CASE unit WHEN 'day' THEN on_day - DATE '1970-01-05' ELSE (date_trunc('week', on_day)::DATE - DATE '1970-01-05') // 7 END AS number,
        min(on_day) AS first_on,
        max(on_day) AS last_on,
        count(*) AS activities
    FROM grouped
    CROSS JOIN (VALUES ('day'), ('week')) AS units (unit)
    GROUP BY ALL
),
placed AS (
    SELECT *, number - row_number() OVER (PARTITION BY athlete_id, sport_group, unit ORDER BY number) AS island FROM counted
)
SELECT
    athlete_id,
    sport_group,
    unit,
    min(first_on) AS starts_on,
    max(last_on) AS ends_on,
    count(*) AS length,
    sum(activities)::BIGINT AS activities
FROM placed
GROUP BY athlete_id, sport_group, unit, island
