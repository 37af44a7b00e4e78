-- Fitness, fatigue and form at the end of what is known of the year, and its highest fitness.
SELECT
    measure,
    max(on_day),
    arg_max(fitness, on_day),
    arg_max(fatigue, on_day),
    arg_max(form, on_day),
    max(fitness),
    arg_max(on_day, fitness)
FROM training_load
WHERE athlete_id = $athlete_id AND year(on_day) = $year
GROUP BY measure
ORDER BY measure
