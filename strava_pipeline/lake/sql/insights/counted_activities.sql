-- What every total counts: a row per present activity that `counts`, by the day that the athlete's clock showed at its start. What was not measured
-- (no distance, a negative time, more than anybody can do) is NULL here, and counts as an activity all the same.
WITH
owner AS (
{owner}),
-- goals.toml is the owner's: others go by their profiles
held AS (
    SELECT owner.athlete_id, since, until, sport_group, ftp FROM thresholds_by_date CROSS JOIN owner
),
placed AS (
    SELECT activities.* REPLACE (
        coalesce(activities.athlete_id, (SELECT athlete_id FROM owner)) AS athlete_id, -- a file of one's own names nobody
        {sums}
    ),
    nullif(
        list_concat(
            coalesce({computed}, []),
            CASE WHEN assumed.activity_id IS NOT NULL AND activities.utc_offset IS NULL THEN ['start_date_local'] ELSE [] END
        ),
        []
    ) AS computed
    FROM activities
    LEFT JOIN computed_values AS track ON track.activity_id = activities.id
    LEFT JOIN assumed_starts AS assumed ON assumed.activity_id = activities.id
)
SELECT
    placed.id AS activity_id,
    placed.athlete_id,
    placed.source,
    placed.name,
    coalesce(placed.sport_type, placed.type) AS sport_type,
    coalesce(sport_groups.sport_group, 'other') AS sport_group,
    starts_with(coalesce(placed.sport_type, placed.type, ''), '{virtual}') AS is_virtual,
    placed.start_date_local::DATE AS on_day,
    year(placed.start_date_local)::INTEGER AS local_year,
    placed.start_date_local,
    placed.has_time,
    CASE WHEN placed.distance BETWEEN 0 AND 4e7 THEN placed.distance END AS distance_m, -- once around the earth
    placed.moving_time AS moving_time_seconds,
    CASE WHEN placed.elapsed_time BETWEEN 0 AND 1e9 THEN placed.elapsed_time END AS elapsed_time_seconds,
    placed.total_elevation_gain AS elevation_gain_m,
    CASE WHEN placed.suffer_score BETWEEN 0 AND 1e6 THEN placed.suffer_score END AS relative_effort,
    -- training stress score: hours × (normalised power / threshold power)² × 100 (Allen, Coggan: Training and Racing with a Power
    -- Meter, 2nd ed. 2010, ch. 7); power that Strava only estimated is left out. The threshold is the one that held then in its
    -- group of sports, or else, of rides, that of the profile
    CASE
        WHEN placed.device_watts IS NOT false AND placed.weighted_average_watts > 0 AND coalesce(held.ftp, athlete.ftp) > 0
            THEN moving_time_seconds / 36.0 * (placed.weighted_average_watts / coalesce(held.ftp, athlete.ftp)) ** 2
    END AS training_stress,
    placed.max_speed,
    placed.weighted_average_watts,
    placed.computed,
    placed.gear_source,
    placed.gear_id,
    coalesce(gear_links.item, placed.gear_source || ':' || placed.gear_id) AS gear_item
FROM placed
LEFT JOIN gear_links ON gear_links.source = placed.gear_source AND gear_links.piece = placed.gear_id
LEFT JOIN sport_groups ON sport_groups.sport_type = coalesce(placed.sport_type, placed.type)
LEFT JOIN athlete ON athlete.athlete_id = placed.athlete_id AND sport_groups.sport_group = 'ride'
LEFT JOIN held
    ON held.athlete_id = placed.athlete_id
    AND held.sport_group = coalesce(sport_groups.sport_group, 'other')
    AND placed.start_date_local::DATE >= held.since
    AND (held.until IS NULL OR placed.start_date_local::DATE < held.until)
WHERE placed.counts
