-- Load, fitness, fatigue and form of each day from $first to $until, and the methods of the day's loads; carried on through the rest since
-- the last activity, which may lie before.
WITH known AS (
    SELECT on_day, fitness, fatigue, form, load, methods, estimated_activities, unmeasured_activities
    FROM training_load
    WHERE athlete_id = $athlete_id AND on_day <= $until
),
last AS (
    SELECT max(on_day) AS on_day, arg_max(fitness, on_day) AS fitness, arg_max(fatigue, on_day) AS fatigue FROM known
),
rest AS (
    SELECT *, unnest(range(1, $until - on_day + 1)) AS days FROM last
)
SELECT on_day, fitness, fatigue, form, load, methods, estimated_activities, unmeasured_activities FROM known WHERE on_day >= $first
UNION ALL
SELECT
    on_day + days::INTEGER AS day,
    fitness * (41.0 / 42) ** days AS fitness_then,
    fatigue * (6.0 / 7) ** days AS fatigue_then,
    fitness_then - fatigue_then,
    0,
    NULL,
    0,
    0
FROM rest
WHERE day >= $first
ORDER BY on_day
