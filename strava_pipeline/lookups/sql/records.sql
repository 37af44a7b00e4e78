-- The records of all time, of $year, and of the last 52, 26, 12 and 4 weeks up to $today (in the east it is tomorrow); of equal ones the
-- earliest. Those that do not count are marked. `rank`: the least is best. Groups of sports come in the order of their time in motion.
WITH held AS (
    SELECT sport_group, record, unit, local_year, on_day, NOT counts AS stands_apart, {
        'rank': CASE WHEN starts_with(record, 'fastest') THEN value ELSE -value END,
        'on_day': on_day, 'activity_id': activity_id, 'told_by': told_by, 'measured_by': coalesce(measured_by, ''), 'at_most': at_most
    } AS it
    FROM activity_bests
    WHERE athlete_id = $athlete_id AND NOT is_dismissed AND on_day IS NOT NULL
)
SELECT
    sport_group,
    record,
    unit,
    stands_apart,
    min(it) AS of_all,
    min(it) FILTER (local_year = $year) AS of_year,
    min(it) FILTER (on_day BETWEEN $today - 363 AND $today + 1) AS weeks_52,
    min(it) FILTER (on_day BETWEEN $today - 181 AND $today + 1) AS weeks_26,
    min(it) FILTER (on_day BETWEEN $today - 83 AND $today + 1) AS weeks_12,
    min(it) FILTER (on_day BETWEEN $today - 27 AND $today + 1) AS weeks_4
FROM held
LEFT JOIN (
    SELECT sport_group, sum(moving_time_seconds) AS seconds FROM counted_activities WHERE athlete_id = $athlete_id GROUP BY sport_group
) AS spent USING (sport_group)
GROUP BY sport_group, seconds, record, unit, stands_apart
ORDER BY seconds DESC NULLS LAST, sport_group, record, stands_apart
