-- What insights count: a row per present activity, by the day that the athlete's clock showed at its start. What can't be
-- measured (no distance, a negative time) is NULL here, and counts as an activity all the same. An archive tells no zone of
-- what was typed in or done indoors: it is taken to be that of the athlete's activity before it, or else UTC.
WITH zoneless AS (
    SELECT said.id, timezone('UTC', said.start_date) + to_seconds(coalesce(known.utc_offset, 0)) AS taken_for
    FROM (SELECT id, start_date, coalesce(athlete_id, 0) AS whose FROM activities_all WHERE start_date_local IS NULL) AS said
    ASOF LEFT JOIN (
        SELECT start_date, coalesce(athlete_id, 0) AS whose, utc_offset FROM activities_all WHERE utc_offset IS NOT NULL
    ) AS known ON known.whose = said.whose AND known.start_date <= said.start_date
),
dated AS (
    SELECT activities.* REPLACE (coalesce(activities.start_date_local, zoneless.taken_for) AS start_date_local)
    FROM activities
    LEFT JOIN zoneless ON zoneless.id = activities.id
)
SELECT
    activity.id AS activity_id,
    -- a file of one's own names nobody: then it is whose login this is, or whose archive; 0: nobody has said
    coalesce(
        activity.athlete_id,
        (SELECT arg_max(athlete_id, fetched_at) FROM athlete),
        (SELECT mode(athlete_id) FROM activities_all),
        0
    ) AS athlete_id,
    activity.source,
    activity.name,
    coalesce(activity.sport_type, activity.type) AS sport_type,
    coalesce(sport_groups.sport_group, 'other') AS sport_group,
    activity.start_date_local::DATE AS on_day,
    year(activity.start_date_local)::INTEGER AS local_year,
    activity.start_date_local,
    CASE WHEN isfinite(activity.distance) AND activity.distance >= 0 THEN activity.distance END AS distance_m,
    CASE WHEN activity.moving_time >= 0 THEN activity.moving_time END AS moving_time_seconds,
    CASE WHEN activity.elapsed_time >= 0 THEN activity.elapsed_time END AS elapsed_time_seconds,
    CASE WHEN isfinite(activity.total_elevation_gain) AND activity.total_elevation_gain >= 0 THEN activity.total_elevation_gain END
        AS elevation_gain_m,
    CASE WHEN isfinite(activity.suffer_score) AND activity.suffer_score >= 0 THEN activity.suffer_score END AS relative_effort,
    -- training stress score: hours × (normalised power / threshold power)² × 100 (Allen, Coggan: Training and Racing with a Power
    -- Meter, 2nd ed. 2010, ch. 7); power that Strava only estimated is left out
    CASE WHEN activity.device_watts AND activity.weighted_average_watts > 0 AND activity.moving_time >= 0 AND athlete.ftp > 0
        THEN activity.moving_time / 36.0 * (activity.weighted_average_watts / athlete.ftp) ** 2
    END AS training_stress,
    activity.gear_id
FROM dated AS activity
LEFT JOIN sport_groups ON sport_groups.sport_type = coalesce(activity.sport_type, activity.type)
LEFT JOIN athlete ON athlete.athlete_id = activity.athlete_id
