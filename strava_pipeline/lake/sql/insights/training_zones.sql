-- A row per zone: each begins where its limit is, the first at 0, and ends where the next one begins.
SELECT since, until, sport_group, measure, zone, coalesce(limits[zone - 1], 0) AS from_value, limits[zone] AS below_value
FROM (
    SELECT since, until, sport_group, measure, limits, unnest(range(1, len(limits) + 2))::INTEGER AS zone
    FROM (
        SELECT since, until, sport_group, 'watts' AS measure, power_zones AS limits FROM thresholds_by_date
        UNION ALL
        SELECT since, until, sport_group, 'heartrate', heartrate_zones FROM thresholds_by_date
    )
    WHERE limits IS NOT NULL
)
