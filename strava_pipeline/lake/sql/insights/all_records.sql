-- The best of each local year and group: longest, highest, and fastest over standard distances; of equal ones the earliest. Those
-- that are virtual, or whose distance the device alone tells, stand apart.
WITH best AS (
    -- the least of these in this order: what is fastest, or longest, then what was first
    SELECT
        athlete_id,
        sport_group,
        local_year,
        record,
        unit,
        NOT counts AS stands_apart,
        min({
            'rank': CASE WHEN starts_with(record, 'fastest') THEN value ELSE -value END,
            'on_day': on_day,
            'activity_id': activity_id,
            'told_by': told_by,
            'measured_by': coalesce(measured_by, ''), 'at_most': at_most
        }) AS it
    FROM activity_bests
    WHERE NOT is_dismissed AND on_day IS NOT NULL
    GROUP BY ALL
)
SELECT
    athlete_id,
    sport_group,
    local_year,
    record,
    abs(it.rank) AS value,
    unit,
    it.activity_id AS activity_id,
    it.on_day AS on_day,
    it.told_by AS told_by,
    nullif(it.measured_by, '') AS measured_by,
    it.at_most AS at_most,
    row_number() OVER (PARTITION BY athlete_id, sport_group, record, stands_apart ORDER BY it) = 1 AS all_time,
    stands_apart
FROM best
