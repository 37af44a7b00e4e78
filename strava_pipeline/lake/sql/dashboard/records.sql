-- The records of all time, and those of $year; those whose distance the device alone tells are marked.
SELECT sport_group, record, local_year, value, unit, activity_id, on_day, told_by, measured_by, all_time, stands_apart
FROM all_records
WHERE athlete_id = $athlete_id AND (all_time OR local_year = $year)
ORDER BY sport_group, record, stands_apart, local_year, activity_id
