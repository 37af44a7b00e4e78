-- What each bike and pair of shoes has done here, beside what Strava says it has.
SELECT
    counted.athlete_id,
    counted.gear_source,
    counted.gear_id,
    any_value(gear.name) AS name,
    any_value(gear.retired) AS retired,
    count(*) AS activities,
    sum(counted.distance_m ORDER BY activity_id) AS distance_m,
    sum(counted.moving_time_seconds)::BIGINT AS moving_time_seconds,
    sum(counted.elevation_gain_m ORDER BY activity_id) AS elevation_gain_m,
    min(counted.on_day) AS first_on,
    max(counted.on_day) AS last_on,
    any_value(gear.distance) AS strava_distance_m
FROM counted_activities AS counted
LEFT JOIN gear ON gear.source = counted.gear_source AND gear.gear_id = counted.gear_id
WHERE counted.gear_id IS NOT NULL
GROUP BY counted.athlete_id, counted.gear_source, counted.gear_id
