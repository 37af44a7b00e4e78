-- Days, and ISO weeks, without a break, by group and of everything: each day minus its place in the row is one and the same
-- number as long as none is missing.
WITH grouped AS (
    SELECT athlete_id, sport_group, on_day FROM counted_activities WHERE on_day IS NOT NULL
    UNION ALL
    SELECT athlete_id, 'all', on_day FROM counted_activities WHERE on_day IS NOT NULL
),
counted AS (
    SELECT athlete_id, sport_group, 'day' AS unit, on_day AS starts_on, (on_day - DATE '1970-01-01') AS number, count(*) AS activities
    FROM grouped
    GROUP BY ALL
    UNION ALL
    SELECT athlete_id, sport_group, 'week', date_trunc('week', on_day)::DATE, (date_trunc('week', on_day)::DATE - DATE '1970-01-05') // 7,
        count(*)
    FROM grouped
    GROUP BY ALL
),
placed AS (
    SELECT *, number - row_number() OVER (PARTITION BY athlete_id, sport_group, unit ORDER BY number) AS island FROM counted
)
SELECT
    athlete_id,
    sport_group,
    unit,
    min(starts_on) AS starts_on,
    max(starts_on) + CASE unit WHEN 'week' THEN 6 ELSE 0 END AS ends_on,
    count(*) AS length,
    sum(activities)::BIGINT AS activities
FROM placed
GROUP BY athlete_id, sport_group, unit, island
