-- The activity $id as it is laid beside another one.
SELECT
    counted.name,
    counted.sport_type,
    counted.sport_group,
    counted.start_date_local,
    counted.has_time,
    counted.distance_m,
    counted.moving_time_seconds,
    counted.elapsed_time_seconds,
    counted.elevation_gain_m,
    coalesce(activities.average_speed, counted.distance_m / nullif(counted.moving_time_seconds, 0)) AS average_speed,
    activities.average_heartrate,
    activities.average_watts,
    activities.device_watts,
    counted.relative_effort,
    held.load
FROM counted_activities AS counted
JOIN activities ON activities.id = counted.activity_id
LEFT JOIN activity_load AS held USING (activity_id)
WHERE counted.activity_id = $id
