-- Fitness and fatigue by day: each follows the day's load by 1/42 and by 1/7 of the difference; form is their difference
-- (Allen, Coggan: Training and Racing with a Power Meter, 2nd ed. 2010, ch. 8; after Banister 1975). A day whose
-- activities all lack a load has none, and counts as rest.
WITH daily AS (
    SELECT
        counted.athlete_id,
        counted.on_day,
        sum(held.load ORDER BY activity_id) AS load,
        list_sort(list(DISTINCT held.method) FILTER (held.method IS NOT NULL)) AS methods,
        count(*) FILTER (held.load IS NULL) AS unmeasured,
        count(held.threshold_on) AS estimated
    FROM counted_activities AS counted
    LEFT JOIN activity_load AS held USING (activity_id)
    WHERE counted.on_day >= DATE '1970-01-01'
    GROUP BY ALL
),
-- a clock that was wrong by decades would make rows for all of them, and the numbers below too large: 28,000 days are 76 years
days AS (
    SELECT athlete_id, begins + place::INTEGER AS on_day, place
    FROM (
        SELECT athlete_id, min(on_day) FILTER (load IS NOT NULL) AS begins, unnest(range(0, least(max(on_day) - begins, 28000) + 1)) AS place
        FROM daily
        GROUP BY athlete_id
    )
),
loaded AS (
    SELECT
        days.*,
        CASE WHEN daily.on_day IS NULL THEN 0 ELSE daily.load END AS load,
        daily.methods,
        coalesce(daily.unmeasured, 0) AS unmeasured_activities,
        coalesce(daily.estimated, 0) AS estimated_activities
    FROM days
    LEFT JOIN daily USING (athlete_id, on_day)
),
-- what is left of a load a day later is 41/42 and 6/7 of it: summed as loads that grow instead, one pass tells all days. These numbers
-- would become too large for fatigue, so each 4,000 days are summed by themselves, and what the last of them leaves is carried on; of the
-- 4,000 before those nothing is left that a number could hold
spells AS (
    SELECT
        *,
        place // 4000 AS spell,
        place % 4000 AS age,
        coalesce(sum(load * (42.0 / 41) ** age) OVER so_far * (41.0 / 42) ** age / 42, 0) AS fitness,
        coalesce(sum(load * (7.0 / 6) ** age) OVER so_far * (6.0 / 7) ** age / 7, 0) AS fatigue
    FROM loaded
    WINDOW so_far AS (PARTITION BY athlete_id, place // 4000 ORDER BY place)
),
carried AS (
    SELECT athlete_id, spell + 1 AS spell, fitness, fatigue FROM spells WHERE age = 3999
),
states AS (
    SELECT spells.* REPLACE (
        spells.fitness + coalesce(carried.fitness, 0) * (41.0 / 42) ** (age + 1) AS fitness,
        spells.fatigue + coalesce(carried.fatigue, 0) * (6.0 / 7) ** (age + 1) AS fatigue
    )
    FROM spells
    LEFT JOIN carried USING (athlete_id, spell)
)
SELECT
    * EXCLUDE (place, spell, age),
    fitness - fatigue AS form
FROM states
