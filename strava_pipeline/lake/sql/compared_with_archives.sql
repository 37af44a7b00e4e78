-- Every activity, deleted ones included, with what an archive's list tells too: core/files/agreement.py says which fields.
SELECT
    a.id, a.athlete_id, a.deleted_at,
    a.start_date, a.name, a.sport_type, d.description, d.private_note, a.gear_id, a.commute,
    a.distance, a.moving_time, a.elapsed_time, a.total_elevation_gain, a.elev_high, a.elev_low, a.max_speed,
    a.average_heartrate, a.max_heartrate, a.average_cadence, a.average_watts, a.weighted_average_watts, a.max_watts,
    a.average_temp, d.perceived_exertion, d.calories,
    list_filter(
        [g.name, g.nickname, if(a.source = 'strava_archive', a.extra ->> '$.archive.gear_name', NULL)],
        lambda name: name IS NOT NULL
    ) AS gear_names
FROM activities_all AS a
LEFT JOIN activity_details_by_source AS d ON d.activity_id = a.id
LEFT JOIN gear AS g ON g.source = a.gear_source AND g.gear_id = a.gear_id
