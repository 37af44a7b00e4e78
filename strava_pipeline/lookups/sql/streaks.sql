-- The longest rows of days and of weeks of all years; of equal ones the latest.
SELECT unit, length, starts_on, ends_on
FROM activity_streaks
WHERE athlete_id = $athlete_id AND sport_group = 'all'
QUALIFY row_number() OVER (PARTITION BY unit ORDER BY length DESC, ends_on DESC) = 1
ORDER BY unit
