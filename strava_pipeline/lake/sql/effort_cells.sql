-- What activities with the ids $ids have for a row in a person's table: a column per word of its header (core/sheets/header.py), in
-- SI units, after the id.
SELECT
    activity.id::VARCHAR AS key,
    strftime(activity.start_date_local, '%Y-%m-%dT%H:%M:%S') AS start_time,
    coalesce(activity.sport_type, activity.type) AS activity_type,
    activity.location_city AS city,
    activity.location_state AS state,
    activity.elapsed_time AS duration_hms,
    activity.distance AS distance,
    activity.total_elevation_gain AS total_elevation_gain,
    activity.max_speed AS max_speed,
    activity.average_heartrate AS avg_heart_rate,
    activity.max_heartrate AS max_heart_rate,
    CASE WHEN activity.id NOT IN (SELECT activity_id FROM cut_values JOIN corrections USING (activity_id) WHERE cuts IS NOT NULL)
        THEN coalesce(activity_details.calories, TRY_CAST(activity.extra ->> '$.calories' AS DOUBLE)) END AS calories,
    activity.elev_high AS max_elevation,
    activity.average_cadence AS avg_cadence,
    activity.average_temp AS temperature
FROM activities AS activity
LEFT JOIN activity_details ON activity_details.activity_id = activity.id
WHERE list_contains($ids::BIGINT[], activity.id)
