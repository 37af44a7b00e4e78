-- Each thing of the owner, what was used furthest first: every activity once.
WITH owner AS (
{owner}),
used AS (
    SELECT
        gear_item AS item,
        {total_activities} AS activities,
        {total_distance} AS distance_m,
        {total_time} AS moving_time_seconds,
        min(on_day) AS first_on,
        max(on_day) AS last_on
    FROM counted_activities
    SEMI JOIN owner USING (athlete_id)
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
WHERE used.item IS NOT NULL OR item NOT IN (SELECT gear_item FROM counted_activities WHERE gear_item IS NOT NULL)
GROUP BY item
ORDER BY retired, distance_m DESC NULLS LAST, name, item
