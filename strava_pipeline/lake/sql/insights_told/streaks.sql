-- The longest rows of days and of weeks that touch the year; of equal ones the latest.
SELECT unit, length, starts_on, ends_on
FROM activity_streaks
WHERE athlete_id = $athlete_id AND sport_group = 'all' AND year(starts_on) <= $year AND year(ends_on) >= $year
QUALIFY row_number() OVER (PARTITION BY unit ORDER BY length DESC, ends_on DESC) = 1
ORDER BY unit
