-- The sums of each present activity: what its sources say; where they say nothing, or what can't be, what is computed of its track.
WITH said AS (
    SELECT
        activities.id AS activity_id,
        activities.elapsed_time,
        CASE WHEN activities.moving_time BETWEEN 0 AND 1e9 THEN activities.moving_time END AS moving_time, -- 31 years
        CASE WHEN activities.total_elevation_gain BETWEEN 0 AND 1e6 THEN activities.total_elevation_gain END AS total_elevation_gain,
        CASE WHEN activities.max_speed BETWEEN 0 AND 1e3 THEN activities.max_speed END AS max_speed,
        CASE WHEN activities.weighted_average_watts BETWEEN 1 AND 1e4 THEN activities.weighted_average_watts END
            AS weighted_average_watts
    FROM activities
),
tracks AS (
    SELECT
        said.activity_id,
        least(computed_values.moving_time, CASE WHEN said.elapsed_time > 0 THEN said.elapsed_time END) AS moving_time,
        computed_values.elevation_gain AS total_elevation_gain,
        computed_values.max_speed,
        computed_values.normalized_power AS weighted_average_watts
    FROM computed_values
    JOIN said ON said.activity_id = computed_values.activity_id
)
SELECT
    said.activity_id,
    coalesce(said.moving_time, tracks.moving_time) AS moving_time,
    coalesce(said.total_elevation_gain, tracks.total_elevation_gain) AS total_elevation_gain,
    coalesce(said.max_speed, tracks.max_speed) AS max_speed,
    coalesce(said.weighted_average_watts, tracks.weighted_average_watts) AS weighted_average_watts,
    nullif(
        list_filter(
            [
                CASE WHEN said.moving_time IS NULL AND tracks.moving_time IS NOT NULL THEN 'moving_time' END,
                CASE WHEN said.total_elevation_gain IS NULL AND tracks.total_elevation_gain IS NOT NULL THEN 'total_elevation_gain' END,
                CASE WHEN said.max_speed IS NULL AND tracks.max_speed IS NOT NULL THEN 'max_speed' END,
                CASE
                    WHEN said.weighted_average_watts IS NULL AND tracks.weighted_average_watts IS NOT NULL
                        THEN 'weighted_average_watts'
                END
            ],
            name -> name IS NOT NULL
        ),
        []
    ) AS computed
FROM said
LEFT JOIN tracks ON tracks.activity_id = said.activity_id
