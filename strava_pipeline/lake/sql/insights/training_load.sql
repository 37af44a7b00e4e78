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
-- with 6/7 these numbers would become too large in twelve years, so each thousand days are summed by themselves, and what the last of
-- them leaves is carried on; of the thousand before those nothing is left that a number could hold
thousands AS (
    SELECT
        athlete_id,
        measure,
        on_day,
        place // 1000 AS thousand,
        place % 1000 AS place,
        sum(load * (7.0 / 6) ** (place % 1000)) OVER (PARTITION BY athlete_id, measure, place // 1000 ORDER BY place)
            * (6.0 / 7) ** (place % 1000) / 7 AS fatigue
    FROM loaded
),
carried AS (
    SELECT athlete_id, measure, thousand + 1 AS thousand, fatigue FROM thousands WHERE place = 999
),
fatigue AS (
    SELECT
        athlete_id,
        measure,
        on_day,
        coalesce(thousands.fatigue, 0) + coalesce(carried.fatigue, 0) * (6.0 / 7) ** (place + 1) AS fatigue
    FROM thousands
    LEFT JOIN carried USING (athlete_id, measure, thousand)
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
