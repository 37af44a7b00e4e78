SELECT sport_group, record, value, unit, activity_id, on_day, told_by, measured_by, all_time
FROM records
WHERE athlete_id = $athlete_id AND local_year = $year
ORDER BY sport_group, record
