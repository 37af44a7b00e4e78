-- Fitness and fatigue by day: each follows the day's load by 1/42 and by 1/7 of the difference; form is yesterday's fitness minus
-- yesterday's fatigue (Allen, Coggan: Training and Racing with a Power Meter, 2nd ed. 2010, ch. 8; after Banister 1975). Each measure
-- by itself: their scales are not one. A day whose activities all lack the measure has no load, and counts as rest.
WITH loads AS (
    SELECT athlete_id, on_day, 'relative_effort' AS measure, relative_effort AS load FROM counted_activities WHERE on_day >= DATE '1970-01-01'
    UNION ALL
    SELECT athlete_id, on_day, 'training_stress', training_stress FROM counted_activities WHERE on_day >= DATE '1970-01-01'
),
daily AS (
    SELECT athlete_id, measure, on_day, sum(load) AS load, count(*) FILTER (load IS NULL) AS unmeasured FROM loads GROUP BY ALL
),
spans AS (
    SELECT athlete_id, measure, min(on_day) FILTER (load IS NOT NULL) AS begins, max(on_day) AS ends FROM daily GROUP BY ALL
),
-- a clock that was wrong by decades would make rows for all of them, and the numbers below too large: 28,000 days are 76 years
days AS (
    SELECT athlete_id, measure, begins + place::INTEGER AS on_day, place
    FROM (SELECT *, unnest(range(0, least(ends - begins, 28000) + 1)) AS place FROM spans WHERE begins IS NOT NULL)
),
loaded AS (
    SELECT
        days.*,
        CASE WHEN daily.on_day IS NULL THEN 0 ELSE daily.load END AS load,
        coalesce(daily.unmeasured, 0) AS unmeasured_activities
    FROM days
    LEFT JOIN daily USING (athlete_id, measure, on_day)
),
-- what is left of a load a day later is 41/42 of it: summed as loads that grow instead, one pass tells all days
fitness AS (
    SELECT
        athlete_id,
        measure,
        on_day,
        sum(load * (42.0 / 41) ** place) OVER (PARTITION BY athlete_id, measure ORDER BY place) * (41.0 / 42) ** place / 42 AS fitness
    FROM loaded
),
-- with 6/7 these numbers would become too large in twelve years; but after 200 days less than 10⁻¹³ is left of a load
fatigue AS (
    SELECT later.athlete_id, later.measure, later.on_day, sum(loaded.load * (6.0 / 7) ** (later.place - loaded.place)) / 7 AS fatigue
    FROM loaded AS later
    JOIN loaded
        ON loaded.athlete_id = later.athlete_id
        AND loaded.measure = later.measure
        AND loaded.place BETWEEN later.place - 200 AND later.place
    WHERE loaded.load > 0
    GROUP BY ALL
)
SELECT
    athlete_id,
    measure,
    on_day,
    load,
    unmeasured_activities,
    coalesce(fitness, 0) AS fitness,
    coalesce(fatigue, 0) AS fatigue,
    coalesce(lag(fitness) OVER by_day, 0) - coalesce(lag(fatigue) OVER by_day, 0) AS form
FROM loaded
LEFT JOIN fitness USING (athlete_id, measure, on_day)
LEFT JOIN fatigue USING (athlete_id, measure, on_day)
WINDOW by_day AS (PARTITION BY athlete_id, measure ORDER BY on_day)
