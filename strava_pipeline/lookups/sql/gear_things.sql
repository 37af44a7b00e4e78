-- Each thing, what was used furthest first: every activity once.
WITH used AS (
    SELECT
        gear_item AS item,
        {total_activities} AS activities,
        {total_distance} AS distance_m,
        {total_time} AS moving_time_seconds,
        min(on_day) AS first_on,
        max(on_day) AS last_on
    FROM counted_activities
    GROUP BY gear_item
)
SELECT
    item,
    any_value(item_name) AS name,
    coalesce(bool_and(retired), false) AS retired,
    coalesce(any_value(used.activities), 0) AS activities,
    any_value(used.distance_m) AS distance_m,
    any_value(used.moving_time_seconds) AS moving_time_seconds,
    any_value(used.first_on) AS first_on,
    any_value(used.last_on) AS last_on
FROM gear_items
LEFT JOIN used USING (item)
GROUP BY item
ORDER BY retired, distance_m DESC NULLS LAST, name, item
