-- What insights count the activity $id as, and what its heart did by its track; power that was estimated tells no efficiency.
SELECT
    counted.sport_group,
    counted.on_day,
    CASE WHEN is_told THEN track.efficiency END AS efficiency,
    CASE WHEN is_told THEN track.efficiency_by END AS efficiency_by,
    track.normalized_power,
    CASE WHEN is_told THEN track.decoupling END AS decoupling,
    CASE WHEN is_told THEN track.decoupling_absent ELSE 'no_power' END AS decoupling_absent
FROM (
    SELECT *, coalesce(computed_values.efficiency_by, '') <> 'watts' OR activities.device_watts IS NOT false AS is_told
    FROM activities LEFT JOIN computed_values ON computed_values.activity_id = activities.id
    WHERE activities.id = $id
) AS track
JOIN counted_activities AS counted ON counted.activity_id = track.id
