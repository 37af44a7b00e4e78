-- The best of each window in $sport_group, from $first to $until and of all years: power over seconds, and times over metres, with the
-- activities that hold them; of what counts as a best, of equal ones the earliest, as in power_bests and records.
WITH held AS (
    SELECT 'watts' AS measure, seconds::DOUBLE AS width, on_day, {
        'rank': -watts, 'on_day': on_day, 'activity_id': activity_id, 'told_by': 'track', 'measured_by': 'meter',
        'watts_per_kg': watts_per_kg, 'at_most': false
    } AS it
    FROM activity_power
    WHERE athlete_id = $athlete_id AND sport_group = $sport_group
    UNION ALL
    SELECT 'pace', lengths.distance_m, bests.on_day, {
        'rank': bests.value, 'on_day': bests.on_day, 'activity_id': bests.activity_id, 'told_by': bests.told_by,
        'measured_by': coalesce(bests.measured_by, ''), 'watts_per_kg': NULL, 'at_most': bests.at_most
    }
    FROM activity_bests AS bests
    JOIN standard_distances AS lengths USING (record)
    WHERE bests.athlete_id = $athlete_id AND bests.sport_group = $sport_group AND bests.counts
)
SELECT measure, width, min(it) FILTER (on_day BETWEEN $first AND $until) AS of_period, min(it) AS of_all
FROM held
GROUP BY measure, width
ORDER BY measure, width
