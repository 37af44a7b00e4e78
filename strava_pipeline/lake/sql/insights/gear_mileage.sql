-- What each thing (`gear_items`) has done here, beside what Strava says it has.
WITH things AS (
    SELECT item, any_value(item_name) AS name, bool_and(items.retired) AS retired, sum(gear.distance) AS strava_distance_m
    FROM gear_items AS items
    LEFT JOIN gear ON items.source = '{strava}' AND gear.source = items.source AND gear.gear_id = items.piece
    GROUP BY item
)
SELECT
    counted.athlete_id,
    counted.gear_item AS item,
    any_value(things.name) AS name,
    any_value(things.retired) AS retired,
    {total_activities} AS activities,
    {total_distance} AS distance_m,
    {total_time} AS moving_time_seconds,
    {total_climb} AS elevation_gain_m,
    min(counted.on_day) AS first_on,
    max(counted.on_day) AS last_on,
    any_value(things.strava_distance_m) AS strava_distance_m
FROM counted_activities AS counted
LEFT JOIN things ON things.item = counted.gear_item
WHERE counted.gear_item IS NOT NULL
GROUP BY counted.athlete_id, counted.gear_item
