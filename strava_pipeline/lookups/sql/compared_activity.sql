-- The activity $id as it is laid beside another one; also one that is in no total.
SELECT
    listed.name,
    listed.sport_type,
    listed.sport_group,
    listed.start_date_local,
    activities.has_time,
    listed.distance AS distance_m,
    listed.moving_time AS moving_time_seconds,
    listed.elapsed_time AS elapsed_time_seconds,
    listed.total_elevation_gain AS elevation_gain_m,
    listed.average_speed,
    activities.average_heartrate,
    activities.average_watts,
    activities.device_watts,
    listed.suffer_score AS relative_effort,
    held.load
FROM activity_list AS listed
JOIN activities ON activities.id = listed.id
LEFT JOIN activity_load AS held ON held.activity_id = listed.id
WHERE listed.id = $id
