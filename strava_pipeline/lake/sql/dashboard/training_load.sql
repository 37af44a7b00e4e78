-- Load, fitness, fatigue and form of the athlete by day, from $first_on to $last_on.
SELECT measure, on_day, load, fitness, fatigue, form
FROM training_load
WHERE athlete_id = $athlete_id AND on_day BETWEEN $first_on AND $last_on
ORDER BY measure, on_day
