-- Fitness, fatigue and form at the end of the year so far (`until`), carried on through the rest since the last activity; and the
-- year's highest fitness.
WITH of_year AS (
    SELECT
        measure,
        arg_max(fitness, on_day) AS fitness,
        arg_max(fatigue, on_day) AS fatigue,
        arg_max(form, on_day) AS form,
        $until - max(on_day) AS rest,
        max(fitness) AS highest,
        arg_max(on_day, fitness) AS highest_on
    FROM training_load
    WHERE athlete_id = $athlete_id AND year(on_day) = $year AND on_day <= $until
    GROUP BY measure
)
SELECT
    measure,
    $until::DATE,
    fitness * (41.0 / 42) ** rest,
    fatigue * (6.0 / 7) ** rest,
    CASE WHEN rest = 0 THEN form ELSE fitness * (41.0 / 42) ** (rest - 1) - fatigue * (6.0 / 7) ** (rest - 1) END,
    highest,
    highest_on
FROM of_year
ORDER BY measure
