-- A row per zone: each begins where its limit is, the first at 0, and ends where the next one begins.
SELECT since, until, measure, zone, coalesce(limits[zone - 1], 0) AS from_value, limits[zone] AS below_value
FROM (
    SELECT since, until, measure, limits, unnest(range(1, len(limits) + 2))::INTEGER AS zone
    FROM (
        SELECT since, until, 'watts' AS measure, power_zones AS limits FROM athlete_by_date
        UNION ALL
        SELECT since, until, 'heartrate', heartrate_zones FROM athlete_by_date
    )
    WHERE limits IS NOT NULL
)
