-- The records of all time, and those of $year.
SELECT sport_group, record, local_year, value, unit, activity_id, on_day, told_by, all_time
FROM records
WHERE athlete_id = $athlete_id AND (all_time OR local_year = $year)
ORDER BY sport_group, record, local_year, activity_id
