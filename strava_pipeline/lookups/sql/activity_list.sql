-- A page of the list of activities, and `totals` of what counts of all that are selected, also where the page has no row;
-- `not_counted`: how many others are selected. {{selected}}, {{key}}, {{behind}}, {{order}}: of lookups/activity_list.py.
WITH selected AS (
{selected}
),
summed AS (
    SELECT * FROM selected WHERE counts
),
totals AS (
    SELECT
        {{
            'activities': count(*),
            'not_counted': (SELECT count(*) FILTER (NOT counts) FROM selected),
            'distance': sum(distance),
            'moving_time': sum(moving_time)::BIGINT,
            'total_elevation_gain': sum(total_elevation_gain),
            'average_distance': avg(nullif(distance, 0)),
            'average_moving_time': avg(moving_time),
            'average_elevation_gain': avg(nullif(total_elevation_gain, 0)),
            'average_speed': sum(distance) FILTER (moving_time > 0) / sum(moving_time) FILTER (moving_time > 0 AND distance > 0),
            'average_heartrate': sum(average_heartrate * moving_time)
                / nullif(sum(moving_time) FILTER (average_heartrate IS NOT NULL), 0),
            'sport_group': CASE WHEN min(sport_group) = max(sport_group) THEN min(sport_group) END
        }} AS totals
    FROM summed
)
SELECT totals.totals, page.*
FROM totals
LEFT JOIN (
    SELECT *, {key} AS sorted_by
    FROM selected
    WHERE {behind}
    ORDER BY {order}
    LIMIT $most
) AS page ON true
ORDER BY {order}
