-- The best of each window in $sport_group, of $year and of all years: power over seconds, and times over metres, with the activities that
-- hold them; as power_bests and records have them.
WITH best AS (
    SELECT
        'watts' AS measure, seconds::DOUBLE AS width, local_year, all_time, activity_id, on_day, watts AS value, watts_per_kg,
        'track' AS told_by, 'meter' AS measured_by
    FROM power_bests
    WHERE athlete_id = $athlete_id AND sport_group = $sport_group
    UNION ALL
    SELECT
        'pace', lengths.distance_m, records.local_year, records.all_time, records.activity_id, records.on_day, records.value, NULL,
        records.told_by, records.measured_by
    FROM records
    JOIN standard_distances AS lengths USING (record)
    WHERE records.athlete_id = $athlete_id AND records.sport_group = $sport_group
)
SELECT
    measure,
    width,
    any_value({
        'value': value, 'activity_id': activity_id, 'on_day': on_day, 'told_by': told_by, 'measured_by': measured_by,
        'watts_per_kg': watts_per_kg
    }) FILTER (local_year = $year) AS of_year,
    any_value({
        'value': value, 'activity_id': activity_id, 'on_day': on_day, 'told_by': told_by, 'measured_by': measured_by,
        'watts_per_kg': watts_per_kg
    }) FILTER (all_time) AS of_all
FROM best
GROUP BY measure, width
ORDER BY measure, width
