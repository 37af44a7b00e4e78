-- The local day of the athlete's first activity; NULL: none has a day.
SELECT min(on_day) AS on_day FROM counted_activities WHERE athlete_id = $athlete_id
