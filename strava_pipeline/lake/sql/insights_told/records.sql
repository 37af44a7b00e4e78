-- The bests of an athlete's year, and whether the row of each activity came by the source $api.
SELECT sport_group, record, value, unit, activity_id, on_day, told_by, measured_by, all_time, activity_id IN (
    SELECT id FROM activities_all WHERE source = $api
) AS by_api, at_most
FROM records
WHERE athlete_id = $athlete_id AND local_year = $year
ORDER BY sport_group, record
