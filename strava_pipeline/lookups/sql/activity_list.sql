-- A page of the list of activities, and `totals` of what counts of all that are selected, also where the page has no row;
-- `not_counted`: how many others are selected. {{selected}}, {{key}}, {{behind}}, {{order}}: of lookups/activity_list.py.
WITH selected AS (
{selected}
),
summed AS (
    SELECT
        counted_activities.*,
        selected.average_heartrate
    FROM counted_activities
    JOIN selected ON selected.id = activity_id
    WHERE athlete_id = coalesce($athlete_id, athlete_id)
),
totals AS (
    SELECT
        {{
            'activities': {total_activities},
            'not_counted': (SELECT count(*) FROM selected) - {total_activities},
            'distance': {total_distance},
            'moving_time': {total_time},
            'total_elevation_gain': {total_climb},
            'average_distance': avg(nullif(distance_m, 0) ORDER BY activity_id),
            'average_moving_time': avg(moving_time_seconds),
            'average_elevation_gain': avg(nullif(elevation_gain_m, 0) ORDER BY activity_id),
            'average_speed': sum(distance_m ORDER BY activity_id) FILTER (moving_time_seconds > 0)
                / sum(moving_time_seconds) FILTER (moving_time_seconds > 0 AND distance_m > 0),
            'average_heartrate': sum(average_heartrate * moving_time_seconds ORDER BY activity_id)
                / nullif(sum(moving_time_seconds) FILTER (average_heartrate IS NOT NULL), 0),
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
